//! Sources as Python gives them.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use pyo3::exceptions::{PyFileNotFoundError, PyTypeError};
use pyo3::prelude::*;

use crate::batch::bytes_of;

/// Where bytes come from.
#[derive(Debug)]
pub(crate) enum Source {
    Bytes(Bytes),
    /// A path, a glob or a directory.
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

/// Sources with what globs and directories stand for in their place.
pub(crate) struct Expanded {
    pub(crate) files: Vec<spanwise_io::Source>,
    /// Their names, for what is said of them.
    pub(crate) names: Vec<String>,
    /// Bytes of all as they are stored, where known.
    pub(crate) length: Option<u64>,
}

impl Expanded {
    /// The files that are meant.
    pub(crate) fn new(py: Python<'_>, given: &[Source]) -> PyResult<Self> {
        let mut sources = Vec::new();
        for source in given {
            match source {
                Source::Bytes(bytes) => sources.push(spanwise_io::Source::Bytes(bytes.clone())),
                Source::File(object) => {
                    sources.push(spanwise_io::Source::Reader(Box::new(FileObject(object.clone_ref(py)))));
                }
                // No name stands for standard input here: its file object does.
                Source::Path(path) if path.as_os_str() == "-" => {
                    sources.push(spanwise_io::Source::File(path.clone()));
                }
                Source::Path(path) => {
                    let path = [OsString::from(path.as_os_str())];
                    for found in py.detach(|| spanwise_io::expand(&path)) {
                        sources.push(found.map_err(|error| {
                            PyFileNotFoundError::new_err(format!("{}: {}", error.name, error.message))
                        })?);
                    }
                }
            }
        }
        let length = |source: &spanwise_io::Source| match source {
            spanwise_io::Source::Bytes(bytes) => Some(bytes.len() as u64),
            spanwise_io::Source::File(path) => {
                std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len())
            }
            _ => None,
        };
        Ok(Self {
            names: sources.iter().map(spanwise_io::Source::name).collect(),
            length: sources.iter().map(length).sum(),
            files: sources,
        })
    }
}
