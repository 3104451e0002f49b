//! Every cell of every column, in every form, against what the batch's own views say, over all payloads and cases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType};
use arrow_array::{Array, RecordBatch, StructArray};
use spanwise::frame::{BlockSizes, Framer};
use spanwise::redact::{Policy, Preset, Redactor};
use spanwise::{AttributesRef, DecodeOptions, Decoder, Framing, SpanBatch, SpanRef, ValueRef};
use spanwise_arrow::write::{FileFormat, to_vec};
use spanwise_arrow::{ArrowOptions, Column, Compact, Converter, Ids, Layout, Telling, Times};
use support::{column, count, text, word};

/// Keys in the order in which they first come, with the last value of each.
fn distinct(list: AttributesRef<'_>) -> Vec<(String, ValueRef<'_>)> {
    let mut entries: Vec<(String, ValueRef<'_>)> = Vec::new();
    for attribute in list {
        match entries.iter_mut().find(|(key, _)| *key == attribute.key()) {
            Some((_, value)) => *value = attribute.value(),
            None => entries.push((attribute.key().into_owned(), attribute.value())),
        }
    }
    entries
}

fn json(value: &ValueRef<'_>) -> String {
    let mut out = Vec::new();
    value.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

/// What the map layout says of a value.
fn plain(value: &ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Empty => None,
        ValueRef::String(text) => Some(text.clone().into_owned()),
        ValueRef::Bytes(_) => Some(json(value).trim_matches('"').to_owned()),
        ValueRef::Double(number) if !number.is_finite() => Some(json(value).trim_matches('"').to_owned()),
        _ => Some(json(value)),
    }
}

fn same_typed(members: &StructArray, index: usize, value: &ValueRef<'_>) {
    let set: Vec<_> = (0..5).filter(|member| members.column(*member).is_valid(index)).collect();
    match value {
        ValueRef::Empty => {
            assert!(members.is_null(index));
            assert!(set.is_empty());
        }
        ValueRef::String(expected) => {
            assert_eq!((text(members.column(0), index), set), (&**expected, vec![0]));
        }
        ValueRef::Int(expected) => {
            assert_eq!(
                (members.column(1).as_primitive::<Int64Type>().value(index), set),
                (*expected, vec![1])
            );
        }
        ValueRef::Double(expected) => {
            let found = members.column(2).as_primitive::<Float64Type>().value(index);
            assert!(found.to_bits() == expected.to_bits() && set == [2]);
        }
        ValueRef::Bool(expected) => {
            assert_eq!((members.column(3).as_boolean().value(index), set), (*expected, vec![3]));
        }
        _ => assert_eq!((text(members.column(4), index), set), (&*json(value), vec![4])),
    }
}

fn same_map(array: &dyn Array, index: usize, expected: AttributesRef<'_>, layout: Layout) {
    let entries = array.as_map().value(index);
    let expected = distinct(expected);
    assert_eq!(entries.len(), expected.len());
    for (index, (key, value)) in expected.iter().enumerate() {
        assert_eq!(text(entries.column(0), index), key);
        let values = entries.column(1);
        match layout {
            Layout::Map => {
                let found = values.is_valid(index).then(|| text(values, index).to_owned());
                assert_eq!(found, plain(value), "{key}");
            }
            Layout::Typed => same_typed(values.as_struct(), index, value),
            other => panic!("{other}"),
        }
    }
}

fn time(array: &dyn Array, index: usize) -> Option<i64> {
    array.is_valid(index).then(|| array.as_primitive::<TimestampNanosecondType>().value(index))
}

fn expected_time(nanos: u64) -> Option<i64> {
    i64::try_from(nanos).ok().filter(|nanos| *nanos != 0)
}

fn same_id(array: &dyn Array, index: usize, expected: &str, bytes: Option<&[u8]>, ids: Ids) {
    match ids {
        Ids::Text => assert_eq!(text(array, index), expected),
        Ids::Binary => {
            assert_eq!(array.is_valid(index).then(|| array.as_fixed_size_binary().value(index)), bytes);
        }
        other => panic!("{other}"),
    }
}

fn same_span(rows: &RecordBatch, index: usize, span: SpanRef<'_>, layout: Layout, ids: Ids) {
    let at = |name| column(rows, name);
    same_id(at("trace_id"), index, &span.trace_id(), span.trace_id_bytes().as_ref().map(|id| &id[..]), ids);
    same_id(at("span_id"), index, &span.span_id(), span.span_id_bytes().as_ref().map(|id| &id[..]), ids);
    let parent = span.parent_span_id_bytes();
    same_id(at("parent_span_id"), index, &span.parent_span_id(), parent.as_ref().map(|id| &id[..]), ids);
    for (name, expected) in [
        ("trace_state", span.trace_state()),
        ("name", span.name()),
        ("status_message", span.status().message),
        ("scope_name", span.scope().name()),
        ("scope_version", span.scope().version()),
    ] {
        assert_eq!(text(at(name), index), expected, "{name}");
    }
    assert_eq!(word(at("kind"), index), span.kind().to_string());
    assert_eq!(word(at("status_code"), index), span.status().code.to_string());
    assert_eq!(time(at("start_time"), index), expected_time(span.start_time_unix_nano()));
    assert_eq!(time(at("end_time"), index), expected_time(span.end_time_unix_nano()));
    assert_eq!(
        at("duration_ns").as_primitive::<Int64Type>().value(index),
        i64::try_from(span.duration_nanos()).unwrap_or(i64::MAX)
    );
    for (name, expected) in [
        ("flags", span.flags()),
        ("dropped_attributes_count", span.dropped_attributes_count()),
        ("dropped_events_count", span.dropped_events_count()),
        ("dropped_links_count", span.dropped_links_count()),
    ] {
        assert_eq!(count(at(name), index), expected, "{name}");
    }
    let service = at("service_name");
    let found = service.is_valid(index).then(|| text(service, index).to_owned());
    assert_eq!(found, span.resource().attributes().get("service.name").and_then(|value| plain(&value)));
    same_map(at("resource_attributes"), index, span.resource().attributes(), layout);
    same_map(at("scope_attributes"), index, span.scope().attributes(), layout);
    same_map(at("attributes"), index, span.attributes(), layout);

    let events = at("events").as_list::<i32>().value(index);
    let events = events.as_struct();
    assert_eq!(events.len(), span.events().len());
    for (index, event) in span.events().enumerate() {
        assert_eq!(time(events.column(0), index), expected_time(event.time_unix_nano()));
        assert_eq!(text(events.column(1), index), event.name());
        same_map(events.column(2), index, event.attributes(), layout);
        assert_eq!(count(events.column(3), index), event.dropped_attributes_count());
    }
    let links = at("links").as_list::<i32>().value(index);
    let links = links.as_struct();
    assert_eq!(links.len(), span.links().len());
    for (index, link) in span.links().enumerate() {
        let row = link.row();
        let bytes = row.trace_id.valid.then_some(&row.trace_id.bytes[..]);
        same_id(links.column(0), index, &link.trace_id(), bytes, ids);
        let bytes = row.span_id.valid.then_some(&row.span_id.bytes[..]);
        same_id(links.column(1), index, &link.span_id(), bytes, ids);
        assert_eq!(text(links.column(2), index), link.trace_state());
        assert_eq!(count(links.column(3), index), link.flags());
        same_map(links.column(4), index, link.attributes(), layout);
        assert_eq!(count(links.column(5), index), link.dropped_attributes_count());
    }
}

fn same(name: &str, batch: &SpanBatch, options: &ArrowOptions) {
    let mut converter = Converter::new(options).unwrap();
    for owned in [false, true] {
        let rows =
            if owned { converter.convert_owned(batch.clone()) } else { converter.convert(batch) }.unwrap();
        assert_eq!(rows.num_rows(), batch.len());
        for (array, field) in rows.columns().iter().zip(rows.schema().fields()) {
            array
                .to_data()
                .validate_full()
                .unwrap_or_else(|error| panic!("{name}, {}, {options:?}: {error}", field.name()));
        }
        for (index, span) in batch.spans().enumerate() {
            same_span(&rows, index, span, options.layout, options.ids);
        }
    }
}

#[test]
fn all_cells_say_what_the_views_say() {
    for (name, batch) in support::batches() {
        for layout in [Layout::Map, Layout::Typed] {
            for ids in [Ids::Text, Ids::Binary] {
                for compact in [Compact::Auto, Compact::Never, Compact::Always] {
                    same(&name, &batch, &ArrowOptions { layout, ids, compact, ..ArrowOptions::default() });
                }
            }
        }
    }
}

#[test]
fn times_in_microseconds_lose_three_digits_and_nothing_else_changes() {
    let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"name":"a","startTimeUnixNano":"1764028800123456789","endTimeUnixNano":"0",
         "events":[{"name":"e","timeUnixNano":"1999"}]},
        {"name":"b","startTimeUnixNano":"9223372036854775807","endTimeUnixNano":"9223372036854775808"}]}]}]}"#;
    let batch = support::decode(json.to_owned());
    let table = |times| {
        let options = ArrowOptions { times, ..ArrowOptions::default() };
        Converter::new(&options).unwrap().convert(&batch).unwrap()
    };
    let (nanos, micros) = (table(Times::Nanoseconds), table(Times::Microseconds));
    let of = |array: &dyn Array| {
        let times = array.as_primitive::<TimestampMicrosecondType>();
        assert_eq!(times.timezone(), Some("UTC"));
        times.iter().collect::<Vec<_>>()
    };
    let (start, end) = (column(&micros, "start_time"), column(&micros, "end_time"));
    assert_eq!(of(start), [Some(1_764_028_800_123_456), Some(9_223_372_036_854_775)]);
    assert_eq!(of(end), [None, None]);
    let events = column(&micros, "events").as_list::<i32>().values().as_struct();
    assert_eq!(of(events.column_by_name("time").unwrap()), [Some(1)]);
    let durations = column(&micros, "duration_ns").as_primitive::<Int64Type>();
    assert_eq!(durations.value(1), 1);
    for field in nanos.schema().fields() {
        if !["start_time", "end_time", "events"].contains(&field.name().as_str()) {
            assert_eq!(column(&micros, field.name()), column(&nanos, field.name()), "{field:?}");
        }
    }
    let schema = format!("{:?}", micros.schema());
    assert!(!schema.contains("Nanosecond"), "{schema}");

    let columns = Some(vec!["start_time".into(), "events".into()]);
    let options = ArrowOptions { times: Times::Microseconds, columns, ..ArrowOptions::default() };
    let mut converter = Converter::new(&options).unwrap();
    let rows = [converter.convert(&batch).unwrap()];
    let text = |format| String::from_utf8(to_vec(format, converter.schema(), &rows).unwrap()).unwrap();
    let first =
        r#"{"start_time":"2025-11-25T00:00:00.123456Z","events":[{"time":"1970-01-01T00:00:00.000001Z","#;
    assert!(text(FileFormat::JsonLines).starts_with(first), "{}", text(FileFormat::JsonLines));
    assert!(text(FileFormat::Csv).contains("\n2025-11-25T00:00:00.123456Z,"), "{}", text(FileFormat::Csv));
}

