//! Makes OTLP JSON, right and wrong, out of bytes.
//!
//! A property test hands in random bytes and gets shrinking for free: fewer or smaller bytes make a smaller document. A
//! fuzz target hands in what the fuzzer mutates. So both walk the same grammar, and a finding of one is an input of the
//! other. [`document`] follows the schema of OTLP's trace request and departs from it as far as a [`Dialect`] allows:
//! every field, every type of value, members in any order, unknown and duplicate members, escapes, white space, and each
//! liberty that lenient decoding takes. It knows nothing of the decoder.
//!
//! [`samples`] reads the files of `tests/cases` and `tests/payloads`, and [`damage`] breaks a document at one byte.
//!
//! ```
//! use spanwise_testgen::{Dialect, document};
//! let made = document(&[0; 64], Dialect::STRICT);
//! assert!(made.text.starts_with(b"{"));
//! // Nothing but zeros is the smallest document; the same bytes make the same document.
//! assert_eq!(made.text, document(&[0; 64], Dialect::STRICT).text);
//! ```

#![forbid(unsafe_code)]

mod damage;
mod entropy;
mod envelope;
mod ids;
mod messages;
pub mod samples;
mod scalars;
mod value;
mod writer;

pub use damage::{Damage, damage};
pub use entropy::Entropy;
pub use envelope::{document, lines};
pub use writer::{CONTENT_KEYS, Canaries, Dialect, Made};
