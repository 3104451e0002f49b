//! `read`, `scan_batches` and `validate`.

use std::collections::VecDeque;
use std::ffi::CString;
use std::sync::Mutex;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use spanwise::{DecodeOptions, Decoder, Framing, Mode};
use spanwise_arrow::Converter;

use crate::batch::SpanBatch;
use crate::blocks::{Blocks, Source};
use crate::diagnostic::{Diagnostic, Report};
use crate::errors::{DecodeError, SpanwiseWarning, convert_error, decode_error};
use crate::options::{TableOptions, framing, mode, raises};
use crate::table::Table;

/// What stops a run.
enum Stop {
    Io(std::io::Error),
    Rejected(Box<Diagnostic>),
    /// A document was rejected after so many findings that its own was not kept.
    Unnamed,
    Convert(spanwise_arrow::ConvertError),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl Stop {
    fn into_error(self, py: Python<'_>) -> PyErr {
        match self {
            // An exception that a file object raised comes back as itself.
            Self::Io(error) => error.into(),
            Self::Rejected(diagnostic) => decode_error(py, &diagnostic),
            Self::Unnamed => {
                DecodeError::new_err("a document was rejected, after more findings than are kept")
            }
            Self::Convert(error) => convert_error(&error),
        }
    }
}

/// Decodes the blocks of sources, one after the other.
struct Scan {
    sources: VecDeque<Source>,
    blocks: Option<Blocks>,
    framing: Framing,
    decoder: Decoder,
    raises: bool,
    report: Report,
}

impl Scan {
    fn new(sources: Vec<Source>, mode: Mode, framing: Framing, raises: bool) -> Self {
        let decoder = Decoder::new(DecodeOptions::default().with_mode(mode));
        let report = Report::default();
        Self { sources: sources.into(), blocks: None, framing, decoder, raises, report }
    }

    /// Decodes the next block into `batch` and says where it begins in its source; `None` at the end.
    fn next(&mut self, batch: &mut spanwise::SpanBatch) -> Result<Option<(u64, u64)>, Stop> {
        loop {
            if let Some(blocks) = &mut self.blocks {
                if let Some(block) = blocks.next()? {
                    let decoded = self.decoder.decode_block(block.bytes, block.framing, batch);
                    if let Err(error) = decoded {
                        return Err(Stop::Rejected(Box::new(Diagnostic::new(
                            error.diagnostic(),
                            block.base,
                        ))));
                    }
                    self.report.add(batch, block.base);
                    if self.raises && batch.bad_documents() > 0 {
                        let mut found = batch.diagnostics().map(|one| Diagnostic::new(&one, block.base));
                        return Err(found
                            .find(|one| one.of_document)
                            .map_or(Stop::Unnamed, |one| Stop::Rejected(Box::new(one))));
                    }
                    return Ok(Some(block.base));
                }
                self.blocks = None;
            }
            match self.sources.pop_front() {
                Some(source) => self.blocks = Some(Blocks::open(source, self.framing)?),
                None => return Ok(None),
            }
        }
    }
}

fn warn(py: Python<'_>, report: &Report) -> PyResult<()> {
    if let Some(message) = report.warning() {
        let message = CString::new(message).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        PyErr::warn(py, &py.get_type::<SpanwiseWarning>(), &message, 2)?;
    }
    Ok(())
}

/// Reads sources into a table; see the package.
#[pyfunction]
#[pyo3(signature = (sources, *, mode, columns, promote, layout, llm, names, ids, compact, on_error, framing))]
#[allow(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn read(
    py: Python<'_>,
    sources: Vec<Source>,
    #[pyo3(from_py_with = mode)] mode: Mode,
    columns: Option<Vec<String>>,
    promote: Option<Vec<(String, String)>>,
    layout: &str,
    llm: bool,
    names: &str,
    ids: &str,
    compact: Option<bool>,
    #[pyo3(from_py_with = raises)] on_error: bool,
    #[pyo3(from_py_with = framing)] framing: Framing,
) -> PyResult<Table> {
    let options = TableOptions { columns, promote, layout, llm, names, ids, compact }.read()?;
    let converter = Converter::new(&options).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut converter = converter.across_batches(true);
    let result = py.detach(|| {
        let mut scan = Scan::new(sources, mode, framing, on_error);
        let mut batch = spanwise::SpanBatch::new();
        let mut rows = Vec::new();
        while scan.next(&mut batch)?.is_some() {
            if !batch.is_empty() {
                rows.push(converter.convert(&batch).map_err(Stop::Convert)?);
            }
        }
        converter.settle(&mut rows).map_err(Stop::Convert)?;
        Ok((rows, scan.report))
    });
    let (rows, report) = result.map_err(|stop: Stop| stop.into_error(py))?;
    let table = Table::new(&converter, rows, report);
    warn(py, table.found())?;
    Ok(table)
}

/// Reads sources and reports what is wrong with them; see the package.
#[pyfunction]
#[pyo3(signature = (sources, *, mode, framing))]
pub(crate) fn validate(
    py: Python<'_>,
    sources: Vec<Source>,
    #[pyo3(from_py_with = mode)] mode: Mode,
    #[pyo3(from_py_with = framing)] framing: Framing,
) -> PyResult<Report> {
    let result = py.detach(|| {
        let mut scan = Scan::new(sources, mode, framing, false);
        let mut batch = spanwise::SpanBatch::new();
        while scan.next(&mut batch)?.is_some() {}
        Ok(scan.report)
    });
    result.map_err(|stop: Stop| stop.into_error(py))
}

/// Goes through sources, a batch at a time, in bounded memory.
#[pyclass(frozen, module = "spanwise")]
pub(crate) struct BatchScan(Mutex<Option<Scan>>);

#[pymethods]
impl BatchScan {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<SpanBatch>> {
        // Taken out while it runs: another thread that asks meanwhile sees the end rather than wait for this one.
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(mut scan) = lock().take() else { return Ok(None) };
        let (scan, result) = py.detach(move || {
            let mut batch = spanwise::SpanBatch::new();
            let result = loop {
                match scan.next(&mut batch) {
                    Ok(Some(_)) if batch.is_empty() => {}
                    Ok(Some(base)) => break Ok(Some(SpanBatch::new(batch, base))),
                    Ok(None) => break Ok(None),
                    Err(stop) => break Err(stop),
                }
            };
            (scan, result)
        });
        match result {
            Ok(Some(batch)) => {
                *lock() = Some(scan);
                Ok(Some(batch))
            }
            Ok(None) => {
                warn(py, &scan.report)?;
                Ok(None)
            }
            Err(stop) => Err(stop.into_error(py)),
        }
    }
}

/// Goes through sources, a `SpanBatch` at a time; see the package.
#[pyfunction]
#[pyo3(signature = (sources, *, mode, on_error, framing))]
pub(crate) fn scan_batches(
    sources: Vec<Source>,
    #[pyo3(from_py_with = mode)] mode: Mode,
    #[pyo3(from_py_with = raises)] on_error: bool,
    #[pyo3(from_py_with = framing)] framing: Framing,
) -> BatchScan {
    BatchScan(Mutex::new(Some(Scan::new(sources, mode, framing, on_error))))
}
