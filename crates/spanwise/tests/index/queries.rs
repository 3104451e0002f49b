//! What a query says of itself before it is run.

use spanwise::Projection;
use spanwise::index::{IndexLimits, Query, Scan};

use crate::{built, merged, rows, stored};

#[test]
fn whether_each_span_can_be_judged_by_itself() {
    for (text, expected) in [
        ("{ }", true),
        (r#"{ .a = 1 && name =~ "x.*" }"#, true),
        ("{ .a = 1 } || { .b = 2 }", true),
        ("{ .a = 1 } | select(.a, duration)", true),
        ("{ .a = 1 } && { .b = 2 }", false),
        ("{ .a = 1 } || ({ .b = 2 } >> { })", false),
        ("{ .a = 1 } > { }", false),
        (r#"{ rootName = "x" }"#, false),
        ("{ childCount > 0 }", false),
        // What is selected changes nothing.
        ("{ .a = 1 } | select(rootName)", true),
        ("{ .a = 1 } | count() > 1", false),
        ("{ .a = 1 } | by(.b)", false),
    ] {
        assert_eq!(Query::parse(text).unwrap().is_of_single_spans(), expected, "{text}");
    }
}

#[test]
fn a_query_may_be_as_long_as_a_mebibyte() {
    let of_length = |length: usize| format!("{{ }}{}", " ".repeat(length - 3));
    for (length, accepted) in [((1 << 20) - 1, true), (1 << 20, true), ((1 << 20) + 1, false)] {
        let query = of_length(length).parse::<Query>();
        assert_eq!(query.is_ok(), accepted, "{length}");
        assert!(query.err().is_none_or(|error| error.column() == 1));
    }
}

#[test]
fn a_query_of_several_lines_has_lines_and_columns() {
    for (text, expected) in [
        ("{ .a = 1 &&\n  .b = }", "line 2, column 8: a value is expected here, not `}`"),
        ("\r\n\n{ é = 1\n}", "line 3, column 3: this word means nothing here; is `.é` or `span.é` meant?"),
        ("{ .a = 1 &&\n", "line 2, column 1: a value is expected here, not the end of the query"),
        ("{ .a == 1\n}", "column 7: `=` cannot stand here; a value is expected"),
        ("{ .a = `\n", "column 8: this text has no end"),
    ] {
        let error = Query::parse(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
        let place = match error.line() {
            1 => format!("column {}: ", error.column()),
            line => format!("line {line}, column {}: ", error.column()),
        };
        assert_eq!(format!("{place}{}", error.message()), expected, "{text}");
    }
    let query = Query::parse("{ .a = 1 || .b = 2 &&\n.c = 3 }\n&& { .d = 4 ||\n .e = 5 && .f = 6 }").unwrap();
    let places: Vec<_> = query.warnings().iter().map(|warning| (warning.line(), warning.column())).collect();
    assert_eq!(places, [(1, 20), (4, 9)]);
    assert!(query.warnings()[1].to_string().starts_with("line 4, column 9: `&&` and `||`"));
}

/// A chain that begins with one in parentheses, which begins with one in parentheses: each as long as it may be, were what it
/// begins with not counted.
fn chains_that_begin_with_chains(levels: usize, step: &str) -> String {
    let begun = |levels: usize| "(".repeat(levels) + "{ }";
    (1..=levels).fold(begun(levels), |query, level| {
        format!("{query}{}{})", step.repeat(level % 100), " || { }".repeat(level % 100))
    })
}

#[test]
fn what_is_selected_is_not_asked_for() {
    for text in ["{ name = `a` } | select(span.a, event:name, trace:rootService)", "({ } | select(.a)) > { }"]
    {
        assert_eq!(Query::parse(text).unwrap().projection(), Projection::NONE, "{text}");
    }
    assert!(Query::parse("{ } | select()").is_err() && Query::parse("{ } | select(a)").is_err());
}

#[test]
fn a_message_is_short_whatever_the_query_says() {
    let long = "a".repeat(900_000);
    for text in [
        format!("{{ {long}.b = 1 }}"),
        format!("{{ b.{long} = 1 }}"),
        format!("{{ {long}:b = 1 }}"),
        format!("{{ span:{long} = 1 }}"),
        format!("{{ .a = {long} }}"),
        format!("{{ .a =~ `{long}(` }}"),
        format!("{{ }} | {long}()"),
        format!("{{ .a = 1 }} {long}"),
        format!("{{ .a = 1{long} }}"),
    ] {
        let error = Query::parse(&text).unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }
}

#[test]
fn nesting_has_a_bound_whatever_nests() {
    let forms: [fn(usize) -> String; 9] = [
        |levels| format!("{{ {}.a = 1{} }}", "(".repeat(levels), ")".repeat(levels)),
        |levels| format!("{{ {}.a }}", "!".repeat(levels)),
        |levels| format!("{{ {}1 = .a }}", "-".repeat(levels)),
        |levels| format!("{{ .a{} = 1 }}", " ^ .a".repeat(levels)),
        |levels| format!("{}{{ }}{}", "(".repeat(levels), ")".repeat(levels)),
        |levels| format!("{}{{ }}{}", "(".repeat(levels), " | by(name))".repeat(levels)),
        |levels| format!("{{ }}{}", " && { } || { }".repeat(levels / 2)),
        |levels| chains_that_begin_with_chains(levels.min(600), " > { }"),
        |levels| chains_that_begin_with_chains(levels.min(600), " && { }"),
    ];
    for form in forms {
        let most = (1..200).take_while(|levels| Query::parse(&form(*levels)).is_ok()).count();
        assert!((30..=100).contains(&most), "{most}: {}", form(3));
        for levels in [most + 1, most + 2, 1000, 50_000] {
            let error = Query::parse(&form(levels)).unwrap_err().to_string();
            assert!(error.ends_with("the query is nested deeper than 100 levels"), "{levels}: {error}");
        }
    }
}

#[test]
fn a_chain_is_as_long_as_it_needs_to_be() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","parentSpanId":"0000000000000001",
         "attributes":[{"key":"a","value":{"intValue":"1"}}]}]}]}]}"#;
    let batches = [spanwise::decode(&body[..]).unwrap()];
    let (scan, index) = (Scan::new(&batches), built(&batches, IndexLimits::default()));
    let often = |first: &str, next: &str| first.to_owned() + &next.repeat(10_000);
    for (query, expected) in [
        (often("{ false }", " || { false }") + " || { }", 1),
        (often("{ }", " && { }"), 1),
        (often("{ }", " && { }") + " && { false }", 0),
        (often("{ }", " > { }"), 1),
        (often("({ } && { }) > { }", " >> { }") + " !> { }", 0),
        (format!("{{ {} = 10002 }}", often("1 + .a", " + .a")), 1),
        (format!("{{ {} = 2 }}", often("2 * .a", " / .a * .a")), 1),
        (format!("{{ {} }}", often(".a = 2", " || .a = 1")), 1),
    ] {
        let parsed = Query::parse(&query).unwrap_or_else(|error| panic!("{}: {error}", &query[..30]));
        assert_eq!(scan.run(&parsed).len(), expected, "{}", &query[..30]);
        assert_eq!(index.run(&parsed, &scan).unwrap().len(), expected, "{}", &query[..30]);
    }
}

