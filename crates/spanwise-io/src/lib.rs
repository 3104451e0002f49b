//! OTLP JSON traces out of files, globs, directories and streams, compressed or not, on any number of threads.
//!
//! - [`expand`] makes the files that are meant of what a user wrote; a [`Source`] is one of them, or bytes, or any reader.
//! - [`Input`] is the text of a source, [`Blocks`] that text cut into blocks of whole documents for a
//!   [`Decoder`](spanwise::Decoder).
//! - [`Scan`] goes through many sources, block by block, with the work on each block done on several threads and the results
//!   in order.
//! - A [`SpanIndex`] is an index over the spans of files, kept in a file of its own.
//! - An [`AtomicFile`] is there whole or not at all. What has a [`descriptor`] already is written to as it is.
//! - A [`FileId`] tells whether two names, or a name and a descriptor, are of one file: what is written to it would be read.
//! - A [`FirstReading`] tells which spans stand for a request, before they are read again. What can be read only once is [`Kept`]
//!   for that, and [`FileLooks`] tell whether a file changed in between.
//! - [`policy`] loads redaction policies by the names of presets and files, and fetches their keys.
//! - [`Foreign`] says what a source looks like that is no JSON.
//!
//! What is read becomes batches of [`spanwise`], so it is given on: with it comes the version that fits. A new major version of it is a
//! breaking change of this crate.
//!
//! Memory is bounded by the size of blocks and the number of threads, never by the size of a source. Files are read, not
//! mapped: a file that is cut short meanwhile is an error, not a signal.

#![forbid(unsafe_code)]

mod ahead;
mod atomic;
mod blocks;
mod compression;
mod descriptor;
mod error;
mod file_id;
mod first_reading;
mod foreign;
mod index_file;
mod input;
mod line_ranges;
pub mod policy;
mod positional;
mod scan;
mod settings;
mod small_files;
mod source;
mod thread_count;
mod twice;
mod unnamed;

pub use spanwise;

pub use atomic::AtomicFile;
pub use blocks::Blocks;
pub use compression::Compression;
pub use descriptor::descriptor;
pub use error::{ReadError, ReadErrorKind};
pub use file_id::FileId;
pub use first_reading::FirstReading;
pub use foreign::Foreign;
pub use index_file::{BatchRows, BlockPlace, IndexFileError, LeftOut, SpanIndex};
pub use input::Input;
pub use scan::{Piece, Scan};
pub use settings::ReadSettings;
pub use source::{Source, Unreadable, UnreadableKind, expand};
pub use twice::{FileLooks, Kept};
