//! `Index`: spans that `TraceQL` is asked of, in memory.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::{PyRuntimeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use spanwise::index::{FacetValue, IndexError, Order, Query, RowSet, Scan};
use spanwise_arrow::{Converter, pick};

use crate::batch::{SpanBatch, decode};
use crate::diagnostic::Report;
use crate::errors::{convert_error, query_error};
use crate::options::TableOptions;
use crate::table::Table;

/// The index, and the spans that it is of.
#[derive(Default)]
struct Indexed {
    index: spanwise::index::Index,
    batches: Vec<Arc<spanwise::SpanBatch>>,
    /// The row that each batch begins with.
    starts: Vec<u32>,
}

/// Spans, and an index over their fields that answers `TraceQL`.
#[pyclass(frozen, module = "spanwise")]
#[derive(Default)]
pub(crate) struct Index(RwLock<Indexed>);

fn index_error(error: &IndexError) -> PyErr {
    match error {
        IndexError::TooManyRows => PyValueError::new_err(error.to_string()),
        _ => PyRuntimeError::new_err(error.to_string()),
    }
}

fn order_of(order: &str) -> PyResult<Order> {
    Ok(match order {
        "input" => Order::Input,
        "earliest" => Order::Earliest,
        "latest" => Order::Latest,
        "shortest" => Order::Shortest,
        "longest" => Order::Longest,
        _ => {
            return Err(PyValueError::new_err(
                "order is one of \"input\", \"earliest\", \"latest\", \"shortest\" and \"longest\"",
            ));
        }
    })
}

/// Reads a query; what may not mean what its author thinks is a warning.
fn parse(py: Python<'_>, query: &str) -> PyResult<Query> {
    let query = Query::parse(query).map_err(|error| query_error(py, &error))?;
    for warning in query.warnings() {
        let message = std::ffi::CString::new(format!("the query, {warning}"))?;
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &message, 1)?;
    }
    Ok(query)
}

impl Indexed {
    fn scan(&self) -> Scan<'_> {
        Scan::new(self.batches.iter().map(|batch| &**batch))
    }

    fn run(&self, query: &Query) -> PyResult<RowSet> {
        self.index.run(query, &self.scan()).map_err(|error| index_error(&error))
    }

    fn first(&self, query: &Query, order: Order, limit: Option<usize>) -> PyResult<Vec<u32>> {
        let rows = self.run(query)?;
        self.index.first(&rows, order, limit.unwrap_or(usize::MAX)).map_err(|error| index_error(&error))
    }

    fn push(&mut self, batch: Arc<spanwise::SpanBatch>) -> PyResult<()> {
        let start = self.index.len();
        self.index.add(&batch).map_err(|error| index_error(&error))?;
        self.starts.push(start);
        self.batches.push(batch);
        Ok(())
    }

    /// The number of the batch of a row, and its place there.
    fn place(&self, row: u32) -> (usize, usize) {
        let batch = self.starts.partition_point(|start| *start <= row).saturating_sub(1);
        let start = self.starts.get(batch).copied().unwrap_or(0);
        (batch, row.saturating_sub(start) as usize)
    }

    fn table(&self, rows: &[u32], mut converter: Converter) -> PyResult<Table> {
        let mut places: Vec<_> = rows.iter().map(|row| self.place(*row)).collect();
        // Only batches that have a row are converted, unless all must be known to tell requests apart.
        let mut wanted = vec![converter.is_across_batches(); self.batches.len()];
        for (batch, _) in &places {
            if let Some(wanted) = wanted.get_mut(*batch) {
                *wanted = true;
            }
        }
        let mut tables = Vec::new();
        let mut numbers = vec![0; self.batches.len()];
        for ((batch, number), _) in
            self.batches.iter().zip(&mut numbers).zip(wanted).filter(|(_, wanted)| *wanted)
        {
            *number = tables.len();
            tables.push(converter.convert(batch).map_err(|error| convert_error(&error))?);
        }
        converter.settle(&mut tables).map_err(|error| convert_error(&error))?;
        for (batch, _) in &mut places {
            *batch = numbers.get(*batch).copied().unwrap_or_default();
        }
        let picked = pick(converter.schema(), &tables, &places).map_err(|error| convert_error(&error))?;
        Ok(Table::new(converter.schema().clone(), vec![picked], Report::default()))
    }
}

impl Index {
    fn read(&self) -> RwLockReadGuard<'_, Indexed> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Indexed> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Index {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Adds spans: a `SpanBatch`, or a payload that is decoded as `spanwise.decode` does.
    #[pyo3(signature = (spans, *, mode="lenient"))]
    fn add(&self, py: Python<'_>, spans: &Bound<'_, PyAny>, mode: &str) -> PyResult<()> {
        let batch = match spans.cast::<SpanBatch>() {
            Ok(batch) => Arc::clone(&batch.get().inner),
            Err(_) => decode(py, spans, mode)?.inner,
        };
        py.detach(|| self.write().push(batch))
    }

