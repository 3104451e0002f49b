//! The schema that a consumer of an Arrow stream asks for.

use std::sync::Arc;

use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{Schema, SchemaRef};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use spanwise_arrow::plain_schema;

/// Our schema with plain strings in the columns for which `requested`, a capsule, asks for them. What else it asks for is left
/// to the consumer, as the interface allows.
pub(crate) fn schema(requested: &Bound<'_, PyAny>, ours: &SchemaRef) -> PyResult<SchemaRef> {
    let Some(requested) = read(requested)? else { return Ok(Arc::clone(ours)) };
    let plain = plain_schema(ours);
    let fields = ours.fields().iter().zip(plain.fields()).map(|(ours, plain)| {
        let wanted = requested.field_with_name(ours.name()).ok();
        let is_plain = wanted.is_some_and(|wanted| wanted.data_type().equals_datatype(plain.data_type()));
        Arc::clone(if is_plain { plain } else { ours })
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// What is asked for; `None` where it was taken out of the capsule, or is nothing that Arrow's Rust knows.
#[allow(unsafe_code, reason = "Arrow's C data interface is made of pointers")]
fn read(capsule: &Bound<'_, PyAny>) -> PyResult<Option<Schema>> {
    let capsule = capsule
        .cast::<PyCapsule>()
        .map_err(|_| PyTypeError::new_err("requested_schema must be a capsule of an Arrow schema"))?;
    let pointer = capsule.pointer_checked(Some(c"arrow_schema"))?.cast::<FFI_ArrowSchema>();
    // SAFETY: the PyCapsule interface says that a capsule of this name, which was checked, holds an ArrowSchema, and it stays in
    // the capsule, which outlives the borrow.
    let schema = unsafe { pointer.as_ref() };
    Ok(schema.release().and_then(|_| Schema::try_from(schema).ok()))
}
