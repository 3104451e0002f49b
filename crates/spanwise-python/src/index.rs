//! `Index`: spans that `TraceQL` is asked of, in memory or in files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use spanwise::index::{FacetError, FacetValue, IndexError, Order, Query};
use spanwise_arrow::{Converter, Telling, pick};
use spanwise_io::{BatchRows, IndexFileError, SpanIndex};

use crate::batch::{SpanBatch, decode};
use crate::errors::{SpanwiseWarning, convert_error, index_file_error, index_file_error_at, query_error};
use crate::options::{TableOptions, bins, columns, limit, limit_of_values, path, promote, shares};
use crate::report::Report;
use crate::run::{warn_of_mismatches, warn_of_payload};
use crate::table::{Table, no_rows};

/// Spans, and an index over their fields that answers `TraceQL`.
#[pyclass(frozen, module = "spanwise")]
#[derive(Default)]
pub(crate) struct Index(RwLock<SpanIndex>);

fn index_error(error: IndexError) -> PyErr {
    index_file_error(error.into())
}

fn facet_error(py: Python<'_>, error: FacetError) -> PyErr {
    match error {
        FacetError::Field(error) => query_error(py, &error),
        FacetError::Index(error) => index_error(error),
        other => PyValueError::new_err(other.to_string()),
    }
}

fn order_of(order: &str) -> PyResult<Order> {
    order.parse().map_err(|_| {
        PyValueError::new_err(
            "order is one of \"input\", \"earliest\", \"latest\", \"shortest\" and \"longest\"",
        )
    })
}

/// Reads a query; what may not mean what its author thinks is a warning.
fn parse(py: Python<'_>, query: &str) -> PyResult<Query> {
    let query = Query::parse(query).map_err(|error| query_error(py, &error))?;
    for warning in query.warnings() {
        let message = std::ffi::CString::new(format!("the query, {warning}"))?;
        PyErr::warn(py, &py.get_type::<SpanwiseWarning>(), &message, 1)?;
    }
    Ok(query)
}

/// The first `limit` rows that a query picks, in an order; without a limit, all.
fn first(
    index: &SpanIndex,
    query: &Query,
    order: Order,
    limit: Option<usize>,
) -> Result<Vec<u32>, IndexFileError> {
    index.first(&index.run(query)?, order, limit.unwrap_or(usize::MAX))
}

fn table(index: &SpanIndex, rows: &[u32], mut converter: Converter) -> PyResult<Table> {
    if rows.is_empty() {
        let none = no_rows(&mut converter)?;
        return Ok(Table::new(converter.schema().clone(), vec![none], Report::of_rows(0, &converter)));
    }
    // Only batches that have a row are converted, unless all must be known to tell requests apart.
    let mut numbers = BTreeMap::new();
    if converter.is_across_batches() {
        numbers.extend((0..index.batches().map_err(index_file_error)?).map(|number| (number, 0)));
    }
    let mut places = vec![(0, 0); rows.len()];
    let mut picked: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for BatchRows { number, spans, .. } in index.by_batch(rows.iter().copied()).map_err(index_file_error)? {
        numbers.insert(number, 0);
        for (span, place) in &spans {
            if let Some(place) = places.get_mut(*place) {
                *place = (number, *span as usize);
            }
        }
        picked.insert(number, spans.into_iter().map(|(span, _)| span as usize).collect());
    }
    let mut tables = Vec::new();
    let mut report = Report::of_rows(rows.len(), &converter);
    for (number, place) in &mut numbers {
        *place = tables.len();
        let batch = index.batch(*number).map_err(index_file_error)?;
        tables.push(converter.convert(&batch).map_err(|error| convert_error(&error))?);
        // Of what was converted, only what was picked is told of.
        if converter.take_mismatches().iter().any(|count| *count > 0) {
            let picked = picked.get(number).map_or(&[][..], Vec::as_slice);
            let counts = converter.mismatches_among(&batch, picked);
            for ((key, _), count) in converter.mismatches().zip(counts) {
                *report.mismatches.entry(key.to_owned()).or_default() += count;
            }
        }
    }
    converter.settle(&mut tables).map_err(|error| convert_error(&error))?;
    for (number, _) in &mut places {
        *number = numbers.get(number).copied().unwrap_or_default();
    }
    let picked = pick(converter.schema(), &tables, &places).map_err(|error| convert_error(&error))?;
    Ok(Table::new(converter.schema().clone(), vec![picked], report))
}

