//! `scan`: tables one after the other, and an Arrow stream that is read as it is asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3::{PyTraverseError, PyVisit};
use spanwise::{Framing, Mode};
use spanwise_arrow::Converter;

use crate::options::{TableOptions, batch_size, columns, framing, mode, promote, raises, threads};
use crate::redact::PolicyArgument;
use crate::report::Report;
use crate::run::{Run, RunOptions, warn};
use crate::source::Source;
use crate::table::{Schema, Table, stream};
use crate::watch::{Held, Watch};

/// How to run, as often as it is asked for.
struct Plan {
    sources: Vec<Source>,
    options: RunOptions,
    converter: Converter,
    progress: Option<Held>,
}

impl Plan {
    fn run(&self, py: Python<'_>, watch: Arc<Watch>) -> PyResult<Run> {
        let Self { sources, options, converter, progress } = self;
        Run::new(py, sources, options, Some(converter), false, progress.clone(), watch)
    }

    /// The same for an engine. It holds references of its own: what Python's search for cycles does not see there is in use.
    fn apart(&self, py: Python<'_>) -> PyResult<Run> {
        let Self { sources, options, converter, progress } = self;
        let sources: Vec<_> = sources.iter().map(|source| source.apart(py)).collect();
        let progress = progress.as_ref().map(|progress| progress.call_method0(py, "apart")).transpose()?;
        let progress = progress.filter(|progress| !progress.is_none(py)).map(Arc::new);
        Run::new(py, &sources, options, Some(converter), false, progress, Arc::default())
    }

    /// A file object is read once.
    fn is_once(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, Source::File(_)))
    }
}

/// How far the iteration is.
enum State {
    New,
    /// The run is taken out while it is at work, and made: another thread that asks meanwhile sees the end rather than wait for
    /// this one.
    Running(Option<Box<Run>>),
    Ended,
}

struct Shared {
    state: State,
    /// Of the run that ended last. While the iteration goes on, its `watch` has it.
    report: Report,
    /// File objects have been read.
    spent: bool,
}

/// Spans of sources as tables, one after the other, in bounded memory: an iterator of `Table`. As an Arrow stream it is read as
/// the engine asks for it, from the beginning each time.
#[pyclass(frozen, module = "spanwise")]
pub(crate) struct Scan {
    plan: Plan,
    /// The iteration.
    watch: Arc<Watch>,
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
    warn(py, &run.report(), 1)?;
    Ok(None)
}

impl Scan {
    /// What is read once is to be read now.
    fn spend(&self) -> PyResult<()> {
        if self.plan.is_once() && std::mem::replace(&mut lock(&self.shared).spent, true) {
            return Err(PyValueError::new_err(
                "a file object can be read only once: scan it again from a path",
            ));
        }
        Ok(())
    }

    /// Takes the iteration's run out, or begins it.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Box<Run>>> {
        let mut shared = lock(&self.shared);
        match &mut shared.state {
            State::New => shared.state = State::Running(None),
            State::Running(run) => return Ok(run.take()),
            State::Ended => return Ok(None),
        }
        drop(shared);
        let run = self.spend().and_then(|()| self.plan.run(py, Arc::clone(&self.watch)));
        if run.is_err() {
            self.ended();
        }
        run.map(|run| Some(Box::new(run)))
    }

    /// Puts the iteration's run back. Where it was closed meanwhile, the run ends, outside of the lock.
    fn give_back(&self, run: Box<Run>) {
        let left = match &mut lock(&self.shared).state {
            State::Running(place) => place.replace(run),
            State::New | State::Ended => Some(run),
        };
        if left.is_some() {
            drop(left);
            self.ended();
        }
    }

    /// Ends the iteration; says how far it was. Whoever looks while its run stops sees what was found.
    fn end(&self) -> State {
        let mut shared = lock(&self.shared);
        if let State::Running(_) = shared.state {
            shared.report = self.watch.report();
        }
        std::mem::replace(&mut shared.state, State::Ended)
    }

    /// Takes note of the end of the iteration.
    fn ended(&self) {
        let mut shared = lock(&self.shared);
        (shared.state, shared.report) = (State::Ended, self.watch.report());
    }
}

#[pymethods]
impl Scan {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Table>> {
        let Some(mut run) = self.take(py)? else { return Ok(None) };
        let next = next_rows(py, &mut run);
        let Ok(Some((rows, report))) = next else {
            self.ended();
            return next.map(|_| None);
        };
        self.give_back(run);
        Ok(Some(Table::new(self.plan.converter.schema().clone(), vec![rows], report)))
    }

    /// The columns, which are known before anything is read.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(self.plan.converter.schema().clone())
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<&str> {
        self.plan.converter.schema().fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// What was found so far by the iteration, or by the run that ended last.
    #[getter]
    fn report(&self) -> Report {
        let shared = lock(&self.shared);
        if let State::Running(_) = &shared.state { self.watch.report() } else { shared.report.clone() }
    }

    /// Ends the iteration: threads stop, files are closed. Where another thread, or the callable that is told of the progress,
    /// does so while the next table is waited for, it ends as soon as that is noticed, a tenth of a second later at most where
    /// `threads` are several. A `read()` of a file object that is under way is waited for: a second at most where they
    /// are several, else until it returns.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let State::Running(run) = self.end() else { return Ok(()) };
        self.watch.end();
        let stopped = run.map_or(Ok(()), |mut run| run.stop(py));
        self.ended();
        stopped
    }

    /// A cycle through it is one through something that can change, since it cannot: Python need clear nothing of it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let files = self.plan.sources.iter().filter_map(Source::object);
        files.chain(&self.plan.progress).try_for_each(|held| visit.call(&**held))
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    /// Arrow's C stream (the `PyCapsule` interface). Each call reads the sources anew.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.spend()?;
        let run = Some(self.plan.apart(py)?);
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
                lock(&self.shared).report = run.report();
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
    let progress = progress.map(Arc::new);
    let plan = Plan { sources, options, converter, progress };
    let shared = Shared { state: State::New, report: Report::default(), spent: false };
    Ok(Scan { plan, watch: Arc::default(), shared: Arc::new(Mutex::new(shared)) })
}
