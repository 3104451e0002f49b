//! A table of spans, given to any engine as an Arrow C stream.

use std::io::{BufWriter, IntoInnerError};
use std::path::PathBuf;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array as _, RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use spanwise::SpanBatch;
use spanwise_arrow::compact;
use spanwise_arrow::write::{FileFormat, TableWriter, WriteError};
use spanwise_arrow::{ConvertError, Converter, join, plain, plain_schema};
use spanwise_io::AtomicFile;

use crate::errors::{convert_error, write_error};
use crate::options::path;
use crate::report::Report;
use crate::requested;

fn arrow_error(error: &ArrowError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

/// Spans as columns: one row per span. Any engine that speaks Arrow's C stream reads it as it is; it can be read again.
#[pyclass(frozen, module = "spanwise")]
pub(crate) struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    report: Report,
}

impl Table {
    pub(crate) fn new(schema: SchemaRef, batches: Vec<RecordBatch>, report: Report) -> Self {
        Self { schema, batches, report }
    }

    /// What was found.
    pub(crate) fn found(&self) -> &Report {
        &self.report
    }

    fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn engine<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("spanwise._engines")?.getattr(name)?.call1((slf,))
    }
}

#[pymethods]
impl Table {
    /// How many spans it has.
    #[getter]
    fn num_rows(&self) -> usize {
        self.rows()
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// The schema: `names`, `types`, and Arrow's C schema for any engine.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(self.schema.clone())
    }

    /// What was found while reading: what `validate` gives.
    #[getter]
    fn report(&self) -> Report {
        self.report.clone()
    }

    /// Bytes that the columns keep alive: what they share counts once.
    #[getter]
    fn nbytes(&self) -> usize {
        let mut buffers = std::collections::HashMap::new();
        for column in self.batches.iter().flat_map(RecordBatch::columns) {
            let mut data = vec![column.to_data()];
            while let Some(next) = data.pop() {
                for buffer in next.buffers() {
                    buffers.insert(buffer.as_ptr(), buffer.len());
                }
                if let Some(nulls) = next.nulls() {
                    buffers.insert(nulls.buffer().as_ptr(), nulls.buffer().len());
                }
                data.extend(next.child_data().iter().cloned());
            }
        }
        buffers.values().sum()
    }

    fn __len__(&self) -> usize {
        self.rows()
    }

    /// A table of the same rows that keeps nothing alive but its own text.
    fn compact(&self, py: Python<'_>) -> PyResult<Self> {
        let batches = py.detach(|| {
            let joined = join(&self.schema, self.batches.clone())?;
            joined.iter().map(compact).collect::<Result<_, _>>().map_err(ConvertError::from)
        });
        let batches = batches.map_err(|error| convert_error(&error))?;
        Ok(Self { schema: self.schema.clone(), batches, report: self.report.clone() })
    }

    /// Writes the table to a file, which is there whole or as it was before: `.parquet` (zstd), `.arrow`, `.feather`, `.arrows`
    /// (stream), `.jsonl`, `.ndjson` or `.csv`. Raises `OSError` with its number where the file cannot be written, and
    /// `ValueError` for another name, or a table without columns.
    #[allow(clippy::needless_pass_by_value, reason = "what Python gives")]
    fn write(&self, py: Python<'_>, #[pyo3(from_py_with = path)] path: PathBuf) -> PyResult<()> {
        let format = FileFormat::from_path(&path).ok_or_else(|| {
            PyValueError::new_err(
                "the name must end in .parquet, .arrow, .feather, .arrows, .jsonl, .ndjson or .csv",
            )
        })?;
        if self.schema.fields().is_empty() {
            return Err(PyValueError::new_err("a table without columns cannot be written"));
        }
        let written = py.detach(|| {
            let file = BufWriter::new(AtomicFile::create(&path)?);
            let mut writer = TableWriter::new(file, format, &self.schema)?;
            for batch in &self.batches {
                writer.write(batch)?;
            }
            let file = writer.finish()?.into_inner().map_err(IntoInnerError::into_error)?;
            file.commit().map_err(WriteError::Io)
        });
        written.map_err(|error| write_error(py, error, &path))
    }

