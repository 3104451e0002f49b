//! Facets by hand.

use spanwise::index::{FacetError, FacetValue, Index, IndexLimits};

fn index(limits: IndexLimits) -> Index {
    let span = |model: &str, tokens: &str, kind: u8| {
        format!(
            r#"{{"name":"chat","kind":{kind},"attributes":[{{"key":"model","value":{{"stringValue":"{model}"}}}},
               {{"key":"tokens","value":{{{tokens}}}}},{{"key":"tags","value":{{"arrayValue":{{"values":[{{"stringValue":"a"}}]}}}}}}]}}"#
        )
    };
    let spans = [
        span("heron", r#""intValue":"1""#, 2),
        span("owl", r#""intValue":"2""#, 3),
        span("heron", r#""doubleValue":3.0"#, 3),
        span("heron", r#""intValue":"4""#, 3),
        span("wren", r#""stringValue":"many""#, 77),
    ]
    .join(",");
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"web"}}}}]}},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
    );
    let mut index = Index::new(limits);
    index.add(&spanwise::decode(body.into_bytes()).unwrap()).unwrap();
    index
}

fn text(text: &str) -> FacetValue {
    FacetValue::Text(text.to_owned())
}

#[test]
fn keys_are_told_with_how_many_spans_have_them() {
    let keys = index(IndexLimits::default()).keys().unwrap();
    let told: Vec<_> = keys.iter().map(|key| (&*key.field, key.spans, key.distinct, key.others)).collect();
    assert_eq!(
        told,
        [
            ("instrumentation:name", 5, 1, 0),
            ("instrumentation:version", 5, 1, 0),
            ("kind", 5, 3, 0),
            ("name", 5, 1, 0),
            ("resource.service.name", 5, 1, 0),
            ("span.model", 5, 3, 0),
            ("span.tags", 5, 1, 0),
            ("span.tokens", 5, 5, 0),
            ("status", 5, 1, 0),
            ("statusMessage", 5, 1, 0),
        ]
    );
}

#[test]
fn durations_have_values_and_what_is_known_of_a_trace_has_none() {
    let spans = [("1", "8"), ("2", "9"), ("5", "6"), ("0", "18446744073709551615")]
        .map(|(start, end)| format!(r#"{{"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}"}}"#))
        .join(",");
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let mut index = Index::new(IndexLimits::default());
    index.add(&spanwise::decode(body.into_bytes()).unwrap()).unwrap();
    let durations = index.values("duration", 9).unwrap();
    assert_eq!(durations.values, [(FacetValue::Int(7), 2), (FacetValue::Int(1), 1)]);
    // Beyond the integers.
    assert_eq!(durations.others, 1);
    assert_eq!(index.values("span:duration", 1).unwrap().others, 2);
    for field in [
        "trace:id",
        "span:id",
        "span:parentID",
        "rootName",
        "trace:rootService",
        "traceDuration",
        "childCount",
    ] {
        let error = index.values(field, 9).unwrap_err().to_string();
        assert!(error.contains("an index keeps no values of"), "{field}: {error}");
        assert!(index.histogram(field, 9).is_err() && index.quantiles(field, &[0.5]).is_err(), "{field}");
    }
}

#[test]
fn values_come_with_their_counts_and_the_rest_is_counted() {
    let index = index(IndexLimits::default());
    let models = index.values("span.model", 2).unwrap();
    assert_eq!((models.values, models.others), (vec![(text("heron"), 3), (text("owl"), 1)], 1));
    let kinds = index.values("kind", 9).unwrap();
    assert_eq!(kinds.values, [(text("client"), 3), (text("server"), 1), (FacetValue::Int(77), 1)]);
    assert_eq!(index.values("span.absent", 9).unwrap().values, []);
    let few = self::index(IndexLimits { distinct: 1, ..IndexLimits::default() });
    let models = few.values("span.model", 9).unwrap();
    assert_eq!((models.values, models.others), (vec![(text("heron"), 3)], 2));
}

#[test]
fn a_span_with_several_of_the_rest_is_counted_once() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"t","value":{"arrayValue":{"values":[
        {"stringValue":"a"},{"stringValue":"b"},{"stringValue":"c"},{"bytesValue":"AQI="},{"intValue":"1"}]}}}]},
        {"attributes":[{"key":"t","value":{"stringValue":"b"}}]}]}]}]}"#;
    for (distinct, limit, expected) in
        [(9, 9, (4, 1)), (9, 1, (1, 1)), (9, 0, (0, 2)), (1, 9, (2, 2)), (0, 9, (0, 2))]
    {
        let mut index = Index::new(IndexLimits { distinct, ..IndexLimits::default() });
        index.add(&spanwise::decode(&body[..]).unwrap()).unwrap();
        let facet = index.values("span.t", limit).unwrap();
        assert_eq!((facet.values.len(), facet.others), expected, "{distinct} {limit} {facet:?}");
    }
}

