//! Why a source could not be read, or not to its end.

use std::{fmt, io};

use spanwise::frame::Contradiction;

use crate::compression::Compression;

/// Why a source could not be read, or not to its end. What was read before was delivered.
#[derive(Debug)]
pub struct ReadError {
    kind: ReadErrorKind,
    delivered: u64,
    cause: Option<Box<ReadError>>,
}

/// What stopped the reading.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The system, or the reader that was given, says so.
    Io(io::Error),
    /// The compressed data ends too early.
    CutOff(Compression),
    /// The compressed data is not what its first bytes promise.
    Corrupt(Compression),
    /// The compressed data wants a window of more than `most` bytes:
    /// [`ReadSettings::window_log`](crate::ReadSettings::window_log).
    #[non_exhaustive]
    Window {
        /// How it is compressed.
        compression: Compression,
        /// Bytes that a window may have.
        most: u64,
    },
    /// What stands behind the compressed data is not compressed so: neither more of it nor the zeros that gzip may be padded with.
    Trailing(Compression),
    /// More text than [`ReadSettings::inflated_bytes`](crate::ReadSettings::inflated_bytes).
    Inflated,
    /// A document that was given in parts goes on in a way that contradicts them.
    Contradiction(Contradiction),
}

impl ReadError {
    pub(crate) fn new(kind: ReadErrorKind, delivered: u64) -> Self {
        Self { kind, delivered, cause: None }
    }

    /// The same, which that one brought about.
    pub(crate) fn because_of(self, cause: Self) -> Self {
        Self { cause: Some(Box::new(cause)), ..self }
    }

    /// What stopped the reading.
    pub fn kind(&self) -> &ReadErrorKind {
        &self.kind
    }

    /// The same, taken out.
    pub fn into_kind(self) -> ReadErrorKind {
        self.kind
    }

    /// What stopped the reading first: the source, cut off or broken, in the middle of a document that was given in parts, and so
    /// ended in a [`Contradiction`](ReadErrorKind::Contradiction). What is no consequence of another is its own cause.
    pub fn into_cause(self) -> ReadErrorKind {
        match self.cause {
            Some(cause) => cause.into_cause(),
            None => self.kind,
        }
    }

    /// Bytes of text, decompressed, that were read before.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::new(ReadErrorKind::Io(error), 0)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivered = self.delivered;
        if let (Some(cause), ReadErrorKind::Contradiction(Contradiction { spans, .. })) =
            (&self.cause, &self.kind)
        {
            return write!(f, "{cause}, in a document of which {spans} spans were delivered before");
        }
        match &self.kind {
            ReadErrorKind::Io(error) => write!(f, "cannot read: {error}"),
            ReadErrorKind::CutOff(compression) => {
                write!(f, "the {compression} data is cut off, after {delivered} bytes of text")
            }
            ReadErrorKind::Corrupt(compression) => {
                write!(f, "the {compression} data is corrupt, after {delivered} bytes of text")
            }
            ReadErrorKind::Window { compression, most } => {
                let (most, unit) = if *most < 1 << 20 { (most >> 10, "KiB") } else { (most >> 20, "MiB") };
                write!(
                    f,
                    "the {compression} data, after {delivered} bytes of text, wants a window of more than {most} {unit}"
                )
            }
            ReadErrorKind::Trailing(compression) => {
                write!(
                    f,
                    "what stands behind the {compression} data, after {delivered} bytes of text, is no {compression}"
                )
            }
            ReadErrorKind::Contradiction(contradiction) if contradiction.fault => contradiction.fmt(f),
            ReadErrorKind::Contradiction(contradiction) => {
                write!(f, "{contradiction}; read it from a file, where this can be seen beforehand")
            }
            ReadErrorKind::Inflated => {
                write!(f, "decompresses to more than the {delivered} bytes that are allowed")
            }
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match (&self.cause, &self.kind) {
            (Some(cause), _) => Some(&**cause),
            (None, ReadErrorKind::Io(error)) => error.source(),
            _ => None,
        }
    }
}
