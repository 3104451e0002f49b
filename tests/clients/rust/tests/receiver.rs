//! What real SDKs send to the receiver is found in its Parquet files as it was given to them.

#![allow(clippy::panic, reason = "a test")]

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::Compression;
use parquet::file::reader::SerializedFileReader;
use parquet::record::{Field, Map, Row};
use spanwise_client_tests::model::{Attributes, Double, Span, Value};
use spanwise_client_tests::{Error, javascript, rust};
use spanwise_receiver::{
    DurableStore, Metrics, Receiver, ReceiverOptions, ServerOptions, StoreOptions, serve,
};

/// Serves, lets `export` send to the port, ends, and gives what was expected and the rows.
fn received(export: impl FnOnce(u16) -> Result<Vec<Span>, Error>) -> Result<(Vec<Span>, Vec<Row>), Error> {
    let folder = tempfile::tempdir()?;
    let metrics = Arc::new(Metrics::new());
    let store = Arc::new(DurableStore::open(folder.path(), StoreOptions::default(), Arc::clone(&metrics))?);
    let receiver = Receiver::new(store.clone(), ReceiverOptions::default(), metrics);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let port = listener.local_addr()?.port();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.spawn(serve(listener, receiver, ServerOptions::default(), async {
        let _ = ended.await;
    }));
    let expected = export(port)?;
    let _ = end.send(());
    runtime.block_on(serving)??;
    store.close(Duration::from_mins(1));
    let mut files = Vec::new();
    parquet_files(folder.path(), &mut files)?;
    let mut rows = Vec::new();
    for file in files {
        for row in SerializedFileReader::new(File::open(file)?)? {
            rows.push(row?);
        }
    }
    Ok((expected, rows))
}

fn parquet_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            parquet_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    Ok(())
}

fn field<'r>(row: &'r Row, name: &str) -> Option<&'r Field> {
    row.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field)
}

fn text<'r>(row: &'r Row, name: &str) -> &'r str {
    match field(row, name) {
        Some(Field::Str(text)) => text,
        _ => "",
    }
}

/// The text of a value as it stands in a map: strings as themselves, of the rest the JSON.
fn as_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(int) => int.to_string(),
        // Numbers have many spellings: compared below.
        Value::Double(Double(double)) => format!("double {double}"),
        Value::Array(_) => "array".to_owned(),
        Value::Empty => return None,
    })
}

fn assert_map(map: &Map, expected: &Attributes, place: &str) {
    assert_eq!(map.entries().len(), expected.len(), "{place}");
    for (key, value) in expected {
        let found =
            map.entries().iter().find(|(found, _)| matches!(found, Field::Str(found) if found == key));
        let found = found.map(|(_, value)| value);
        match (as_text(value), found) {
            (None, Some(Field::Null)) => {}
            (Some(expected), Some(Field::Str(text))) => match value {
                Value::Double(Double(double)) => assert_eq!(text.parse(), Ok(*double), "{place}, {key}"),
                Value::Array(values) => {
                    assert!(text.starts_with('['), "{place}, {key}: {text}");
                    assert_eq!(text == "[]", values.is_empty(), "{place}, {key}: {text}");
                }
                _ => assert_eq!(*text, expected, "{place}, {key}"),
            },
            other => panic!("{place}, {key}: {other:?}"),
        }
    }
}

fn assert_found(expected: &[Span], rows: &[Row]) {
    const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
    const CODES: [&str; 3] = ["unset", "ok", "error"];
    assert_eq!((expected.len(), rows.len()), (5, 5));
    for span in expected {
        let id = &span.span_id;
        let found: Vec<_> = rows.iter().filter(|row| text(row, "span_id") == id).collect();
        let [row] = found[..] else { panic!("{id} is found {} times", found.len()) };
        for (column, expected) in [
            ("trace_id", span.trace_id.as_str()),
            ("parent_span_id", &span.parent_span_id),
            ("trace_state", &span.trace_state),
            ("name", &span.name),
            ("kind", KINDS[usize::try_from(span.kind).unwrap_or_default()]),
            ("status_code", CODES[usize::try_from(span.status.code).unwrap_or_default()]),
            ("status_message", &span.status.message),
            ("scope_name", &span.scope.name),
            ("scope_version", &span.scope.version),
        ] {
            assert_eq!(text(row, column), expected, "{id}, {column}");
        }
        assert_eq!(field(row, "start_time"), Some(&Field::Long(span.start_time_unix_nano.cast_signed())));
        assert_eq!(field(row, "end_time"), Some(&Field::Long(span.end_time_unix_nano.cast_signed())));
        for (column, expected) in
            [("attributes", &span.attributes), ("resource_attributes", &span.resource.attributes)]
        {
            let Some(Field::MapInternal(map)) = field(row, column) else { panic!("{id}, {column}: {row}") };
            assert_map(map, expected, &format!("{id}, {column}"));
        }
        let Some(Field::ListInternal(events)) = field(row, "events") else { panic!("{id}: {row}") };
        let names: Vec<_> = events
            .elements()
            .iter()
            .map(|event| if let Field::Group(event) = event { text(event, "name") } else { "" })
            .collect();
        assert_eq!(names, span.events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), "{id}");
        let Some(Field::ListInternal(links)) = field(row, "links") else { panic!("{id}: {row}") };
        assert_eq!(links.len(), span.links.len(), "{id}");
    }
}

#[test]
fn the_javascript_sdk() -> Result<(), Error> {
    javascript::install(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    for options in [&[][..], &["--gzip"]] {
        let (expected, rows) = received(|port| javascript::export(port, options))?;
        assert_found(&expected, &rows);
    }
    Ok(())
}

#[test]
fn the_rust_sdk() -> Result<(), Error> {
    for compression in [None, Some(Compression::Gzip)] {
        let (expected, rows) = received(|port| rust::export(port, compression))?;
        assert_found(&expected, &rows);
    }
    Ok(())
}
