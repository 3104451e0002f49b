//! What `fuzz/fuzz_targets` needs of `libfuzzer-sys`, so that a test can run the targets with stable Rust.

#![forbid(unsafe_code)]

/// Whether libFuzzer should keep an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corpus {
    /// It should.
    Keep,
    /// It should not.
    Reject,
}

/// Makes a function `run` of a target.
#[macro_export]
macro_rules! fuzz_target {
    (|$data:ident: &[u8]| -> Corpus $body:block) => {
        pub(crate) fn run($data: &[u8]) {
            let decide = || -> $crate::Corpus { $body };
            let _ = decide();
        }
    };
    (|$data:ident: &[u8]| $body:expr) => {
        pub(crate) fn run($data: &[u8]) {
            $body
        }
    };
}
