//! Record batches with plain strings in place of views, for those who cannot work on views: most of pyarrow's functions refuse
//! them, and so do files that others are to read.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, ListArray, MapArray, RecordBatch, RecordBatchOptions, StringArray,
    StringViewArray, StructArray,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use crate::ConvertError;
use crate::same_columns;

/// The schema with `Utf8` in place of every `Utf8View`, those in maps, lists and structs included.
///
/// ```
/// use spanwise_arrow::{ArrowOptions, Converter, plain_schema};
/// let columns = Some(vec!["name".into(), "attributes".into()]);
/// let converter = Converter::new(&ArrowOptions { columns, ..ArrowOptions::default() })?;
/// let plain = plain_schema(converter.schema());
/// assert!(!plain.fields().iter().any(|field| field.data_type().to_string().contains("View")));
/// # Ok::<(), spanwise_arrow::OptionsError>(())
/// ```
pub fn plain_schema(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new_with_metadata(fields(schema.fields()), schema.metadata().clone()))
}

/// The rows of `batch` in `schema`: its own, with plain strings for the views, or for the words of a dictionary, of whichever
/// columns say so. They come in several batches where the text of one column is more than the 2 GiB − 1 that plain strings reach.
///
/// Costs a copy of the text of those columns; nothing else stays alive through them.
///
/// # Errors
/// The schema asks for something else, columns of other names included ([`ConvertError::Foreign`]), or one row has more text than
/// that ([`ConvertError::TooLarge`]).
///
/// ```
/// use arrow_array::cast::AsArray;
/// use spanwise_arrow::{ArrowOptions, Converter, plain, plain_schema};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#;
/// let mut converter = Converter::new(&ArrowOptions { columns: Some(vec!["name".into()]), ..ArrowOptions::default() })?;
/// let rows = converter.convert(&spanwise::decode(&body[..])?)?;
/// let rows = plain(&rows, &plain_schema(converter.schema()))?;
/// assert_eq!(rows[0].column(0).as_string::<i32>().value(0), "chat");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plain(batch: &RecordBatch, schema: &SchemaRef) -> Result<Vec<RecordBatch>, ConvertError> {
    same_columns::names(batch.schema_ref().fields(), schema.fields()).map_err(ConvertError::Foreign)?;
    let mut done = Vec::new();
    // The next on top.
    let mut left = vec![batch.clone()];
    while let Some(batch) = left.pop() {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns =
            columns.map(|(array, field)| column(array, field.data_type())).collect::<Result<_, _>>();
        match columns {
            Ok(columns) => {
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let plain = RecordBatch::try_new_with_options(schema.clone(), columns, &options);
                done.push(plain.map_err(ConvertError::Foreign)?);
            }
            Err(TooMuch::Text) if batch.num_rows() > 1 => {
                let half = batch.num_rows() / 2;
                left.push(batch.slice(half, batch.num_rows() - half));
                left.push(batch.slice(0, half));
            }
            Err(TooMuch::Text) => return Err(ConvertError::TooLarge),
            Err(TooMuch::Arrow(error)) => return Err(ConvertError::Foreign(error)),
        }
    }
    Ok(done)
}

/// The type with plain strings for views.
pub(crate) fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::Map(entries, ordered) => DataType::Map(field(entries), *ordered),
        DataType::List(item) => DataType::List(field(item)),
        DataType::Struct(members) => DataType::Struct(fields(members)),
        other => other.clone(),
    }
}

fn field(field: &FieldRef) -> FieldRef {
    let plain = Field::new(field.name(), plain_type(field.data_type()), field.is_nullable());
    Arc::new(plain.with_metadata(field.metadata().clone()))
}

fn fields(list: &Fields) -> Fields {
    list.iter().map(field).collect()
}

/// Why there is no array.
enum TooMuch {
    /// More text than 31-bit offsets reach.
    Text,
    Arrow(ArrowError),
}