#[test]
fn many_spans_of_few_scopes_repeat_what_the_scopes_have() {
    let span = r#"{"name":"a name that is longer than twelve bytes","attributes":[{"key":"k","value":{"intValue":"123456789012345"}}]}"#;
    let spans = [span; 300].join(",");
    let scope = |name: &str| {
        format!(
            r#"{{"scope":{{"name":"{name}","attributes":[{{"key":"empty","value":{{}}}},{{"key":"s","value":{{"stringValue":"with \"escapes\" in it"}}}},{{"key":"empty","value":{{"boolValue":true}}}},{{"key":"s","value":{{}}}}]}},"spans":[{spans}]}}"#
        )
    };
    let resource = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"a service with a \\ in it"}},{"key":"none","value":{}}]}"#;
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{},{}]}},{{"scopeSpans":[{}]}}]}}"#,
        scope("one"),
        scope("another, with a long name"),
        scope("three")
    );
    let batch = support::decode(body);
    assert_eq!(batch.len(), 900);
    for layout in [Layout::Map, Layout::Typed] {
        for compact in [Compact::Auto, Compact::Never, Compact::Always] {
            same("repeated", &batch, &ArrowOptions { layout, compact, ..ArrowOptions::default() });
        }
    }
}

/// What is open where a document is cut is read again before each part, and what is said of it there is another part's.
#[test]
fn keys_that_come_twice_in_a_resource_or_a_scope_do_so_in_every_part_of_a_large_document() {
    let twice = r#""attributes":[{"key":"k","value":{"intValue":"1"}},{"key":"other","value":{}},{"key":"k","value":{"intValue":"2"}}]"#;
    let once = r#""attributes":[{"key":"k","value":{"intValue":"2"}}]"#;
    let options = DecodeOptions::default();
    let sizes = BlockSizes { block: 1, document: 1, ..BlockSizes::default() };
    // A part is as long as what is put before it, at least.
    let spans = ["a", "b", "c"].map(|name| format!(r#"{{"name":"{}"}}"#, name.repeat(500))).join(",");
    for (resource, scope) in [(twice, once), (once, twice), (twice, twice), (once, once)] {
        let body = format!(
            r#"{{"resourceSpans":[{{"resource":{{{resource}}},"scopeSpans":[{{"scope":{{{scope}}},"spans":[{spans}]}}]}}]}}"#
        );
        let mut framer = Framer::over(body.into(), &options, Framing::Auto, sizes);
        let mut parts = Vec::new();
        while let Some(block) = framer.next_block() {
            let mut batch = SpanBatch::new();
            Decoder::new(options).decode_framed(block, &mut batch).unwrap();
            parts.extend(Some(batch).filter(|batch| !batch.is_empty()));
        }
        assert_eq!(parts.iter().map(SpanBatch::len).collect::<Vec<_>>(), [1, 1, 1]);
        for part in &parts {
            assert_eq!(part.may_repeat_keys(), resource == twice || scope == twice);
            for layout in [Layout::Map, Layout::Typed] {
                same("a part", part, &ArrowOptions { layout, ..ArrowOptions::default() });
            }
        }
    }
}

/// Twice the keys that have no value at first: the second time from the first key on, or from the last.
#[test]
fn keys_that_come_again_with_a_value_have_it_in_any_order() {
    const KEYS: usize = 3000;
    let key = |number: usize, value: &str| format!(r#"{{"key":"{number}","value":{{{value}}}}}"#);
    let valued = |number| key(number, r#""boolValue":true"#);
    let convert = |again: &mut dyn Iterator<Item = usize>| {
        let list: Vec<_> = (0..KEYS).map(|number| key(number, "")).chain(again.map(valued)).collect();
        let batch = support::decode(support::span(&list.join(",")));
        let rows = Converter::new(&ArrowOptions::default()).unwrap().convert(&batch).unwrap();
        column(&rows, "attributes").as_map().value(0)
    };
    let entries = convert(&mut (0..KEYS));
    assert_eq!((entries.len(), entries.column(1).null_count()), (KEYS, 0));
    assert_eq!(convert(&mut (0..KEYS).rev()), entries);
    let odd = convert(&mut (0..KEYS).filter(|number| number % 2 == 1));
    let texts = odd.column(1).as_string_view();
    let expected = (0..KEYS).map(|number| (number % 2 == 1).then_some("true"));
    assert!(texts.iter().eq(expected));
}

#[test]
fn unknown_numbers_and_times_beyond_the_range_have_their_own_cells() {
    let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"kind":7,"status":{"code":9},"startTimeUnixNano":"0","endTimeUnixNano":"18446744073709551615"},
        {"kind":-1,"startTimeUnixNano":"5","endTimeUnixNano":"3"},{"kind":7}]}]}]}"#;
    let batch = support::decode(body);
    let rows = Converter::new(&ArrowOptions::default()).unwrap().convert(&batch).unwrap();
    let kinds: Vec<_> = (0..3).map(|index| word(column(&rows, "kind"), index).to_owned()).collect();
    assert_eq!(kinds, ["7", "-1", "7"]);
    assert_eq!(word(column(&rows, "status_code"), 0), "9");
    let times: Vec<_> =
        ["start_time", "end_time"].iter().map(|name| column(&rows, name).is_null(0)).collect();
    assert_eq!(times, [true, true]);
    let durations = column(&rows, "duration_ns").as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(durations, [i64::MAX, 0, 0]);
}