impl Index {
    fn read(&self) -> RwLockReadGuard<'_, SpanIndex> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, SpanIndex> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Index {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Adds spans: a `SpanBatch`, or a payload that is decoded as `spanwise.decode` does. Where spans of a payload are not added,
    /// or may not all have been found, where a value of another type is left out or it holds something else than traces, there is
    /// a `SpanwiseWarning`; of a batch its `diagnostics` say so. A member of a span that is not known draws none.
    #[pyo3(signature = (spans, *, mode="lenient"))]
    fn add(&self, py: Python<'_>, spans: &Bound<'_, PyAny>, mode: &str) -> PyResult<()> {
        if let Ok(batch) = spans.cast::<SpanBatch>() {
            let batch = Arc::clone(&batch.get().inner);
            return py.detach(|| self.write().add(batch)).map_err(index_file_error);
        }
        let batch = decode(py, spans, mode)?.inner;
        py.detach(|| self.write().add(Arc::clone(&batch))).map_err(index_file_error)?;
        warn_of_payload(py, &batch)
    }

    /// The spans that a query picks, as a table, `limit` of them at most. `order` is "input", "earliest" or "latest" (by start;
    /// spans that do not say when are last), "shortest" or "longest" (by duration). The other options are about columns, as those of
    /// `read`. Values that cannot be of their promoted column's type are null, with a `SpanwiseWarning`, and counted in
    /// `table.report.mismatches`; nothing else is in that report but the number of rows. A query that mixes `&&` and `||` without
    /// parentheses draws a `SpanwiseWarning`, too.
    #[pyo3(signature = (
        query, *, limit=None, order="input", columns=None, promote=None, layout="map", llm=false, names="spanwise",
        ids="text", times="nanoseconds"
    ))]
    #[allow(clippy::too_many_arguments, reason = "keywords in Python")]
    fn query(
        &self,
        py: Python<'_>,
        query: &str,
        #[pyo3(from_py_with = limit)] limit: Option<usize>,
        order: &str,
        #[pyo3(from_py_with = columns)] columns: Option<Vec<String>>,
        #[pyo3(from_py_with = promote)] promote: Option<Vec<(String, String)>>,
        layout: &str,
        llm: bool,
        names: &str,
        ids: &str,
        times: &str,
    ) -> PyResult<Table> {
        let (query, order) = (parse(py, query)?, order_of(order)?);
        // What is picked is copied out anyway.
        let compact = Some(false);
        let options = TableOptions { columns, promote, layout, llm, names, ids, times, compact }.read()?;
        let converter = Converter::new(&options).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let converter = converter.telling(Telling::Across);
        let found = py.detach(|| {
            let index = self.read();
            let rows = first(&index, &query, order, limit).map_err(index_file_error)?;
            table(&index, &rows, converter)
        })?;
        warn_of_mismatches(py, found.found())?;
        Ok(found)
    }

    /// The ids of the spans that a query picks: pairs of trace id and span id. `limit` and `order` as those of `query`.
    #[pyo3(signature = (query, *, limit=None, order="input"))]
    fn ids(
        &self,
        py: Python<'_>,
        query: &str,
        #[pyo3(from_py_with = limit)] limit: Option<usize>,
        order: &str,
    ) -> PyResult<Vec<(String, String)>> {
        let (query, order) = (parse(py, query)?, order_of(order)?);
        let found: Result<_, IndexFileError> = py.detach(|| {
            let index = self.read();
            let rows = first(&index, &query, order, limit)?;
            let mut ids = vec![(String::new(), String::new()); rows.len()];
            for BatchRows { number, spans, .. } in index.by_batch(rows)? {
                let batch = index.batch(number)?;
                for (span, place) in spans {
                    if let (Some(span), Some(ids)) = (batch.span(span as usize), ids.get_mut(place)) {
                        *ids = (span.trace_id().into_owned(), span.span_id().into_owned());
                    }
                }
            }
            Ok(ids)
        });
        found.map_err(index_file_error)
    }

    /// How many spans a query picks.
    fn count(&self, py: Python<'_>, query: &str) -> PyResult<u64> {
        let query = parse(py, query)?;
        py.detach(|| Ok(self.read().run(&query).map_err(index_file_error)?.len()))
    }

    /// The fields that spans have, as a query names them, each with how many spans have it.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let keys = py.detach(|| self.read().index().keys()).map_err(index_error)?;
        let found = PyDict::new(py);
        for key in keys {
            found.set_item(key.field, key.spans)?;
        }
        Ok(found)
    }

    /// The commonest values of a field, each with how many spans have it. A last pair with None counts the spans with others:
    /// those that are more than `limit`, bytes, maps, and texts of more than 256 bytes. `keys()` lists the fields, and `duration`
    /// (nanoseconds) has values, too. Raises `QueryError` for what has none in an index: ids of spans and traces, and what is
    /// known of a trace as a whole.
    #[pyo3(signature = (field, *, limit=100))]
    fn values(
        &self,
        py: Python<'_>,
        field: &str,
        #[pyo3(from_py_with = limit_of_values)] limit: usize,
    ) -> PyResult<Vec<(Py<PyAny>, u64)>> {
        let found = py.detach(|| self.read().index().values(field, limit));
        let found = found.map_err(|error| facet_error(py, error))?;
        let (mut values, mut others) = (Vec::new(), found.others);
        for (value, spans) in found.values {
            let value = match value {
                FacetValue::Text(text) => text.into_py_any(py)?,
                FacetValue::Int(number) => number.into_py_any(py)?,
                FacetValue::Double(number) => number.into_py_any(py)?,
                FacetValue::Bool(value) => value.into_py_any(py)?,
                // What Python has no object for is one of those that are not itemised.
                _ => {
                    others += spans;
                    continue;
                }
            };
            values.push((value, spans));
        }
        if others > 0 {
            values.push((py.None(), others));
        }
        Ok(values)
    }

    /// The numbers of a field in bins of one width: low, high and count of each; `bins` is from 1 to 65,536. One bin if all
    /// numbers are the same, and none where there are none. NaN and infinities are left out, and `status` and `kind` have the
    /// numbers that OTLP gives their words. Errors as those of `values`.
    #[pyo3(signature = (field, *, bins=10))]
    fn histogram(
        &self,
        py: Python<'_>,
        field: &str,
        #[pyo3(from_py_with = bins)] bins: usize,
    ) -> PyResult<Vec<(f64, f64, u64)>> {
        let found = py.detach(|| self.read().index().histogram(field, bins));
        let found = found.map_err(|error| facet_error(py, error))?;
        Ok(found.into_iter().map(|bin| (bin.low, bin.high, bin.count)).collect())
    }

    /// Quantiles of a field's numbers, each a number that is there; `shares` are from 0 to 1. Empty where there are none.
    /// Which numbers there are is as in `histogram`. Errors as those of `values`.
    #[allow(clippy::needless_pass_by_value, reason = "what Python gives")]
    fn quantiles(
        &self,
        py: Python<'_>,
        field: &str,
        #[pyo3(from_py_with = shares)] shares: Vec<f64>,
    ) -> PyResult<Vec<f64>> {
        let found = py.detach(|| self.read().index().quantiles(field, &shares));
        found.map_err(|error| facet_error(py, error))
    }

    /// Adds the spans of another index after these: all of them, or none where it cannot be read.
    fn merge(slf: &Bound<'_, Self>, other: &Bound<'_, Self>) -> PyResult<()> {
        if slf.is(other) {
            return Err(PyValueError::new_err("an index cannot be merged with itself"));
        }
        let (ours, theirs) = (slf.get(), other.get());
        slf.py().detach(|| {
            // Two threads that merge two indexes with each other take the locks in one order.
            let (mut ours, theirs) = if std::ptr::from_ref(ours) < std::ptr::from_ref(theirs) {
                let ours = ours.write();
                (ours, theirs.read())
            } else {
                let theirs = theirs.read();
                (ours.write(), theirs)
            };
            ours.merge(&theirs).map_err(index_file_error)
        })
    }

    /// Writes the index to a file, which is there whole or as it was before. Spans that are in memory are kept in it, as
    /// canonical JSON; those of an index that was opened stay in their files.
    #[allow(clippy::needless_pass_by_value, reason = "what Python gives")]
    fn save(&self, py: Python<'_>, #[pyo3(from_py_with = path)] path: PathBuf) -> PyResult<()> {
        let saved = py.detach(|| self.read().save(&path));
        saved.map(drop).map_err(|error| index_file_error_at(py, error, &path))
    }

    /// Opens an index file, as `save` or the command `spanwise index` wrote it. Its columns are read when a query asks for them,
    /// and spans when they are asked for.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value, reason = "what Python gives")]
    fn open(py: Python<'_>, #[pyo3(from_py_with = path)] path: PathBuf) -> PyResult<Self> {
        let index = py.detach(|| SpanIndex::open(&path));
        let index = index.map_err(|error| index_file_error_at(py, error, &path))?;
        Ok(Self(RwLock::new(index)))
    }

    /// Bytes of memory that the index takes, nearly, without the spans. What is in a file and was not asked for takes none.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> usize {
        py.detach(|| self.read().index().memory())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| self.read().index().len() as usize)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<spanwise.Index of {} spans>", self.__len__(py))
    }
}
