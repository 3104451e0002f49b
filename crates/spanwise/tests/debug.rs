//! What holds telemetry shows how much of it there is when it is printed, and nothing of what it says: a log must not tell it by
//! mistake.

#![allow(clippy::unwrap_used, reason = "a test")]

use spanwise::frame::{BlockSizes, Framer};
use spanwise::{DecodeOptions, Decoder, Framing, SpanBatch};

/// Stands in every place where a text can, escaped so that it has to be built, and in numbers.
const BODY: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"canary","value":{"stringValue":"canary"}}]},
"scopeSpans":[{"scope":{"name":"canary"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","name":"can\u0061ry",
"attributes":[{"key":"canary","value":{"stringValue":"can\u0061ry"}},{"key":"n","value":{"intValue":"424242"}}]}]}]}]}
"#;

/// The canary, its bytes in decimal, and the number.
fn shows_nothing(shown: &str) {
    for private in ["canary", "99, 97, 110, 97, 114, 121", "424242", "0af76519"] {
        assert!(!shown.contains(private), "{private} in {shown}");
    }
}

#[test]
fn what_holds_telemetry_shows_none_of_it() {
    let mut decoder = Decoder::new(DecodeOptions::default().with_record_sources(true));
    let mut batch = SpanBatch::new();
    // Twice, so that something was learned.
    for _ in 0..2 {
        decoder.decode(BODY.as_bytes(), &mut batch).unwrap();
    }
    let shown = format!("{batch:?}");
    shows_nothing(&shown);
    assert!(shown.contains("spans: 1,") && shown.contains("attributes: 3,"), "{shown}");
    shows_nothing(&format!("{decoder:?}"));

    let mut framer = Framer::new(&DecodeOptions::default(), Framing::Documents, BlockSizes::default());
    framer.push(BODY.as_bytes());
    let shown = format!("{framer:#?}");
    shows_nothing(&shown);
    assert!(shown.contains(&format!("held_bytes: {},", BODY.len())), "{shown}");
    framer.finish();
    let block = framer.next_block().unwrap();
    let shown = format!("{block:?}");
    shows_nothing(&shown);
    assert!(shown.contains(&format!("bytes: {},", BODY.len())), "{shown}");
}

#[test]
#[cfg(feature = "redact")]
fn a_redactor_shows_none_of_what_it_redacted() {
    use spanwise::redact::{Policy, Preset, Redactor};
    let mut redactor = Redactor::new(Policy::from_preset(Preset::Secrets).compile(None).unwrap());
    let redacted = redactor.redact_json(bytes::Bytes::from(BODY)).unwrap();
    assert_eq!(redacted.data, BODY.as_bytes());
    shows_nothing(&format!("{redactor:?}"));
    let shown = format!("{redacted:?}");
    shows_nothing(&shown);
    assert!(shown.contains(&format!("bytes: {},", BODY.len())), "{shown}");
}

#[test]
#[cfg(feature = "index")]
fn an_index_shows_none_of_what_it_holds() {
    let mut index = spanwise::index::Index::default();
    index.add(&spanwise::decode(BODY).unwrap()).unwrap();
    let shown = format!("{index:?}");
    shows_nothing(&shown);
    assert!(shown.contains("rows: 1,"), "{shown}");
}