#[test]
fn the_schema_is_that_of_the_documentation() {
    let converter = Converter::new(&ArrowOptions::default()).unwrap();
    let names: Vec<_> = converter.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(
        names.join(" "),
        "trace_id span_id parent_span_id trace_state flags name kind status_code start_time end_time duration_ns \
         status_message service_name scope_name scope_version resource_attributes scope_attributes attributes events links \
         dropped_attributes_count dropped_events_count dropped_links_count"
    );
    assert_eq!(names.len(), Column::of_spans().len());
}

#[test]
fn llm_columns_say_what_the_reader_says_of_each_span() {
    use spanwise::llm::LlmKeys;
    for (name, batch) in support::batches() {
        for compact in [Compact::Never, Compact::Always] {
            let options = ArrowOptions { llm: true, compact, ..ArrowOptions::default() };
            let rows = Converter::new(&options).unwrap().convert(&batch).unwrap();
            let keys = LlmKeys::resolve(&batch);
            for array in rows.columns() {
                array.to_data().validate_full().unwrap();
            }
            for (index, span) in batch.spans().enumerate() {
                let read = keys.read(span);
                for (field, expected) in [
                    ("llm_model", &read.model),
                    ("llm_provider", &read.provider),
                    ("llm_operation", &read.operation),
                    ("llm_finish_reason", &read.finish_reason),
                    ("user_id", &read.user_id),
                    ("session_id", &read.session_id),
                    ("trace_name", &read.trace_name),
                    ("generation_name", &read.generation_name),
                ] {
                    let array = column(&rows, field);
                    let found = array.is_valid(index).then(|| text(array, index));
                    assert_eq!(found, expected.as_deref(), "{name}: {field}");
                }
                for (field, expected) in [
                    ("llm_input_tokens", read.input_tokens),
                    ("llm_output_tokens", read.output_tokens),
                    ("llm_total_tokens", read.total_tokens),
                ] {
                    let array = column(&rows, field).as_primitive::<Int64Type>();
                    assert_eq!(
                        array.is_valid(index).then(|| array.value(index)),
                        expected,
                        "{name}: {field}"
                    );
                }
                for (field, expected) in [
                    ("llm_input_cost_usd", read.input_cost_usd),
                    ("llm_output_cost_usd", read.output_cost_usd),
                    ("llm_cost_usd", read.cost_usd),
                ] {
                    let array = column(&rows, field).as_primitive::<Float64Type>();
                    assert_eq!(
                        array.is_valid(index).then(|| array.value(index)),
                        expected,
                        "{name}: {field}"
                    );
                }
                assert_eq!(column(&rows, "is_test").as_boolean().value(index), read.is_test);
                let metadata = column(&rows, "trace_metadata").as_map().value(index);
                let expected: Vec<_> = distinct(span.attributes())
                    .into_iter()
                    .filter_map(|(key, value)| {
                        key.strip_prefix("trace.metadata.").map(|key| (key.to_owned(), plain(&value)))
                    })
                    .collect();
                let found: Vec<_> = (0..metadata.len())
                    .map(|entry| {
                        let values = metadata.column(1);
                        let value = values.is_valid(entry).then(|| text(values, entry).to_owned());
                        (text(metadata.column(0), entry).to_owned(), value)
                    })
                    .collect();
                assert_eq!(found, expected, "{name}");
            }
        }
    }
}

