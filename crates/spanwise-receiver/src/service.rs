//! [`Receiver`]: the tower service that takes deliveries.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body::Body;
use http_body_util::Full;
use spanwise::redact::CompiledPolicy;
use spanwise::{DecodeOptions, Mode};
use tokio::sync::Semaphore;
use tower_service::Service;
use tracing::{debug, error, info, warn};

use crate::answer::Answer;
use crate::auth::Auth;
use crate::body::{self, Asked, BodyError, Pace};
use crate::budget::{Budget, Reservation};
use crate::delivery::{Delivery, Store, StoreError, now};
use crate::inflate::Encoding;
use crate::metrics::{Metrics, StatusLabel};
use crate::pipeline::{Prepared, Worker, least, needed, ordinary, tables};
use crate::seldom::Seldom;

/// A payload of this size is decoded where the request is read; a larger one on a thread that may block.
const DECODED_IN_PLACE: usize = 128 << 10;

/// How a receiver works.
#[derive(Debug, Clone)]
pub struct ReceiverOptions {
    /// Who may deliver. Default: everybody.
    pub auth: Auth,
    /// What is taken out of traces before anything of them is stored. Default: nothing.
    pub policy: Option<Arc<CompiledPolicy>>,
    /// How to decode. Default: lenient, at most 262,144 spans a payload.
    pub decode: DecodeOptions,
    /// Bytes of a body as it comes. Default 64 MiB.
    pub body_bytes: usize,
    /// Bytes of a body without its compression. Default 64 MiB.
    pub inflated_bytes: usize,
    /// Bytes that all requests may hold together: bodies, tables, what waits for the log. Default 512 MiB. What takes more by itself
    /// is too large; with less than some 9 KiB everything but an empty body is, and the receiver is never ready.
    ///
    /// A delivery counts with three times its length and the tables that it could become: together up to 17 times its length for
    /// ordinary spans, and for 64 MiB of them 496 MiB. While zstd is undone, 8 MiB more are held, however short the body is.
    pub memory_bytes: usize,
    /// How slowly a body may come.
    pub pace: Pace,
    /// Payloads decoded at the same time. Default: as many as there are processors.
    pub workers: usize,
    /// How long a payload may wait for its turn to be decoded. Default ten seconds.
    pub patience: Duration,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        let mut decode = DecodeOptions::default();
        decode.limits.spans = 1 << 18;
        // Enough to say what is wrong; the rest is counted.
        decode.limits.diagnostics = 64;
        Self {
            auth: Auth::default(),
            policy: None,
            decode,
            body_bytes: 64 << 20,
            inflated_bytes: 64 << 20,
            memory_bytes: 512 << 20,
            pace: Pace::default(),
            workers: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            patience: Duration::from_secs(10),
        }
    }
}

impl ReceiverOptions {
    /// Whether there is memory for any delivery.
    fn has_memory(&self) -> bool {
        self.memory_bytes >= least(self.decode.limits)
    }

    /// The memory that an ordinary delivery takes which is as long as may be, where that is more than there is.
    fn memory_that_lacks(&self) -> Option<usize> {
        let longest = self.body_bytes.max(self.inflated_bytes);
        let wanted = ordinary(longest, self.decode.limits);
        (wanted > self.memory_bytes).then_some(wanted)
    }
}

#[derive(Debug)]
struct Inner {
    options: ReceiverOptions,
    metrics: Arc<Metrics>,
    budget: Budget,
    turns: Arc<Semaphore>,
    /// Workers that nobody uses. There are never more than turns.
    idle: Mutex<Vec<Worker>>,
    /// Deliveries that were taken in part, and tests: a sender may make each of its deliveries one.
    partly: Seldom,
    tests: Seldom,
}