#[test]
fn numbers_are_summed_up_wherever_they_are_kept() {
    for distinct in [0, 1, 4096] {
        let index = index(IndexLimits { distinct, ..IndexLimits::default() });
        let quantiles = index.quantiles("span.tokens", &[0.0, 0.25, 0.5, 0.51, 1.0]).unwrap();
        assert_eq!(quantiles, [1.0, 1.0, 2.0, 3.0, 4.0]);
        let bins = index.histogram("span.tokens", 2).unwrap();
        let bins: Vec<_> = bins.iter().map(|bin| (bin.low, bin.high, bin.count)).collect();
        assert_eq!(bins, [(1.0, 2.5, 2), (2.5, 4.0, 2)]);
        assert_eq!(index.quantiles("span.model", &[0.5]).unwrap(), [] as [f64; 0]);
    }
}

#[test]
fn a_zero_has_no_sign_and_what_is_not_finite_is_among_values_alone() {
    let spans = ["-0.0", "1", "0.0", "-0.0", "\"NaN\"", "\"-Infinity\""]
        .map(|value| format!(r#"{{"attributes":[{{"key":"v","value":{{"doubleValue":{value}}}}}]}}"#))
        .join(",");
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    for distinct in [0, 1, 9] {
        let mut index = Index::new(IndexLimits { distinct, ..IndexLimits::default() });
        index.add(&spanwise::decode(body.clone().into_bytes()).unwrap()).unwrap();
        let quantiles = index.quantiles("span.v", &[0.0, 0.75, 1.0]).unwrap();
        assert_eq!(
            quantiles.iter().map(|number| number.to_bits()).collect::<Vec<_>>(),
            [0.0, 0.0, 1.0].map(f64::to_bits)
        );
        let bins = index.histogram("span.v", 1).unwrap();
        assert_eq!((bins.len(), bins[0].low, bins[0].high, bins[0].count), (1, 0.0, 1.0, 4));
        let values = index.values("span.v", 9).unwrap();
        let zeros: Vec<_> =
            values.values.iter().filter(|(value, _)| *value == FacetValue::Double(0.0)).collect();
        assert!(zeros.len() == usize::from(distinct > 0), "{values:?}");
        for (value, _) in zeros {
            let FacetValue::Double(zero) = value else { panic!("{value:?}") };
            assert!(zero.is_sign_positive());
        }
        if distinct == 9 {
            assert_eq!(
                (&values.values[0], values.values.len(), values.others),
                (&(FacetValue::Double(0.0), 3), 4, 0)
            );
            assert_eq!(index.keys().unwrap().iter().find(|key| key.field == "span.v").unwrap().distinct, 4);
            assert_eq!(index.values("span.v", 0).unwrap().others, 6);
        }
    }
}

#[test]
fn a_field_is_named_with_its_scope() {
    let index = index(IndexLimits::default());
    for (field, column) in [(".model", 1), ("model", 1), ("span.", 6), ("span.a = 1", 1)] {
        let FacetError::Field(error) = index.values(field, 1).unwrap_err() else { panic!("{field}") };
        assert_eq!(error.column(), column, "{field}");
    }
}
