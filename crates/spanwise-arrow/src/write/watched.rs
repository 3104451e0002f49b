//! An output that remembers why it failed. The writers of Arrow and Parquet wrap what it says, or make a text of it, and callers want
//! to know whether the disk was full.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::WriteError;

/// An output, and where its error is kept.
pub(super) struct Watched<W> {
    pub(super) out: W,
    failure: Failure,
}

/// The first error of an output, for whoever has lost it.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<io::Error>>>);

impl<W> Watched<W> {
    pub(super) fn new(out: W) -> (Self, Failure) {
        let failure = Failure::default();
        (Self { out, failure: failure.clone() }, failure)
    }
}

impl Failure {
    fn note(&self, error: &io::Error) {
        let copy = match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(copy);
    }

    /// What the output said, or else what the writer of the format did.
    pub(super) fn or(&self, error: WriteError) -> WriteError {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        noted.map_or(error, WriteError::Io)
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).inspect_err(|error| {
            // Whoever is interrupted tries again.
            if error.kind() != io::ErrorKind::Interrupted {
                self.failure.note(error);
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().inspect_err(|error| self.failure.note(error))
    }
}
