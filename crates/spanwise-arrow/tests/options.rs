//! Chosen columns, promoted attributes, other names, and what keeps the input alive.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch, StringViewArray};
use spanwise::SpanBatch;
use spanwise_arrow::{
    ArrowOptions, Compact, Converter, Layout, Names, OptionsError, PromotedType, Promotion,
};
use support::{column, decode, span};

fn convert(batch: &SpanBatch, options: &ArrowOptions) -> (RecordBatch, Vec<u64>) {
    let mut converter = Converter::new(options).unwrap();
    let rows = converter.convert(batch).unwrap();
    let mismatches = converter.mismatches().map(|(_, count)| count).collect();
    (rows, mismatches)
}

/// Every string column anywhere in an array.
fn strings(array: &dyn Array, visit: &mut dyn FnMut(&StringViewArray)) {
    if let Some(views) = array.as_any().downcast_ref::<StringViewArray>() {
        visit(views);
    } else if let Some(map) = array.as_map_opt() {
        map.entries().columns().iter().for_each(|child| strings(child, visit));
    } else if let Some(list) = array.as_list_opt::<i32>() {
        strings(list.values(), visit);
    } else if let Some(children) = array.as_struct_opt() {
        children.columns().iter().for_each(|child| strings(child, visit));
    }
}

#[test]
fn no_string_of_an_escape_free_payload_is_copied() {
    let long = "a value that is longer than twelve bytes";
    let list = format!(
        r#"{{"key":"short","value":{{"stringValue":"x"}}}},{{"key":"a key of more than twelve bytes","value":{{"stringValue":"{long}"}}}}"#
    );
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{list}]}},"scopeSpans":[{{"scope":{{"name":"{long}","attributes":[{list}]}},
        "spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"{long}","attributes":[{list}],
        "events":[{{"name":"{long}","attributes":[{list}]}}],"links":[{{"traceState":"{long}","attributes":[{list}]}}],
        "status":{{"message":"{long}"}}}}]}}]}}]}}"#
    );
    let batch = decode(body);
    let input = batch.input().as_ptr_range();
    for layout in [Layout::Map, Layout::Typed] {
        let options = ArrowOptions { layout, compact: Compact::Never, ..ArrowOptions::default() };
        let owned = Converter::new(&options).unwrap().convert_owned(batch.clone()).unwrap();
        let rows = [convert(&batch, &options).0, owned];
        let mut seen = 0;
        for array in rows.iter().flat_map(RecordBatch::columns) {
            strings(array, &mut |views| {
                for text in views.iter().flatten().filter(|text| text.len() > 12) {
                    assert!(input.contains(&text.as_ptr()), "{text} was copied");
                    seen += 1;
                }
                for buffer in views.data_buffers().iter() {
                    assert!(buffer.is_empty() || buffer.as_ptr() == input.start);
                }
            });
        }
        assert_eq!(seen, 2 * (5 * 2 + 7));
    }
}

#[test]
fn an_arena_that_is_given_away_is_not_copied() {
    // Upper-case hex has to be written anew: the ids stand in the arena.
    let batch =
        decode(span("").replace("0af7651916cd43dd8448eb211c80319c", "0AF7651916CD43DD8448EB211C80319C"));
    let arena = batch.arena().as_ptr_range();
    assert!(!batch.arena().is_empty());
    let copy = batch.clone();
    let mut converter =
        Converter::new(&ArrowOptions { compact: Compact::Never, ..ArrowOptions::default() }).unwrap();
    let rows = converter.convert_owned(batch).unwrap();
    let ids = column(&rows, "trace_id").as_string_view();
    assert_eq!(ids.value(0), "0af7651916cd43dd8448eb211c80319c");
    assert!(arena.contains(&ids.value(0).as_ptr()));
    assert_eq!(converter.convert(&copy).unwrap(), rows);
}

#[test]
fn few_columns_let_go_of_the_input_and_all_columns_keep_it() {
    let prompt = "p".repeat(4000);
    let body = span(&format!(
        r#"{{"key":"model","value":{{"stringValue":"northwind-ai/heron-2"}}}},{{"key":"prompt","value":{{"stringValue":"{prompt}"}}}}"#
    ));
    let batch = decode(body);
    let held = |columns: Option<Vec<String>>, compact| {
        let promote = vec![Promotion::new("model", PromotedType::String)];
        let (rows, _) =
            convert(&batch, &ArrowOptions { columns, promote, compact, ..ArrowOptions::default() });
        let mut most = 0;
        for array in rows.columns() {
            strings(array, &mut |views| {
                most =
                    views.data_buffers().iter().map(arrow_buffer::Buffer::len).chain([most]).max().unwrap();
            });
        }
        assert_eq!(column(&rows, "model").as_string_view().value(0), "northwind-ai/heron-2");
        most
    };
    let few = || Some(vec!["trace_id".to_owned(), "duration_ns".to_owned()]);
    assert!(held(few(), Compact::Auto) < 200);
    assert!(held(few(), Compact::Always) < 200);
    assert!(held(few(), Compact::Never) > 4000);
    assert_eq!(held(None, Compact::Auto), batch.input().len());
    assert!(held(None, Compact::Always) < batch.input().len());
}

