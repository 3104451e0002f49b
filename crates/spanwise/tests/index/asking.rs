//! What is asked of the source: as little as can be, and every span once, in the order of the rows.

use spanwise::SpanBatch;
use spanwise::index::{Index, Limits, Query, Scan};

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

#[test]
fn an_index_of_any_number_of_fields_gives_the_same_answers() {
    let batches = interleaved();
    let scan = Scan::new(&batches);
    for fields in 0..=14 {
        let index: Index = built(&batches, Limits { fields, ..Limits::default() });
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
