//! A span and what it has, read from its batch when asked for.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use spanwise::SpanRef;

use crate::batch::SpanBatch;
use crate::value::{to_dict, to_items};

type Batch = Arc<spanwise::SpanBatch>;

/// A class of `spanwise._types`, called with one number.
fn typed<'py>(py: Python<'py>, name: &str, number: impl IntoPyObject<'py>) -> PyResult<Bound<'py, PyAny>> {
    py.import("spanwise._types")?.getattr(name)?.call1((number,))
}

macro_rules! part {
    ($(#[$doc:meta])* $name:ident, $find:ident -> $view:ty, |$batch:ident, $at:ident| $read:expr) => {
        $(#[$doc])*
        #[pyclass(frozen, eq, hash, module = "spanwise")]
        pub(crate) struct $name {
            batch: Batch,
            at: usize,
        }

        /// The same row of the same batch.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.batch, &other.batch) && self.at == other.at
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                (Arc::as_ptr(&self.batch), self.at).hash(state);
            }
        }

        impl $name {
            fn $find(&self) -> PyResult<$view> {
                let ($batch, $at) = (&self.batch, self.at);
                // A part is made of a batch that has it, and batches do not change.
                $read.ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("the batch has no such row"))
            }
        }
    };
}

part! {
    /// One span. Ids are lower-case hex text, or the text that was sent where it is no id; "" where there is none. Times are
    /// nanoseconds since the Unix epoch, 0 if unknown. Two are equal if they are the same span of the same batch.
    Span, view -> SpanRef<'_>, |batch, at| batch.span(at)
}

impl Span {
    pub(crate) fn at(batch: &Bound<'_, SpanBatch>, at: usize) -> Self {
        Self { batch: batch.get().inner.clone(), at }
    }
}

#[pymethods]
impl Span {
    /// 32 hex digits in lower case, or the text that was sent where it is no id; "" where there is none.
    #[getter]
    fn trace_id(&self) -> PyResult<String> {
        Ok(self.view()?.trace_id().into_owned())
    }

    /// The same with 16 digits.
    #[getter]
    fn span_id(&self) -> PyResult<String> {
        Ok(self.view()?.span_id().into_owned())
    }

    /// "" on a root.
    #[getter]
    fn parent_span_id(&self) -> PyResult<String> {
        Ok(self.view()?.parent_span_id().into_owned())
    }

    /// W3C trace state.
    #[getter]
    fn trace_state(&self) -> PyResult<String> {
        Ok(self.view()?.trace_state().into_owned())
    }

    /// W3C trace flags in the lowest eight bits, and OTLP's own above.
    #[getter]
    fn flags(&self) -> PyResult<u32> {
        Ok(self.view()?.flags())
    }

    /// The span's name.
    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(self.view()?.name().into_owned())
    }

    /// A `SpanKind`; an unknown number stays an int.
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        typed(py, "kind", self.view()?.kind().number())
    }

    /// Nanoseconds since the Unix epoch; 0 if unknown.
    #[getter]
    fn start_time_unix_nano(&self) -> PyResult<u64> {
        Ok(self.view()?.start_time_unix_nano())
    }

    /// Nanoseconds since the Unix epoch; 0 if unknown.
    #[getter]
    fn end_time_unix_nano(&self) -> PyResult<u64> {
        Ok(self.view()?.end_time_unix_nano())
    }

    /// An aware datetime (UTC, whole microseconds); None when 0.
    #[getter]
    fn start_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        typed(py, "moment", self.view()?.start_time_unix_nano())
    }

    /// An aware datetime (UTC, whole microseconds); None when 0.
    #[getter]
    fn end_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        typed(py, "moment", self.view()?.end_time_unix_nano())
    }

    /// End minus start in nanoseconds; 0 where the end precedes the start.
    #[getter]
    fn duration_ns(&self) -> PyResult<u64> {
        Ok(self.view()?.duration_nanos())
    }

    /// A dict; of equal keys the last.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, self.view()?.attributes())
    }

    /// Pairs of key and value, as sent.
    #[getter]
    fn attribute_items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_items(py, self.view()?.attributes())
    }

    /// Attributes that the sender left out.
    #[getter]
    fn dropped_attributes_count(&self) -> PyResult<u32> {
        Ok(self.view()?.dropped_attributes_count())
    }

    /// Events that the sender left out.
    #[getter]
    fn dropped_events_count(&self) -> PyResult<u32> {
        Ok(self.view()?.dropped_events_count())
    }

    /// Links that the sender left out.
    #[getter]
    fn dropped_links_count(&self) -> PyResult<u32> {
        Ok(self.view()?.dropped_links_count())
    }

    /// Its events, as they were sent.
    #[getter]
    fn events(&self) -> PyResult<Vec<Event>> {
        let events = self.view()?.row().events;
        Ok(events.range().map(|at| Event { batch: self.batch.clone(), at }).collect())
    }

    /// Its links, as they were sent.
    #[getter]
    fn links(&self) -> PyResult<Vec<Link>> {
        let links = self.view()?.row().links;
        Ok(links.range().map(|at| Link { batch: self.batch.clone(), at }).collect())
    }

    /// Its status; unset where none was sent.
    #[getter]
    fn status(&self) -> PyResult<Status> {
        let status = self.view()?.status();
        Ok(Status { code: status.code.number(), message: status.message.into_owned() })
    }

    /// Its resource.
    #[getter]
    fn resource(&self) -> Resource {
        Resource { batch: self.batch.clone(), at: self.at }
    }

    /// Its instrumentation scope.
    #[getter]
    fn scope(&self) -> Scope {
        Scope { batch: self.batch.clone(), at: self.at }
    }

    fn __repr__(&self) -> PyResult<String> {
        let span = self.view()?;
        Ok(format!(
            "<Span {:?} {} trace_id={:?} span_id={:?} duration_ns={} attributes={}>",
            span.name(),
            span.kind(),
            span.trace_id(),
            span.span_id(),
            span.duration_nanos(),
            span.attributes().len()
        ))
    }
}

