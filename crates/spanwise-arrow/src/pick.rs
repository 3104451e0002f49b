//! Some rows of record batches: the answers of a query.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::interleave::interleave_record_batch;

use crate::same_columns;
use crate::{ConvertError, compact};

/// These rows of record batches of one schema, each given by the number of its batch and its place there, in this order.
///
/// Costs a copy of what the rows hold: nothing else stays alive through the result.
///
/// ```
/// use arrow_array::cast::AsArray;
/// use spanwise_arrow::{ArrowOptions, Converter, pick};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"tool"}]}]}]}"#;
/// let mut converter = Converter::new(&ArrowOptions { columns: Some(vec!["name".into()]), ..ArrowOptions::default() })?;
/// let rows = converter.convert(&spanwise::decode(&body[..])?)?;
/// let picked = pick(converter.schema(), &[rows.clone(), rows], &[(1, 1), (0, 0)])?;
/// assert!(picked.column(0).as_string_view().iter().flatten().eq(["tool", "chat"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The batches are of other schemas, a row is not there, or the answer is too large for one record batch.
pub fn pick(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    rows: &[(usize, usize)],
) -> Result<RecordBatch, ConvertError> {
    for batch in batches {
        same_columns::check(batch, schema).map_err(ConvertError::Foreign)?;
    }
    let there =
        |(batch, row): &(usize, usize)| batches.get(*batch).is_some_and(|rows| *row < rows.num_rows());
    if !rows.iter().all(there) {
        let message = "a row that is not there".to_owned();
        return Err(ConvertError::Foreign(ArrowError::InvalidArgumentError(message)));
    }
    if rows.is_empty() || schema.fields().is_empty() {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let columns = RecordBatch::new_empty(schema.clone()).columns().to_vec();
        return Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?);
    }
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    Ok(compact(&interleave_record_batch(&batches, rows)?)?)
}
