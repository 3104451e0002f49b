//! The package's exceptions, and what becomes one.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;

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
    "A query that cannot be read; `column` says where, from 1."
);
create_exception!(
    spanwise,
    IndexFileError,
    PyException,
    "A file that is no index, or a damaged one, or one of traces that have changed since or cannot be read."
);
create_exception!(spanwise, SpanwiseWarning, PyUserWarning, "Some of the input was left out.");

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
        spanwise_arrow::ConvertError::Arrow(_) => PyRuntimeError::new_err(error.to_string()),
    }
}

/// A query that cannot be read.
pub(crate) fn query_error(py: Python<'_>, error: &spanwise::index::QueryError) -> PyErr {
    let raised = QueryError::new_err(error.to_string());
    match raised.value(py).setattr("column", error.column()) {
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
