//! Record batches that refer to nothing but their own text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow_schema::{ArrowError, DataType};

/// A copy of `batch` whose strings stand in buffers of their own: nothing else stays alive through it.
///
/// Costs a copy of the text that the rows refer to; numbers are shared.
///
/// # Errors
/// Arrow refused the arrays: a fault of this crate.
pub fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(own).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

/// An array of the kinds that a converter makes, with text of its own.
fn own(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::Map(field, ordered) => {
            let map = array.as_map();
            let entries = structs(map.entries())?;
            let offsets = map.offsets().clone();
            Arc::new(MapArray::try_new(field.clone(), offsets, entries, map.nulls().cloned(), *ordered)?)
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let offsets = list.offsets().clone();
            Arc::new(ListArray::try_new(field.clone(), offsets, own(list.values())?, list.nulls().cloned())?)
        }
        DataType::Struct(_) => Arc::new(structs(array.as_struct())?),
        _ => array.clone(),
    })
}

fn structs(array: &StructArray) -> Result<StructArray, ArrowError> {
    let children = array.columns().iter().map(own).collect::<Result<_, _>>()?;
    StructArray::try_new(array.fields().clone(), children, array.nulls().cloned())
}
