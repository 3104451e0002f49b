//! Findings, and the report of a run.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use spanwise::{Layer, Severity, SpanBatch};

use crate::redact::Done;

/// One finding: `severity` ("error", "warning" or "info"), `code`, `message`, `path`, `offset` (bytes, from 0), `line` and
/// `column` (from 1). `str()` is the rendered form; it holds no value and no attribute key.
#[pyclass(frozen, module = "spanwise")]
#[derive(Debug, Clone)]
pub(crate) struct Diagnostic {
    #[pyo3(get)]
    severity: &'static str,
    #[pyo3(get)]
    pub(crate) code: &'static str,
    #[pyo3(get)]
    message: &'static str,
    #[pyo3(get)]
    pub(crate) path: String,
    #[pyo3(get)]
    pub(crate) offset: u64,
    #[pyo3(get)]
    pub(crate) line: u64,
    #[pyo3(get)]
    pub(crate) column: u64,
    pub(crate) rendered: String,
    /// It may cost a whole document.
    pub(crate) of_document: bool,
}

impl Diagnostic {
    /// `base` is where the input begins in its file: bytes and lines before it.
    pub(crate) fn new(diagnostic: &spanwise::Diagnostic, base: (u64, u64)) -> Self {
        let mut diagnostic = diagnostic.clone();
        diagnostic.offset += base.0;
        diagnostic.line += base.1;
        Self {
            severity: diagnostic.severity.as_str(),
            code: diagnostic.code.as_str(),
            message: diagnostic.message(),
            offset: diagnostic.offset,
            line: diagnostic.line,
            column: diagnostic.column,
            rendered: diagnostic.to_string(),
            of_document: diagnostic.severity == Severity::Error
                && matches!(diagnostic.code.layer(), Layer::Syntax | Layer::Text | Layer::Limit),
            path: diagnostic.path,
        }
    }
}

#[pymethods]
impl Diagnostic {
    fn __str__(&self) -> &str {
        &self.rendered
    }

    fn __repr__(&self) -> String {
        format!("<Diagnostic {} [{}] line {}, column {}>", self.severity, self.code, self.line, self.column)
    }
}

/// What a run found: `ok` (no error), `spans`, `rejected_spans`, `documents`, `bad_documents`, `other_signals`,
/// `diagnostics` (the first thousand of each block; `dropped_diagnostics` counts the rest).
#[pyclass(frozen, module = "spanwise")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    #[pyo3(get)]
    pub(crate) spans: u64,
    #[pyo3(get)]
    pub(crate) rejected_spans: u64,
    #[pyo3(get)]
    documents: u64,
    #[pyo3(get)]
    pub(crate) bad_documents: u64,
    #[pyo3(get)]
    other_signals: u64,
    #[pyo3(get)]
    pub(crate) diagnostics: Vec<Diagnostic>,
    #[pyo3(get)]
    dropped_diagnostics: u64,
    #[pyo3(get)]
    errors: u64,
    #[pyo3(get)]
    warnings: u64,
    /// Per promoted column, how many values were of another type.
    #[pyo3(get)]
    pub(crate) mismatches: std::collections::BTreeMap<String, u64>,
    /// What a policy did, where there was one.
    pub(crate) redaction: Option<Done>,
}

/// Findings kept of a whole run.
const KEPT: usize = 10_000;

impl Report {
    pub(crate) fn add(&mut self, batch: &SpanBatch, base: (u64, u64)) {
        self.spans += batch.len() as u64;
        self.rejected_spans += batch.rejected_spans();
        self.documents += batch.documents().len() as u64;
        self.bad_documents += batch.bad_documents();
        self.other_signals += batch.other_signals();
        self.errors += batch.error_count();
        self.warnings += batch.warning_count();
        self.dropped_diagnostics += batch.dropped_diagnostics();
        for diagnostic in batch.diagnostics() {
            if self.diagnostics.len() < KEPT {
                self.diagnostics.push(Diagnostic::new(&diagnostic, base));
            } else {
                self.dropped_diagnostics += 1;
            }
        }
    }

    /// What the one warning of a run says; `None` where nothing was left out.
    pub(crate) fn warning(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.bad_documents > 0 {
            parts.push(format!("{} bad documents", self.bad_documents));
        }
        if self.rejected_spans > 0 {
            parts.push(format!("{} rejected spans", self.rejected_spans));
        }
        for (key, count) in self.mismatches.iter().filter(|(_, count)| **count > 0) {
            parts.push(format!("{count} values of {key:?} that are not of its type"));
        }
        (!parts.is_empty()).then(|| format!("left out: {}; see .report", parts.join(", ")))
    }
}

#[pymethods]
impl Report {
    /// What the policy did: counts by name; `None` where there was no policy.
    #[getter]
    fn redaction<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.redaction.as_ref().map(|done| done.to_dict(py)).transpose()
    }

    #[getter]
    fn ok(&self) -> bool {
        self.errors == 0
    }

    fn __repr__(&self) -> String {
        format!(
            "<Report {}: {} spans, {} rejected, {} documents, {} bad, {} of other signals, {} errors, {} warnings>",
            if self.errors == 0 { "ok" } else { "not ok" },
            self.spans,
            self.rejected_spans,
            self.documents,
            self.bad_documents,
            self.other_signals,
            self.errors,
            self.warnings
        )
    }
}
