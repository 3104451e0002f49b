//! What a query says of itself before it is run.

use spanwise::index::Query;

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
        ("{ .a = 1 } | select(rootName)", false),
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
fn nesting_has_a_bound_whatever_nests() {
    let forms: [fn(usize) -> String; 4] = [
        |levels| format!("{{ {}.a = 1{} }}", "(".repeat(levels), ")".repeat(levels)),
        |levels| format!("{{ {}.a }}", "!".repeat(levels)),
        |levels| format!("{{ {}1 = .a }}", "-".repeat(levels)),
        |levels| format!("{}{{ }}{}", "(".repeat(levels), ")".repeat(levels)),
    ];
    for form in forms {
        let most = (1..200).take_while(|levels| Query::parse(&form(*levels)).is_ok()).count();
        assert!((40..=100).contains(&most), "{most}: {}", form(3));
        for levels in [most + 1, most + 2, 1000, 300_000] {
            let error = Query::parse(&form(levels)).unwrap_err();
            assert!(error.to_string().ends_with("the query is nested too deep"), "{levels}: {error}");
        }
    }
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
