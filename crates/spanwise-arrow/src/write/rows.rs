//! Rows as lines of JSON and of CSV.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use spanwise::write_json_string;

use super::cell::{word, write_json};

/// Bytes of text after which it is given to the output.
const CHUNK: usize = 256 << 10;

/// Writes every row by `row`. `text` is a buffer, empty before and after.
pub(super) fn write_rows(
    batch: &RecordBatch,
    out: &mut impl Write,
    text: &mut Vec<u8>,
    row: impl Fn(&RecordBatch, usize, &mut Vec<u8>),
) -> std::io::Result<()> {
    for index in 0..batch.num_rows() {
        row(batch, index, text);
        if text.len() >= CHUNK {
            out.write_all(text)?;
            text.clear();
        }
    }
    out.write_all(text)?;
    text.clear();
    Ok(())
}

/// A row as a JSON object and a newline.
pub(super) fn json_row(batch: &RecordBatch, index: usize, text: &mut Vec<u8>) {
    text.push(b'{');
    for (number, (field, column)) in batch.schema_ref().fields().iter().zip(batch.columns()).enumerate() {
        if number > 0 {
            text.push(b',');
        }
        write_json_string(field.name(), text);
        text.push(b':');
        write_json(column, index, text);
    }
    text.extend_from_slice(b"}\n");
}

/// The names of the columns, as CSV.
pub(super) fn csv_header(schema: &Schema, text: &mut Vec<u8>) {
    for (number, field) in schema.fields().iter().enumerate() {
        if number > 0 {
            text.push(b',');
        }
        csv_field(field.name().as_bytes(), text);
    }
    text.push(b'\n');
}

/// A row as CSV.
pub(super) fn csv_row(batch: &RecordBatch, index: usize, text: &mut Vec<u8>) {
    let mut json = Vec::new();
    for (number, column) in batch.columns().iter().enumerate() {
        if number > 0 {
            text.push(b',');
        }
        if column.is_null(index) {
            continue;
        }
        match column.data_type() {
            DataType::Utf8View => csv_field(column.as_string_view().value(index).as_bytes(), text),
            DataType::Utf8 => csv_field(column.as_string::<i32>().value(index).as_bytes(), text),
            DataType::Dictionary(..) => csv_field(word(column, index).as_bytes(), text),
            DataType::Timestamp(..) | DataType::FixedSizeBinary(_) | DataType::Float64 => {
                json.clear();
                write_json(column, index, &mut json);
                text.extend(json.iter().filter(|byte| **byte != b'"'));
            }
            _ => {
                json.clear();
                write_json(column, index, &mut json);
                csv_field(&json, text);
            }
        }
    }
    text.push(b'\n');
}

/// A field, quoted where RFC 4180 asks for it and where it is empty.
fn csv_field(field: &[u8], text: &mut Vec<u8>) {
    let quoted = field.is_empty() || field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if !quoted {
        text.extend_from_slice(field);
        return;
    }
    text.push(b'"');
    for part in field.split_inclusive(|byte| *byte == b'"') {
        text.extend_from_slice(part);
        if part.last() == Some(&b'"') {
            text.push(b'"');
        }
    }
    text.push(b'"');
}
