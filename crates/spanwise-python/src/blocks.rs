//! Sources cut into blocks that decode takes whole.
//!
//! A source of JSON lines is read in blocks of some megabytes that end at a line's end, so that memory stays bounded by the
//! columns, not by the text. Any other source is read whole.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use spanwise::Framing;

use crate::batch::bytes_of;

/// Bytes of a block, about: a second-level cache still has them when columns are made of what was decoded.
const BLOCK: usize = 1 << 20;

/// Where bytes come from.
pub(crate) enum Source {
    Bytes(Bytes),
    Path(PathBuf),
    File(Py<PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Source {
    type Error = PyErr;

    fn extract(object: pyo3::Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.hasattr("read")? {
            return Ok(Self::File(object.to_owned().unbind()));
        }
        if let Ok(path) = object.extract::<PathBuf>() {
            return Ok(Self::Path(path));
        }
        bytes_of(&object.to_owned()).map(Self::Bytes)
    }
}

/// A binary file object.
struct FileObject(Py<PyAny>);

impl Read for FileObject {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Python::attach(|py| {
            let chunk = self.0.bind(py).call_method1("read", (buffer.len(),))?;
            let chunk = chunk
                .extract::<&[u8]>()
                .map_err(|_| PyTypeError::new_err("read() gave no bytes: open the file in binary mode"))?;
            let length = chunk.len().min(buffer.len());
            buffer[..length].copy_from_slice(&chunk[..length]);
            Ok::<_, PyErr>(length)
        })
        .map_err(std::io::Error::other)
    }
}

/// A block, and how it is to be read.
pub(crate) struct Block {
    pub(crate) bytes: Bytes,
    pub(crate) framing: Framing,
    /// Bytes and lines of the source before it.
    pub(crate) base: (u64, u64),
}

/// The blocks of one source.
pub(crate) struct Blocks {
    input: Input,
    framing: Framing,
    base: (u64, u64),
}

enum Input {
    /// A source in memory, not looked at yet.
    Whole(Bytes),
    /// A source of lines: what was read and not given yet.
    Lines(Bytes),
    /// A source to read from, with what was read and not given yet.
    Stream {
        reader: Box<dyn Read + Send + Sync>,
        rest: Vec<u8>,
        lines: bool,
    },
    Done,
}

impl Blocks {
    pub(crate) fn open(source: Source, framing: Framing) -> std::io::Result<Self> {
        let stream = |reader| Input::Stream { reader, rest: Vec::new(), lines: framing == Framing::Lines };
        let input = match source {
            Source::Bytes(bytes) => Input::Whole(bytes),
            Source::Path(path) => stream(Box::new(File::open(path)?)),
            Source::File(object) => stream(Box::new(FileObject(object))),
        };
        Ok(Self { input, framing, base: (0, 0) })
    }

    /// The next block; `None` at the end.
    pub(crate) fn next(&mut self) -> std::io::Result<Option<Block>> {
        loop {
            match std::mem::replace(&mut self.input, Input::Done) {
                Input::Done => return Ok(None),
                Input::Whole(bytes) => {
                    if bytes.len() <= BLOCK || !self.is_lines(&bytes) {
                        return Ok(Some(self.block(bytes, self.framing)));
                    }
                    self.input = Input::Lines(bytes);
                }
                Input::Lines(mut bytes) => {
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    let end = bytes.get(BLOCK..).and_then(newline).map_or(bytes.len(), |at| BLOCK + at);
                    let block = bytes.split_to(end);
                    self.input = Input::Lines(bytes);
                    return Ok(Some(self.block(block, Framing::Lines)));
                }
                Input::Stream { reader, rest, lines } => return self.stream(reader, rest, lines),
            }
        }
    }

    fn stream(
        &mut self,
        mut reader: Box<dyn Read + Send + Sync>,
        mut text: Vec<u8>,
        mut lines: bool,
    ) -> std::io::Result<Option<Block>> {
        let first = self.base == (0, 0);
        loop {
            let before = text.len();
            text.reserve_exact(BLOCK);
            let read = reader.by_ref().take(BLOCK as u64).read_to_end(&mut text)?;
            if read < BLOCK {
                // The end. A source of one block is judged whole, as it would be in memory.
                let framing = if lines && !first { Framing::Lines } else { self.framing };
                return Ok((!text.is_empty() || first).then(|| self.block(Bytes::from(text), framing)));
            }
            let newlines = text.get(before..).is_some_and(|new| memchr::memchr(b'\n', new).is_some());
            if newlines && !lines && before == 0 {
                lines = self.is_lines(&text);
            }
            if !lines || !newlines {
                continue;
            }
            let end = memchr::memrchr(b'\n', &text).map_or(text.len(), |at| at + 1);
            let rest = text.split_off(end);
            self.input = Input::Stream { reader, rest, lines };
            return Ok(Some(self.block(Bytes::from(text), Framing::Lines)));
        }
    }

    /// Whether the source is one of lines: the first line that is not blank is a document of its own.
    fn is_lines(&self, text: &[u8]) -> bool {
        match self.framing {
            Framing::Lines => true,
            Framing::Documents => false,
            Framing::Auto => {
                let line =
                    text.split_inclusive(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
                line.is_some_and(|line| line.ends_with(b"\n") && spanwise::decode(line.to_vec()).is_ok())
            }
        }
    }

    fn block(&mut self, bytes: Bytes, framing: Framing) -> Block {
        let base = self.base;
        let more = matches!(self.input, Input::Lines(_) | Input::Stream { .. });
        if more {
            self.base.0 += bytes.len() as u64;
            self.base.1 += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        }
        Block { bytes, framing, base }
    }
}

/// Index after the first newline.
fn newline(text: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', text).map(|at| at + 1)
}