/// A service that takes OTLP/JSON traces by POST and PUT, whatever the path: routing is the caller's.
///
/// It needs tokio's timers. A clone is the same receiver.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use http_body_util::{BodyExt, Full};
/// use spanwise_receiver::{DurableStore, Metrics, Receiver, ReceiverOptions, StoreOptions, bytes::Bytes, http::Request};
/// use tower_service::Service;
///
/// let folder = tempfile::tempdir()?;
/// let metrics = Arc::new(Metrics::new());
/// let store = Arc::new(DurableStore::open(folder.path(), StoreOptions::default(), metrics.clone())?);
/// let mut receiver = Receiver::new(store, ReceiverOptions::default(), metrics);
///
/// let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
///     "spanId":"b7ad6b7169203331","name":"chat"}]}]}]}"#;
/// let request = Request::post("/v1/traces").header("content-type", "application/json");
/// let response = receiver.call(request.body(Full::<Bytes>::from(body))?).await?;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.into_body().collect().await?.to_bytes(), "{}");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Receiver {
    inner: Arc<Inner>,
    store: Arc<dyn Store>,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl Receiver {
    /// A receiver in front of a store.
    ///
    /// The log is warned where [`ReceiverOptions::memory_bytes`] has no room for an ordinary delivery of
    /// [`ReceiverOptions::body_bytes`] or [`ReceiverOptions::inflated_bytes`].
    pub fn new(store: Arc<dyn Store>, options: ReceiverOptions, metrics: Arc<Metrics>) -> Self {
        if let Some(wanted) = options.memory_that_lacks() {
            warn!(
                memory_bytes = options.memory_bytes,
                wanted,
                "memory_bytes is less than an ordinary delivery takes that is as long as body_bytes or inflated_bytes allow: it \
                 will be answered 413"
            );
        }
        let workers = options.workers.clamp(1, Semaphore::MAX_PERMITS);
        let inner = Inner {
            budget: Budget::told(options.memory_bytes, metrics.reserved_bytes.clone()),
            turns: Arc::new(Semaphore::new(workers)),
            idle: Mutex::new(Vec::new()),
            partly: Seldom::default(),
            tests: Seldom::default(),
            options,
            metrics,
        };
        Self { inner: Arc::new(inner), store }
    }

    /// Whether these headers hold a secret of the receiver, or it needs none.
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        self.inner.options.auth.allows(headers)
    }

    /// Whether a delivery would be stored now.
    pub fn is_ready(&self) -> bool {
        self.inner.options.has_memory() && self.store.is_ready()
    }

    /// The counters, as Prometheus reads them.
    pub fn metrics_text(&self) -> String {
        self.metrics().text()
    }

    /// The counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.inner.metrics
    }

    /// Takes one request. One of HTTP/1 without a body must say so by its `Content-Length`: it is answered 411 otherwise. So is one whose
    /// body comes to nothing in a layer in front that takes the length away, as tower-http's `RequestDecompressionLayer` does.
    pub async fn receive<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes, Error: Into<BodyError>>,
    {
        let begun = Instant::now();
        let (mut head, body) = request.into_parts();
        let is_last = may_go_on(&head, &body);
        let body = pin!(body);
        let mut body = Asked::new(body);
        let extensions = std::mem::take(&mut head.extensions);
        let answer = match self.answer(&head, extensions, Pin::new(&mut body)).await {
            Ok(answer) => answer,
            Err(refused) => {
                // Not where the client waits to be told to send it, and was not, nor where it is slow.
                let comes = body.was_asked || !head.headers.contains_key(EXPECT);
                if comes && !matches!(refused, Answer::TooSlow) {
                    body::drain(Pin::new(&mut body), !matches!(refused, Answer::Unauthorized)).await;
                }
                refused
            }
        };
        let mut response = self.respond(answer, is_last, begun);
        if head.version > Version::HTTP_11 {
            // There it makes an answer malformed (RFC 9113, 8.2.2), and streams end without it.
            response.headers_mut().remove(CONNECTION);
        }
        response
    }

    /// Counts an answer, tells the log of it where it is not that all is stored, and makes it a response: the last of its connection
    /// if it `is_last`.
    pub(crate) fn respond(&self, answer: Answer, is_last: bool, begun: Instant) -> Response<Full<Bytes>> {
        let label = StatusLabel { status: answer.status().as_u16() };
        match &answer {
            Answer::Stored => {}
            Answer::Partly { rejected, message } => {
                if let Some(untold) = self.inner.partly.untold() {
                    warn!(rejected, told = message, untold, "not all of a delivery was taken");
                }
            }
            refused => debug!(status = label.status, reason = &*refused.reason(), "a request was refused"),
        }
        self.inner.metrics.requests.get_or_create(&label).inc();
        self.inner.metrics.request_seconds.observe(begun.elapsed().as_secs_f64());
        let mut response = answer.into_response();
        if is_last {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn answer<B>(
        &self,
        head: &Parts,
        extensions: Extensions,
        body: Pin<&mut B>,
    ) -> Result<Answer, Answer>
    where
        B: Body<Data = Bytes, Error: Into<BodyError>>,
    {
        let options = &self.inner.options;
        if !options.auth.allows(&head.headers) {
            return Err(Answer::Unauthorized);
        }
        if !takes_a_body(&head.method) {
            return Err(Answer::Method);
        }
        let mut memory = self.inner.budget.reserve();
        if is_connection_test(&head.headers) {
            self.inner.metrics.connection_tests.inc();
            let body = body::read(body, options.body_bytes, options.pace, &mut memory).await?;
            if !self.is_ready() {
                return Err(Answer::Unavailable("the receiver is not ready"));
            }
            if let Some(untold) = self.inner.tests.untold() {
                let bytes = body.len();
                info!(
                    bytes,
                    untold, "a test of the connection was answered, and what came with it is not stored"
                );
            }
            return Ok(Answer::Stored);
        }
        let is_json = is_json(&head.headers);
        if is_json == Some(false) {
            return Err(Answer::Type);
        }
        let encoding = Encoding::of(&head.headers).ok_or(Answer::Encoding)?;
        let body = body::read(body, options.body_bytes, options.pace, &mut memory).await?;
        self.inner.metrics.body_bytes.inc_by(body.len() as u64);
        if body.is_empty() {
            if !says_its_length(head) {
                return Err(Answer::Length);
            }
            // Some senders probe so.
            if options.decode.mode == Mode::Lenient {
                return Ok(Answer::Stored);
            }
        }
        if is_json.is_none() {
            return Err(Answer::Type);
        }
        let (prepared, memory) = self.prepare(body, encoding, memory).await?;
        let Prepared { json, keys, answer } = prepared;
        if keys.is_empty() {
            return Ok(answer);
        }
        let delivery = Delivery { json, keys, received: now(), reservation: Some(memory), extensions };
        match self.store.store(delivery).await {
            Ok(stored) => {
                if !self.store.counts() {
                    self.inner.metrics.count(stored);
                }
                Ok(answer)
            }
            Err(StoreError::Full) => Err(Answer::Unavailable("the store is full")),
            Err(StoreError::Failed) => Err(Answer::Unavailable("the store cannot be written")),
            Err(StoreError::Closed) => Err(Answer::Unavailable("the receiver is shutting down")),
        }
    }

    /// Waits for a turn, and does what takes time.
    async fn prepare(
        &self,
        body: Bytes,
        encoding: Encoding,
        memory: Reservation,
    ) -> Result<(Prepared, Reservation), Answer> {
        let inner = &self.inner;
        let turn = Arc::clone(&inner.turns).acquire_owned();
        let turn = match tokio::time::timeout(inner.options.patience, turn).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(Answer::Internal),
            Err(_) => return Err(Answer::Overload),
        };
        if body.len() <= DECODED_IN_PLACE && encoding == Encoding::Identity {
            return inner.prepare(body, encoding, memory);
        }
        let inner = Arc::clone(inner);
        let work = tokio::task::spawn_blocking(move || {
            let prepared = inner.prepare(body, encoding, memory);
            drop(turn);
            prepared
        });
        work.await.unwrap_or_else(|_| {
            error!("decoding a request came to no end; it is refused");
            Err(Answer::Internal)
        })
    }
}

