//! `read`, `scan_batches` and `validate`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{PyTraverseError, PyVisit};
use spanwise::llm::Requests;
use spanwise::{Framing, Mode};
use spanwise_arrow::{Converter, RequestMarks, Telling, join};
use spanwise_cli::summary::Totals;

use crate::batch::SpanBatch;
use crate::errors::convert_error;
use crate::options::{TableOptions, batch_size, columns, framing, mode, promote, raises, threads};
use crate::redact::PolicyArgument;
use crate::report::Report;
use crate::run::{Run, RunOptions, warn};
use crate::source::Source;
use crate::table::{Table, no_rows};
use crate::watch::{Held, Watch};

/// Reads sources into a table; see the package.
#[pyfunction]
#[pyo3(signature = (
    sources, *, mode, columns, promote, layout, llm, names, ids, times, compact, policy, on_error, framing, threads, batch_size, progress
))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "keywords in Python")]
pub(crate) fn read(
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
) -> PyResult<Table> {
    let policy = policy.map(|policy| policy.load(py)).transpose()?;
    let options = TableOptions { columns, promote, layout, llm, names, ids, times, compact }.read()?;
    let converter = Converter::new(&options).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut converter = converter.telling(Telling::Across);
    // A policy changes no mark: with one, requests are told of what was there before.
    let mut requests = (converter.is_across_batches() && policy.is_some()).then(Requests::default);
    let options =
        RunOptions { mode, framing, raises: on_error, threads, block: batch_size, shows: false, policy };
    // What is told over all batches is told by one converter, here; otherwise each thread has its own.
    let here = converter.is_across_batches();
    let mut run = Run::new(
        py,
        &sources,
        &options,
        (!here).then_some(&converter),
        here,
        progress.map(Arc::new),
        Arc::default(),
    )?;
    if requests.is_some() {
        converter = converter.telling(Telling::Later);
    }
    let mut rows = Vec::new();
    while let Some(part) = run.next(py)? {
        rows.extend(part.rows);
        if let (Some(requests), Some(unredacted)) = (&mut requests, &part.unredacted) {
            py.detach(|| requests.add_batch(unredacted));
        }
        if let Some(batch) = part.batch.filter(|batch| !batch.is_empty()) {
            let part = py.detach(|| converter.convert_owned(batch));
            rows.push(part.map_err(|error| convert_error(&error))?);
        }
    }
    let mut report = run.report();
    if here {
        // They are as many as the spans of all sources, and dropped without the lock, too.
        let settled = py.detach(|| match requests.take() {
            Some(requests) => RequestMarks::new(&requests, &converter).mark_all(&mut rows),
            None => converter.settle(&mut rows),
        });
        settled.map_err(|error| convert_error(&error))?;
        report.mismatched(&converter);
    }
    let mut rows = py.detach(|| join(converter.schema(), rows)).map_err(|error| convert_error(&error))?;
    if rows.is_empty() {
        rows.push(no_rows(&mut converter)?);
    }
    warn(py, &report, 2)?;
    Ok(Table::new(converter.schema().clone(), rows, report))
}

/// Reads sources and reports what is wrong with them; see the package.
#[pyfunction]
#[pyo3(signature = (sources, *, mode, framing, threads, progress))]
#[allow(clippy::needless_pass_by_value, reason = "keywords in Python")]
pub(crate) fn validate(
    py: Python<'_>,
    sources: Vec<Source>,
    #[pyo3(from_py_with = mode)] mode: Mode,
    #[pyo3(from_py_with = framing)] framing: Framing,
    #[pyo3(from_py_with = threads)] threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Report> {
    let options =
        RunOptions { mode, framing, raises: false, threads, block: None, shows: false, policy: None };
    let mut run = Run::new(py, &sources, &options, None, false, progress.map(Arc::new), Arc::default())?;
    while run.next(py)?.is_some() {}
    Ok(run.report())
}

