//! What the service answers: OTLP/HTTP, and the contract of gateways' webhooks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::convert::Infallible;
use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use spanwise::Mode;
use spanwise_receiver::{
    Auth, Config, Delivery, Metrics, Pace, Receiver, ReceiverOptions, Secret, Store, StoreError, Stored,
    Storing,
};
use support::{body, post, read};

/// Counts what it is given, and says what it is told to say.
#[derive(Debug, Default)]
struct Counting {
    deliveries: AtomicUsize,
    spans: AtomicUsize,
    last: Mutex<Bytes>,
    error: Option<StoreError>,
}

impl Store for Counting {
    fn store(&self, delivery: Delivery) -> Storing {
        self.deliveries.fetch_add(1, Ordering::SeqCst);
        self.spans.fetch_add(delivery.keys.len(), Ordering::SeqCst);
        *self.last.lock().unwrap() = delivery.json.clone();
        let spans = delivery.keys.len() as u64;
        let result = self.error.map_or(Ok(Stored { spans, ..Stored::default() }), Err);
        Box::pin(async move { result })
    }

    fn is_ready(&self) -> bool {
        self.error.is_none()
    }
}

struct Stand {
    receiver: Receiver,
    store: Arc<Counting>,
}

impl Stand {
    fn new(options: ReceiverOptions) -> Self {
        Self::with(options, Counting::default())
    }

    fn with(options: ReceiverOptions, store: Counting) -> Self {
        let store = Arc::new(store);
        Self { receiver: Receiver::new(store.clone(), options, Arc::new(Metrics::new())), store }
    }

    fn spans(&self) -> usize {
        self.store.spans.load(Ordering::SeqCst)
    }

    async fn send<B: Body<Data = Bytes, Error = Infallible>>(&self, request: Request<B>) -> (u16, String) {
        read(self.receiver.receive(request).await).await
    }
}

