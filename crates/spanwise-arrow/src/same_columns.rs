//! Whether a record batch is of some schema: columns are worked on by their places, and a value under another's name is wrong
//! without a sign of it.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Fields, SchemaRef};

/// Whether the columns of `batch` have the names and types of `schema`. Batches of one converter share its schema, and cost
/// nothing.
///
/// # Errors
/// Another number of columns, or the first that is of another name or type.
pub(crate) fn check(batch: &RecordBatch, schema: &SchemaRef) -> Result<(), ArrowError> {
    if Arc::ptr_eq(batch.schema_ref(), schema) {
        return Ok(());
    }
    let (found, wanted) = (batch.schema_ref().fields(), schema.fields());
    names(found, wanted)?;
    match found.iter().zip(wanted).find(|(found, wanted)| found.data_type() != wanted.data_type()) {
        None => Ok(()),
        Some((found, wanted)) => {
            let (name, found, wanted) = (found.name(), found.data_type(), wanted.data_type());
            Err(ArrowError::SchemaError(format!("the column {name:?} is of type {found}, not {wanted}")))
        }
    }
}

/// Whether two lists of columns, or of members, have the same names.
///
/// # Errors
/// Another number of them, or the first that is of another name.
pub(crate) fn names(found: &Fields, wanted: &Fields) -> Result<(), ArrowError> {
    if found.len() != wanted.len() {
        let (found, wanted) = (found.len(), wanted.len());
        return Err(ArrowError::SchemaError(format!("{found} columns, not {wanted}")));
    }
    match found.iter().zip(wanted).find(|(found, wanted)| found.name() != wanted.name()) {
        None => Ok(()),
        Some((found, wanted)) => {
            let (found, wanted) = (found.name(), wanted.name());
            Err(ArrowError::SchemaError(format!("a column is named {found:?}, not {wanted:?}")))
        }
    }
}
