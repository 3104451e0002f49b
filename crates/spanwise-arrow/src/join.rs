//! Small record batches put together into larger ones: engines pay for each batch, and of many payloads each makes one.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringArray,
};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::concat::concat;

use crate::ConvertError;
use crate::same_columns;

/// Cells of a batch that is small: half a thousand spans of the usual kind.
const SMALL: usize = 1 << 15;

/// Cells of what is put together, at most: some 16 MiB.
const JOINED: usize = 1 << 20;

/// The same rows in fewer record batches: small ones that come one after the other are put together, and large ones stay as they
/// are. The words of a dictionary are put together, too, each once, where they are `Utf8` with keys of `Int32`, as a converter has them.
///
/// Costs a copy of the columns of the small ones, but of no text, and while it lasts the memory of one batch more.
///
/// ```
/// use arrow_array::cast::AsArray;
/// use spanwise_arrow::{ArrowOptions, Converter, join};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"tool"}]}]}]}"#;
/// let mut converter = Converter::new(&ArrowOptions { columns: Some(vec!["name".into()]), ..ArrowOptions::default() })?;
/// let rows = converter.convert(&spanwise::decode(&body[..])?)?;
/// let joined = join(converter.schema(), vec![rows.clone(), rows])?;
/// assert_eq!(joined.len(), 1);
/// assert!(joined[0].column(0).as_string_view().iter().flatten().eq(["chat", "tool", "chat", "tool"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The batches are of other schemas.
pub fn join(schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, ConvertError> {
    let (mut done, mut run, mut cells) = (Vec::new(), Vec::new(), 0);
    for batch in batches {
        same_columns::check(&batch, schema).map_err(ConvertError::Foreign)?;
        let own = cells_of(&batch);
        if own > SMALL || cells + own > JOINED {
            done.extend(put_together(schema, std::mem::take(&mut run))?);
            cells = 0;
        }
        if own > SMALL {
            done.push(batch);
        } else {
            cells += own;
            run.push(batch);
        }
    }
    done.extend(put_together(schema, run)?);
    Ok(done)
}

/// Values in all columns, those in maps and lists included. A row counts as one where there is no column.
fn cells_of(batch: &RecordBatch) -> usize {
    fn cells(array: &dyn Array) -> usize {
        let inner = match array.data_type() {
            DataType::Map(..) => cells(array.as_map().entries()),
            DataType::List(_) => cells(array.as_list::<i32>().values()),
            DataType::Struct(_) => array.as_struct().columns().iter().map(|column| cells(column)).sum(),
            _ => 0,
        };
        inner + array.len()
    }
    batch.num_rows() + batch.columns().iter().map(|column| cells(column)).sum::<usize>()
}

/// All rows in one batch, if there are any.
fn put_together(schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<Option<RecordBatch>, ConvertError> {
    if batches.len() < 2 {
        return Ok(batches.into_iter().next());
    }
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let column = |place: usize| {
        let arrays: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(place)).collect();
        match schema.field(place).data_type() {
            DataType::Dictionary(keys, values)
                if (&**keys, &**values) == (&DataType::Int32, &DataType::Utf8) =>
            {
                words(&arrays)
            }
            _ => concat(&arrays),
        }
    };
    let columns = (0..schema.fields().len()).map(column).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(Some(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?))
}

/// Dictionaries of words as one in which no word comes twice: some readers take no other.
fn words(arrays: &[&dyn Array]) -> Result<ArrayRef, ArrowError> {
    let arrays: Vec<_> = arrays.iter().map(|array| array.as_dictionary::<Int32Type>()).collect();
    if let [first, rest @ ..] = &arrays[..]
        && rest.iter().all(|array| Arc::ptr_eq(array.values(), first.values()))
    {
        let keys: Vec<&dyn Array> = arrays.iter().map(|array| array.keys() as &dyn Array).collect();
        let keys = concat(&keys)?.as_primitive::<Int32Type>().clone();
        return Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(first.values()))?));
    }
    let mut places = HashMap::new();
    let mut all = Vec::new();
    let mut keys = Vec::with_capacity(arrays.iter().map(Array::len).sum());
    for array in arrays {
        let own = array.values().as_string::<i32>();
        let mut place = |word| {
            *places.entry(word).or_insert_with(|| {
                all.push(word);
                i32::try_from(all.len() - 1).unwrap_or(i32::MAX)
            })
        };
        let own: PrimitiveArray<Int32Type> = own.iter().map(|word| word.map(&mut place)).collect();
        let key = |key: Option<i32>| {
            let place =
                usize::try_from(key?).ok().filter(|place| *place < own.len() && own.is_valid(*place))?;
            Some(own.value(place))
        };
        keys.extend(array.keys().iter().map(key));
    }
    let words = StringArray::from_iter_values(all);
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), Arc::new(words))?))
}