fn request(method: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri("/v1/traces");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const NO_BYTES: (&str, &str) = ("content-length", "0");

/// What it is called, the request, the answer's status and part, spans stored.
type Case = (&'static str, Request<Full<Bytes>>, u16, &'static str, usize);

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn answers_by_method_type_and_body() {
    let one = body(1, 1, "chat");
    let zstd = zstd::encode_all(one.as_bytes(), 3).unwrap();
    let cases: Vec<Case> = vec![
        ("POST", request("POST", &[JSON], one.clone()), 200, "{}", 1),
        ("PUT", request("PUT", &[JSON], one.clone()), 200, "{}", 1),
        (
            "parameters",
            request("POST", &[("content-type", "Application/JSON ; charset=utf-8")], one.clone()),
            200,
            "{}",
            1,
        ),
        ("gzip", request("POST", &[JSON, ("content-encoding", "gzip")], gzip(one.as_bytes())), 200, "{}", 1),
        ("zstd", request("POST", &[JSON, ("content-encoding", "zstd")], zstd), 200, "{}", 1),
        ("identity", request("POST", &[JSON, ("content-encoding", "identity")], one.clone()), 200, "{}", 1),
        ("{}", request("POST", &[JSON], "{}"), 200, "{}", 0),
        ("no spans", request("POST", &[JSON], r#"{"resourceSpans":[]}"#), 200, "{}", 0),
        ("empty", request("POST", &[JSON, NO_BYTES], ""), 200, "{}", 0),
        ("empty without a type", request("POST", &[NO_BYTES], ""), 200, "{}", 0),
        ("empty in pieces", request("POST", &[("transfer-encoding", "chunked")], ""), 200, "{}", 0),
        ("no length", request("POST", &[JSON], ""), 411, "Content-Length", 0),
        ("no length that is a test", request("POST", &[("x-test-connection", "true")], ""), 200, "{}", 0),
        ("white space", request("POST", &[JSON], " \n"), 200, "{}", 0),
        ("two documents", request("POST", &[JSON], format!("{one}\n{one}")), 200, "{}", 2),
        ("a test", request("POST", &[JSON, ("x-test-connection", "true")], one.clone()), 200, "{}", 0),
        ("an empty test", request("POST", &[("X-Test-Connection", "true")], ""), 200, "{}", 0),
        (
            "a test that is none",
            request("POST", &[JSON, ("x-test-connection", "false")], one.clone()),
            200,
            "{}",
            1,
        ),
        ("GET", request("GET", &[], ""), 405, r#"{"code":12,"message":"only POST and PUT are taken"}"#, 0),
        (
            "DELETE",
            request("DELETE", &[JSON], one.clone()),
            405,
            r#"{"code":12,"message":"only POST and PUT are taken"}"#,
            0,
        ),
        ("no type", request("POST", &[], one.clone()), 415, "http/json", 0),
        (
            "a form",
            request("POST", &[("content-type", "application/x-www-form-urlencoded")], one.clone()),
            415,
            "http/json",
            0,
        ),
        (
            "protobuf",
            request("POST", &[("content-type", "application/x-protobuf")], one.clone()),
            415,
            "http/json",
            0,
        ),
        (
            "almost JSON",
            request("POST", &[("content-type", "application/jsonx")], one.clone()),
            415,
            "http/json",
            0,
        ),
        ("brotli", request("POST", &[JSON, ("content-encoding", "br")], one.clone()), 415, "gzip or zstd", 0),
        (
            "no gzip",
            request("POST", &[JSON, ("content-encoding", "gzip")], one.clone()),
            400,
            "compression is broken",
            0,
        ),
        (
            "broken JSON",
            request("POST", &[JSON], r#"{"resourceSpans":["#),
            400,
            r#""message":"unexpected-end at resourceSpans[0], offset 18: "#,
            0,
        ),
        (
            "the place",
            request(
                "POST",
                &[JSON],
                r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"SECRET"},}]}]}]}"#,
            ),
            400,
            r#""fieldViolations":[{"field":"resourceSpans[0].scopeSpans[0].spans"#,
            0,
        ),
        ("no JSON", request("POST", &[JSON], "SECRET"), 400, r#"{"code":3,"message":""#, 0),
    ];
    for (name, request, status, expected, spans) in cases {
        let stand = Stand::new(ReceiverOptions::default());
        let (found, answer) = stand.send(request).await;
        assert_eq!((found, stand.spans()), (status, spans), "{name}: {answer}");
        if status == 200 {
            assert_eq!(answer, expected, "{name}");
        } else {
            assert!(answer.contains(expected), "{name}: {answer}");
            let json: serde_json::Value = serde_json::from_str(&answer).unwrap();
            assert!(json["code"].is_u64() && json["message"].is_string(), "{name}: {answer}");
        }
        assert!(!answer.contains("SECRET"), "{name}: {answer}");
    }
}

#[tokio::test]
async fn headers_of_answers() {
    let stand = Stand::new(ReceiverOptions::default());
    let response = stand.receiver.receive(post(body(1, 1, "chat"))).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    let response = stand.receiver.receive(request("GET", &[], "")).await;
    assert_eq!(response.headers()[header::ALLOW], "POST, PUT");
    let response = stand.receiver.receive(request("POST", &[JSON, ("content-encoding", "br")], "{}")).await;
    assert_eq!(response.headers()[header::ACCEPT_ENCODING], "gzip, zstd");
}

#[tokio::test]
async fn without_a_secret_nothing_is_taken_and_nothing_is_said() {
    let auth =
        Auth::new(vec![Secret::bearer("t1").unwrap(), Secret::from_pair("X-Webhook-Signature=s").unwrap()]);
    let stand = Stand::new(ReceiverOptions { auth, ..ReceiverOptions::default() });
    for request in [
        post(body(1, 1, "chat")),
        request("GET", &[], ""),
        request("OPTIONS", &[], ""),
        request("POST", &[JSON, ("x-test-connection", "true")], ""),
        request("POST", &[JSON, ("authorization", "Bearer t2")], body(1, 1, "chat")),
        request("POST", &[], "x"),
    ] {
        let response = stand.receiver.receive(request).await;
        assert_eq!(response.headers().get(header::CONTENT_TYPE), None);
        assert_eq!(read(response).await, (401, String::new()));
    }
    assert_eq!(stand.spans(), 0);
    for secret in [("authorization", "Bearer t1"), ("x-webhook-signature", "s")] {
        assert_eq!(stand.send(request("POST", &[JSON, secret], body(1, 1, "chat"))).await.0, 200);
        let test = [JSON, secret, ("x-test-connection", "true")];
        assert_eq!(stand.send(request("POST", &test, body(1, 1, "chat"))).await, (200, "{}".to_owned()));
        for method in ["GET", "OPTIONS"] {
            assert_eq!(stand.send(request(method, &[secret], "")).await.0, 405, "{method}");
        }
    }
    assert_eq!(stand.spans(), 2);
}

