//! The package's exceptions, and what becomes one.

use std::io;
use std::path::Path;

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyRuntimeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use spanwise_arrow::write::WriteError;

use crate::diagnostic::Diagnostic;

create_exception!(
    spanwise,
    DecodeError,
    PyValueError,
    "A document that is no OTLP JSON: broken JSON, broken UTF-8 (strict), or beyond a bound. `code`, `offset` (bytes, from 0), \
     `line`, `column` (from 1), `path` and `source` (the file, or None) say what and where."
);
create_exception!(
    spanwise,
    PolicyError,
    PyValueError,
    "A redaction policy that cannot be applied; `line` and `column` (from 1) say where in its text, or are None."
);
create_exception!(
    spanwise,
    QueryError,
    PyValueError,
    "A query that cannot be read; `line` and `column` (from 1) say where."
);
create_exception!(
    spanwise,
    IndexFileError,
    PyException,
    "A file that is no index, or a damaged one, or one of traces that have changed since or cannot be read."
);
create_exception!(
    spanwise,
    SpanwiseWarning,
    PyUserWarning,
    "Some of the input was left out, or what was asked for may not be what was meant: no source, a query that reads otherwise."
);

/// The exception for a rejected document.
pub(crate) fn decode_error(py: Python<'_>, diagnostic: &Diagnostic) -> PyErr {
    let error = DecodeError::new_err(match &diagnostic.source {
        Some(source) => format!("{source}: {}", diagnostic.rendered),
        None => diagnostic.rendered.clone(),
    });
    let value = error.value(py);
    let set = || -> PyResult<()> {
        value.setattr("code", diagnostic.code)?;
        value.setattr("offset", diagnostic.offset)?;
        value.setattr("line", diagnostic.line)?;
        value.setattr("column", diagnostic.column)?;
        value.setattr("path", &diagnostic.path)?;
        value.setattr("source", &diagnostic.source)
    };
    match set() {
        Ok(()) => error,
        Err(other) => other,
    }
}

/// The exception for a policy that cannot be applied.
pub(crate) fn policy_error(py: Python<'_>, message: String, position: Option<(usize, usize)>) -> PyErr {
    let error = PolicyError::new_err(message);
    let value = error.value(py);
    let (line, column) = position.unzip();
    match value.setattr("line", line).and_then(|()| value.setattr("column", column)) {
        Ok(()) => error,
        Err(other) => other,
    }
}

/// A conversion that failed.
pub(crate) fn convert_error(error: &spanwise_arrow::ConvertError) -> PyErr {
    match error {
        spanwise_arrow::ConvertError::TooLarge => PyValueError::new_err(error.to_string()),
        _ => PyRuntimeError::new_err(error.to_string()),
    }
}

/// A query that cannot be read.
pub(crate) fn query_error(py: Python<'_>, error: &spanwise::index::QueryError) -> PyErr {
    let raised = QueryError::new_err(error.to_string());
    let value = raised.value(py);
    let told = value.setattr("line", error.line()).and_then(|()| value.setattr("column", error.column()));
    match told {
        Ok(()) => raised,
        Err(other) => other,
    }
}

/// An index that cannot be made, read or written.
pub(crate) fn index_file_error(error: spanwise_io::IndexFileError) -> PyErr {
    match error {
        spanwise_io::IndexFileError::Io(error) => error.into(),
        spanwise_io::IndexFileError::TooManyRows => PyValueError::new_err(error.to_string()),
        error => IndexFileError::new_err(error.to_string()),
    }
}

/// The same of the file at `path`, which is named.
pub(crate) fn index_file_error_at(py: Python<'_>, error: spanwise_io::IndexFileError, path: &Path) -> PyErr {
    match error {
        spanwise_io::IndexFileError::Io(error) => io_error(py, error, path),
        // These name the file that is at fault, or mean none.
        error @ (spanwise_io::IndexFileError::SourceChanged(_)
        | spanwise_io::IndexFileError::SourceChanges(_)
        | spanwise_io::IndexFileError::Source(..)
        | spanwise_io::IndexFileError::TooManyRows) => index_file_error(error),
        error => IndexFileError::new_err(format!("{}: {error}", shown(&path.to_string_lossy()))),
    }
}

