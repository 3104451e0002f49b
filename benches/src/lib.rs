//! spanwise beside its peers.
//!
//! A *case* is one corpus in one form; a *contestant* is one way of reading it. [`measure`] times all contestants
//! of a case in interleaved rounds, [`report`] writes what came out. The corpora are those of `spanwise-corpora`.
//! How to run it, and what a row means, is in this folder's README.

#![deny(unsafe_code)]

pub mod allocation;
pub mod clock;
pub mod contestants;
pub mod machine;
pub mod measure;
pub mod report;
