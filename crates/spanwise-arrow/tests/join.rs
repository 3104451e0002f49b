//! Record batches put together: the same rows, in fewer.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, Int8Array, Int32Array, Int64Array, LargeStringArray,
    RecordBatch, StringArray, StringViewArray,
};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use spanwise_arrow::write::{FileFormat, to_vec};
use spanwise_arrow::{ArrowOptions, Compact, ConvertError, Converter, Layout, join};

/// Cells of what is put together, at most.
const CELLS: usize = 1 << 20;

/// A request of as many spans, of a kind that has a word or none.
fn request(number: usize, spans: usize) -> String {
    let text = format!("a text of more than twelve bytes, {number}");
    let attributes = format!(
        r#"[{{"key":"k{number}","value":{{"stringValue":"{text}"}}}},{{"key":"n","value":{{"intValue":"{number}"}}}}]"#
    );
    let span = format!(
        r#"{{"name":"span {number}","kind":{number},"attributes":{attributes},"status":{{"code":2}},
            "events":[{{"name":"{text}","attributes":{attributes}}}],"links":[{{}}]}}"#
    );
    let spans = vec![span; spans].join(",");
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":{attributes}}},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
    )
}

#[test]
fn what_is_joined_has_the_rows_of_its_parts() {
    for (layout, compact) in
        [(Layout::Map, Compact::Never), (Layout::Typed, Compact::Never), (Layout::Map, Compact::Always)]
    {
        let options = ArrowOptions { layout, compact, llm: true, ..ArrowOptions::default() };
        // Small ones round a large one.
        let mut parts = Vec::new();
        let converter = Converter::new(&options).unwrap();
        for number in (0..30).chain([1]) {
            let spans = if number == 12 { 4000 } else { 3 };
            let batch = spanwise::decode(request(number, spans).into_bytes()).unwrap();
            // Each thread has its own.
            parts.push(Converter::new(&options).unwrap().convert(&batch).unwrap());
        }
        let schema = converter.schema();
        let parts: Vec<_> = parts.into_iter().map(|part| part.with_schema(schema.clone()).unwrap()).collect();
        let joined = join(schema, parts.clone()).unwrap();
        assert_eq!(joined.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [36, 4000, 54]);
        let rows = |batches: &[RecordBatch]| to_vec(FileFormat::JsonLines, schema, batches).unwrap();
        assert_eq!(rows(&joined), rows(&parts));
        for column in joined.iter().flat_map(RecordBatch::columns) {
            if let Some(words) = column.as_any_dictionary_opt() {
                let mut words: Vec<_> = words.values().as_string::<i32>().iter().collect();
                let all = words.len();
                words.sort_unstable();
                words.dedup();
                assert_eq!(words.len(), all);
            }
        }
    }
}

#[test]
fn rows_without_columns_are_counted_and_joined_batches_are_bounded() {
    let options = ArrowOptions { columns: Some(Vec::new()), ..ArrowOptions::default() };
    let mut converter = Converter::new(&options).unwrap();
    let part = converter.convert(&spanwise::decode(request(1, 3).into_bytes()).unwrap()).unwrap();
    let joined = join(converter.schema(), vec![part; CELLS]).unwrap();
    let rows: Vec<_> = joined.iter().map(RecordBatch::num_rows).collect();
    assert!(rows.len() == 4 && rows.iter().all(|rows| *rows <= CELLS), "{rows:?}");
    assert_eq!(rows.iter().sum::<usize>(), 3 * CELLS);
    assert!(join(converter.schema(), Vec::new()).unwrap().is_empty());
    let other = Converter::new(&ArrowOptions::default()).unwrap();
    assert!(matches!(join(other.schema(), joined), Err(ConvertError::Foreign(_))));
}

#[test]
fn dictionaries_of_any_type_are_joined() {
    let keys = [Some(1), None, Some(0)];
    let texts = || vec!["tool", "chat"];
    let of = |values: ArrayRef| -> ArrayRef {
        Arc::new(DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys.to_vec()), values).unwrap())
    };
    let small = Int8Array::from(vec![Some(1), None, Some(0)]);
    let columns: [ArrayRef; 6] = [
        of(Arc::new(StringArray::from(texts()))),
        of(Arc::new(LargeStringArray::from(texts()))),
        of(Arc::new(StringViewArray::from(texts()))),
        of(Arc::new(BinaryArray::from_iter_values(texts()))),
        of(Arc::new(Int64Array::from(vec![7, 8]))),
        Arc::new(DictionaryArray::<Int8Type>::try_new(small, Arc::new(StringArray::from(texts()))).unwrap()),
    ];
    for column in columns {
        let part = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let schema = part.schema();
        // Values of their own, so that they are not known to be the same.
        let other = concat_batches(&schema, [&part, &part]).unwrap();
        let joined = join(&schema, vec![part.clone(), other, part]).unwrap();
        assert_eq!(joined.len(), 1, "{schema}");
        let column = joined[0].column(0).as_any_dictionary();
        let rows = take(column.values(), column.keys(), None).unwrap();
        let first = rows.slice(0, 3).to_data();
        assert_eq!((rows.len(), first.null_count()), (12, 1), "{schema}");
        assert!((3..=9).step_by(3).all(|at| rows.slice(at, 3).to_data() == first), "{schema}");
    }
}
