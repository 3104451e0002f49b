//! A stream of bytes cut into blocks of whole documents, push style: no I/O, no thread.
//!
//! [`Framer`] takes chunks of any size and hands out [`Block`]s, which [`Decoder::decode_framed`](crate::Decoder::decode_framed)
//! decodes, in any order and on any thread. Where it cuts depends on the bytes and the [`BlockSizes`] alone, never on the
//! chunks. Findings tell their place in the stream.
//!
//! Spans and findings are the same as if the whole stream were decoded at once, but for documents of more than
//! [`BlockSizes::document`]: [`Limits`](crate::Limits) hold for each part of one, and where it is no JSON, other things may be
//! found wrong behind its fault. Where the stream is read once, without a [`Survey`], what comes late in one is lost (a
//! `schemaUrl`) or ends the stream (a [`Contradiction`]).

mod block;
mod boundary;
mod buffers;
mod framer;
mod parts;
mod recipe;
mod scanner;
mod survey;

pub use crate::diagnostic::LineNumber;
pub use block::Block;
pub use buffers::Buffers;
pub use framer::{BlockSizes, Framer};
pub use scanner::Contradiction;
pub use survey::Survey;

pub(crate) use parts::Part;

pub(crate) use boundary::{
    BYTE_ORDER_MARK, Rereads, Rules, after_white, first_line, is_blank, is_line_behind, line_end,
    next_in_column_0,
};
