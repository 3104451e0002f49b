//! What the receiver counts, and its Prometheus text.

use std::fmt::Debug;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::delivery::Stored;

/// The status of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StatusLabel {
    pub(crate) status: u16,
}

/// The code of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct FindingLabel {
    pub(crate) code: &'static str,
}

/// The counters of one receiver.
///
/// Nothing in them is the users': labels are statuses and the codes of findings.
#[derive(Debug)]
#[cfg_attr(
    not(all(feature = "server", feature = "store")),
    allow(dead_code, reason = "those of the server and the store stay 0")
)]
pub struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<StatusLabel, Counter>,
    pub(crate) connection_tests: Counter,
    pub(crate) body_bytes: Counter,
    pub(crate) inflated_bytes: Counter,
    pub(crate) request_seconds: Histogram,
    pub(crate) findings: Family<FindingLabel, Counter>,
    pub(crate) spans_stored: Counter,
    pub(crate) spans_duplicate: Counter,
    pub(crate) spans_conflicting: Counter,
    pub(crate) spans_rejected: Counter,
    pub(crate) redacted_values: Counter,
    pub(crate) reserved_bytes: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) connections_refused: Counter,
    pub(crate) remembered_spans: Gauge,
    pub(crate) commit_seconds: Histogram,
    pub(crate) sync_seconds: Histogram,
    pub(crate) log_bytes: Counter,
    pub(crate) log_failures: Counter,
    pub(crate) sealed_segments: Counter,
    pub(crate) sealed_files: Counter,
    pub(crate) sealed_bytes: Counter,
    pub(crate) seal_seconds: Histogram,
    pub(crate) seal_failures: Counter,
    pub(crate) damaged_segments: Counter,
    pub(crate) unsealed_bytes: Gauge,
    pub(crate) stored_bytes: Gauge,
    pub(crate) retired_files: Counter,
}

/// A quarter of a millisecond to a little over two minutes.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 20))
}

