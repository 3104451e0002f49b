//! The report of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use spanwise::{Code, SpanBatch};
use spanwise_arrow::Converter;

use crate::diagnostic::{Diagnostic, again};
use crate::redact::Done;

/// The findings that a report keeps, shared by its copies.
#[derive(Debug, Default)]
struct Findings {
    kept: Vec<Diagnostic>,
    /// The same as Python's objects, once somebody has looked.
    made: OnceLock<Py<PyTuple>>,
}

impl Clone for Findings {
    fn clone(&self) -> Self {
        Self { kept: self.kept.clone(), made: OnceLock::new() }
    }
}

/// What a run found: `ok` (no error), `spans`, `rejected_spans`, `documents`, `bad_documents`, `other_signals` (documents of
/// metrics, logs or profiles), `foreign_documents` (JSON with nothing of traces in it), `foreign_sources` (what sources look
/// like that are no JSON), `diagnostics` (the first thousand of each block, ten thousand in all; `dropped_diagnostics` counts the
/// rest), `unreadable` (what is wrong with sources that could not be read, or not to their end). `to_dict()` has all of it as plain
/// dicts and lists.
#[pyclass(frozen, module = "spanwise")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// Spans that were read.
    #[pyo3(get)]
    pub(crate) spans: u64,
    /// Spans that strict mode rejected.
    #[pyo3(get)]
    pub(crate) rejected_spans: u64,
    /// Documents that were read.
    #[pyo3(get)]
    documents: u64,
    /// Documents that are no JSON, or beyond a bound, or that their source broke off.
    #[pyo3(get)]
    pub(crate) bad_documents: u64,
    /// Documents of metrics, logs or profiles.
    #[pyo3(get)]
    other_signals: u64,
    /// Documents of JSON with nothing of traces in it.
    #[pyo3(get)]
    foreign_documents: u64,
    /// Of the first sources that are no JSON what each looks like, a Parquet file say, behind its name.
    #[pyo3(get)]
    pub(crate) foreign_sources: Vec<String>,
    /// Values of another type than their field's.
    mistyped: u64,
    findings: Arc<Findings>,
    /// Findings that are not in `diagnostics`.
    #[pyo3(get)]
    dropped_diagnostics: u64,
    /// Findings that are errors.
    #[pyo3(get)]
    errors: u64,
    /// Findings that are warnings.
    #[pyo3(get)]
    warnings: u64,
    /// Per promoted column, how many values were of another type.
    #[pyo3(get)]
    pub(crate) mismatches: BTreeMap<String, u64>,
    /// Sources whose compressed data is cut off or corrupt, file objects and pipes in which a large document proved to be broken after
    /// spans of it were delivered, and files found in a directory or by a pattern that cannot be read: what is wrong with each.
    #[pyo3(get)]
    pub(crate) unreadable: Vec<String>,
    /// What a policy did, where there was one.
    pub(crate) redaction: Option<Redacted>,
}

/// What a policy did.
#[derive(Debug, Clone)]
pub(crate) enum Redacted {
    Done(Box<Done>),
    /// In another process: the counts as JSON.
    Told(String),
}

/// `1 span`, `2 spans`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// How often a batch has a finding.
fn count_of(batch: &SpanBatch, wanted: Code) -> u64 {
    batch.diagnostic_counts().find_map(|(code, count)| (code == wanted).then_some(count)).unwrap_or(0)
}

fn told(parts: &[String], see: &str) -> Option<String> {
    (!parts.is_empty()).then(|| format!("left out: {}{see}", parts.join(", ")))
}

/// A finding by its code and place.
fn place_of(found: &spanwise::Diagnostic) -> String {
    let spanwise::Diagnostic { code, path, line, column, .. } = found;
    if path.is_empty() {
        format!("{code} at line {line}, column {column}")
    } else {
        format!("{code} at {path}")
    }
}

const SEE_REPORT: &str = "; see .report";

/// Findings kept of a whole run.
const KEPT: usize = 10_000;

/// Sources of which is kept what they look like: a warning names them.
const LOOKS_KEPT: usize = 10;

impl Report {
    /// Adds what was found in a batch, each as `found` has it.
    pub(crate) fn add(&mut self, batch: &SpanBatch, found: impl Fn(spanwise::Diagnostic) -> Diagnostic) {
        self.count(batch);
        for diagnostic in batch.diagnostics() {
            if self.findings.kept.len() < KEPT {
                self.findings_mut().push(found(diagnostic));
            } else {
                self.dropped_diagnostics += 1;
            }
        }
    }

    /// Counts what was found in a batch.
    fn count(&mut self, batch: &SpanBatch) {
        self.spans += batch.len() as u64;
        self.rejected_spans += batch.rejected_spans();
        self.documents += batch.document_count();
        self.bad_documents += batch.bad_documents();
        self.other_signals += batch.other_signals();
        self.errors += batch.error_count();
        self.warnings += batch.warning_count();
        self.foreign_documents += batch.foreign_documents();
        self.mistyped += count_of(batch, Code::TypeMismatch);
        self.dropped_diagnostics += batch.dropped_diagnostics();
    }

