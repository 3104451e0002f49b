//! Reading the shared payloads and cases, and cells as text.

#![allow(dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt32Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use spanwise::{DecodeOptions, Decoder, Framing, SpanBatch};

/// Every file of `tests/payloads` and `tests/cases` that decodes, with its name.
pub(crate) fn batches() -> Vec<(String, SpanBatch)> {
    let mut found = Vec::new();
    for folder in ["payloads", "cases"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(folder);
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("expected") || path.extension().is_some_and(|extension| extension == "md") {
                continue;
            }
            let mut batch = SpanBatch::new();
            let bytes = std::fs::read(&path).unwrap();
            Decoder::new(DecodeOptions::default()).decode_block(bytes, Framing::Auto, &mut batch).unwrap();
            found.push((name, batch));
        }
    }
    assert!(found.len() > 100);
    found
}

pub(crate) fn column<'a>(rows: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    rows.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"))
}

pub(crate) fn text(array: &dyn Array, index: usize) -> &str {
    array.as_string_view().value(index)
}

pub(crate) fn count(array: &dyn Array, index: usize) -> u32 {
    array.as_primitive::<UInt32Type>().value(index)
}

pub(crate) fn word(array: &dyn Array, index: usize) -> &str {
    let words = array.as_dictionary::<Int32Type>();
    words.values().as_string::<i32>().value(words.key(index).unwrap())
}

/// One span with these attributes, as JSON.
pub(crate) fn span(attributes: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","attributes":[{attributes}]}}]}}]}}]}}"#
    )
}

pub(crate) fn decode(body: impl Into<Vec<u8>>) -> SpanBatch {
    spanwise::decode(body.into()).unwrap()
}