impl Inner {
    fn prepare(
        &self,
        body: Bytes,
        encoding: Encoding,
        mut memory: Reservation,
    ) -> Result<(Prepared, Reservation), Answer> {
        let body = encoding.inflate(body, self.options.inflated_bytes, &mut memory)?;
        if encoding != Encoding::Identity {
            self.metrics.inflated_bytes.inc_by(body.len() as u64);
        }
        let tables = tables(&body, self.options.decode.limits);
        memory.take(needed(&body, tables))?;
        let worker = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker =
            worker.unwrap_or_else(|| Worker::new(self.options.decode, self.options.policy.clone()));
        let prepared = worker.prepare(body, tables, &self.metrics);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        let prepared = prepared?;
        // What is stored, and its copy on the way to the log.
        let held = prepared.json.len() * 2 + size_of_val(&prepared.keys[..]);
        memory.shrink_to(held);
        memory.take(held - memory.bytes())?;
        Ok((prepared, memory))
    }
}

impl<B> Service<Request<B>> for Receiver
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let receiver = self.clone();
        Box::pin(async move { Ok(receiver.receive(request).await) })
    }
}

/// `X-Test-Connection: true`.
fn is_connection_test(headers: &HeaderMap) -> bool {
    headers.get("x-test-connection").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

fn takes_a_body(method: &Method) -> bool {
    method == Method::POST || method == Method::PUT
}

/// Whether bytes may follow that the sender of a request takes for its body, and that would be read as the next request.
pub(crate) fn may_go_on<B: Body>(head: &Parts, body: &B) -> bool {
    // Layers that undo compression take the length away, and do not say that a body is at its end.
    let is_empty = || body.is_end_stream() || body.size_hint().exact() == Some(0);
    takes_a_body(&head.method) && !says_its_length(head) && is_empty()
}

/// Whether the request says that there is a body, or none: in HTTP/1 one that does not has none (RFC 9112, 6.3), and yet bytes may
/// follow that its sender takes for one.
fn says_its_length(head: &Parts) -> bool {
    let says = |name| head.headers.contains_key(name);
    head.version > Version::HTTP_11 || says(CONTENT_LENGTH) || says(TRANSFER_ENCODING)
}

/// Whether the body is JSON; `None` where nothing is said. Parameters make no difference (RFC 9110, 8.3.1).
fn is_json(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(CONTENT_TYPE)?;
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    Some(essence.trim_ascii().eq_ignore_ascii_case(b"application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_an_ordinary_delivery_lacks_is_told() {
        let lacks = |body: usize, memory_bytes: usize| {
            let half =
                ReceiverOptions { body_bytes: body / 2, inflated_bytes: body, ..ReceiverOptions::default() };
            let other = ReceiverOptions { body_bytes: body, inflated_bytes: body / 2, ..half.clone() };
            let found =
                [half, other].map(|options| ReceiverOptions { memory_bytes, ..options }.memory_that_lacks());
            assert_eq!(found[0], found[1]);
            found[0]
        };
        assert_eq!(ReceiverOptions::default().memory_that_lacks(), None);
        assert_eq!(lacks(64 << 20, (496 << 20) - 1), Some(496 << 20));
        assert_eq!(lacks(64 << 20, 64 << 20), Some(496 << 20));
        assert_eq!(lacks(1 << 20, 17 << 20), None);
        assert_eq!(lacks(1 << 20, 16 << 20), Some((1 << 20) * 33 / 2));
        assert_eq!(lacks(usize::MAX, usize::MAX), None);
    }
}
