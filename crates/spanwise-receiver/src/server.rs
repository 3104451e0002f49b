//! An HTTP/1.1 server round a [`Receiver`]: routes, connections, an end in good order.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, info, warn};

use crate::answer::Answer;
use crate::body::{FOREVER, drain};
use crate::seldom::Seldom;
use crate::service::{Receiver, may_go_on};

/// What a connection beyond the bound is told.
const REFUSED: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 45\r\n\
Retry-After: 1\r\nConnection: close\r\n\r\n{\"code\":14,\"message\":\"too many connections\"}\n";
/// Bytes that a connection buffers of what comes.
const READ_BUFFER: usize = 32 << 10;

/// How the server works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// The paths that take deliveries, verbatim. Default `/v1/traces`.
    pub paths: Vec<String>,
    /// Connections at the same time; one more is answered 503. Default 10,240.
    pub connections: usize,
    /// How long a client may take for the head of a request, and until it reads some of an answer, and a connection may stand
    /// idle. Default ten seconds.
    pub head_time: Duration,
    /// How long requests may go on when the server ends. Default 20 seconds.
    pub drain_time: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            paths: vec!["/v1/traces".to_owned()],
            connections: 10_240,
            head_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(20),
        }
    }
}

#[derive(Debug, Clone)]
struct Routes {
    receiver: Receiver,
    paths: Arc<[String]>,
}

/// Paths that answer something else than deliveries.
pub(crate) const OWN_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The routes of a receiver: its paths, `/healthz`, `/readyz` and `/metrics`.
///
/// `/metrics` wants the same secrets as deliveries do; the other two are open, and say nothing but `ok`.
///
/// Deliveries come through the fallback, which compares paths as they are written. An app without a fallback is merged with these
/// routes, and what is neither's is answered as the receiver answers it. An app with a fallback of its own, with which axum refuses
/// to merge, takes the [`Receiver`] as a service under a path.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use spanwise_receiver::{DurableStore, Metrics, Receiver, ReceiverOptions, StoreOptions, router};
/// use tower_service::Service;
///
/// let (folder, metrics) = (tempfile::tempdir()?, Arc::new(Metrics::new()));
/// let store = Arc::new(DurableStore::open(folder.path(), StoreOptions::default(), metrics.clone())?);
/// let receiver = Receiver::new(store, ReceiverOptions::default(), metrics);
///
/// let app = || Router::new().route("/", get(async || "the app"));
/// let merged = app().merge(router(receiver.clone(), &["/v1/traces".to_owned()]));
/// let beside = app().route_service("/v1/traces", receiver).fallback(async || "the app's own");
/// for mut app in [merged, beside] {
///     let request = Request::post("/v1/traces").header("content-type", "application/json");
///     assert_eq!(app.call(request.body(Body::from("{}"))?).await?.status(), 200);
///     assert_eq!(app.call(Request::get("/").body(Body::empty())?).await?.status(), 200);
/// }
/// # Ok(()) }
/// ```
pub fn router(receiver: Receiver, paths: &[String]) -> Router {
    let routes = Routes { receiver, paths: paths.into() };
    let [health, readiness, counters] = OWN_PATHS;
    Router::new()
        .route(health, get(async || "ok\n").fallback(other_method))
        .route(readiness, get(ready).fallback(other_method))
        .route(counters, get(metrics).fallback(other_method))
        // Not routes of axum's: a webhook's path is taken as it is written, whatever characters it has.
        .fallback(deliver)
        .with_state(routes)
}

/// The answer to any other method under these paths.
async fn other_method(request: Request) -> Response {
    let (head, body) = request.into_parts();
    let close = may_go_on(&head, &body).then_some([(header::CONNECTION, "close")]);
    (StatusCode::METHOD_NOT_ALLOWED, close, ()).into_response()
}

async fn ready(State(routes): State<Routes>) -> Response {
    if routes.receiver.is_ready() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "not ready\n").into_response()
    }
}

