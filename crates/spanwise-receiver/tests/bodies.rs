//! Whatever the body is: an answer that the documentation names, memory given back, and nothing stored that does not read as
//! what was said about it. The fuzz target `receiver_body` goes on from there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, Limited};
use proptest::prelude::*;
use spanwise::Mode;
use spanwise::redact::{Policy, Preset};
use spanwise_receiver::{Auth, Delivery, Metrics, Receiver, ReceiverOptions, Secret, Store, Stored, Storing};
use support::read;

/// Looks at what it is given.
#[derive(Default)]
struct Checking {
    taken: AtomicUsize,
}

impl Store for Checking {
    fn store(&self, delivery: Delivery) -> Storing {
        let batch = spanwise::decode(delivery.json.clone()).unwrap();
        assert_eq!(batch.len(), delivery.keys.len());
        self.taken.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(Stored::default()) })
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// The documents of all payloads, and a compressed one.
fn bodies() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads");
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read(&path).unwrap();
        match path.extension().and_then(OsStr::to_str) {
            Some("json") => bodies.push(text),
            Some("jsonl" | "ndjson") => bodies.extend(text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec)),
            _ => {}
        }
    }
    bodies.sort();
    bodies.push(zstd::encode_all(&bodies[0][..], 1).unwrap());
    bodies
}

/// One change of a body, at a place in 1/65536 of its length.
fn change(body: &mut Vec<u8>, kind: u8, place: u16, byte: u8) {
    if body.is_empty() {
        return body.push(byte);
    }
    let at = body.len() * usize::from(place) / (1 << 16);
    match kind % 6 {
        0 => body[at] = byte,
        1 => body[at] ^= 1 << (byte % 8),
        2 => body.truncate(at),
        3 => body.insert(at, byte),
        4 => drop(body.drain(at..(at + usize::from(byte)).min(body.len()))),
        // A piece once more: members and elements come twice.
        _ => {
            let piece = body[at..(at + usize::from(byte) * 4).min(body.len())].to_vec();
            body.splice(at..at, piece);
        }
    }
}

#[test]
fn whatever_the_body_is() {
    let runtime = support::runtime();
    let bodies = bodies();
    assert!(bodies.len() > 20, "{}", bodies.len());
    let store = Arc::new(Checking::default());
    let policy = Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets).compile(None).unwrap();
    let mut receivers = Vec::new();
    for mode in [Mode::Lenient, Mode::Strict] {
        for policy in [None, Some(policy.clone())] {
            let mut options = ReceiverOptions { policy: policy.map(Arc::new), ..ReceiverOptions::default() };
            options.decode.mode = mode;
            options.body_bytes = 1 << 20;
            options.inflated_bytes = 4 << 20;
            let receiver = Receiver::new(store.clone(), options, Arc::new(Metrics::new()));
            receivers.push(receiver);
        }
    }
    let changes = prop::collection::vec(any::<(u8, u16, u8)>(), 0..4);
    let strategy = (any::<prop::sample::Index>(), changes, any::<u8>());
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) };
    proptest!(config, |((body, changes, choice) in strategy)| {
        let mut body = body.get(&bodies).clone();
        for (kind, place, byte) in changes {
            change(&mut body, kind, place, byte);
        }
        let encoding = ["identity", "identity", "gzip", "zstd"][usize::from(choice >> 2) % 4];
        let receiver = &receivers[usize::from(choice) % receivers.len()];
        let request = Request::post("/").header("content-type", "application/json").header("content-encoding", encoding).header("transfer-encoding", "chunked");
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let before = store.taken.load(Ordering::SeqCst);
        let (status, answer) = runtime.block_on(async { read(receiver.receive(request).await).await });
        prop_assert!([200, 400, 413, 415, 429].contains(&status), "{status}");
        prop_assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{answer}");
        prop_assert!(status == 200 || store.taken.load(Ordering::SeqCst) == before);
        prop_assert!(receiver.metrics_text().contains("spanwise_reserved_bytes 0\n"));
    });
    let taken = store.taken.load(Ordering::SeqCst);
    assert!(taken > 100, "{taken}");
}

/// Frames that come one after the other, and errors.
struct Frames(Vec<io::Result<&'static str>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = (!self.0.is_empty()).then(|| self.0.remove(0));
        Poll::Ready(frame.map(|frame| frame.map(|text| Frame::data(Bytes::from(text)))))
    }
}