/// Registers a metric and gives it back.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at nothing.
    #[allow(clippy::too_many_lines, reason = "a list")]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("spanwise");
        let r = &mut registry;
        r.register("build", "The version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Self {
            requests: add(r, "requests", "Requests by the status of their answer", Family::default()),
            connection_tests: add(
                r,
                "connection_tests",
                "Requests that a gateway marked as a test of the connection",
                Counter::default(),
            ),
            body_bytes: add(r, "body_bytes", "Bytes of bodies as they came", Counter::default()),
            inflated_bytes: add(
                r,
                "inflated_bytes",
                "Bytes of bodies without their compression",
                Counter::default(),
            ),
            request_seconds: add(
                r,
                "request_seconds",
                "Time from a request's head to its answer",
                histogram(),
            ),
            findings: add(r, "findings", "Findings in payloads by code", Family::default()),
            spans_stored: add(r, "spans_stored", "Spans stored", Counter::default()),
            spans_duplicate: add(
                r,
                "spans_duplicate",
                "Spans that were delivered again, and not stored again",
                Counter::default(),
            ),
            spans_conflicting: add(
                r,
                "spans_conflicting",
                "Spans stored whose ids were seen with other content",
                Counter::default(),
            ),
            spans_rejected: add(r, "spans_rejected", "Spans that strict mode rejected", Counter::default()),
            redacted_values: add(
                r,
                "redacted_values",
                "Values that the policy changed or dropped",
                Counter::default(),
            ),
            reserved_bytes: add(r, "reserved_bytes", "Bytes that requests hold", Gauge::default()),
            connections: add(r, "connections", "Open connections", Gauge::default()),
            connections_refused: add(
                r,
                "connections_refused",
                "Connections beyond the bound",
                Counter::default(),
            ),
            remembered_spans: add(
                r,
                "remembered_spans",
                "Spans in the window of duplicates",
                Gauge::default(),
            ),
            commit_seconds: add(
                r,
                "commit_seconds",
                "Time from a delivery's turn in the log to its being durable",
                histogram(),
            ),
            sync_seconds: add(
                r,
                "sync_seconds",
                "Time of writing and syncing a group of deliveries",
                histogram(),
            ),
            log_bytes: add(r, "log_bytes", "Bytes written to the log", Counter::default()),
            log_failures: add(
                r,
                "log_failures",
                "Groups of deliveries that could not be written",
                Counter::default(),
            ),
            sealed_segments: add(
                r,
                "sealed_segments",
                "Segments of the log made into Parquet",
                Counter::default(),
            ),
            sealed_files: add(r, "sealed_files", "Parquet files made", Counter::default()),
            sealed_bytes: add(r, "sealed_bytes", "Bytes of the Parquet files made", Counter::default()),
            seal_seconds: add(r, "seal_seconds", "Time of making one segment into Parquet", histogram()),
            seal_failures: add(
                r,
                "seal_failures",
                "Attempts at making Parquet that failed and will be repeated",
                Counter::default(),
            ),
            damaged_segments: add(
                r,
                "damaged_segments",
                "Segments that cannot be read or made into Parquet, or are gone",
                Counter::default(),
            ),
            unsealed_bytes: add(
                r,
                "unsealed_bytes",
                "Bytes of closed segments that are not yet Parquet",
                Gauge::default(),
            ),
            stored_bytes: add(
                r,
                "stored_bytes",
                "Bytes of all Parquet files, once a minute",
                Gauge::default(),
            ),
            retired_files: add(r, "retired_files", "Parquet files deleted by retention", Counter::default()),
            registry,
        }
    }

    /// Counts what became of a delivery: for a [`Store`](crate::Store) that [counts for itself](crate::Store::counts), since it goes on
    /// where the client went away and nobody waits for its word. For any other the receiver does.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::sync::Arc;
    /// # use http_body_util::Full;
    /// use spanwise_receiver::{Delivery, Metrics, Receiver, ReceiverOptions, Store, StoreError, Stored, Storing};
    /// # #[derive(Clone)] struct Database;
    /// # impl Database {
    /// #     async fn insert(&self, delivery: Delivery) -> Result<Stored, StoreError> {
    /// #         Ok(Stored { spans: delivery.keys.len() as u64, ..Stored::default() })
    /// #     }
    /// # }
    /// struct InDatabase {
    ///     database: Database,
    ///     metrics: Arc<Metrics>,
    /// }
    ///
    /// impl Store for InDatabase {
    ///     fn store(&self, delivery: Delivery) -> Storing {
    ///         let (database, metrics) = (self.database.clone(), Arc::clone(&self.metrics));
    ///         // It is stored, and counted, though nobody asks what became of it any more.
    ///         let inserting = tokio::spawn(async move {
    ///             let stored = database.insert(delivery).await?;
    ///             metrics.count(stored);
    ///             Ok(stored)
    ///         });
    ///         Box::pin(async move { inserting.await.unwrap_or(Err(StoreError::Failed)) })
    ///     }
    ///
    ///     fn is_ready(&self) -> bool {
    ///         true
    ///     }
    ///
    ///     fn counts(&self) -> bool {
    ///         true
    ///     }
    /// }
    ///
    /// let metrics = Arc::new(Metrics::new());
    /// let store = InDatabase { database: Database, metrics: Arc::clone(&metrics) };
    /// let receiver = Receiver::new(Arc::new(store), ReceiverOptions::default(), Arc::clone(&metrics));
    /// let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#;
    /// let request = http::Request::post("/").header("content-type", "application/json");
    /// receiver.receive(request.body(Full::<bytes::Bytes>::from(body))?).await;
    /// assert!(metrics.text().contains("spanwise_spans_stored_total 1\n"));
    /// # Ok(()) }
    /// ```
    pub fn count(&self, stored: Stored) {
        self.spans_stored.inc_by(stored.spans);
        self.spans_duplicate.inc_by(stored.duplicates);
        self.spans_conflicting.inc_by(stored.conflicts);
    }

    /// The Prometheus text (`OpenMetrics` 1.0).
    pub fn text(&self) -> String {
        let mut text = self.families();
        let _ = encode_eof(&mut text);
        text
    }

    /// The same without the mark of its end, to stand before what an app counts for itself. All names begin with `spanwise_`.
    ///
    /// ```
    /// use spanwise_receiver::Metrics;
    /// let metrics = Metrics::new();
    /// let app = "# TYPE app_logins counter\napp_logins_total 3\n# EOF\n";
    /// let text = metrics.families() + app;
    /// assert!(text.contains("spanwise_spans_stored_total 0\n") && text.contains("app_logins_total 3\n"));
    /// assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    /// ```
    pub fn families(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode_registry(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_in_the_text() {
        let metrics = Metrics::new();
        metrics.spans_stored.inc_by(3);
        metrics.requests.get_or_create(&StatusLabel { status: 503 }).inc();
        metrics.sync_seconds.observe(0.0004);
        let text = metrics.text();
        for line in [
            "spanwise_spans_stored_total 3",
            "spanwise_requests_total{status=\"503\"} 1",
            "spanwise_sync_seconds_bucket{le=\"0.0005\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
