//! Sources as Python gives them.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use pyo3::exceptions::{PyBlockingIOError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use spanwise_io::{Unreadable, UnreadableKind};

use crate::batch::bytes_of;
use crate::errors::{io_error, is_json, is_path, os_error, shown};
use crate::watch::Held;

/// Where bytes come from.
#[derive(Debug)]
pub(crate) enum Source {
    Bytes(Bytes),
    /// A path, a glob or a directory.
    Path(PathBuf),
    File(Held),
}

impl Source {
    /// The same with a reference of its own.
    pub(crate) fn apart(&self, py: Python<'_>) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.clone()),
            Self::Path(path) => Self::Path(path.clone()),
            Self::File(object) => Self::File(Arc::new(object.clone_ref(py))),
        }
    }

    /// The file object that it is.
    pub(crate) fn object(&self) -> Option<&Held> {
        if let Self::File(object) = self { Some(object) } else { None }
    }
}

impl<'py> FromPyObject<'_, 'py> for Source {
    type Error = PyErr;

    fn extract(object: pyo3::Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.hasattr("read")? {
            return Ok(Self::File(Arc::new(object.to_owned().unbind())));
        }
        if let Ok(path) = object.extract::<PathBuf>() {
            if is_json(&path.to_string_lossy()) && !path.exists() {
                return Err(PyValueError::new_err(
                    "this looks like JSON text: pass it as bytes (text.encode()), or pass a path",
                ));
            }
            return Ok(Self::Path(path));
        }
        bytes_of(&object.to_owned()).map(Self::Bytes).map_err(|error| {
            let found = object.get_type().name();
            found.map_or(error, |found| {
                PyTypeError::new_err(format!(
                    "a source is a path, a bytes-like object, a binary file object or an iterable of these, not {found}"
                ))
            })
        })
    }
}

/// A binary file object.
struct FileObject {
    object: Held,
    /// What it gave beyond what it was asked for.
    rest: Bytes,
}

/// Moves as much as there is room for, and returns how much.
fn give(bytes: &[u8], buffer: &mut [u8]) -> usize {
    let length = bytes.len().min(buffer.len());
    buffer[..length].copy_from_slice(&bytes[..length]);
    length
}

impl Read for FileObject {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.rest.is_empty() {
            let length = give(&self.rest, buffer);
            self.rest = self.rest.split_off(length);
            return Ok(length);
        }
        Python::attach(|py| {
            let chunk = self.object.bind(py).call_method1("read", (buffer.len(),))?;
            if chunk.is_none() {
                return Err(PyBlockingIOError::new_err(
                    "read() gave None, as a file does that does not block: open one that waits for its data",
                ));
            }
            let chunk = bytes_of(&chunk)
                .map_err(|_| PyTypeError::new_err("read() gave no bytes: open the file in binary mode"))?;
            let length = give(&chunk, buffer);
            self.rest = Bytes::copy_from_slice(&chunk[length..]);
            Ok::<_, PyErr>(length)
        })
        .map_err(std::io::Error::other)
    }
}

/// What cannot be read, as an exception: the system's own where it says why.
fn unreadable(py: Python<'_>, error: &Unreadable) -> PyErr {
    const NO_ENTRY: i32 = 2;
    match error.kind() {
        UnreadableKind::BadPattern => {
            PyValueError::new_err(format!("{}: {}", shown(&error.name), error.message))
        }
        UnreadableKind::System(Some(number)) => os_error(py, number, &error.name),
        // Also a directory without traces, and a pattern that means no file.
        _ => PyOSError::new_err((NO_ENTRY, error.message.clone(), shown(&error.name))),
    }
}

/// Whether the fault is that of an entry that was found below `path`, and not of what was named: that, or a folder that a pattern
/// begins with. Names are compared whole, since a pattern may begin with that of an entry (`a.json*`).
fn is_entry(error: &Unreadable, path: &str) -> bool {
    let named = Path::new(path.trim_start_matches("./"));
    let at = error.name.trim_start_matches("./");
    error.kind() != UnreadableKind::BadPattern && !named.starts_with(at)
}

/// Sources with what globs and directories stand for in their place.
pub(crate) struct Expanded {
    pub(crate) files: Vec<spanwise_io::Source>,
    /// Their names, for what is said of them.
    pub(crate) names: Vec<String>,
    /// Which of them were found in a directory or by a pattern, and not named.
    pub(crate) found: Vec<bool>,
    /// Which of them are bytes that look like a path, by their numbers.
    pub(crate) paths: Vec<usize>,
    /// What else was found and cannot be read.
    pub(crate) unreadable: Vec<Unreadable>,
    /// Bytes of all as they are stored, where known.
    pub(crate) length: Option<u64>,
}

impl Expanded {
    /// The files that are meant. An entry of a directory that cannot be read is noted, unless `raises` says otherwise.
    pub(crate) fn new(py: Python<'_>, given: &[Source], raises: bool) -> PyResult<Self> {
        let (mut sources, mut found, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        let (mut named, mut paths) = (Vec::new(), Vec::new());
        for source in given {
            match source {
                Source::Bytes(bytes) => {
                    if is_path(bytes) {
                        paths.push(sources.len());
                    }
                    sources.push(spanwise_io::Source::Bytes(bytes.clone()));
                }
                Source::File(object) => {
                    let file = FileObject { object: Arc::clone(object), rest: Bytes::new() };
                    sources.push(spanwise_io::Source::Reader(Box::new(file)));
                }
                // No name stands for standard input here: its file object does.
                Source::Path(path) if path.as_os_str() == "-" => {
                    sources.push(spanwise_io::Source::File(path.clone()));
                    named.push(path.clone());
                }
                Source::Path(path) => {
                    found.resize(sources.len(), false);
                    let argument = [OsString::from(path.as_os_str())];
                    for entry in py.detach(|| spanwise_io::expand(&argument)) {
                        match entry {
                            Ok(file) => {
                                let is_named =
                                    matches!(&file, spanwise_io::Source::File(file) if file == path);
                                if is_named {
                                    named.push(path.clone());
                                }
                                found.push(!is_named);
                                sources.push(file);
                            }
                            Err(error) if !raises && is_entry(&error, &path.to_string_lossy()) => {
                                left_out.push(error);
                            }
                            Err(error) => return Err(unreadable(py, &error)),
                        }
                    }
                }
            }
        }
        found.resize(sources.len(), false);
        // What is not there is told before anything is read, however much comes before it.
        let missing = py.detach(|| {
            let look = |path: PathBuf| std::fs::metadata(&path).err().map(|error| (path, error));
            named.into_iter().find_map(look)
        });
        if let Some((path, error)) = missing {
            return Err(io_error(py, error, &path));
        }
        Ok(Self {
            names: sources.iter().map(spanwise_io::Source::name).collect(),
            length: sources.iter().map(spanwise_io::Source::length).sum(),
            files: sources,
            found,
            paths,
            unreadable: left_out,
        })
    }
}
