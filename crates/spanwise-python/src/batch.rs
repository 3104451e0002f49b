//! One request, or one block of a file, as a sequence of spans.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyMemoryView, PySlice};
use spanwise::{DecodeOptions, Decoder};
use spanwise_arrow::Converter;

use crate::diagnostic::Diagnostic;
use crate::errors::{convert_error, decode_error, is_json};
use crate::options::{TableOptions, columns, mode_of, promote};
use crate::redact::PolicyArgument;
use crate::report::Report;
use crate::run::warn_of_mismatches;
use crate::span::Span;
use crate::table::Table;

/// A sequence of spans: `len()`, indexing, iteration, `index`, `count`. A span is made when it is touched.
#[pyclass(frozen, sequence, module = "spanwise")]
pub(crate) struct SpanBatch {
    pub(crate) inner: Arc<spanwise::SpanBatch>,
}

impl SpanBatch {
    pub(crate) fn new(inner: spanwise::SpanBatch) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

#[pymethods]
impl SpanBatch {
    fn __len__(&self) -> usize {
        self.inner.len()
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let len = slf.get().inner.len();
        if let Ok(slice) = index.cast::<PySlice>() {
            let indices = slice.indices(isize::try_from(len)?)?;
            let list = PyList::empty(py);
            let mut at = indices.start;
            for _ in 0..indices.slicelength {
                list.append(Span::at(slf, usize::try_from(at)?))?;
                at += indices.step;
            }
            return Ok(list.into_any());
        }
        let index: isize = index.extract()?;
        let index = if index < 0 { index + isize::try_from(len)? } else { index };
        match usize::try_from(index).ok().filter(|index| *index < len) {
            Some(index) => Ok(Bound::new(py, Span::at(slf, index))?.into_any()),
            None => Err(PyIndexError::new_err(format!("span index out of range: the batch has {len} spans"))),
        }
    }

    fn __iter__(slf: &Bound<'_, Self>) -> SpanIterator {
        SpanIterator { batch: slf.clone().unbind(), next: 0 }
    }

    /// The place of the first span that is equal to `value`, from `start` on and before `stop`, as of a list.
    #[pyo3(signature = (value, start=0, stop=isize::MAX))]
    fn index(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>, start: isize, stop: isize) -> PyResult<usize> {
        let len = isize::try_from(slf.get().inner.len())?;
        let place = |at: isize| (if at < 0 { at.saturating_add(len) } else { at }).clamp(0, len);
        for at in place(start)..place(stop) {
            let at = usize::try_from(at)?;
            if Bound::new(slf.py(), Span::at(slf, at))?.eq(value)? {
                return Ok(at);
            }
        }
        Err(PyValueError::new_err("no span of the batch is equal to it"))
    }

    /// How many spans are equal to `value`.
    fn count(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut count = 0;
        for at in 0..slf.get().inner.len() {
            count += usize::from(Bound::new(slf.py(), Span::at(slf, at))?.eq(value)?);
        }
        Ok(count)
    }

    /// Spans that strict mode rejected.
    #[getter]
    fn rejected_spans(&self) -> u64 {
        self.inner.rejected_spans()
    }

    /// The findings.
    #[getter]
    fn diagnostics(&self) -> Vec<Diagnostic> {
        self.inner.diagnostics().map(|diagnostic| Diagnostic::new(&diagnostic)).collect()
    }

    /// The batch as one canonical OTLP/JSON request, as bytes.
    fn to_json<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let json = py.detach(|| spanwise::encode(&self.inner));
        PyBytes::new(py, &json)
    }

    /// The batch without what the policy takes out, in buffers of its own; `policy` as for `spanwise.redact`.
    fn redact(&self, py: Python<'_>, policy: PolicyArgument) -> PyResult<Self> {
        policy.load(py)?.redact_batch(py, &self.inner).map(Self::new)
    }