/// How many spans of these, by scan and by index, which must agree.
fn count(spans: &[String], text: &str) -> u64 {
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    let batches = [spanwise::decode(body.into_bytes()).unwrap()];
    let (scan, query) = (Scan::new(&batches), Query::parse(text).unwrap());
    let found = scan.run(&query);
    assert!(built(&batches, IndexLimits::default()).run(&query, &scan).unwrap() == found, "{text}");
    found.len()
}

#[test]
fn what_is_no_number_is_neither_least_nor_greatest_wherever_it_stands() {
    let span = |value: &str| {
        format!(
            r#"{{"traceId":"00000000000000000000000000000001","attributes":[{{"key":"v","value":{{"doubleValue":{value}}}}}]}}"#
        )
    };
    for values in [["\"NaN\"", "1", "2"], ["1", "\"NaN\"", "2"], ["2", "1", "\"NaN\""]] {
        let spans = values.map(span);
        for (text, expected) in [
            ("{ } | min(.v) = 1", 3),
            ("{ } | max(.v) = 2", 3),
            ("{ } | max(.v) != 2", 0),
            ("{ } | sum(.v) != 3", 3),
        ] {
            assert_eq!(count(&spans, text), expected, "{text} {values:?}");
        }
    }
    assert_eq!(count(&[span("\"NaN\"")], "{ } | min(.v) != 1"), 0);
}