#[test]
fn promoted_attributes_become_columns_and_misfits_are_counted() {
    let member =
        |key: &str, kind: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"{kind}":{value}}}}}"#);
    let spans: Vec<_> = [
        ("stringValue", r#""42""#),
        ("intValue", r#""43""#),
        ("doubleValue", "44.0"),
        ("doubleValue", "44.5"),
        ("stringValue", r#""many""#),
        ("boolValue", "true"),
    ]
    .iter()
    .map(|(kind, value)| {
        format!(r#"{{"attributes":[{},{}]}}"#, member("n", "intValue", "1"), member("n", kind, value))
    })
    .chain([r#"{"attributes":[{"key":"n","value":{}}]}"#.to_owned(), "{}".to_owned()])
    .collect();
    let resource = format!(
        r#"{{"attributes":[{},{}]}}"#,
        member("host.name", "stringValue", r#""heron \"2\" and more""#),
        member("n", "intValue", "7")
    );
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"scope":{{"attributes":[{}]}},"spans":[{}]}}]}}]}}"#,
        member("on", "boolValue", "true"),
        spans.join(",")
    );
    let batch = decode(body);
    let promote = vec![
        Promotion::new("n", PromotedType::Int64),
        Promotion::new("span:n", PromotedType::Double),
        Promotion::new("resource:n", PromotedType::Int64),
        Promotion::new("resource:host.name", PromotedType::String),
        Promotion::new("scope:on", PromotedType::Bool),
        Promotion::new("scope:host.name", PromotedType::String),
        Promotion::new("absent", PromotedType::String),
    ];
    let options = ArrowOptions { columns: Some(Vec::new()), promote, ..ArrowOptions::default() };
    let (rows, mismatches) = convert(&batch, &options);
    let ints: Vec<_> = column(&rows, "n").as_primitive::<Int64Type>().iter().collect();
    assert_eq!(ints, [Some(42), Some(43), Some(44), None, None, None, None, None]);
    let doubles: Vec<_> = column(&rows, "span:n").as_primitive::<Float64Type>().iter().collect();
    assert_eq!(doubles, [Some(42.0), Some(43.0), Some(44.0), Some(44.5), None, None, None, None]);
    assert_eq!(column(&rows, "resource:n").as_primitive::<Int64Type>().values().to_vec(), [7; 8]);
    let hosts = column(&rows, "resource:host.name").as_string_view();
    assert!(hosts.iter().all(|host| host == Some("heron \"2\" and more")));
    assert_eq!(column(&rows, "scope:on").as_boolean().true_count(), 8);
    assert_eq!(column(&rows, "scope:host.name").null_count(), 8);
    assert_eq!(column(&rows, "absent").null_count(), 8);
    assert_eq!(mismatches, [3, 2, 0, 0, 0, 0, 0]);
}

#[test]
fn columns_come_in_the_order_asked_for_and_unknown_ones_are_errors() {
    let columns = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let options = ArrowOptions { columns: columns(&["name", "trace_id"]), ..ArrowOptions::default() };
    let (rows, _) = convert(&decode(span("")), &options);
    let schema = rows.schema();
    assert_eq!(
        schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
        ["name", "trace_id"]
    );
    for (names, error) in [
        (&["name", "model"][..], OptionsError::UnknownColumn("model".into())),
        (&["name", "name"], OptionsError::DuplicateColumn("name".into())),
    ] {
        let options = ArrowOptions { columns: columns(names), ..ArrowOptions::default() };
        assert_eq!(Converter::new(&options).unwrap_err(), error);
    }
    let options = ArrowOptions { columns: columns(&[]), ..ArrowOptions::default() };
    assert_eq!(convert(&decode(span("")), &options).0.num_rows(), 1);
}

#[test]
fn clickhouse_names_rename_columns_and_members() {
    let options = ArrowOptions {
        names: Names::ClickHouse,
        columns: Some(["TraceId", "attributes", "Events"].map(str::to_owned).to_vec()),
        ..ArrowOptions::default()
    };
    let (rows, _) = convert(&decode(span("")), &options);
    let schema = rows.schema();
    assert_eq!(
        schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
        ["TraceId", "SpanAttributes", "Events"]
    );
    let events = column(&rows, "Events").as_list::<i32>();
    assert_eq!(
        events.values().as_struct().column_names(),
        ["Timestamp", "Name", "Attributes", "DroppedAttributesCount"]
    );
}

#[test]
fn one_key_with_an_int_in_one_span_and_a_double_in_the_next_neither_fails_nor_cuts() {
    let int = span(r#"{"key":"k","value":{"intValue":"9007199254740993"}}"#);
    let double = span(r#"{"key":"k","value":{"doubleValue":1.5}}"#);
    let mut batch = SpanBatch::new();
    spanwise::Decoder::default()
        .decode_block(format!("{int}\n{double}\n"), spanwise::Framing::Lines, &mut batch)
        .unwrap();
    let (rows, _) = convert(&batch, &ArrowOptions::default());
    let values = column(&rows, "attributes").as_map().values().as_string_view();
    assert_eq!(values.iter().flatten().collect::<Vec<_>>(), ["9007199254740993", "1.5"]);
}