async fn metrics(State(routes): State<Routes>, headers: HeaderMap) -> Response {
    if !routes.receiver.allows(&headers) {
        return Answer::Unauthorized.into_response().into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], routes.receiver.metrics_text()).into_response()
}

async fn deliver(State(routes): State<Routes>, request: Request) -> Response {
    // A webhook's URL may have a query, which counts only where the path was given with one.
    let (path, whole) = (request.uri().path(), request.uri().path_and_query());
    if routes.paths.iter().any(|taken| taken == path || whole.is_some_and(|whole| taken == whole.as_str())) {
        routes.receiver.receive(request).await.into_response()
    } else {
        let begun = Instant::now();
        let (head, body) = request.into_parts();
        let is_last = may_go_on(&head, &body);
        if !head.headers.contains_key(header::EXPECT) {
            let has_secret = routes.receiver.allows(&head.headers);
            drain(std::pin::pin!(body), has_secret).await;
        }
        routes.receiver.respond(Answer::Path, is_last, begun).into_response()
    }
}

/// Serves until `end` is ready, then lets the requests that have begun come to their end.
///
/// # Errors
/// None after the first connection: what goes wrong with one is its own.
pub async fn serve(
    listener: TcpListener,
    receiver: Receiver,
    options: ServerOptions,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    let metrics = Arc::clone(receiver.metrics());
    let service = TowerToHyperService::new(router(receiver, &options.paths));
    let mut http = http1::Builder::new();
    let head_time = options.head_time.min(FOREVER);
    // Who has sent all may close that way. Who is gone is noticed a little later for it, when the answer is written.
    http.half_close(true);
    http.timer(TokioTimer::new()).header_read_timeout(head_time).max_buf_size(READ_BUFFER);
    let room = Arc::new(Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut end = std::pin::pin!(end);
    let mut accepts = true;
    let refusals = Seldom::default();
    info!(address = %listener.local_addr()?, "listening");
    loop {
        let stream = tokio::select! {
            () = &mut end => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if !std::mem::replace(&mut accepts, true) {
                        info!("connections are accepted again");
                    }
                    stream
                }
                Err(error) => {
                    // Too many open files, say: those that are open go on, and new ones wait. Told once, and not with each try.
                    if std::mem::replace(&mut accepts, false) {
                        warn!(kind = ?error.kind(), os = error.raw_os_error(), "cannot accept a connection");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            metrics.connections_refused.inc();
            refuse(&stream);
            if let Some(untold) = refusals.untold() {
                let connections = options.connections;
                warn!(connections, untold, "a connection beyond the bound was answered 503");
            }
            continue;
        };
        // An answer is one small write; waiting to join it with another only delays it.
        let _ = stream.set_nodelay(true);
        // Who does not read what is answered would hold the connection for ever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(head_time));
        let connection =
            graceful.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service.clone()));
        let counted = Counted::new(metrics.connections.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // Clients that go away or send what is no HTTP. Not the error's text: it may quote what was sent.
                debug!(timeout = error.is_timeout(), parse = error.is_parse(), "a connection ended early");
            }
            drop((counted, place));
        });
    }
    drop(listener);
    info!("no more connections are taken; requests come to their end");
    if tokio::time::timeout(options.drain_time, graceful.shutdown()).await.is_err() {
        warn!("some requests did not come to their end in time");
    }
    Ok(())
}

/// A connection that is counted for as long as it is there, however it ends.
struct Counted(Gauge);

impl Counted {
    fn new(connections: Gauge) -> Self {
        connections.inc();
        Self(connections)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Answers a connection without reading from it. If the client's window takes no two hundred bytes, it gets none.
fn refuse(stream: &TcpStream) {
    let _ = stream.try_write(REFUSED);
}

#[cfg(test)]
mod tests {
    use super::REFUSED;

    #[test]
    fn the_answer_to_one_connection_too_many_is_as_long_as_it_says() {
        let text = str::from_utf8(REFUSED).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{text}");
    }
}