impl From<ArrowError> for TooMuch {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// The array in the type that is wanted. What it does not refer to is left behind: else half of the rows could have as much text
/// as all.
fn column(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, TooMuch> {
    if array.data_type() == wanted {
        return Ok(array.clone());
    }
    Ok(match (array.data_type(), wanted) {
        (DataType::Utf8View, DataType::Utf8) => {
            Arc::new(strings(array.as_string_view()).ok_or(TooMuch::Text)?)
        }
        (DataType::Dictionary(..), DataType::Utf8) => Arc::new(words(array)?),
        (DataType::Map(..), DataType::Map(entries, ordered)) => {
            let map = array.as_map();
            let (offsets, start, length) = rebased(map.offsets());
            let children = structs(&map.entries().slice(start, length), entries.data_type())?;
            let nulls = map.nulls().cloned();
            Arc::new(MapArray::try_new(entries.clone(), offsets, children, nulls, *ordered)?)
        }
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let (offsets, start, length) = rebased(list.offsets());
            let values = column(&list.values().slice(start, length), item.data_type())?;
            Arc::new(ListArray::try_new(item.clone(), offsets, values, list.nulls().cloned())?)
        }
        (DataType::Struct(found), DataType::Struct(members)) => {
            same_columns::names(found, members)?;
            Arc::new(structs(array.as_struct(), wanted)?)
        }
        (found, wanted) => {
            let message = format!("no {wanted} is made of {found}");
            return Err(ArrowError::SchemaError(message).into());
        }
    })
}

fn structs(array: &StructArray, wanted: &DataType) -> Result<StructArray, TooMuch> {
    let DataType::Struct(fields) = wanted else {
        return Err(ArrowError::SchemaError("entries that are no struct".to_owned()).into());
    };
    let children = array.columns().iter().zip(fields).map(|(child, field)| column(child, field.data_type()));
    let children = children.collect::<Result<Vec<_>, _>>()?;
    Ok(StructArray::try_new_with_length(fields.clone(), children, array.nulls().cloned(), array.len())?)
}

/// Offsets that begin at 0, and which elements they mean.
fn rebased(offsets: &OffsetBuffer<i32>) -> (OffsetBuffer<i32>, usize, usize) {
    let start = offsets.first();
    let length = offsets.last() - start;
    let rebased = if start == 0 {
        offsets.clone()
    } else {
        OffsetBuffer::new(offsets.iter().map(|offset| offset - start).collect::<ScalarBuffer<i32>>())
    };
    // Offsets are never below 0.
    let size = |value: i32| usize::try_from(value).unwrap_or_default();
    (rebased, size(start), size(length))
}

/// `None` where there is more text than offsets reach.
fn strings(views: &StringViewArray) -> Option<StringArray> {
    let text: usize = views.iter().flatten().map(str::len).sum();
    i32::try_from(text).ok()?;
    let mut builder = StringBuilder::with_capacity(views.len(), text);
    for text in views {
        builder.append_option(text);
    }
    Some(builder.finish())
}

/// The words of a dictionary, which are short.
fn words(array: &ArrayRef) -> Result<StringArray, TooMuch> {
    let words =
        array.as_dictionary_opt::<Int32Type>().and_then(DictionaryArray::downcast_dict::<StringArray>);
    let other = || ArrowError::SchemaError("a dictionary of something else than text".to_owned());
    Ok(words.ok_or_else(other)?.into_iter().collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn what_the_rows_do_not_refer_to_is_left_behind() {
        let text = r#"{"key":"k","value":{"stringValue":"a text that is longer than twelve bytes"}}"#;
        let span = format!(
            r#"{{"name":"s","attributes":[{text}],"events":[{{"name":"e","attributes":[{text}]}}]}}"#
        );
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span},{span},{span}]}}]}}]}}"#);
        let mut converter = crate::Converter::new(&crate::ArrowOptions::default()).unwrap();
        let rows = converter.convert(&spanwise::decode(body).unwrap()).unwrap();
        let schema = plain_schema(converter.schema());
        let whole = plain(&rows, &schema).unwrap().remove(0);
        let last = plain(&rows.slice(2, 1), &schema).unwrap().remove(0);
        assert_eq!(last, whole.slice(2, 1));
        let values = last.column_by_name("attributes").unwrap().as_map().values();
        assert_eq!(values.as_string::<i32>().value_data().len(), 39);
        let events = last.column_by_name("events").unwrap().as_list::<i32>();
        assert_eq!((events.values().len(), events.offsets().to_vec()), (1, vec![0, 1]));
    }
}
