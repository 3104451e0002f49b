//! Traces in which it is told which spans stand for a request.

use spanwise::llm::Requests;

/// A span of a trace in which each tells of a model and of its tokens.
fn telling(id: usize, parent: usize, answer: usize, tokens: usize) -> String {
    let attribute = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{{value}}}}}"#);
    let attributes = [
        attribute("gen_ai.request.model", r#""stringValue":"owl""#),
        attribute("gen_ai.response.id", &format!(r#""stringValue":"a{answer}""#)),
        attribute("gen_ai.usage.input_tokens", &format!(r#""intValue":{tokens}"#)),
        attribute("gen_ai.usage.output_tokens", r#""intValue":3"#),
    ];
    format!(
        r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{:016x}","parentSpanId":"{:016x}","name":"n",
        "startTimeUnixNano":"1","endTimeUnixNano":"9","attributes":[{}]}}"#,
        id + 1,
        parent + 1,
        attributes.join(",")
    )
}

/// The same in a trace of this number.
fn in_trace(number: usize, span: &str) -> String {
    span.replacen("0af7651916cd43dd8448eb211c80319c", &format!("{:032x}", number + 1), 1)
}

/// Of as many libraries as are said, in turn.
fn of_libraries(n: usize, libraries: usize, span: impl Fn(usize) -> String) -> String {
    let scope = |i| format!(r#"{{"scope":{{"name":"s{}"}},"spans":[{}]}}"#, i % libraries, span(i));
    super::resource_spans(&format!(r#""scopeSpans":[{}]"#, super::listed(n, scope)))
}

pub(super) const TELLING: &[super::Family] = &[
    ("a chain", |n| super::request(&super::listed(n, |i| telling(i, i + 1, i, i))), None),
    ("a chain of two libraries", |n| of_libraries(n, 2, |i| telling(i, i + 1, i / 2, i / 2)), None),
    ("a ring", |n| super::request(&super::listed(n, |i| telling(i, (i + 1) % n, i, 7))), None),
    ("one answer of one library", |n| of_libraries(n, 1, |i| telling(i, n, 0, 7)), None),
    ("one answer of two libraries", |n| of_libraries(n, 2, |i| telling(i, n, 0, 7)), None),
    ("one answer of a library each", |n| of_libraries(n, n, |i| telling(i, n, 0, 7)), None),
    ("an answer for each two", |n| of_libraries(n, 2, |i| telling(i, n, i / 2, i / 2)), None),
    // Calls of the one lie beside all of the other's chain.
    (
        "a chain beside calls",
        |n| of_libraries(n, 2, |i| telling(i, if i % 2 == 0 { i + 2 } else { n + 3 }, 0, 7)),
        None,
    ),
    ("one answer in a trace each", |n| of_libraries(n, 2, |i| in_trace(i, &telling(i, n, 0, 7))), None),
    ("an answer in two traces", |n| of_libraries(n, 2, |i| in_trace(i, &telling(i, n, i / 2, i / 2))), None),
    ("one id", |n| super::request(&super::listed(n, |i| telling(0, 1, i, i))), None),
    (
        "one long scope",
        |n| {
            let spans = super::listed(n, |i| telling(i, n, i, 7));
            let name = "\\n".repeat(20 * n);
            super::resource_spans(&format!(
                r#""scopeSpans":[{{"scope":{{"name":"{name}"}},"spans":[{spans}]}}]"#
            ))
        },
        None,
    ),
];

/// What is counted.
#[inline(never)]
pub(super) fn measured_requests(text: &str) -> usize {
    let Ok(batch) = spanwise::decode(text.as_bytes().to_vec()) else { return 0 };
    let mut requests = Requests::default();
    requests.add_batch(&batch);
    requests.counted().sum()
}