    /// Gives its findings the names of their sources.
    pub(crate) fn name(&mut self, names: &[String]) {
        if !self.findings.kept.is_empty() {
            self.findings_mut().iter_mut().for_each(|found| found.name(names));
        }
    }

    /// The findings, to add to.
    fn findings_mut(&mut self) -> &mut Vec<Diagnostic> {
        let findings = Arc::make_mut(&mut self.findings);
        findings.made = OnceLock::new();
        &mut findings.kept
    }

    fn is_ok(&self) -> bool {
        self.errors == 0 && self.unreadable.is_empty()
    }

    /// Adds what was found in a part.
    pub(crate) fn merge(&mut self, part: &Self) {
        self.spans += part.spans;
        self.rejected_spans += part.rejected_spans;
        self.documents += part.documents;
        self.bad_documents += part.bad_documents;
        self.other_signals += part.other_signals;
        self.foreign_documents += part.foreign_documents;
        self.mistyped += part.mistyped;
        self.errors += part.errors;
        self.warnings += part.warnings;
        let room = KEPT.saturating_sub(self.findings.kept.len());
        let found = &part.findings.kept;
        self.dropped_diagnostics += part.dropped_diagnostics + found.len().saturating_sub(room) as u64;
        if room > 0 && !found.is_empty() {
            self.findings_mut().extend(found.iter().take(room).cloned());
        }
        for (key, count) in &part.mismatches {
            *self.mismatches.entry(key.clone()).or_default() += count;
        }
        self.unreadable.extend_from_slice(&part.unreadable);
        let room = LOOKS_KEPT.saturating_sub(self.foreign_sources.len());
        self.foreign_sources.extend(part.foreign_sources.iter().take(room).cloned());
        match (&mut self.redaction, &part.redaction) {
            (Some(Redacted::Done(sum)), Some(Redacted::Done(done))) => sum.merge(done),
            (None, Some(done)) => self.redaction = Some(done.clone()),
            // What was told in another process is no part of a run.
            (Some(_), _) | (_, None) => {}
        }
    }

    /// Of a table whose rows were picked.
    pub(crate) fn of_rows(rows: usize, converter: &Converter) -> Self {
        let mut report = Self { spans: rows as u64, ..Self::default() };
        report.mismatched(converter);
        report
    }

    /// Takes the counts of a converter.
    pub(crate) fn mismatched(&mut self, converter: &Converter) {
        self.mismatches = converter.mismatches().map(|(key, count)| (key.to_owned(), count)).collect();
    }

    /// What the one warning of a run says; `None` where nothing was left out.
    pub(crate) fn warning(&self) -> Option<String> {
        told(&self.parts(), SEE_REPORT)
    }

    /// The same of a payload, of which nobody gets the report: what a run's report has the counts of is told, too. Costs the
    /// same however much was found.
    pub(crate) fn payload_warning(batch: &SpanBatch) -> Option<String> {
        let mut report = Self::default();
        report.count(batch);
        let mistyped = std::mem::take(&mut report.mistyped);
        let mut parts = report.parts();
        // An error of that kind rejects, and is told so; and what is no trace at all is.
        let is_said = (report.spans, report.foreign_documents) == (0, 1);
        if mistyped > 0 && report.rejected_spans == 0 && !is_said {
            parts.push(format!("{} of another type", counted(mistyped, "value")));
        }
        if report.spans > 0 && batch.diagnostic_counts().any(|(code, _)| code == Code::OtherSignal) {
            parts.push("metrics, logs or profiles".to_owned());
        }
        // What has nothing of OTLP in it is told to be no trace.
        if count_of(batch, Code::NoKnownField) == 0 {
            let found = batch.passed_over().filter(|found| found.code != Code::TypeMismatch);
            let found: Vec<_> = found.map(|found| place_of(&found)).collect();
            if !found.is_empty() {
                parts.push(format!("perhaps spans ({})", found.join(", ")));
            }
        }
        if parts.is_empty() && report.errors > 0 {
            parts.push(counted(report.errors, "error"));
        }
        told(&parts, "; decode it to see what")
    }

    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if self.bad_documents > 0 {
            parts.push(counted(self.bad_documents, "bad document"));
        }
        parts.extend(self.foreign_sources.iter().cloned());
        if self.rejected_spans > 0 {
            parts.push(counted(self.rejected_spans, "rejected span"));
        }
        if self.foreign_documents > 0 {
            let verb = if self.foreign_documents == 1 { "holds" } else { "hold" };
            parts.push(format!("{} that {verb} no traces", counted(self.foreign_documents, "document")));
        }
        // Signals stand beside each other in what a Collector writes; without a span somebody was probably mistaken.
        if self.spans == 0 && self.other_signals > 0 {
            parts.push(format!("{} of metrics, logs or profiles", counted(self.other_signals, "document")));
        }
        // Of a document that was cut, no part says that there is no span in all of it.
        if self.spans == 0 && self.mistyped > 0 && parts.is_empty() {
            let verb = if self.mistyped == 1 { "is" } else { "are" };
            parts.push(format!("{} that {verb} nothing of a trace", counted(self.mistyped, "value")));
        }
        parts.extend(self.mismatched_parts());
        parts.extend(self.unreadable.iter().cloned());
        parts
    }

    /// The same of what is not of its promoted column's type alone.
    pub(crate) fn mismatch_warning(&self) -> Option<String> {
        told(&self.mismatched_parts(), SEE_REPORT)
    }

    fn mismatched_parts(&self) -> Vec<String> {
        let counts = self.mismatches.iter().filter(|(_, count)| **count > 0);
        let told = |(key, count): (&String, &u64)| {
            let verb = if *count == 1 { "is" } else { "are" };
            format!("{} of {key:?} that {verb} not of its type", counted(*count, "value"))
        };
        counts.map(told).collect()
    }
}

