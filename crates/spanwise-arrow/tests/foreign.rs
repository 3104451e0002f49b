//! Record batches that are not the ones that were meant are errors, and no value comes under the name of another column.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::Schema;
use spanwise_arrow::write::{FileFormat, TableWriter, WriteError, to_vec};
use spanwise_arrow::{
    ArrowOptions, ConvertError, Converter, OptionsError, PromotedType, Promotion, RequestMarks, Telling,
    pick, plain, plain_schema,
};

const FORMATS: [FileFormat; 5] = [
    FileFormat::Parquet,
    FileFormat::ArrowFile,
    FileFormat::ArrowStream,
    FileFormat::JsonLines,
    FileFormat::Csv,
];

fn converter(columns: &[&str]) -> Converter {
    let columns = Some(columns.iter().map(|name| (*name).to_owned()).collect());
    Converter::new(&ArrowOptions { columns, ..ArrowOptions::default() }).unwrap()
}

/// A row for each name.
fn rows(columns: &[&str], names: &[&str]) -> RecordBatch {
    let spans: Vec<_> = names.iter().map(|name| format!(r#"{{"name":"{name}","traceState":"t"}}"#)).collect();
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    converter(columns).convert(&spanwise::decode(body).unwrap()).unwrap()
}

/// Batches that have other columns than `name` and `trace_state`.
fn others() -> Vec<(&'static str, RecordBatch)> {
    let integers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let strings: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    vec![
        ("other order", rows(&["trace_state", "name"], &["a"])),
        ("other names", rows(&["scope_name", "scope_version"], &["a"])),
        ("fewer", rows(&["name"], &["a"])),
        ("more", rows(&["name", "trace_state", "kind"], &["a"])),
        (
            "other types",
            RecordBatch::try_from_iter([("name", integers.clone()), ("trace_state", strings)]).unwrap(),
        ),
        ("one of another type", RecordBatch::try_from_iter([("name", integers)]).unwrap()),
        ("none", RecordBatch::new_empty(Arc::new(Schema::empty()))),
    ]
}

const OURS: [&str; 2] = ["name", "trace_state"];

#[test]
fn rows_are_picked_of_batches_of_one_schema() {
    let ours = rows(&OURS, &["a", "b"]);
    for (name, other) in others() {
        for batches in [[ours.clone(), other.clone()], [other.clone(), ours.clone()]] {
            for places in [&[(0, 0), (1, 0)][..], &[]] {
                let picked = pick(&ours.schema(), &batches, places);
                assert!(matches!(picked, Err(ConvertError::Foreign(_))), "{name}: {picked:?}");
            }
        }
    }
    assert!(matches!(
        pick(&ours.schema(), std::slice::from_ref(&ours), &[(0, 2)]),
        Err(ConvertError::Foreign(_))
    ));
    // A schema that is equal, and not the same.
    let same = rows(&OURS, &["c"]);
    assert!(!Arc::ptr_eq(same.schema_ref(), ours.schema_ref()));
    assert_eq!(pick(&ours.schema(), &[ours.clone(), same], &[(1, 0), (0, 1)]).unwrap().num_rows(), 2);
    let nothing = rows(&[], &["a", "b"]);
    assert_eq!(pick(&nothing.schema(), std::slice::from_ref(&nothing), &[(0, 1)]).unwrap().num_rows(), 1);
}

#[test]
fn a_file_takes_rows_of_its_schema() {
    let ours = rows(&OURS, &["a"]);
    for format in FORMATS {
        for (name, other) in others() {
            let mut writer = TableWriter::new(Vec::new(), format, &ours.schema()).unwrap();
            let error = writer.write(&other).unwrap_err();
            assert!(matches!(error, WriteError::Arrow(_)), "{format:?}, {name}: {error}");
            // What is refused leaves no trace.
            writer.write(&rows(&OURS, &["a"])).unwrap();
            let expected = to_vec(format, &ours.schema(), [&ours]).unwrap();
            assert_eq!(writer.finish().unwrap(), expected, "{format:?}, {name}");
        }
    }
}

#[test]
fn plain_strings_are_those_of_the_same_columns() {
    let ours = rows(&OURS, &["a"]);
    let schema = plain_schema(&ours.schema());
    assert_eq!(plain(&ours, &schema).unwrap()[0].schema(), schema);
    for (name, other) in others() {
        let error = plain(&other, &schema).unwrap_err();
        assert!(matches!(error, ConvertError::Foreign(_)), "{name}: {error}");
    }
    // Members of structs as well.
    let events = |names| {
        let columns = Some(vec!["events".to_owned()]);
        let options = ArrowOptions { names, columns, ..ArrowOptions::default() };
        Converter::new(&options).unwrap().schema().clone()
    };
    let [ours, theirs] = [spanwise_arrow::Names::Spanwise, spanwise_arrow::Names::ClickHouse].map(events);
    let renamed = Schema::new(vec![theirs.field(0).clone().with_name("events")]);
    let wanted = plain_schema(&Arc::new(renamed));
    assert!(matches!(plain(&RecordBatch::new_empty(ours), &wanted), Err(ConvertError::Foreign(_))));
}

#[test]
fn only_what_was_converted_is_settled() {
    let columns = ["llm_model", "is_request"];
    let span = |id: usize| {
        format!(
            r#"{{"traceId":"{:032x}","spanId":"{:016x}","name":"chat","attributes":[{{"key":"gen_ai.request.model","value":{{"stringValue":"m"}}}},{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":3}}}}]}}"#,
            1,
            id + 1
        )
    };
    let body = |spans: &[usize]| {
        let spans: Vec<_> = spans.iter().map(|id| span(*id)).collect();
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
    };
    let mut converter = converter(&columns).telling(Telling::Across);
    let made: Vec<_> = [&[0, 1][..], &[2]]
        .map(|ids| converter.convert(&spanwise::decode(body(ids)).unwrap()).unwrap())
        .into();
    let foreign = others().into_iter().map(|(name, batch)| (name, vec![batch.slice(0, 0), batch]));
    let wrong = [
        ("fewer rows", vec![made[0].clone()]),
        ("more rows", vec![made[0].clone(), made[1].clone(), made[1].clone()]),
        ("no rows", Vec::new()),
    ];
    for (name, mut batches) in foreign.chain(wrong) {
        let before = batches.clone();
        let settled = converter.settle(&mut batches);
        assert!(matches!(settled, Err(ConvertError::Foreign(_))), "{name}: {settled:?}");
        assert_eq!(batches, before, "{name}");
    }
    let mut made = made;
    converter.settle(&mut made).unwrap();
    let marks = made.iter().map(|rows| {
        rows.column(1).as_any().downcast_ref::<arrow_array::BooleanArray>().unwrap().true_count()
    });
    assert_eq!(marks.collect::<Vec<_>>(), [2, 1]);
    // There is nothing left to settle.
    converter.settle(&mut []).unwrap();
}

#[test]
fn only_rows_of_the_converter_are_marked_and_a_refusal_uses_no_marks_up() {
    let of = |names: &[&str]| {
        let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"m"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":3}}]}]}]}]}"#;
        let batch = spanwise::decode(body).unwrap();
        let mut requests = spanwise::llm::Requests::default();
        requests.add_batch(&batch);
        let mut converter = converter(names).telling(Telling::Later);
        let rows = converter.convert(&batch).unwrap();
        (RequestMarks::new(&requests, &converter), rows)
    };
    let booleans: ArrayRef = Arc::new(BooleanArray::from(vec![false]));
    // At the column's place, and of its type.
    let other_flag = (
        "another flag",
        RecordBatch::try_from_iter([
            ("name", rows(&["name"], &["a"]).column(0).clone()),
            ("is_test", booleans),
        ])
        .unwrap(),
    );
    for names in [&["name", "is_request"][..], &["name"]] {
        let (mut marks, ours) = of(names);
        let columns = others().into_iter().filter(|(_, other)| other.schema() != ours.schema());
        for (name, other) in columns.chain([other_flag.clone()]) {
            let marked = marks.mark(other.clone());
            assert!(matches!(marked, Err(ConvertError::Foreign(_))), "{name}: {marked:?}");
        }
        let both = arrow_select::concat::concat_batches(&ours.schema(), [&ours, &ours]).unwrap();
        let more = marks.mark(both).unwrap_err();
        assert!(matches!(more, ConvertError::Changed { told: 1, found: 2 }), "{more}");
        let marked = marks.mark(ours).unwrap();
        if let Some(column) = marked.column_by_name("is_request") {
            assert_eq!(column.as_boolean().true_count(), 1);
        }
        marks.finish().unwrap();
    }
}

#[test]
fn a_parquet_file_without_columns_is_refused_since_it_would_have_no_rows() {
    let nothing = rows(&[], &["a", "b", "c"]);
    assert_eq!(nothing.num_rows(), 3);
    let error = TableWriter::new(Vec::new(), FileFormat::Parquet, &nothing.schema()).unwrap_err();
    assert!(error.to_string().contains("without columns"), "{error}");
    let lines = to_vec(FileFormat::JsonLines, &nothing.schema(), [nothing]).unwrap();
    assert_eq!(lines, b"{}\n{}\n{}\n");
}

#[test]
fn attributes_of_events_and_links_are_no_columns() {
    for (key, is_good) in [
        ("event:exception.type", false),
        ("link:x", false),
        ("span:event:x", true),
        ("eventful", true),
        ("eventful:x", true),
        ("resource:link:x", true),
    ] {
        let promote = vec![Promotion::new(key, PromotedType::String)];
        let made = Converter::new(&ArrowOptions { promote, ..ArrowOptions::default() });
        let error = made.err();
        assert_eq!(error, (!is_good).then(|| OptionsError::UnknownPlace(key.to_owned())), "{key}");
        assert!(error.is_none_or(|error| error.to_string().contains(key)));
    }
}