/// As `open` would raise it: the class is that of the number, and the file is named.
pub(crate) fn os_error(py: Python<'_>, number: i32, name: &str) -> PyErr {
    let words = py.import("os").and_then(|os| os.call_method1("strerror", (number,))?.extract::<String>());
    match words {
        Ok(words) => PyOSError::new_err((number, words, shown(name))),
        Err(error) => error,
    }
}

/// A file at `path` that cannot be read or written.
pub(crate) fn io_error(py: Python<'_>, error: io::Error, path: &Path) -> PyErr {
    // An exception that a file object raised comes back as itself.
    if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<PyErr>) {
        return error.into();
    }
    let name = path.to_string_lossy();
    match number(py, &error) {
        Some(number) => os_error(py, number, &name),
        // The words of the error may have the whole name in them.
        None => PyOSError::new_err(format!("{}: {}", shown(&name), error.kind())),
    }
}

/// The system's number of an error. Where others have wrapped it, its kind is all that is left.
fn number(py: Python<'_>, error: &io::Error) -> Option<i32> {
    if let Some(number) = error.raw_os_error() {
        return Some(number);
    }
    let name = match error.kind() {
        io::ErrorKind::NotFound => "ENOENT",
        io::ErrorKind::PermissionDenied => "EACCES",
        io::ErrorKind::AlreadyExists => "EEXIST",
        io::ErrorKind::IsADirectory => "EISDIR",
        io::ErrorKind::NotADirectory => "ENOTDIR",
        io::ErrorKind::InvalidFilename => "ENAMETOOLONG",
        io::ErrorKind::InvalidInput => "EINVAL",
        io::ErrorKind::StorageFull => "ENOSPC",
        io::ErrorKind::QuotaExceeded => "EDQUOT",
        io::ErrorKind::FileTooLarge => "EFBIG",
        io::ErrorKind::ReadOnlyFilesystem => "EROFS",
        io::ErrorKind::ResourceBusy => "EBUSY",
        io::ErrorKind::BrokenPipe => "EPIPE",
        _ => return None,
    };
    py.import("errno").and_then(|errno| errno.getattr(name)?.extract()).ok()
}

/// A table that cannot be written to `path`.
pub(crate) fn write_error(py: Python<'_>, error: WriteError, path: &Path) -> PyErr {
    match error {
        WriteError::Io(error) => io_error(py, error, path),
        error => PyRuntimeError::new_err(error.to_string()),
    }
}

/// As much of a name as an error shows: what was given for a path may be a whole private document. Of what looks like JSON it is
/// the bracket.
pub(crate) fn shown(name: &str) -> String {
    const SHOWN: usize = 200;
    let shown = match json_start(name) {
        Some(bracket) => bracket,
        None => name.lines().next().unwrap_or_default(),
    };
    let end = shown.char_indices().nth(SHOWN).map_or(shown.len(), |(end, _)| end);
    let shown = shown.get(..end).unwrap_or_default();
    if shown.len() == name.len() { shown.to_owned() } else { format!("{shown}…") }
}

/// The bracket that a text begins with, if it may be JSON.
fn json_start(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    text.starts_with(['{', '[']).then(|| text.get(..1)).flatten()
}

/// Whether a text that was given for a name is JSON instead. Patterns begin with brackets, too, but have no quotes.
pub(crate) fn is_json(text: &str) -> bool {
    const LONGEST_NAME: usize = 4096;
    json_start(text).is_some() && (text.contains(['"', '\n']) || text.len() > LONGEST_NAME)
}

/// Whether bytes that were given for a document are the name of a file instead.
pub(crate) fn is_path(bytes: &[u8]) -> bool {
    const LONGEST: usize = 500;
    const ENDS: [&[u8]; 3] = [b".json", b".jsonl", b".ndjson"];
    let stem = bytes.strip_suffix(b".gz").or(bytes.strip_suffix(b".zst")).unwrap_or(bytes);
    bytes.len() <= LONGEST
        && ENDS.iter().any(|end| stem.ends_with(end))
        && !bytes.iter().any(|byte| byte.is_ascii_control() || *byte == b'"')
}