#[pymethods]
impl Report {
    /// What the policy did: counts by name; `None` where there was no policy.
    #[getter]
    fn redaction<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        Ok(match &self.redaction {
            None => None,
            Some(Redacted::Done(done)) => Some(done.to_dict(py)?),
            Some(Redacted::Told(json)) => {
                Some(py.import("json")?.call_method1("loads", (json,))?.cast_into::<PyDict>()?)
            }
        })
    }

    /// A list of its own each time, of objects that are made once.
    #[getter]
    fn diagnostics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let Findings { kept, made } = &*self.findings;
        if let Some(made) = made.get() {
            return Ok(made.bind(py).to_list());
        }
        let objects = kept.iter().map(|found| Bound::new(py, found.clone()));
        let objects = PyTuple::new(py, objects.collect::<PyResult<Vec<_>>>()?)?;
        // Nobody waits for it: another thread may have made them meanwhile.
        let made = made.get_or_init(|| objects.unbind());
        Ok(made.bind(py).to_list())
    }

    /// Whether there was no error, and nothing that could not be read.
    #[getter]
    fn ok(&self) -> bool {
        self.is_ok()
    }

    /// The report as a dict of its attributes, its diagnostics as dicts, too.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("ok", self.is_ok())?;
        for (name, count) in [
            ("spans", self.spans),
            ("rejected_spans", self.rejected_spans),
            ("documents", self.documents),
            ("bad_documents", self.bad_documents),
            ("other_signals", self.other_signals),
            ("foreign_documents", self.foreign_documents),
            ("errors", self.errors),
            ("warnings", self.warnings),
            ("dropped_diagnostics", self.dropped_diagnostics),
        ] {
            dict.set_item(name, count)?;
        }
        let findings = &self.findings.kept;
        let diagnostics = findings.iter().map(|found| found.to_dict(py)).collect::<PyResult<Vec<_>>>()?;
        dict.set_item("diagnostics", diagnostics)?;
        dict.set_item("foreign_sources", &self.foreign_sources)?;
        dict.set_item("mismatches", &self.mismatches)?;
        dict.set_item("unreadable", &self.unreadable)?;
        dict.set_item("redaction", self.redaction(py)?)?;
        Ok(dict)
    }

    /// For `pickle`: what was found in one process is told in another.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let redaction = self.redaction(py)?;
        let redaction =
            redaction.map(|done| py.import("json")?.call_method1("dumps", (done,))).transpose()?;
        let counts = [
            self.spans,
            self.rejected_spans,
            self.documents,
            self.bad_documents,
            self.other_signals,
            self.foreign_documents,
            self.mistyped,
            self.errors,
            self.warnings,
            self.dropped_diagnostics,
        ];
        let told = (&self.foreign_sources, &self.mismatches, &self.unreadable);
        again(py, "Report", (counts, self.diagnostics(py)?, told, redaction).into_pyobject(py)?)
    }

    /// What was pickled.
    #[staticmethod]
    fn _again(
        counts: [u64; 10],
        diagnostics: Vec<Bound<'_, Diagnostic>>,
        told: (Vec<String>, BTreeMap<String, u64>, Vec<String>),
        redaction: Option<String>,
    ) -> Self {
        let [spans, rejected_spans, documents, bad_documents, other_signals, rest @ ..] = counts;
        let [foreign_documents, mistyped, errors, warnings, dropped_diagnostics] = rest;
        let (foreign_sources, mismatches, unreadable) = told;
        let kept = diagnostics.into_iter().map(|found| found.get().clone()).collect();
        Self {
            spans,
            rejected_spans,
            documents,
            bad_documents,
            other_signals,
            foreign_documents,
            foreign_sources,
            mistyped,
            findings: Arc::new(Findings { kept, made: OnceLock::new() }),
            dropped_diagnostics,
            errors,
            warnings,
            mismatches,
            unreadable,
            redaction: redaction.map(Redacted::Told),
        }
    }

    fn __repr__(&self) -> String {
        format!(
            "<Report {}: {} spans, {} rejected, {} documents, {} bad, {} of other signals, {} errors, {} warnings>",
            if self.is_ok() { "ok" } else { "not ok" },
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
