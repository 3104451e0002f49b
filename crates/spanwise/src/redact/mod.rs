//! Takes private text out of traces.

#![forbid(unsafe_code)]

mod base64;
mod detector;
mod escape;
mod json_text;
mod placeholder;
mod text;

pub use detector::{Builtin, CustomError, DetectorIndex, DetectorSet, Hit, Selection};
pub use placeholder::HashKey;
