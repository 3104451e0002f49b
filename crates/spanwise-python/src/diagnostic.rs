//! Findings.

use std::fmt;
use std::hash::{Hash, Hasher};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use spanwise::{Code, Severity};
use spanwise_io::Foreign;

use crate::errors::is_path;

/// One finding: `severity` ("error" or "warning"), `code`, `message`, `path`, `offset` (bytes, from 0), `line` and
/// `column` (from 1), `source` (the name of the file, as far as there is one). `str()` is the rendered form; it holds no value and
/// no attribute key. Two are equal if they say the same of the same place; `to_dict()` is a row of a table of findings.
#[pyclass(frozen, eq, hash, module = "spanwise")]
#[derive(Debug, Clone)]
pub(crate) struct Diagnostic {
    /// "error" or "warning".
    #[pyo3(get)]
    severity: &'static str,
    /// What it is: docs/diagnostics.md has all of them.
    #[pyo3(get)]
    pub(crate) code: &'static str,
    /// The same in words.
    #[pyo3(get)]
    message: &'static str,
    /// Where it is, by names and places of members, as `resourceSpans[0].scopeSpans[1]`.
    #[pyo3(get)]
    pub(crate) path: String,
    /// Bytes before it in the source, from 0.
    #[pyo3(get)]
    pub(crate) offset: u64,
    /// From 1.
    #[pyo3(get)]
    pub(crate) line: u64,
    /// In bytes, from 1.
    #[pyo3(get)]
    pub(crate) column: u64,
    /// The name of the file, as far as there is one.
    #[pyo3(get)]
    pub(crate) source: Option<String>,
    /// Of a run, which knows its name.
    source_number: Option<usize>,
    pub(crate) rendered: String,
}

impl Diagnostic {
    pub(crate) fn new(diagnostic: &spanwise::Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity.as_str(),
            code: diagnostic.code.as_str(),
            message: diagnostic.message(),
            offset: diagnostic.offset,
            line: diagnostic.line,
            column: diagnostic.column,
            source: None,
            source_number: None,
            rendered: diagnostic.to_string(),
            path: diagnostic.path.clone(),
        }
    }

    /// The same about a payload that begins so, with what it looks like if it is no JSON.
    pub(crate) fn of_payload(self, start: &[u8]) -> Self {
        self.looking(look_of_payload(start))
    }

    /// The same with what its source looks like.
    pub(crate) fn looking(mut self, look: Option<impl fmt::Display>) -> Self {
        if let Some(look) = look {
            self.rendered = format!("{}\n  {look}", self.rendered);
        }
        self
    }

    /// A finding about the source of this number.
    pub(crate) fn of(diagnostic: &spanwise::Diagnostic, source: usize) -> Self {
        Self { source_number: Some(source), ..Self::new(diagnostic) }
    }

    /// A finding in a block that has a line of each of several sources.
    pub(crate) fn of_line(mut diagnostic: spanwise::Diagnostic, first: usize) -> Self {
        let source = first + usize::try_from(diagnostic.line.saturating_sub(1)).unwrap_or(usize::MAX);
        diagnostic.line = 1;
        diagnostic.offset = diagnostic.column.saturating_sub(1);
        Self::of(&diagnostic, source)
    }

    /// Gives it the name of its source.
    pub(crate) fn name(&mut self, names: &[String]) {
        self.source = self.source_number.and_then(|number| names.get(number)).cloned();
    }
}

impl PartialEq for Diagnostic {
    /// The same about the same place; by which number a run knew its source is nobody's business.
    fn eq(&self, other: &Self) -> bool {
        (self.severity, self.code, self.offset, self.line, self.column)
            == (other.severity, other.code, other.offset, other.line, other.column)
            && (&self.path, &self.source, &self.rendered) == (&other.path, &other.source, &other.rendered)
    }
}

impl Eq for Diagnostic {}

impl Hash for Diagnostic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.code, self.offset, &self.path, &self.source).hash(state);
    }
}

#[pymethods]
impl Diagnostic {
    /// The finding as a dict of its attributes: a row of a table of findings.
    pub(crate) fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("severity", self.severity)?;
        dict.set_item("code", self.code)?;
        dict.set_item("message", self.message)?;
        dict.set_item("path", &self.path)?;
        dict.set_item("offset", self.offset)?;
        dict.set_item("line", self.line)?;
        dict.set_item("column", self.column)?;
        dict.set_item("source", &self.source)?;
        Ok(dict)
    }

    fn __str__(&self) -> &str {
        &self.rendered
    }

    /// For `pickle`.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let Self { severity, code, path, offset, line, column, source, rendered, .. } = self;
        let place = (path, offset, line, column, source);
        again(py, "Diagnostic", (severity, code, place, rendered).into_pyobject(py)?)
    }

    /// What was pickled.
    #[staticmethod]
    fn _again(
        severity: &str,
        code: &str,
        place: (String, u64, u64, u64, Option<String>),
        rendered: String,
    ) -> PyResult<Self> {
        let severities = [Severity::Error, Severity::Warning, Severity::Info];
        let severity = severities.into_iter().find(|known| known.as_str() == severity);
        let code = Code::ALL.iter().find(|known| known.as_str() == code);
        let (Some(severity), Some(code)) = (severity, code) else {
            return Err(PyValueError::new_err("a diagnostic of another version"));
        };
        let (path, offset, line, column, source) = place;
        let (severity, message, code) = (severity.as_str(), code.message(), code.as_str());
        Ok(Self {
            severity,
            code,
            message,
            path,
            offset,
            line,
            column,
            source,
            source_number: None,
            rendered,
        })
    }

    fn __repr__(&self) -> String {
        format!("<Diagnostic {} [{}] line {}, column {}>", self.severity, self.code, self.line, self.column)
    }
}

/// What a payload that begins so looks like, if it is no JSON, and what to do with it. Payloads are never decompressed.
pub(crate) fn look_of_payload(start: &[u8]) -> Option<String> {
    if is_path(start) {
        return Some("this looks like the name of a file: read the file, and pass what is in it".to_owned());
    }
    let data = match Foreign::of(start)? {
        Foreign::Gzip => "gzip",
        Foreign::Zstd => "zstd",
        other => return Some(other.to_string()),
    };
    Some(format!(
        "this looks like {data} data: decompress it, or use read, scan, scan_batches, validate or summary, which do so"
    ))
}

/// How one of these classes is made again of what was pickled.
pub(crate) fn again<'py>(
    py: Python<'py>,
    class: &str,
    arguments: Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyTuple>> {
    let make = py.import("spanwise._pickled")?.getattr("make_again")?;
    (make, (class, "_again", arguments)).into_pyobject(py)
}