/// A span's status: `code` and `message`.
#[derive(PartialEq, Hash)]
#[pyclass(frozen, eq, hash, module = "spanwise")]
pub(crate) struct Status {
    code: i32,
    message: String,
}

#[pymethods]
impl Status {
    /// A `StatusCode`; an unknown number stays an int.
    #[getter]
    fn code<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        typed(py, "status_code", self.code)
    }

    /// What was said of it; "" where nothing was.
    #[getter]
    fn message(&self) -> &str {
        &self.message
    }

    fn __repr__(&self) -> String {
        format!("<Status {} {:?}>", spanwise::StatusCode::new(self.code), self.message)
    }
}

part! {
    /// One event of a span.
    Event, view -> spanwise::EventRef<'_>, |batch, at| batch.event(at)
}

#[pymethods]
impl Event {
    /// Nanoseconds since the Unix epoch; 0 if unknown.
    #[getter]
    fn time_unix_nano(&self) -> PyResult<u64> {
        Ok(self.view()?.time_unix_nano())
    }

    /// Its name.
    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(self.view()?.name().into_owned())
    }

    /// A dict; of equal keys the last.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, self.view()?.attributes())
    }

    /// Attributes that the sender left out.
    #[getter]
    fn dropped_attributes_count(&self) -> PyResult<u32> {
        Ok(self.view()?.dropped_attributes_count())
    }

    fn __repr__(&self) -> PyResult<String> {
        let event = self.view()?;
        Ok(format!("<Event {:?} attributes={}>", event.name(), event.attributes().len()))
    }
}

part! {
    /// One link of a span.
    Link, view -> spanwise::LinkRef<'_>, |batch, at| batch.link(at)
}

#[pymethods]
impl Link {
    /// Of the span that it leads to, as `Span.trace_id`.
    #[getter]
    fn trace_id(&self) -> PyResult<String> {
        Ok(self.view()?.trace_id().into_owned())
    }

    /// Of the span that it leads to, as `Span.span_id`.
    #[getter]
    fn span_id(&self) -> PyResult<String> {
        Ok(self.view()?.span_id().into_owned())
    }

    /// W3C trace state.
    #[getter]
    fn trace_state(&self) -> PyResult<String> {
        Ok(self.view()?.trace_state().into_owned())
    }

    /// W3C trace flags in the lowest eight bits, and OTLP's own above.
    #[getter]
    fn flags(&self) -> PyResult<u32> {
        Ok(self.view()?.flags())
    }

    /// A dict; of equal keys the last.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, self.view()?.attributes())
    }

    /// Attributes that the sender left out.
    #[getter]
    fn dropped_attributes_count(&self) -> PyResult<u32> {
        Ok(self.view()?.dropped_attributes_count())
    }

    fn __repr__(&self) -> PyResult<String> {
        let link = self.view()?;
        Ok(format!("<Link trace_id={:?} span_id={:?}>", link.trace_id(), link.span_id()))
    }
}

part! {
    /// The resource of a span.
    Resource, view -> spanwise::ResourceRef<'_>, |batch, at| batch.span(at).map(SpanRef::resource)
}

#[pymethods]
impl Resource {
    /// A dict; of equal keys the last.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, self.view()?.attributes())
    }

    /// Attributes that the sender left out.
    #[getter]
    fn dropped_attributes_count(&self) -> PyResult<u32> {
        Ok(self.view()?.dropped_attributes_count())
    }

    /// Where its schema is described; "" where that was not sent.
    #[getter]
    fn schema_url(&self) -> PyResult<String> {
        Ok(self.view()?.schema_url().into_owned())
    }

    /// Dicts of `type`, `schema_url`, `id_keys` and `description_keys`.
    #[getter]
    fn entity_refs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for entity in self.view()?.entity_refs() {
            let dict = PyDict::new(py);
            dict.set_item("type", entity.kind())?;
            dict.set_item("schema_url", entity.schema_url())?;
            dict.set_item("id_keys", entity.id_keys().collect::<Vec<_>>().into_bound_py_any(py)?)?;
            dict.set_item(
                "description_keys",
                entity.description_keys().collect::<Vec<_>>().into_bound_py_any(py)?,
            )?;
            list.append(dict)?;
        }
        Ok(list)
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("<Resource attributes={}>", self.view()?.attributes().len()))
    }
}

part! {
    /// The instrumentation scope of a span.
    Scope, view -> spanwise::ScopeRef<'_>, |batch, at| batch.span(at).map(SpanRef::scope)
}

#[pymethods]
impl Scope {
    /// The name of the instrumentation.
    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(self.view()?.name().into_owned())
    }

    /// Its version.
    #[getter]
    fn version(&self) -> PyResult<String> {
        Ok(self.view()?.version().into_owned())
    }

    /// A dict; of equal keys the last.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, self.view()?.attributes())
    }

    /// Attributes that the sender left out.
    #[getter]
    fn dropped_attributes_count(&self) -> PyResult<u32> {
        Ok(self.view()?.dropped_attributes_count())
    }

    /// Where its schema is described; "" where that was not sent.
    #[getter]
    fn schema_url(&self) -> PyResult<String> {
        Ok(self.view()?.schema_url().into_owned())
    }

    fn __repr__(&self) -> PyResult<String> {
        let scope = self.view()?;
        Ok(format!("<Scope {:?} {:?}>", scope.name(), scope.version()))
    }
}