/// As tower-http's `RequestBodyLimitLayer` does where the length of a body is not announced.
#[test]
fn a_body_that_a_layer_ends_is_too_long_and_any_other_broke_off() {
    let runtime = support::runtime();
    let receiver =
        Receiver::new(Arc::new(Checking::default()), ReceiverOptions::default(), Arc::new(Metrics::new()));
    let long =
        r#"{"code":3,"message":"the body has more bytes than are let through in front of the receiver"}"#;
    let broken = r#"{"code":3,"message":"the body broke off"}"#;
    let text = r#"{"resourceSpans":[]}"#;
    let whole = || Frames(vec![Ok(&text[..9]), Ok(&text[9..])]);
    let cut = || Frames(vec![Ok(&text[..9]), Err(io::ErrorKind::ConnectionReset.into())]);
    for (body, status, expected) in [
        (Limited::new(whole(), text.len()).boxed_unsync(), 200, "{}"),
        (Limited::new(whole(), text.len() - 1).boxed_unsync(), 413, long),
        (Limited::new(cut(), text.len()).boxed_unsync(), 400, broken),
        // In the body of another.
        (axum::body::Body::new(Limited::new(whole(), 9)).map_err(Into::into).boxed_unsync(), 413, long),
        (axum::body::Body::new(cut()).map_err(Into::into).boxed_unsync(), 400, broken),
    ] {
        let request = Request::post("/").header("content-type", "application/json");
        let request = request.header("transfer-encoding", "chunked").body(body).unwrap();
        let response = runtime.block_on(receiver.receive(request));
        assert_eq!(response.headers().contains_key("connection"), status == 413);
        assert_eq!(runtime.block_on(read(response)), (status, expected.to_owned()));
    }
}

/// A body that does not say that it is at its end, as that of tower-http's decompression; whether its length is told.
struct Silent(Frames, bool);

impl Body for Silent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        if self.1 { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

#[test]
fn a_request_without_a_length_is_the_last_of_its_connection_behind_a_layer_too() {
    let runtime = support::runtime();
    let auth = Auth::new(vec![Secret::bearer("t").unwrap()]);
    let options = ReceiverOptions { auth, ..ReceiverOptions::default() };
    let receiver = Receiver::new(Arc::new(Checking::default()), options, Arc::new(Metrics::new()));
    let text = r#"{"resourceSpans":[]}"#;
    for (token, kind, frames, told, status, closes) in [
        ("t", "application/json", vec![], true, 411, true),
        ("t", "application/json", vec![], false, 411, true),
        ("t", "text/plain", vec![], true, 415, true),
        ("u", "application/json", vec![], true, 401, true),
        // The layer took the length away.
        ("t", "application/json", vec![Ok(text)], false, 200, false),
    ] {
        let request = Request::post("/").header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", kind).body(Silent(Frames(frames), told)).unwrap();
        let response = runtime.block_on(receiver.receive(request));
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("connection"), closes, "{status} {told}");
    }
}

/// Spans of a server, most with short attributes, of so many bytes in all: the last is as long as it must be.
fn spans_of(bytes: usize) -> Bytes {
    use std::fmt::Write as _;
    let mut text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#.to_owned();
    for id in 1.. {
        let _ = write!(
            text,
            r#"{{"traceId":"{id:032x}","spanId":"{id:016x}","name":"SELECT basket","kind":2,"startTimeUnixNano":"1764028800000000001",
            "endTimeUnixNano":"1764028800000000009","attributes":[{{"key":"server.port","value":{{"intValue":"5432"}}}},
            {{"key":"db.system.name","value":{{"stringValue":"postgresql"}}}},{{"key":"db.namespace","value":{{"stringValue":"orchard"}}}},
            {{"key":"db.prepared","value":{{"boolValue":true}}}},{{"key":"db.wait_ms","value":{{"doubleValue":24.2}}}}]}},"#
        );
        if text.len() > bytes - 2000 {
            break;
        }
    }
    let end = r#""}]}]}]}"#;
    text.push_str(r#"{"name":""#);
    text.push_str(&"n".repeat(bytes - text.len() - end.len()));
    (text + end).into()
}

#[test]
fn ordinary_spans_have_room_up_to_the_bound_on_a_body() {
    let store = Arc::new(Checking::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answer = |body: Bytes, options: ReceiverOptions| {
        let receiver = Receiver::new(store.clone(), options, Arc::new(Metrics::new()));
        let request = Request::post("/").header("content-type", "application/json");
        let request = request.body(Full::new(body)).unwrap();
        runtime.block_on(async { read(receiver.receive(request).await).await })
    };
    let options = ReceiverOptions::default();
    let longest = options.body_bytes;
    assert_eq!(answer(spans_of(longest), options.clone()), (200, "{}".to_owned()));
    // What is seventeen times as long has room, whatever its length. The answer to what has none says which bound that is.
    let small = ReceiverOptions { memory_bytes: 64 << 20, ..options };
    assert_eq!(answer(spans_of((64 << 20) / 17), small.clone()).0, 200);
    let (status, told) = answer(spans_of(8 << 20), small);
    assert!(status == 413 && told.contains("memory_bytes"), "{told}");
    assert_eq!(store.taken.load(Ordering::SeqCst), 2);
}