/// What sources hold, as the command `spanwise summary --format json` says it; see the package.
#[pyfunction]
#[pyo3(signature = (sources, *, framing, threads, progress))]
#[allow(clippy::needless_pass_by_value, reason = "keywords in Python")]
pub(crate) fn summary(
    py: Python<'_>,
    sources: Vec<Source>,
    #[pyo3(from_py_with = framing)] framing: Framing,
    #[pyo3(from_py_with = threads)] threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'_, PyAny>> {
    let (mode, raises) = (Mode::Lenient, false);
    let options = RunOptions { mode, framing, raises, threads, block: None, shows: false, policy: None };
    let mut run = Run::new(py, &sources, &options, None, true, progress.map(Arc::new), Arc::default())?;
    let mut totals = Totals::default();
    while let Some(part) = run.next(py)? {
        if let Some(batch) = part.batch {
            py.detach(|| totals.add(&batch));
        }
    }
    let report = run.report();
    warn(py, &report, 2)?;
    // One whose source breaks off is in no batch.
    let bad_documents = report.bad_documents;
    let (files, unreadable) = run.inputs();
    totals.read(files, unreadable);
    let json = py.detach(|| {
        let mut json = Vec::new();
        totals.write_json(&mut json).map(|()| json)
    })?;
    let dict = py.import("json")?.getattr("loads")?.call1((PyBytes::new(py, &json),))?;
    dict.set_item("bad_documents", bad_documents)?;
    Ok(dict)
}

/// Goes through sources, a batch at a time, in bounded memory: an iterator of `SpanBatch`.
#[pyclass(frozen, module = "spanwise")]
pub(crate) struct BatchScan {
    watch: Arc<Watch>,
    state: Mutex<State>,
    /// What the run holds of Python.
    held: Vec<Held>,
}

/// How far it is.
enum State {
    /// The run is taken out while it is at work: another thread that asks meanwhile sees the end rather than wait for this one.
    Running(Option<Box<Run>>),
    Ended,
}

impl BatchScan {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Box<Run>> {
        if let State::Running(run) = &mut *self.lock() { run.take() } else { None }
    }

    fn end(&self) -> State {
        std::mem::replace(&mut *self.lock(), State::Ended)
    }
}

#[pymethods]
impl BatchScan {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<SpanBatch>> {
        let Some(mut run) = self.take() else { return Ok(None) };
        loop {
            let next = run.next(py);
            let Ok(Some(part)) = next else {
                drop(self.end());
                next?;
                warn(py, &self.report(), 1)?;
                return Ok(None);
            };
            if let Some(batch) = part.batch.filter(|batch| !batch.is_empty()) {
                if let State::Running(place) = &mut *self.lock() {
                    *place = Some(run);
                }
                // Where it was closed meanwhile, the run ends here.
                return Ok(Some(SpanBatch::new(batch)));
            }
        }
    }

    /// What was found so far.
    #[getter]
    fn report(&self) -> Report {
        self.watch.report()
    }

    /// Ends it: threads stop, files are closed. Where another thread, or the callable that is told of the progress, does so
    /// while the next batch is waited for, it ends as soon as that is noticed, a tenth of a second later at most where `threads`
    /// are several. A `read()` of a file object that is under way is waited for: a second at most where they
    /// are several, else until it returns.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.watch.end();
        if let State::Running(Some(mut run)) = self.end() { run.stop(py) } else { Ok(()) }
    }

    /// A cycle through it is one through something that can change, since it cannot: Python need clear nothing of it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.held.iter().try_for_each(|held| visit.call(&**held))
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let state = if matches!(&*self.lock(), State::Ended) { "ended" } else { "so far" };
        format!("<spanwise.BatchScan, {state}: {} spans>", self.watch.spans())
    }
}

/// Goes through sources, a `SpanBatch` at a time; see the package.
#[pyfunction]
#[pyo3(signature = (sources, *, mode, policy, on_error, framing, threads, batch_size, progress))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "keywords in Python")]
pub(crate) fn scan_batches(
    py: Python<'_>,
    sources: Vec<Source>,
    #[pyo3(from_py_with = mode)] mode: Mode,
    policy: Option<PolicyArgument>,
    #[pyo3(from_py_with = raises)] on_error: bool,
    #[pyo3(from_py_with = framing)] framing: Framing,
    #[pyo3(from_py_with = threads)] threads: usize,
    #[pyo3(from_py_with = batch_size)] batch_size: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<BatchScan> {
    let policy = policy.map(|policy| policy.load(py)).transpose()?;
    let options =
        RunOptions { mode, framing, raises: on_error, threads, block: batch_size, shows: true, policy };
    let (progress, watch) = (progress.map(Arc::new), Arc::<Watch>::default());
    let held = sources.iter().filter_map(Source::object).chain(&progress).cloned().collect();
    let run = Run::new(py, &sources, &options, None, true, progress, Arc::clone(&watch))?;
    Ok(BatchScan { watch, state: Mutex::new(State::Running(Some(Box::new(run)))), held })
}