    /// Arrow's C stream (the `PyCapsule` interface). Each call gives a new stream over the same rows. Of a requested schema it
    /// takes plain strings where there are views, column by column; it gives its own type where another is asked for.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let batches = self.batches.clone().into_iter().map(Ok);
        stream(py, requested_schema, RecordBatchIterator::new(batches, self.schema.clone()))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Schema(self.schema.clone()).__arrow_c_schema__(py)
    }

    /// A polars `DataFrame`. Needs polars.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::engine(slf, "to_polars")
    }

    /// A pandas `DataFrame`. Integers that may be null (tokens, what is promoted to `int64`) are pandas' own `Int64`, in which none is
    /// changed; other columns are as pyarrow makes them. Needs pandas and pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::engine(slf, "to_pandas")
    }

    /// A `pyarrow.Table` with plain strings, which all of pyarrow works on: the text is copied. With `views=True` nothing is,
    /// and strings are views into the text that was read, which most of pyarrow's functions do not take. Needs pyarrow.
    #[pyo3(signature = (*, views=false))]
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>, views: bool) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("spanwise._engines")?.getattr("to_pyarrow")?.call1((slf, views))
    }

    /// The first rows as JSON lines: what `_repr_html_` shows.
    #[pyo3(signature = (rows=10))]
    fn _preview(&self, rows: usize) -> PyResult<String> {
        let mut left = rows;
        let mut parts = Vec::new();
        for batch in &self.batches {
            let part = batch.slice(0, left.min(batch.num_rows()));
            left -= part.num_rows();
            parts.push(part);
        }
        let text = spanwise_arrow::write::to_vec(FileFormat::JsonLines, &self.schema, &parts)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        String::from_utf8(text).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::engine(slf, "to_html")
    }

    fn __repr__(&self) -> String {
        let names = self.column_names();
        format!("<spanwise.Table of {} spans, {} columns: {}>", self.rows(), names.len(), names.join(", "))
    }
}

/// What a table without rows has: a record batch, in which the words of `kind` and `status_code` are there as in any other. An engine
/// that makes categories of them, as pandas does, has the same ones then.
pub(crate) fn no_rows(converter: &mut Converter) -> PyResult<RecordBatch> {
    converter.convert(&SpanBatch::new()).map_err(|error| convert_error(&error))
}

/// The rows of a reader as Arrow's C stream, in the requested schema as far as that asks for plain strings.
pub(crate) fn stream<'py>(
    py: Python<'py>,
    requested_schema: Option<Bound<'py, PyAny>>,
    reader: impl RecordBatchReader + Send + 'static,
) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = reader.schema();
    let wanted = requested_schema.filter(|requested| !requested.is_none());
    let wanted = wanted.map(|requested| requested::schema(&requested, &schema)).transpose()?;
    let stream = match wanted.filter(|wanted| *wanted != schema) {
        None => FFI_ArrowArrayStream::new(Box::new(reader)),
        Some(wanted) => {
            let asked = wanted.clone();
            // Plain strings may take several batches for one of views.
            let batches =
                reader.flat_map(move |batch| match batch.and_then(|batch| Ok(plain(&batch, &asked)?)) {
                    Ok(parts) => parts.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                });
            FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new(batches, wanted)))
        }
    };
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

/// The schema of a table: `names`, `types` (as text), `len()`, and Arrow's C schema for any engine.
#[pyclass(frozen, module = "spanwise")]
pub(crate) struct Schema(pub(crate) SchemaRef);

#[pymethods]
impl Schema {
    /// The names of the columns.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.0.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// The types of the columns, as Arrow writes them.
    #[getter]
    fn types(&self) -> Vec<String> {
        self.0.fields().iter().map(|field| field.data_type().to_string()).collect()
    }

    /// The same with plain strings in place of views: what to request of a table's or a scan's stream where an engine does not
    /// work on views. `pyarrow.RecordBatchReader.from_stream(scan, schema=pyarrow.schema(scan.schema.plain()))`
    fn plain(&self) -> Self {
        Self(plain_schema(&self.0))
    }

    fn __len__(&self) -> usize {
        self.0.fields().len()
    }

    pub(crate) fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.0.as_ref()).map_err(|error| arrow_error(&error))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    fn __repr__(&self) -> String {
        let lines = self.0.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type()));
        lines.collect::<Vec<_>>().join("\n")
    }
}
