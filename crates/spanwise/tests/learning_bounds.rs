//! What a decoder has learned of writers is bounded: beyond the bounds it forgets, and still reads what it should.

#![allow(clippy::unwrap_used, reason = "a test")]

use spanwise::{DecodeOptions, Decoder, Limits, SpanBatch};

/// Requests of one span each, with `count` attributes whose keys are numbered from `first`, laid out in one of several ways.
fn request(first: usize, count: usize, layout: usize) -> String {
    let gap = " ".repeat(layout);
    let attributes: Vec<_> = (first..first + count)
        .map(|number| format!("{{\"key\":{gap}\"k{number}\",\"value\":{gap}{{\"intValue\":\"{number}\"}}}}"))
        .collect();
    let ids = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n""#;
    let attributes = attributes.join(",");
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"attributes":[{attributes}]}}]}}]}}]}}"#)
}

fn check(decoder: &mut Decoder, batch: &mut SpanBatch, first: usize, count: usize, layout: usize) {
    decoder.decode(request(first, count, layout), batch).unwrap();
    let found: Vec<_> = batch.span(0).unwrap().attributes().iter().collect();
    assert_eq!(found.len(), count);
    for (index, attribute) in found.iter().enumerate() {
        let number = first + index;
        assert_eq!(attribute.key(), format!("k{number}"));
        assert_eq!(attribute.value().as_int(), i64::try_from(number).ok());
    }
    assert_eq!(batch.warning_count() + batch.error_count(), 0);
}

#[test]
fn more_keys_than_are_remembered_are_read_all_the_same() {
    let limits = Limits { attributes: 5000, ..Limits::default() };
    let mut decoder = Decoder::new(DecodeOptions::default().with_limits(limits));
    let mut batch = SpanBatch::new();
    // What is remembered is full after a thousand keys, and is all forgotten after half a million that were not in it.
    for turn in 0..130 {
        check(&mut decoder, &mut batch, turn * 4500, 4500, 0);
        check(&mut decoder, &mut batch, 0, 30, 0);
    }
}

#[test]
fn more_layouts_of_a_key_than_are_remembered_are_read_all_the_same() {
    let mut decoder = Decoder::default();
    let mut batch = SpanBatch::new();
    for turn in 0..60 {
        check(&mut decoder, &mut batch, 0, 12, turn * 7 % 11);
        check(&mut decoder, &mut batch, 3, 5, turn % 3);
    }
}
