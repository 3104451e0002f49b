//! Batches cut into parts that are written at once.
//!
//! Columns of views hold a text once, however many rows have it: a megabyte of one resource stands in the row of each of its
//! thousand spans. Who writes a file writes it each time, and holds what is not written yet.

use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

/// Bytes of text that are written at once, unless one row has more.
const MOST_BYTES: u64 = 64 << 20;

/// The batch in parts whose text is not too much.
pub(super) fn of(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let mut parts = Vec::new();
    cut(batch, 0..batch.num_rows(), MOST_BYTES, &mut parts);
    parts.into_iter().map(|rows| batch.slice(rows.start, rows.len()))
}

fn cut(batch: &RecordBatch, rows: Range<usize>, most: u64, parts: &mut Vec<Range<usize>>) {
    let bytes: u64 = batch.columns().iter().map(|column| text_bytes(column, rows.clone())).sum();
    if bytes <= most || rows.len() <= 1 {
        return parts.push(rows);
    }
    let middle = rows.start + rows.len() / 2;
    cut(batch, rows.start..middle, most, parts);
    cut(batch, middle..rows.end, most, parts);
}

/// Bytes of the texts in some rows of a column, each as often as it stands there.
fn text_bytes(column: &dyn Array, rows: Range<usize>) -> u64 {
    match column.data_type() {
        DataType::Utf8View => {
            let views = column.as_string_view().views();
            // The length of a text is the low half of the low half of its view.
            let length = |view: &u128| u64::from(u32::try_from(view & u128::from(u32::MAX)).unwrap_or(0));
            views.get(rows).unwrap_or_default().iter().map(length).sum()
        }
        DataType::Struct(_) => {
            let members = column.as_struct().columns().iter();
            members.map(|member| text_bytes(member, rows.clone())).sum()
        }
        DataType::Map(..) => {
            let map = column.as_map();
            text_bytes(map.entries(), items(map.value_offsets(), &rows))
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            text_bytes(list.values(), items(list.value_offsets(), &rows))
        }
        // Eight bytes a row, or so: what a table has of them is bounded by its rows.
        _ => 0,
    }
}

/// The items of some rows of lists.
fn items(offsets: &[i32], rows: &Range<usize>) -> Range<usize> {
    let at = |row: usize| offsets.get(row).map_or(0, |offset| usize::try_from(*offset).unwrap_or(0));
    at(rows.start)..at(rows.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArrowOptions, Converter};

    /// Spans of a resource with a text of so many bytes, in all.
    fn table(spans: usize, bytes: usize) -> RecordBatch {
        let text = "x".repeat(bytes);
        let body = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k","value":{{"stringValue":"{text}"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
            vec![r#"{"name":"a span","events":[{"name":"event"}]}"#; spans].join(",")
        );
        let batch = spanwise::decode(body).unwrap();
        Converter::new(&ArrowOptions::default()).unwrap().convert(&batch).unwrap()
    }

    #[test]
    fn a_text_counts_as_often_as_it_stands() {
        let of = |spans, bytes| {
            let table = table(spans, bytes);
            let whole = |column: &arrow_array::ArrayRef| text_bytes(column, 0..table.num_rows());
            table.columns().iter().map(whole).sum::<u64>()
        };
        assert_eq!(of(3, 1000) - of(3, 0), 3000);
        assert_eq!(of(4, 1000) - of(3, 1000), 1000 + of(4, 0) - of(3, 0));
        let table = table(3, 1000);
        let of_row = |row| table.columns().iter().map(|column| text_bytes(column, row..row + 1)).sum::<u64>();
        assert_eq!((of_row(0), of_row(1)), (of_row(2), of_row(2)));
    }

    #[test]
    fn parts_hold_all_rows_and_no_more_text_than_they_may() {
        let table = table(10, 1000);
        let parts = |most| {
            let mut parts = Vec::new();
            cut(&table, 0..table.num_rows(), most, &mut parts);
            parts
        };
        assert_eq!(parts(u64::MAX), vec![0..10]);
        assert_eq!(parts(6000), [0..5, 5..10]);
        let single: Vec<_> = (0..10).map(|row| row..row + 1).collect();
        assert_eq!(parts(0), single);
        assert!(of(&table).eq(std::iter::once(table.clone())));
    }
}