#[test]
fn one_span_stands_for_a_request() {
    let told = |id: &str, parent: &str| {
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{id}","parentSpanId":"{parent}","attributes":[{{"key":"gen_ai.request.model","value":{{"stringValue":"heron-2"}}}},{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":7}}}}]}}]}}]}}]}}"#
        )
    };
    let (root, child) = (told("b7ad6b7169203331", ""), told("c08ef7c205606e66", "b7ad6b7169203331"));
    let options =
        ArrowOptions { columns: Some(vec!["is_request".into(), "name".into()]), ..ArrowOptions::default() };
    let both = [child.clone(), root.clone()].map(|text| spanwise::decode(text.into_bytes()).unwrap());
    let marks = |rows: &RecordBatch| {
        column(rows, "is_request").as_boolean().iter().map(Option::unwrap).collect::<Vec<_>>()
    };

    // Each batch alone.
    let mut converter = Converter::new(&options).unwrap();
    for batch in &both {
        assert_eq!(marks(&converter.convert(batch).unwrap()), [true]);
    }
    // Both, whichever comes first, and again with the same converter.
    let mut converter = Converter::new(&options).unwrap().telling(Telling::Across);
    for _ in 0..2 {
        let mut rows: Vec<_> = both.iter().map(|batch| converter.convert(batch).unwrap()).collect();
        converter.settle(&mut rows).unwrap();
        assert_eq!(rows.iter().map(marks).collect::<Vec<_>>(), [[false], [true]]);
    }
    // One batch with both.
    let block = format!("{root}\n{child}\n");
    let mut batch = SpanBatch::new();
    Decoder::default().decode_block(block.into_bytes(), Framing::Lines, &mut batch).unwrap();
    assert_eq!(marks(&Converter::new(&options).unwrap().convert(&batch).unwrap()), [true, false]);
}

#[test]
fn keys_that_redaction_takes_stay_apart() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[
        {"key":"ada@example.com","value":{"intValue":"1"}},
        {"key":"k","value":{"intValue":"2"}},
        {"key":"grace@example.com","value":{"intValue":"3"}}]}]}]}]}"#;
    let policy = Policy::from_preset(Preset::Secrets).compile(None).unwrap();
    let mut redactor = Redactor::new(policy);
    let mut batch = SpanBatch::new();
    Decoder::new(redactor.decode_options()).decode(&body[..], &mut batch).unwrap();
    let redacted = redactor.redact(&batch).unwrap().batch;
    let keys: Vec<_> =
        redacted.span(0).unwrap().attributes().iter().map(|it| it.key().into_owned()).collect();
    assert_eq!(keys, ["[REDACTED:email]", "k", "[REDACTED:key:2]"]);
    for layout in [Layout::Map, Layout::Typed] {
        same("redacted", &redacted, &ArrowOptions { layout, ..ArrowOptions::default() });
    }
}