    /// The batch as a table; the options, which are about columns, are those of `read`. Values that cannot be of their promoted column's type are null, with
    /// a `SpanwiseWarning`, and counted in `table.report.mismatches`.
    #[pyo3(signature = (*, columns=None, promote=None, layout="map", llm=false, names="spanwise", ids="text", times="nanoseconds", compact=None))]
    #[allow(clippy::too_many_arguments, reason = "keywords in Python")]
    fn to_table(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = columns)] columns: Option<Vec<String>>,
        #[pyo3(from_py_with = promote)] promote: Option<Vec<(String, String)>>,
        layout: &str,
        llm: bool,
        names: &str,
        ids: &str,
        times: &str,
        compact: Option<bool>,
    ) -> PyResult<Table> {
        let options = TableOptions { columns, promote, layout, llm, names, ids, times, compact }.read()?;
        let table = py.detach(|| {
            let mut report = Report::default();
            report.add(&self.inner, |found| Diagnostic::new(&found));
            let mut converter =
                Converter::new(&options).map_err(|error| PyValueError::new_err(error.to_string()))?;
            let rows = converter.convert(&self.inner).map_err(|error| convert_error(&error))?;
            report.mismatched(&converter);
            Ok::<_, PyErr>(Table::new(converter.schema().clone(), vec![rows], report))
        })?;
        // What decoding left out, its caller knows already.
        warn_of_mismatches(py, table.found())?;
        Ok(table)
    }

    fn __repr__(&self) -> String {
        format!(
            "<SpanBatch of {} spans, {} rejected, {} errors, {} warnings>",
            self.inner.len(),
            self.inner.rejected_spans(),
            self.inner.error_count(),
            self.inner.warning_count()
        )
    }
}

/// Goes through the spans of a batch.
#[pyclass(module = "spanwise")]
pub(crate) struct SpanIterator {
    batch: Py<SpanBatch>,
    next: usize,
}

#[pymethods]
impl SpanIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> Option<Span> {
        let batch = self.batch.bind(py);
        if self.next >= batch.get().inner.len() {
            return None;
        }
        self.next += 1;
        Some(Span::at(batch, self.next - 1))
    }
}

/// The bytes of a bytes-like object. `bytes` are shared; what can change is copied.
pub(crate) fn bytes_of(object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if object.is_instance_of::<PyBytes>() {
        return Ok(Bytes::from_owner(object.extract::<PyBackedBytes>()?));
    }
    if let Ok(array) = object.cast::<PyByteArray>() {
        return Ok(Bytes::from(array.to_vec()));
    }
    if let Ok(buffer) = PyBuffer::<u8>::get(object) {
        return Ok(Bytes::from(buffer.to_vec(object.py())?));
    }
    // Bytes with a sign, and characters.
    if let Ok(view) = PyMemoryView::from(object) {
        let format: String = view.getattr("format")?.extract()?;
        if matches!(format.trim_start_matches(['@', '=', '<', '>', '!']), "b" | "c" | "B") {
            return bytes_of(&view.call_method0("tobytes")?);
        }
    }
    let found = object.get_type().name()?;
    let hint = match object.extract::<PathBuf>() {
        Ok(text) if is_json(&text.to_string_lossy()) => ": encode it",
        Ok(_) => ": of a file pass what is in it, as pathlib.Path(name).read_bytes() gives it",
        Err(_) => "",
    };
    Err(PyTypeError::new_err(format!("expected a bytes-like object, found {found}{hint}")))
}

/// As much of a payload as tells what it is that is no JSON.
pub(crate) fn start_of(payload: &Bytes) -> Bytes {
    payload.slice(..payload.len().min(512))
}

/// Decodes one request's payload, a bytes-like object, into a `SpanBatch`.
///
/// The payload is JSON text; what is compressed is for `read`, `scan`, `scan_batches`, `validate` and `summary`.
///
/// `mode` is "lenient" (the default: takes what known exporters send, each liberty is a warning) or "strict". Raises
/// `DecodeError` if the payload is not JSON, not UTF-8 (strict) or beyond a bound. Faults of single spans never raise: they are
/// in `.rejected_spans` and `.diagnostics`.
#[pyfunction]
#[pyo3(signature = (payload, *, mode="lenient"))]
pub(crate) fn decode(py: Python<'_>, payload: &Bound<'_, PyAny>, mode: &str) -> PyResult<SpanBatch> {
    let mode = mode_of(mode)?;
    let payload = bytes_of(payload)?;
    let start = start_of(&payload);
    let result = py.detach(|| {
        let mut batch = spanwise::SpanBatch::new();
        Decoder::new(DecodeOptions::default().with_mode(mode)).decode(payload, &mut batch).map(|()| batch)
    });
    match result {
        Ok(batch) => Ok(SpanBatch::new(batch)),
        Err(error) => Err(decode_error(py, &Diagnostic::new(error.diagnostic()).of_payload(&start))),
    }
}