#[test]
fn a_root_that_does_not_say_when_it_starts_is_the_last_of_several() {
    let span = |name: &str, start: u64| {
        format!(
            r#"{{"traceId":"00000000000000000000000000000001","name":"{name}","startTimeUnixNano":"{start}"}}"#
        )
    };
    for spans in [
        [span("unset", 0), span("late", 9), span("early", 5)],
        [span("early", 5), span("unset", 0), span("late", u64::MAX)],
    ] {
        assert_eq!(count(&spans, r#"{ rootName = "early" }"#), 3);
    }
    assert_eq!(count(&[span("first", 0), span("second", 0)], r#"{ rootName = "first" }"#), 2);
}

#[test]
fn a_warning_says_where_and_what() {
    let warnings = |text: &str| {
        let query: Query = text.parse().unwrap();
        query.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let said = "`&&` and `||` bind alike and from the left: put parentheses where they are mixed";
    for (text, column) in
        [("{ .a = 1 || .b = 2 && .c = 3 }", Some(20)), ("{ .a = 1 || (.b = 2 && .c = 3) }", None)]
    {
        let expected = column.map(|column| format!("column {column}: {said}"));
        assert_eq!(warnings(text), Vec::from_iter(expected), "{text}");
    }
    let query: Query = "{ } || { } && { }".parse().unwrap();
    let found: Vec<_> =
        query.warnings().iter().map(|warning| (warning.column(), warning.message())).collect();
    assert_eq!(found, [(12, said)]);
}

#[test]
fn no_valid_id_is_that_of_a_text() {
    // What a valid id would have to be if a text went by its SHA-256, and if it went by its place.
    for (trace, span) in [
        ("ba7816bf8f01cfea414140de5dae2223", "414140de5dae2223"),
        ("00000000000000000000000000000001", "0000000000000001"),
        ("00000000000000000000000000000002", "0000000000000002"),
    ] {
        let document = |spans: &str| {
            let spans = spans.replace("TRACE", trace).replace("SPAN", span);
            let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
            spanwise::decode(body.into_bytes()).unwrap()
        };
        let batches = [
            document(
                r#"{"traceId":"abc","spanId":"abc","name":"text"},{"traceId":"TRACE","spanId":"SPAN","name":"hex"}"#,
            ),
            document(
                r#"{"traceId":"00000000000000000000000000000009","spanId":"abc","name":"text in a trace"},
                {"traceId":"00000000000000000000000000000009","spanId":"0000000000000007","parentSpanId":"SPAN"},
                {"traceId":"00000000000000000000000000000009","spanId":"0000000000000008","parentSpanId":"abc"},
                {"traceId":"00000000000000000000000000000009","spanId":"SPAN","parentSpanId":"another text"}"#,
            ),
        ];
        let scan = Scan::new(&batches);
        for (text, expected) in [
            (r#"{ span:id = "abc" }"#, &[0, 2][..]),
            (r#"{ span:id != "abc" }"#, &[1, 3, 4, 5]),
            (r#"{ span:id = "SPAN" }"#, &[1, 5]),
            (r#"{ span:parentID = "abc" }"#, &[4]),
            (r#"{ span:parentID = "SPAN" }"#, &[3]),
            (r#"{ span:parentID = "" }"#, &[0, 1, 2]),
            (r#"{ trace:id = "abc" }"#, &[0]),
            (r#"{ trace:id != "abc" }"#, &[1, 2, 3, 4, 5]),
            (r#"{ trace:id = "TRACE" }"#, &[1]),
            (r#"{ name = "text" } && { name = "hex" }"#, &[]),
            (r#"{ name = "text in a trace" } > { }"#, &[4]),
            (r#"{ name = "text in a trace" } >> { }"#, &[4]),
            ("{ } | by(name) | { } >> { }", &[3]),
            (r#"{ span:id = "SPAN" } > { }"#, &[3]),
            ("{ } < { }", &[2, 5]),
            ("{ childCount = 1 }", &[2, 5]),
        ] {
            let text = text.replace("TRACE", trace).replace("SPAN", span);
            let query = Query::parse(&text).unwrap();
            assert_eq!(rows(&scan.run(&query)), expected, "{text}");
            for index in [
                built(&batches, IndexLimits::default()),
                merged(&batches, IndexLimits::default()),
                stored::opened(&built(&batches, IndexLimits::default())),
                stored::merged(&batches, IndexLimits::default()),
            ] {
                assert_eq!(rows(&index.run(&query, &scan).unwrap()), expected, "{text}");
            }
        }
    }
}
