//! What is written is what is read again, over all payloads and cases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Encoding, Type};
use spanwise_arrow::compact;
use spanwise_arrow::write::{FileFormat, TableWriter, WriteError, to_vec};
use spanwise_arrow::{ArrowOptions, Compact, Converter, Ids, Layout, Names, PromotedType, Promotion};

/// Rows as JSON lines: a form in which the types that the formats change look the same.
fn lines(rows: &RecordBatch) -> Vec<serde_json::Value> {
    let text = to_vec(FileFormat::JsonLines, &rows.schema(), [rows]).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn tables() -> Vec<(String, RecordBatch)> {
    let mut found = Vec::new();
    for (name, batch) in support::batches() {
        for layout in [Layout::Map, Layout::Typed] {
            for ids in [Ids::Text, Ids::Binary] {
                let options =
                    ArrowOptions { layout, ids, compact: Compact::Never, ..ArrowOptions::default() };
                let rows = Converter::new(&options).unwrap().convert(&batch).unwrap();
                found.push((format!("{name} {layout:?} {ids:?}"), rows));
            }
        }
    }
    found
}

#[test]
fn json_lines_are_rows() {
    for (name, rows) in tables() {
        let lines = lines(&rows);
        assert_eq!(lines.len(), rows.num_rows(), "{name}");
        for line in lines {
            assert_eq!(line.as_object().unwrap().len(), rows.num_columns());
        }
    }
}

#[test]
fn arrow_files_and_streams_give_the_rows_back_two_batches_of_unknown_words_included() {
    for (name, rows) in tables() {
        let batches = [rows.clone(), rows.slice(0, rows.num_rows() / 2)];
        let expected: Vec<_> = batches.iter().map(lines).collect();
        let file = to_vec(FileFormat::ArrowFile, &rows.schema(), &batches).unwrap();
        let found = FileReader::try_new(std::io::Cursor::new(file), None).unwrap();
        let found: Vec<_> = found.map(|rows| lines(&rows.unwrap())).collect();
        assert_eq!(found, expected, "{name}");
        let stream = to_vec(FileFormat::ArrowStream, &rows.schema(), &batches).unwrap();
        let found = StreamReader::try_new(&stream[..], None).unwrap();
        let found: Vec<_> = found.map(|rows| lines(&rows.unwrap())).collect();
        assert_eq!(found, expected, "{name}");
    }
}

/// A disk with room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken > 0 || bytes.is_empty() { Ok(taken) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_wherever_it_is_met() {
    let (_, rows) = tables().remove(0);
    for format in [FileFormat::Parquet, FileFormat::JsonLines, FileFormat::Csv] {
        let whole = to_vec(format, &rows.schema(), [&rows]).unwrap().len();
        for room in (0..whole).step_by(1 + whole / 50).chain([whole - 1]) {
            let written = TableWriter::new(Full(room), format, &rows.schema()).and_then(|mut writer| {
                writer.write(&rows)?;
                writer.finish().map(drop)
            });
            let error = written.unwrap_err();
            let WriteError::Io(error) = &error else { panic!("{format:?}, {room}: {error}") };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
}

#[test]
fn arrow_files_do_not_carry_the_input() {
    let prompt = "a prompt that must not travel".repeat(1000);
    let batch =
        support::decode(support::span(&format!(r#"{{"key":"p","value":{{"stringValue":"{prompt}"}}}}"#)));
    let columns = Some(vec!["trace_id".to_owned()]);
    let options = ArrowOptions { columns, compact: Compact::Never, ..ArrowOptions::default() };
    let rows = Converter::new(&options).unwrap().convert(&batch).unwrap();
    for format in [FileFormat::ArrowFile, FileFormat::ArrowStream, FileFormat::Parquet] {
        assert!(to_vec(format, &rows.schema(), [&rows]).unwrap().len() < 2000);
    }
    assert!(compact(&rows).unwrap().get_array_memory_size() < 2000);
}

#[test]
fn parquet_gives_the_rows_back() {
    for (name, rows) in tables() {
        let file = to_vec(FileFormat::Parquet, &rows.schema(), [&rows]).unwrap();
        // Parquet knows no views: tell the reader that they are wanted.
        let options = ArrowReaderOptions::new().with_schema(rows.schema());
        let reader =
            ParquetRecordBatchReaderBuilder::try_new_with_options(bytes::Bytes::from(file), options).unwrap();
        let found: Vec<_> = reader.build().unwrap().flat_map(|rows| lines(&rows.unwrap())).collect();
        assert_eq!(found, lines(&rows), "{name}");
    }
}

#[test]
fn what_seldom_comes_again_has_no_dictionary_in_parquet() {
    let attributes = r#"{"key":"gen_ai.usage.input_tokens","value":{"intValue":"3"}},{"key":"http.status","value":{"intValue":"200"}}"#;
    let batch = support::decode(support::span(attributes));
    let ours = (
        "duration_ns end_time events.list.item.time llm_input_tokens llm_output_tokens llm_total_tokens start_time",
        "links.list.item.span_id links.list.item.trace_id parent_span_id span_id trace_id",
    );
    let theirs = (
        "Duration EndTimestamp Events.list.item.Timestamp LlmInputTokens LlmOutputTokens LlmTotalTokens Timestamp",
        "Links.list.item.SpanId Links.list.item.TraceId ParentSpanId SpanId TraceId",
    );
    for (names, ids, (delta, plain)) in
        [(Names::Spanwise, Ids::Text, ours), (Names::ClickHouse, Ids::Binary, theirs)]
    {
        let promote = vec![Promotion { key: "http.status".to_owned(), to: PromotedType::Int64 }];
        let options = ArrowOptions { names, ids, llm: true, promote, ..ArrowOptions::default() };
        let rows = Converter::new(&options).unwrap().convert(&batch).unwrap();
        let file = to_vec(FileFormat::Parquet, &rows.schema(), [rows]).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap();
        let columns = reader.metadata().row_group(0).columns();
        // Booleans never have one.
        let without = columns.iter().filter(|column| {
            column.dictionary_page_offset().is_none() && column.column_type() != Type::BOOLEAN
        });
        let (mut found_delta, mut found_plain) = (Vec::new(), Vec::new());
        for column in without {
            let is_delta = column.encodings().any(|encoding| encoding == Encoding::DELTA_BINARY_PACKED);
            let found = if is_delta { &mut found_delta } else { &mut found_plain };
            found.push(column.column_path().string());
        }
        found_delta.sort_unstable();
        found_plain.sort_unstable();
        assert_eq!((found_delta.join(" "), found_plain.join(" ")), (delta.to_owned(), plain.to_owned()));
    }
}

#[test]
fn compact_batches_say_the_same() {
    for (name, rows) in tables() {
        assert_eq!(compact(&rows).unwrap(), rows, "{name}");
    }
}
