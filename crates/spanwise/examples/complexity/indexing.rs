//! The same inputs, and traces of awkward shapes, indexed, stored and asked.

use spanwise::index::{Index, IndexLimits, Query, Scan};
use spanwise::{DecodeOptions, Decoder, Framing, SpanBatch};

fn in_trace(id: usize, parent: usize) -> String {
    format!(
        r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{:016x}","parentSpanId":"{:016x}","name":"n{id}",
        "startTimeUnixNano":"{id}","endTimeUnixNano":"{}"}}"#,
        id + 1,
        parent + 1,
        id * 2,
    )
}

/// Traces that ask much of what relates spans to each other.
pub(super) const TRACES: &[super::Family] = &[
    ("a chain of spans", |n| super::request(&super::listed(n, |i| in_trace(i, i + 1))), None),
    ("a ring of spans", |n| super::request(&super::listed(n, |i| in_trace(i, (i + 1) % n))), None),
    ("children of one span", |n| super::request(&super::listed(n, |i| in_trace(i, 0))), None),
    ("spans of one id", |n| super::request(&super::listed(n, |i| in_trace(i % 2, 1))), None),
    (
        "a field for each span",
        |n| {
            super::request(&super::listed(n, |i| {
                format!(
                    r#"{{{},"attributes":[{}]}}"#,
                    super::IDS,
                    super::key_value(i, r#"{"boolValue":true}"#)
                )
            }))
        },
        None,
    ),
    (
        "lists of values",
        |n| {
            let values = super::listed(n, |i| format!(r#"{{"intValue":"{}"}}"#, i % 7));
            super::attributes(1, |i| {
                super::key_value(i, &format!(r#"{{"arrayValue":{{"values":[{values}]}}}}"#))
            })
        },
        None,
    ),
];

const QUERIES: [&str; 11] = [
    "{ name =~ \"n.*\" && duration >= 0ns }",
    "{ } >> { }",
    "{ } << { }",
    "{ } ~ { }",
    "({ } > { }) && { childCount >= 0 }",
    "{ rootName != nil || traceDuration > 1s }",
    "{ } | by(name) | count() > 0",
    "{ } | by(span:id) | { duration >= 0ns } | ({ } >> { }) || ({ } << { })",
    "{ } | by(duration % 2) | ({ } >> { }) && ({ } << { }) | max(childCount) > 0",
    "{ event.k != nil || span.k = 1 || link:traceID = \"\" }",
    "{ span.k0 > 3 || span.k1 = \"x\" }",
];

/// What is counted.
#[inline(never)]
pub(super) fn measured_index(text: &str, framing: Option<Framing>) -> usize {
    let mut batch = SpanBatch::new();
    let mut decoder = Decoder::new(DecodeOptions::default());
    let input = text.as_bytes().to_vec();
    let result = match framing {
        Some(framing) => decoder.decode_block(input, framing, &mut batch),
        None => decoder.decode(input, &mut batch),
    };
    if result.is_err() {
        return 0;
    }
    let batches = [batch];
    let scan = Scan::new(&batches);
    let mut found = 0;
    for limits in [IndexLimits::default(), IndexLimits { distinct: 16, text_bytes: 8, fields: 64 }] {
        let mut index = Index::new(limits);
        found += batches.iter().filter(|batch| index.add(batch).is_ok()).count();
        found += index.keys().map_or(0, |keys| keys.len());
        let mut bytes = 0;
        let mut count = |section: &[u8]| {
            bytes += section.len();
            Ok(())
        };
        found += index.store(&mut count).map_or(0, |directory| directory.len());
        found += bytes;
        for query in QUERIES {
            let Ok(query) = Query::parse(query) else { continue };
            found += index.run(&query, &scan).map_or(0, |rows| usize::try_from(rows.len()).unwrap_or(0));
        }
    }
    found
}