    /// The spans that a query picks, as a table; the options are those of `read`.
    #[pyo3(signature = (
        query, *, limit=None, order="input", columns=None, promote=None, layout="map", llm=false, names="spanwise",
        ids="text"
    ))]
    #[allow(clippy::too_many_arguments, reason = "keywords in Python")]
    fn query(
        &self,
        py: Python<'_>,
        query: &str,
        limit: Option<usize>,
        order: &str,
        columns: Option<Vec<String>>,
        promote: Option<Bound<'_, PyDict>>,
        layout: &str,
        llm: bool,
        names: &str,
        ids: &str,
    ) -> PyResult<Table> {
        let (query, order) = (parse(py, query)?, order_of(order)?);
        let promote = promote.map(|dict| dict.items().extract()).transpose()?;
        // What is picked is copied out anyway.
        let compact = Some(false);
        let options = TableOptions { columns, promote, layout, llm, names, ids, compact }.read()?;
        let converter = Converter::new(&options).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let converter = converter.across_batches(true);
        py.detach(|| {
            let indexed = self.read();
            let rows = indexed.first(&query, order, limit)?;
            indexed.table(&rows, converter)
        })
    }

    /// The ids of the spans that a query picks: pairs of trace id and span id.
    #[pyo3(signature = (query, *, limit=None, order="input"))]
    fn ids(
        &self,
        py: Python<'_>,
        query: &str,
        limit: Option<usize>,
        order: &str,
    ) -> PyResult<Vec<(String, String)>> {
        let (query, order) = (parse(py, query)?, order_of(order)?);
        py.detach(|| {
            let indexed = self.read();
            let (rows, scan) = (indexed.first(&query, order, limit)?, indexed.scan());
            let spans = rows.into_iter().filter_map(|row| scan.span(row));
            Ok(spans.map(|span| (span.trace_id().into_owned(), span.span_id().into_owned())).collect())
        })
    }

    /// How many spans a query picks.
    fn count(&self, py: Python<'_>, query: &str) -> PyResult<u64> {
        let query = parse(py, query)?;
        py.detach(|| Ok(self.read().run(&query)?.len()))
    }

    /// The fields that spans have, as a query names them, each with how many spans have it.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let keys = py.detach(|| self.read().index.keys()).map_err(|error| index_error(&error))?;
        let found = PyDict::new(py);
        for key in keys {
            found.set_item(key.field, key.spans)?;
        }
        Ok(found)
    }

    /// The commonest values of a field, each with how many spans have it. A last pair with None counts what is not
    /// among them.
    #[pyo3(signature = (field, *, limit=100))]
    fn values(&self, py: Python<'_>, field: &str, limit: usize) -> PyResult<Vec<(Py<PyAny>, u64)>> {
        let found = py.detach(|| self.read().index.values(field, limit));
        let found = found.map_err(|error| query_error(py, &error))?.map_err(|error| index_error(&error))?;
        let mut values = Vec::new();
        for (value, spans) in found.values {
            let value = match value {
                FacetValue::Text(text) => text.into_py_any(py)?,
                FacetValue::Int(number) => number.into_py_any(py)?,
                FacetValue::Double(number) => number.into_py_any(py)?,
                FacetValue::Bool(value) => value.into_py_any(py)?,
            };
            values.push((value, spans));
        }
        if found.others > 0 {
            values.push((py.None(), found.others));
        }
        Ok(values)
    }

    /// The numbers of a field in bins of one width: low, high and count of each.
    #[pyo3(signature = (field, *, bins=10))]
    fn histogram(&self, py: Python<'_>, field: &str, bins: usize) -> PyResult<Vec<(f64, f64, u64)>> {
        let found = py.detach(|| self.read().index.histogram(field, bins));
        let found = found.map_err(|error| query_error(py, &error))?.map_err(|error| index_error(&error))?;
        Ok(found.into_iter().map(|bin| (bin.low, bin.high, bin.count)).collect())
    }

    /// Quantiles of a field's numbers, each a number that is there. Empty where there are none.
    #[allow(clippy::needless_pass_by_value, reason = "what Python gives")]
    fn quantiles(&self, py: Python<'_>, field: &str, shares: Vec<f64>) -> PyResult<Vec<f64>> {
        let found = py.detach(|| self.read().index.quantiles(field, &shares));
        found.map_err(|error| query_error(py, &error))?.map_err(|error| index_error(&error))
    }

    /// Adds the spans of another index after these.
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
            let first = ours.index.len();
            ours.index.merge(&theirs.index).map_err(|error| index_error(&error))?;
            ours.starts.extend(theirs.starts.iter().map(|start| start + first));
            ours.batches.extend(theirs.batches.iter().cloned());
            Ok(())
        })
    }

    /// Bytes that the index takes, nearly, without the spans.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> usize {
        py.detach(|| self.read().index.memory())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| self.read().index.len() as usize)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<spanwise.Index of {} spans>", self.__len__(py))
    }
}