#[tokio::test]
async fn strict_mode_rejects_spans_and_says_how_many_and_where() {
    let mut options = ReceiverOptions::default();
    options.decode.mode = Mode::Strict;
    let stand = Stand::new(options);
    let good = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"ok"}"#;
    let bad = r#"{"traceId":"zz-SECRET","spanId":"b7ad6b7169203331","name":"bad"}"#;
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{good},{bad}]}}]}}]}}"#);
    let (status, answer) = stand.send(post(text)).await;
    let json: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, stand.spans()), (200, 1));
    assert_eq!(json["partialSuccess"]["rejectedSpans"], "1");
    let message = json["partialSuccess"]["errorMessage"].as_str().unwrap();
    assert!(message.contains("resourceSpans[0].scopeSpans[0].spans[1].traceId, offset "), "{message}");
    assert!(!answer.contains("SECRET"), "{answer}");

    let (status, answer) =
        stand.send(post(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}]}"#)).await;
    assert_eq!((status, stand.spans()), (200, 1));
    assert!(answer.contains(r#""rejectedSpans":"2""#), "{answer}");
}

#[tokio::test]
async fn what_has_no_bytes_is_no_request_to_strict_mode() {
    let mut options = ReceiverOptions::default();
    options.decode.mode = Mode::Strict;
    let stand = Stand::new(options);
    for body in ["", " "] {
        let (status, answer) = stand.send(request("POST", &[JSON, NO_BYTES], body)).await;
        assert!(status == 400 && answer.contains("empty-input"), "{body:?}: {status} {answer}");
    }
    // That it would be JSON is not said either.
    assert_eq!(stand.send(request("POST", &[NO_BYTES], "")).await.0, 415);
}

#[tokio::test]
async fn a_request_of_http_2_needs_no_length() {
    let stand = Stand::new(ReceiverOptions::default());
    for (version, status) in
        [(Version::HTTP_10, 411), (Version::HTTP_11, 411), (Version::HTTP_2, 200), (Version::HTTP_3, 200)]
    {
        let mut request = request("POST", &[JSON], "");
        *request.version_mut() = version;
        let response = stand.receiver.receive(request).await;
        // What follows may be the body.
        assert_eq!(response.headers().contains_key("connection"), status == 411, "{version:?}");
        assert_eq!(response.status(), status, "{version:?}");
    }
}

/// There is no such header in HTTP/2 and 3: an answer that has it is malformed, and thrown away by who reads it.
#[tokio::test]
async fn answers_of_http_2_say_nothing_of_the_connection() {
    let grace = Duration::ZERO;
    let pace = Pace { grace, bytes_per_second: u32::MAX, longest: grace };
    let stand = Stand::new(ReceiverOptions { body_bytes: 9, pace, ..ReceiverOptions::default() });
    for (version, closes) in [(Version::HTTP_11, true), (Version::HTTP_2, false), (Version::HTTP_3, false)] {
        let mut long = post(" ".repeat(10));
        *long.version_mut() = version;
        let slow = Request::post("/").version(version).header("content-type", "application/json");
        let slow = slow.header("content-length", 1).body(Never);
        let answers = [stand.receiver.receive(long).await, stand.receiver.receive(slow.unwrap()).await];
        for (answer, status) in answers.iter().zip([413, 408]) {
            assert_eq!(answer.status(), status, "{version:?}");
            assert_eq!(answer.headers().contains_key("connection"), closes, "{version:?}: {status}");
        }
    }
}

/// A body of which nothing comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn other_signals_are_not_stored_and_that_is_said() {
    let stand = Stand::new(ReceiverOptions::default());
    let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"SECRET"}}]}]}]}"#;
    let (status, answer) = stand.send(post(logs)).await;
    assert_eq!((status, stand.spans()), (200, 0));
    assert!(answer.contains("metrics, logs and profiles are not stored"), "{answer}");
    assert!(answer.contains(r#""rejectedSpans":"0""#) && !answer.contains("SECRET"), "{answer}");
    // Beside traces in one object.
    let both = body(1, 1, "chat").replacen('{', r#"{"resourceLogs":[{"a":"SECRET"}],"#, 1);
    let (status, answer) = stand.send(post(both)).await;
    assert_eq!((status, stand.spans()), (200, 1));
    assert!(answer.contains("metrics, logs and profiles are not stored"), "{answer}");
    let stored = String::from_utf8(stand.store.last.lock().unwrap().to_vec()).unwrap();
    assert!(stored.contains("chat") && !stored.contains("SECRET"), "{stored}");
}

#[tokio::test]
async fn what_a_store_of_ones_own_says_is_counted() {
    let metrics = Arc::new(Metrics::new());
    let receiver =
        Receiver::new(Arc::new(Counting::default()), ReceiverOptions::default(), Arc::clone(&metrics));
    for _ in 0..3 {
        assert_eq!(read(receiver.receive(post(body(1, 1, "chat"))).await).await.0, 200);
    }
    let text = metrics.text();
    assert!(text.contains("spanwise_spans_stored_total 3\n"), "{text}");
    // A store that counts for itself is not counted again: other tests have its numbers.
}

#[tokio::test]
async fn a_store_that_does_not_take_it_is_503_with_retry_after() {
    for error in [StoreError::Full, StoreError::Failed, StoreError::Closed] {
        let store = Counting { error: Some(error), ..Counting::default() };
        let stand = Stand::with(ReceiverOptions::default(), store);
        let response = stand.receiver.receive(post(body(1, 1, "chat"))).await;
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let (status, answer) = read(response).await;
        assert!(status == 503 && answer.starts_with(r#"{"code":14,"#), "{answer}");
        // Nor is a test told that all is well.
        let test = request("POST", &[JSON, ("x-test-connection", "true")], body(1, 1, "chat"));
        let response = stand.receiver.receive(test).await;
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "1");
        let (status, answer) = read(response).await;
        assert!(status == 503 && answer.starts_with(r#"{"code":14,"#), "{answer}");
    }
}

/// Keeps what it is given.
#[derive(Default)]
struct Keeping(Mutex<Vec<Delivery>>);

impl Store for Keeping {
    fn store(&self, delivery: Delivery) -> Storing {
        self.0.lock().unwrap().push(delivery);
        Box::pin(async { Ok(Stored::default()) })
    }

    fn is_ready(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn what_is_held_is_in_the_counters_whoever_asks_for_them() {
    let (store, metrics) = (Arc::new(Keeping::default()), Arc::new(Metrics::new()));
    // Two receivers that count together.
    let receivers =
        [(); 2].map(|()| Receiver::new(store.clone(), ReceiverOptions::default(), Arc::clone(&metrics)));
    for receiver in &receivers {
        assert_eq!(receiver.receive(post(body(1, 1, "chat"))).await.status(), 200);
    }
    let held = |delivery: &Delivery| delivery.reservation.as_ref().unwrap().bytes();
    let expected: usize = store.0.lock().unwrap().iter().map(held).sum();
    assert!(expected > 1000);
    assert!(metrics.families().contains(&format!("spanwise_reserved_bytes {expected}\n")));
    store.0.lock().unwrap().clear();
    assert!(metrics.text().contains("spanwise_reserved_bytes 0\n"));
}

/// Waits twice for a word before it stores: once in a task, and once in the future itself.
#[derive(Default)]
struct Waiting {
    word: Arc<tokio::sync::Notify>,
    begun: AtomicUsize,
    stored_by_task: Arc<AtomicUsize>,
    stored_by_future: Arc<AtomicUsize>,
}

impl Store for Waiting {
    fn store(&self, delivery: Delivery) -> Storing {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let spans = delivery.keys.len();
        let (word, stored) = (Arc::clone(&self.word), Arc::clone(&self.stored_by_task));
        let task = tokio::spawn(async move {
            word.notified().await;
            stored.fetch_add(spans, Ordering::SeqCst);
        });
        let stored = Arc::clone(&self.stored_by_future);
        Box::pin(async move {
            task.await.map_err(|_| StoreError::Failed)?;
            stored.fetch_add(spans, Ordering::SeqCst);
            Ok(Stored::default())
        })
    }

    fn is_ready(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_what_a_store_does_in_its_future_and_no_task() {
    let store = Arc::new(Waiting::default());
    let receiver = Receiver::new(store.clone(), ReceiverOptions::default(), Arc::new(Metrics::new()));
    for (goes_away, expected) in [(false, (1, 1)), (true, (2, 1))] {
        let mut answer = Box::pin(receiver.receive(post(body(0, 0, "chat"))));
        let begun = store.begun.load(Ordering::SeqCst);
        while store.begun.load(Ordering::SeqCst) == begun {
            let polled = tokio::time::timeout(Duration::from_millis(1), &mut answer).await;
            assert!(polled.is_err(), "it was not told to store");
        }
        let answer = (!goes_away).then_some(answer);
        store.word.notify_one();
        if let Some(answer) = answer {
            assert_eq!(answer.await.status(), 200);
        }
        while store.stored_by_task.load(Ordering::SeqCst) < expected.0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.stored_by_future.load(Ordering::SeqCst), expected.1, "goes away: {goes_away}");
    }
}

#[tokio::test]
async fn bodies_beyond_the_bound_are_413() {
    let small = ReceiverOptions { body_bytes: 1000, inflated_bytes: 2000, ..ReceiverOptions::default() };
    let stand = Stand::new(small);
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(3000));
    let inflated = "2000 bytes without its compression";
    // What was read to its end leaves the connection as it was.
    for (name, request, bound, closes) in [
        ("plain", post(large.clone()), "1000 bytes", true),
        (
            "inflated",
            request("POST", &[JSON, ("content-encoding", "gzip")], gzip(large.as_bytes())),
            inflated,
            false,
        ),
        (
            "a test",
            request("POST", &[JSON, ("x-test-connection", "true")], large.clone()),
            "1000 bytes",
            true,
        ),
    ] {
        let response = stand.receiver.receive(request).await;
        assert_eq!(response.headers().contains_key("connection"), closes, "{name}");
        let (status, answer) = read(response).await;
        let expected = format!(r#"{{"code":3,"message":"the body has more than {bound}"}}"#);
        assert_eq!((status, answer), (413, expected), "{name}");
    }
    assert_eq!(stand.send(post(body(1, 1, "chat"))).await.0, 200);
}

#[tokio::test]
async fn a_body_beyond_what_is_decoded_of_a_document_is_told_that_bound() {
    let mut options = ReceiverOptions::default();
    options.decode.limits.document_bytes = 300;
    let stand = Stand::new(options);
    let padded = |length: usize| format!("{:length$}", r#"{"resourceSpans":[]}"#);
    assert_eq!(stand.send(post(padded(300))).await, (200, "{}".to_owned()));
    let told = "the body has more than 300 bytes, which are all that is decoded of a document";
    for request in [
        post(padded(301)),
        request("POST", &[JSON, ("content-encoding", "gzip")], gzip(padded(301).as_bytes())),
    ] {
        assert_eq!(stand.send(request).await, (413, format!(r#"{{"code":3,"message":"{told}"}}"#)));
    }
}

#[tokio::test]
async fn the_bounds_of_a_body_are_exact() {
    let small = ReceiverOptions { body_bytes: 1000, inflated_bytes: 2000, ..ReceiverOptions::default() };
    let stand = Stand::new(small);
    let padded = |length: usize| format!("{:length$}", r#"{"resourceSpans":[]}"#);
    for (length, status) in [(999, 200), (1000, 200), (1001, 413)] {
        assert_eq!(stand.send(post(padded(length))).await.0, status, "{length}");
    }
    for (length, status) in [(1999, 200), (2000, 200), (2001, 413)] {
        let body = gzip(padded(length).as_bytes());
        let request = request("POST", &[JSON, ("content-encoding", "gzip")], body);
        assert_eq!(stand.send(request).await.0, status, "{length} inflated");
    }
}

/// A body that comes in pieces, each after a pause.
struct Slow {
    frames: Vec<Bytes>,
    pause: Duration,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Slow {
    fn new(frames: &[&str], pause: Duration) -> Self {
        let frames = frames.iter().rev().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
        Self { frames, pause, sleep: Box::pin(tokio::time::sleep(pause)) }
    }
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::ready!(self.sleep.as_mut().poll(context));
        let pause = self.pause;
        self.sleep.as_mut().reset(tokio::time::Instant::now() + pause);
        Poll::Ready(self.frames.pop().map(|frame| Ok(Frame::data(frame))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn slowly(frames: &[&str], pause: Duration) -> Request<Slow> {
    Request::post("/").header("content-type", "application/json").body(Slow::new(frames, pause)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn bodies_that_come_slowly_are_408_and_honest_ones_are_taken() {
    let pace = Pace { grace: Duration::from_secs(5), bytes_per_second: 100, longest: Duration::from_mins(1) };
    let stand = Stand::new(ReceiverOptions { pace, ..ReceiverOptions::default() });
    let text = body(1, 1, "chat");
    let (first, rest) = text.split_at(100);
    assert_eq!(stand.send(slowly(&[first, rest], Duration::from_secs(1))).await, (200, "{}".to_owned()));
    // The first hundred bytes bought one second more.
    assert_eq!(stand.send(slowly(&[first, rest], Duration::from_millis(2600))).await.0, 200);
    assert_eq!(stand.send(slowly(&[first, rest], Duration::from_secs(4))).await.0, 408);
    let drip: Vec<_> = text.split("").collect();
    let (status, answer) = stand.send(slowly(&drip, Duration::from_secs(1))).await;
    assert_eq!((status, answer.as_str()), (408, r#"{"code":4,"message":"the body came too slowly"}"#));
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_what_is_beyond_is_429() {
    let options = ReceiverOptions { memory_bytes: 300_000, ..ReceiverOptions::default() };
    let stand = Stand::new(options);
    let text = body(1, 1, &"n".repeat(50_000));
    assert_eq!(stand.send(post(text.clone())).await.0, 200);
    // Ten that hold what they have sent, and one more.
    let (first, rest) = text.split_at(40_000);
    let slow = (0..10).map(|_| stand.send(slowly(&[first, rest], Duration::from_secs(1))));
    let mut answers: Vec<u16> =
        side_by_side(slow.collect()).await.into_iter().map(|(status, _)| status).collect();
    answers.sort_unstable();
    assert_eq!((answers.first(), answers.last()), (Some(&200), Some(&429)), "{answers:?}");
    // All memory came back.
    assert_eq!(stand.send(post(text)).await.0, 200);
    assert!(stand.receiver.metrics_text().contains("spanwise_reserved_bytes 0\n"));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_memory_is_told_when_to_come_again() {
    let stand = Stand::new(ReceiverOptions { memory_bytes: 300_000, ..ReceiverOptions::default() });
    let text = body(1, 1, &"n".repeat(50_000));
    let (first, rest) = text.split_at(text.len() - 9);
    // Six that hold what they have sent.
    let pace = Duration::from_secs(3);
    let held = (0..6).map(|_| stand.send(slowly(&[first, rest], pace)));
    let held = side_by_side(held.collect());
    let late = async {
        tokio::time::sleep(pace + Duration::from_secs(1)).await;
        let response = stand.receiver.receive(post(text.clone())).await;
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(read(response).await.0, 429);
    };
    tokio::join!(held, late);
}

#[tokio::test]
async fn what_takes_more_than_all_memory_is_413_since_it_will_never_be_taken() {
    let json = |length: usize| body(1, 1, &"n".repeat(length));
    let zstd = |length: usize| zstd::encode_all(json(length).as_bytes(), 1).unwrap();
    for (name, memory_bytes, request) in [
        ("nothing", 0, post(json(1))),
        ("less than a piece", 1000, post(json(1))),
        ("the body", 300_000, post(json(300_000))),
        ("what is made of it", 300_000, post(json(200_000))),
        ("the window", 8 << 20, request("POST", &[JSON, ("content-encoding", "zstd")], zstd(1))),
        (
            "inflated",
            300_000,
            request("POST", &[JSON, ("content-encoding", "gzip")], gzip(json(300_000).as_bytes())),
        ),
    ] {
        let stand = Stand::new(ReceiverOptions { memory_bytes, ..ReceiverOptions::default() });
        let response = stand.receiver.receive(request).await;
        // The body was read, or is read and thrown away: the connection goes on.
        for absent in [header::RETRY_AFTER, header::CONNECTION] {
            assert!(!response.headers().contains_key(absent), "{name}");
        }
        let (status, answer) = read(response).await;
        assert!(status == 413 && answer.contains("memory_bytes"), "{name}: {answer}");
        assert_eq!(stand.receiver.is_ready(), memory_bytes > 1000, "{name}");
        assert!(stand.receiver.metrics_text().contains("spanwise_reserved_bytes 0\n"), "{name}");
    }
}

#[tokio::test]
async fn with_the_least_memory_that_settings_may_have_the_least_delivery_is_taken() {
    let options = |memory_bytes: usize| {
        let text = "[limits]\nbody_bytes = 4000\ninflated_bytes = 4000\nmemory_bytes = ";
        Config::from_toml(&format!("{text}{memory_bytes}")).unwrap().receiver(None)
    };
    let least = (4000..20_000).find(|bytes| options(*bytes).is_ok()).unwrap();
    let error = options(least - 1).unwrap_err().to_string();
    assert!(
        error.contains(&format!("limits.memory_bytes is {}: it must be {least} at", least - 1)),
        "{error}"
    );
    for (memory_bytes, status) in [(least, 200), (least - 1, 413)] {
        let stand = Stand::new(ReceiverOptions { memory_bytes, ..options(least).unwrap() });
        assert_eq!(stand.receiver.is_ready(), status == 200);
        assert_eq!(stand.send(post("{}")).await.0, status);
    }
}

/// Runs futures side by side to their ends.
async fn side_by_side<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut futures {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn small_payloads_with_large_tables_are_refused_before_they_are_decoded() {
    let stand = Stand::new(ReceiverOptions { memory_bytes: 64 << 20, ..ReceiverOptions::default() });
    let links = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"links":[{}{{}}]}}]}}]}}]}}"#,
        "{},".repeat(1 << 20)
    );
    assert_eq!(stand.send(post(links)).await.0, 413);
}

#[tokio::test]
async fn text_that_grows_where_it_is_mended_is_counted_before() {
    let stand = Stand::new(ReceiverOptions { memory_bytes: 1 << 20, ..ReceiverOptions::default() });
    assert_eq!(stand.send(post(body(1, 1, &"x".repeat(200_000)))).await.0, 200);
    assert_eq!(stand.send(post(body(1, 1, &"\u{1}".repeat(200_000)))).await.0, 413);
}

/// A request whose spans share so many attributes of their resource.
fn sharing(attributes: usize, spans: usize) -> String {
    let attributes: Vec<_> = (0..attributes).map(|at| format!(r#"{{"key":"k{at}"}}"#)).collect();
    let span =
        |id: usize| format!(r#"{{"traceId":"{:032x}","spanId":"{:016x}","name":"n"}}"#, id + 1, id + 1);
    let spans: Vec<_> = (0..spans).map(span).collect();
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        attributes.join(","),
        spans.join(",")
    )
}

#[tokio::test]
async fn what_would_be_too_large_a_table_is_refused() {
    let stand = Stand::new(ReceiverOptions::default());
    assert_eq!(stand.send(post(sharing(2048, 2048))).await.0, 200);
    assert_eq!(stand.spans(), 2048);
    let (status, body) = stand.send(post(sharing(2048, 2049))).await;
    assert_eq!(status, 400);
    assert!(body.contains("is more than 4194304 attributes or 1073741824 bytes"), "{body}");
    assert_eq!(stand.spans(), 2048);
    // Few attributes of much text. Each span is 100 bytes or so, and would be a megabyte in the table.
    let text = |bytes: usize| sharing(1, 1024).replacen("k0", &"x".repeat(bytes), 1);
    assert_eq!(stand.send(post(text((1 << 20) + 1))).await.0, 400);
    assert_eq!(stand.send(post(text(1 << 20))).await.0, 200);
    assert_eq!(stand.spans(), 3072);
}

/// A body of so many bytes, in frames of 64 KiB, that counts what was taken of it.
struct Watched {
    left: usize,
    taken: Arc<AtomicUsize>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.left.min(64 << 10);
        self.left -= length;
        self.taken.fetch_add(length, Ordering::SeqCst);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(Bytes::from(vec![b'x'; length])))))
    }
}

#[tokio::test]
async fn of_what_has_no_secret_little_is_read() {
    let auth = Auth::new(vec![Secret::bearer("right").unwrap()]);
    let stand = Stand::new(ReceiverOptions { auth, ..ReceiverOptions::default() });
    let mut app = spanwise_receiver::router(stand.receiver.clone(), &["/v1/traces".to_owned()]);
    let (short, long) = (1 << 20, 20 << 20);
    for (path, secret, length, status, is_read) in [
        ("/v1/traces", "Bearer wrong", short, 401, true),
        ("/v1/traces", "Bearer wrong", long, 401, false),
        ("/v1/traces", "", long, 401, false),
        ("/v1/traces", "Bearer right", long, 415, true),
        ("/other", "Bearer wrong", short, 404, true),
        ("/other", "Bearer wrong", long, 404, false),
        ("/other", "Bearer right", long, 404, true),
    ] {
        let taken = Arc::new(AtomicUsize::new(0));
        let body = Watched { left: length, taken: Arc::clone(&taken) };
        let request =
            Request::post(path).header("authorization", secret).header("content-type", "text/plain");
        let request = request.body(axum::body::Body::new(body)).unwrap();
        let response = tower_service::Service::call(&mut app, request).await.unwrap();
        assert_eq!(response.status(), status, "{path} {secret}");
        let taken = taken.load(Ordering::SeqCst);
        assert_eq!(taken == length, is_read, "{path} {secret}: {taken}");
        assert!(is_read || taken <= short + (64 << 10), "{path} {secret}: {taken}");
    }
}

#[tokio::test]
async fn what_a_client_was_told_to_send_is_read_to_its_end() {
    let auth = Auth::new(vec![Secret::bearer("right").unwrap()]);
    let options = ReceiverOptions { auth, body_bytes: 100_000, ..ReceiverOptions::default() };
    let stand = Stand::new(options);
    let length = 1 << 20;
    for (secret, kind, status, is_read) in [
        // Refused by its head: the client is not asked for more.
        ("wrong", "application/json", 401, false),
        ("right", "text/plain", 415, false),
        // Refused when a part has come.
        ("right", "application/json", 413, true),
    ] {
        let taken = Arc::new(AtomicUsize::new(0));
        let request = Request::post("/")
            .header("authorization", format!("Bearer {secret}"))
            .header("content-type", kind)
            .header("expect", "100-continue");
        let request = request.body(Watched { left: length, taken: Arc::clone(&taken) }).unwrap();
        assert_eq!(stand.send(request).await.0, status);
        assert_eq!(taken.load(Ordering::SeqCst), if is_read { length } else { 0 }, "{status}");
    }
}
