//! `scan`: tables one after the other, and an Arrow stream that is read as it is asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use spanwise::{Framing, Mode};
use spanwise_arrow::Converter;

use crate::diagnostic::Report;
use crate::options::{TableOptions, batch_size, columns, framing, mode, promote, raises, threads};
use crate::redact::PolicyArgument;
use crate::run::{Run, RunOptions, warn};
use crate::source::Source;
use crate::table::{Schema, Table, stream};

/// How to run, as often as it is asked for.
struct Plan {
    sources: Vec<Source>,
    options: RunOptions,
    converter: Converter,
    progress: Option<Py<PyAny>>,
}

impl Plan {
    fn run(&self, py: Python<'_>) -> PyResult<Run> {
        let progress = self.progress.as_ref().map(|callback| callback.clone_ref(py));
        Run::new(py, &self.sources, &self.options, Some(&self.converter), false, progress)
    }

    /// A file object is read once.
    fn is_once(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, Source::File(_)))
    }
}

/// How far the iteration is.
enum State {
    New,
    Running(Box<Run>),
    Ended,
}

struct Shared {
    state: State,
    /// Of the run that ended last.
    report: Report,
    /// File objects have been read.
    spent: bool,
}

/// Spans of sources as tables, one after the other, in bounded memory: an iterator of `Table`. As an Arrow stream it is read as
/// the engine asks for it, from the beginning each time.
#[pyclass(frozen, module = "spanwise")]
pub(crate) struct Scan {
    plan: Plan,
    shared: Arc<Mutex<Shared>>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next rows of a run, and what was found in their block.
fn next_rows(py: Python<'_>, run: &mut Run) -> PyResult<Option<(RecordBatch, Report)>> {
    while let Some(part) = run.next(py)? {
        if let Some(rows) = part.rows {
            return Ok(Some((rows, part.report)));
        }
    }
    warn(py, run.report(), 1)?;
    Ok(None)
}

impl Scan {
    fn begin(&self, py: Python<'_>) -> PyResult<Run> {
        if self.plan.is_once() && std::mem::replace(&mut lock(&self.shared).spent, true) {
            return Err(PyValueError::new_err(
                "a file object can be read only once: scan it again from a path",
            ));
        }
        self.plan.run(py)
    }
}

#[pymethods]
impl Scan {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Table>> {
        // Taken out while it runs: another thread that asks meanwhile sees the end rather than wait for this one.
        let state = std::mem::replace(&mut lock(&self.shared).state, State::Ended);
        let mut run = match state {
            State::New => Box::new(self.begin(py)?),
            State::Running(run) => run,
            State::Ended => return Ok(None),
        };
        let next = next_rows(py, &mut run);
        let mut shared = lock(&self.shared);
        let Ok(Some((rows, report))) = next else {
            shared.report = run.report().clone();
            return next.map(|_| None);
        };
        shared.state = State::Running(run);
        drop(shared);
        Ok(Some(Table::new(self.plan.converter.schema().clone(), vec![rows], report)))
    }

    /// The columns, which are known before anything is read.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(self.plan.converter.schema().clone())
    }

    #[getter]
    fn column_names(&self) -> Vec<&str> {
        self.plan.converter.schema().fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// What was found so far by the iteration, or by the run that ended last.
    #[getter]
    fn report(&self) -> Report {
        let shared = lock(&self.shared);
        if let State::Running(run) = &shared.state { run.report().clone() } else { shared.report.clone() }
    }

    /// Ends the iteration: threads stop, files are closed.
    fn close(&self, py: Python<'_>) {
        let state = std::mem::replace(&mut lock(&self.shared).state, State::Ended);
        if let State::Running(mut run) = state {
            run.stop(py);
            lock(&self.shared).report = run.report().clone();
        }
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }

    /// Arrow's C stream (the `PyCapsule` interface). Each call reads the sources anew.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let run = Some(self.begin(py)?);
        let schema = self.plan.converter.schema().clone();
        stream(py, requested_schema, Reader { run, schema, shared: Arc::clone(&self.shared) })
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        self.schema().__arrow_c_schema__(py)
    }

    fn __repr__(&self) -> String {
        let names = self.column_names();
        format!("<spanwise.Scan, {} columns: {}>", names.len(), names.join(", "))
    }
}

/// A run as Arrow reads it. Engines call it with the interpreter's lock and without, on any thread.
struct Reader {
    run: Option<Run>,
    schema: SchemaRef,
    shared: Arc<Mutex<Shared>>,
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut run = self.run.take()?;
        let next = Python::try_attach(|py| {
            let next = next_rows(py, &mut run);
            if !matches!(next, Ok(Some(_))) {
                lock(&self.shared).report = run.report().clone();
            }
            next
        })?;
        match next {
            Ok(rows) => {
                let (rows, _) = rows?;
                self.run = Some(run);
                Some(Ok(rows))
            }
            Err(error) => Some(Err(ArrowError::ExternalError(Box::new(error)))),
        }
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// Goes through sources, a table at a time; see the package.
#[pyfunction]
#[pyo3(signature = (
    sources, *, mode, columns, promote, layout, llm, names, ids, times, compact, policy, on_error, framing, threads, batch_size, progress
))]
#[allow(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn scan(
    py: Python<'_>,
    sources: Vec<Source>,
    #[pyo3(from_py_with = mode)] mode: Mode,
    #[pyo3(from_py_with = columns)] columns: Option<Vec<String>>,
    #[pyo3(from_py_with = promote)] promote: Option<Vec<(String, String)>>,
    layout: &str,
    llm: bool,
    names: &str,
    ids: &str,
    times: &str,
    compact: Option<bool>,
    policy: Option<PolicyArgument>,
    #[pyo3(from_py_with = raises)] on_error: bool,
    #[pyo3(from_py_with = framing)] framing: Framing,
    #[pyo3(from_py_with = threads)] threads: usize,
    #[pyo3(from_py_with = batch_size)] batch_size: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Scan> {
    let policy = policy.map(|policy| policy.load(py)).transpose()?;
    let options = TableOptions { columns, promote, layout, llm, names, ids, times, compact }.read()?;
    let converter = Converter::new(&options).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let options =
        RunOptions { mode, framing, raises: on_error, threads, block: batch_size, shows: false, policy };
    let shared = Shared { state: State::New, report: Report::default(), spent: false };
    Ok(Scan { plan: Plan { sources, options, converter, progress }, shared: Arc::new(Mutex::new(shared)) })
}
