//! What is asked of the source: as little as can be, and every span once, in the order of the rows.

use std::cell::RefCell;

use spanwise::index::{Index, IndexError, IndexLimits, Query, RowSet, Scan, SpanLookup};
use spanwise::{SpanBatch, SpanRef};

use crate::built;

/// Spans of 50 traces that take turns.
fn interleaved() -> [SpanBatch; 1] {
    let spans: Vec<String> = (0..500)
        .map(|at| {
            let (trace, list) = (at % 50 + 1, if at % 100 == 7 { r#",{"key":"l","value":{"arrayValue":{}}}"# } else { "" });
            format!(
                r#"{{"traceId":"{trace:032x}","spanId":"{:016x}","parentSpanId":"{}","name":"n{trace}","endTimeUnixNano":"{at}","attributes":[
                {{"key":"n","value":{{"intValue":"{at}"}}}},{{"key":"x","value":{{"doubleValue":{at}.5}}}}{list}]}}"#,
                at + 1,
                if at < 50 { String::new() } else { format!("{:016x}", at - 49) },
            )
        })
        .collect();
    let text = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"web"}}}}]}},
        "scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    );
    [spanwise::decode(text.into_bytes()).unwrap()]
}

/// A source, and the rows that were asked of it, each time.
struct Asked<'a>(Scan<'a>, RefCell<Vec<Vec<u32>>>);

impl SpanLookup for Asked<'_> {
    fn spans(&self, rows: &RowSet, each: &mut dyn FnMut(u32, SpanRef<'_>)) -> Result<(), IndexError> {
        self.1.borrow_mut().push(rows.iter().collect());
        self.0.spans(rows, each)
    }
}

#[test]
fn aggregates_and_groups_ask_for_what_no_column_holds_once() {
    let batches = interleaved();
    let (all, few) = (500, 5);
    for (limits, text, expected) in [
        (IndexLimits::default(), "{ } | avg(span.n) > 50", &[][..]),
        (IndexLimits { distinct: 10, ..IndexLimits::default() }, "{ } | max(.n) > 490 | sum(.x) > 0", &[]),
        (IndexLimits::default(), "{ } | by(name) | by(resource.service.name) | count() > 1", &[]),
        (IndexLimits::default(), "{ } | by(rootName) | max(childCount) > 0 | max(traceDuration) >= 0ns", &[]),
        (IndexLimits::default(), "{ } | by(.l) | count() > 1", &[few]),
        (IndexLimits::default(), "{ } | by(span:id) | avg(span.n) > 50", &[all]),
        (IndexLimits::default(), "{ } | avg(span.n + 1) > 50", &[all]),
        (IndexLimits { text_bytes: 0, ..IndexLimits::default() }, "{ } | by(rootName) | count() > 1", &[50]),
        (IndexLimits { text_bytes: 0, ..IndexLimits::default() }, r#"{ rootName > "n" }"#, &[50, all]),
        (IndexLimits { fields: 0, ..IndexLimits::default() }, "{ } | avg(span.n) > 50", &[all]),
    ] {
        let (query, scan) = (Query::parse(text).unwrap(), Scan::new(&batches));
        let asked = Asked(Scan::new(&batches), RefCell::default());
        let found = built(&batches, limits).run(&query, &asked).unwrap();
        assert!(found == scan.run(&query) && !found.is_empty(), "{text}");
        let asked = asked.1.into_inner();
        assert!(asked.iter().all(|rows| rows.is_sorted_by(|a, b| a < b)), "{text}");
        assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn threads_can_share_what_answers() {
    let batches = interleaved();
    let (scan, index) = (Scan::new(&batches), built(&batches, IndexLimits::default()));
    let query = Query::parse("{ } | by(name) | avg(span.n) > 240").unwrap();
    let expected = Scan::new(&batches).run(&query);
    assert!(!expected.is_empty());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert!(scan.run(&query) == expected && index.run(&query, &scan).unwrap() == expected);
            });
        }
    });
}

#[test]
fn an_index_of_any_number_of_fields_gives_the_same_answers() {
    let batches = interleaved();
    let scan = Scan::new(&batches);
    for fields in 0..=14 {
        let index: Index = built(&batches, IndexLimits { fields, ..IndexLimits::default() });
        for text in [
            r#"{ name =~ "n1.*" }"#,
            r#"{ name != "n1" }"#,
            "{ kind = unspecified && status = unset }",
            r#"{ statusMessage = "" && event:name = nil }"#,
            "{ event:timeSinceStart = nil && link:traceID = nil && link:spanID = nil }",
            r#"{ instrumentation:name = "" && instrumentation:version = "" }"#,
            r#"{ rootName =~ "n.*" && rootServiceName = "web" }"#,
            "{ span.n > 100 } | by(name) | count() > 2",
        ] {
            let query = Query::parse(text).unwrap();
            let expected = scan.run(&query);
            assert!(!expected.is_empty(), "{text}");
            assert!(index.run(&query, &scan).unwrap() == expected, "{text}, {fields} fields");
        }
    }
}

#[test]
fn very_many_groups_cost_what_few_do() {
    // Minutes if each group is filtered, or walked for, by itself; `tests/complexity` counts.
    let spans: Vec<String> = (0..100_000)
        .map(|at| {
            format!(
                r#"{{"traceId":"00000000000000000000000000000001","spanId":"{:016x}","parentSpanId":"{at:016x}","endTimeUnixNano":"{at}"}}"#,
                at + 1
            )
        })
        .collect();
    // The same with an id that comes again, with another parent.
    let again = r#"{"traceId":"00000000000000000000000000000001","spanId":"000000000000c350","parentSpanId":"0000000000000001","endTimeUnixNano":"100000"}"#;
    for (more, again) in [(0, &[][..]), (1, &[again.to_owned()])] {
        let spans = [&spans[..], again].concat();
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
        let batches = [spanwise::decode(text.into_bytes()).unwrap()];
        let (scan, index) = (Scan::new(&batches), built(&batches, IndexLimits::default()));
        for (text, expected) in [
            ("{ } | by(span:id) | { duration > 5ns } && { }", 99_994 + more),
            ("{ } | by(span:id) | { } >> { }", 0),
            ("{ } | by(duration % 3) | { } << { }", 99_997 + more),
            ("{ } | by(span:id) | ({ } | by(duration) | count() > 0)", 100_000 + more),
        ] {
            let query = Query::parse(text).unwrap();
            assert_eq!(index.run(&query, &scan).unwrap().len(), expected, "{text}");
        }
    }
}
