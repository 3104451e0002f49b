//! What a receiver gives to a store, and what a store is. A service needs no more than [`Store`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Extensions;
use twox_hash::{XxHash3_64, XxHash3_128};

use crate::budget::Reservation;

/// What tells a span from others: hashes (XXH3) of its ids and of all that was sent of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanKey {
    /// Hash of the span, its scope and its resource, as they are stored; 0 for a span without a span id, where [`Self::ids`] is
    /// [`Self::NO_IDS`]: the keys of such spans are all alike, and no key of a table.
    pub content: u128,
    /// Hash of trace id and span id; [`Self::NO_IDS`] for a span without a span id.
    pub ids: u64,
}

impl SpanKey {
    /// The `ids` of a span that has none: it is never taken for a duplicate.
    pub const NO_IDS: u64 = 0;

    /// The key of a span: its ids in text, the hash of what it stands under, its own bytes.
    pub fn new(trace_id: &[u8], span_id: &[u8], scope: u64, span: &[u8]) -> Self {
        if span_id.is_empty() {
            return Self { content: 0, ids: Self::NO_IDS };
        }
        let ids = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(trace_id), span_id).max(1);
        // Both parts are hashed again, so that neither can be chosen to cancel the other.
        let content = XxHash3_128::oneshot_with_seed(scope ^ ids.rotate_left(32), span);
        Self { content, ids }
    }
}

/// One request, decoded and redacted, that is to be stored.
#[non_exhaustive]
pub struct Delivery {
    /// OTLP JSON, with nothing in it that must not be stored.
    ///
    /// In lenient mode without a policy, where all of it is of traces, it is the text as it was sent, without its compression, and
    /// whatever lenient mode takes: it may be no UTF-8, have a byte order mark, NaN, and control characters in strings, be an array or
    /// several documents one after the other, and have keys in `snake_case`. [`spanwise::decode`] reads it, unless the receiver's
    /// [limits](spanwise::DecodeOptions::limits) are wider than by default, and [`spanwise::encode`] of that makes canonical JSON:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::{Arc, Mutex};
    /// use http_body_util::Full;
    /// use spanwise_receiver::{Delivery, Metrics, Receiver, ReceiverOptions, Store, StoreError, Stored, Storing};
    ///
    /// /// Canonical JSON of each delivery.
    /// #[derive(Default)]
    /// struct Canonical(Mutex<Vec<String>>);
    ///
    /// impl Store for Canonical {
    ///     fn store(&self, delivery: Delivery) -> Storing {
    ///         let stored = Stored { spans: delivery.keys.len() as u64, ..Stored::default() };
    ///         let json = spanwise::decode(delivery.json).map(|batch| spanwise::encode(&batch));
    ///         let Ok(Ok(json)) = json.map(String::from_utf8) else {
    ///             return Box::pin(async { Err(StoreError::Failed) });
    ///         };
    ///         self.0.lock().unwrap().push(json);
    ///         Box::pin(async move { Ok(stored) })
    ///     }
    ///
    ///     fn is_ready(&self) -> bool {
    ///         true
    ///     }
    /// }
    ///
    /// let store = Arc::new(Canonical::default());
    /// let receiver = Receiver::new(store.clone(), ReceiverOptions::default(), Arc::new(Metrics::new()));
    /// // A byte order mark, snake_case, a byte that is no UTF-8, a tab in a string, NaN, and a second document.
    /// let body = b"\xef\xbb\xbf{\"resource_spans\":[{\"scope_spans\":[{\"spans\":[{\"name\":\"a\xff\tb\",\"attributes\":[
    ///     {\"key\":\"score\",\"value\":{\"doubleValue\":NaN}}]}]}]}]}
    ///     {\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"c\"}]}]}]}";
    /// let request = http::Request::post("/").header("content-type", "application/json");
    /// let response = receiver.receive(request.body(Full::<bytes::Bytes>::from(&body[..]))?).await;
    /// assert_eq!(response.status(), 200);
    /// let first = r#"{"scopeSpans":[{"spans":[{"name":"a�\tb","attributes":[{"key":"score","value":{"doubleValue":"NaN"}}]}]}]}"#;
    /// let second = r#"{"scopeSpans":[{"spans":[{"name":"c"}]}]}"#;
    /// assert_eq!(store.0.lock().unwrap()[0], format!(r#"{{"resourceSpans":[{first},{second}]}}"#));
    /// # Ok(()) }
    /// ```
    pub json: Bytes,
    /// One for each span of `json`, in its order; where there is none, nothing is stored. They are believed: a record whose
    /// spans are more or fewer comes to lie in `damaged` instead of Parquet.
    pub keys: Vec<SpanKey>,
    /// When it came, in Unix nanoseconds.
    pub received: u64,
    /// The memory that it was counted for, free again when it is written.
    pub reservation: Option<Reservation>,
    /// What the layers in front of the receiver put with the request, for a store of their own: whose it is, say. A
    /// `DurableStore` takes no notice of it, and drops it at once.
    pub extensions: Extensions,
}

impl Delivery {
    /// A delivery that no receiver made, without a reservation and extensions: for whoever tests a [`Store`], or stores what came
    /// another way. What the arguments are is said at the fields of their names.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use spanwise_receiver::{Delivery, DurableStore, Metrics, SpanKey, Store, StoreOptions};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let store = DurableStore::open(folder.path(), StoreOptions::default(), Arc::new(Metrics::new()))?;
    /// let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#;
    /// let keys = vec![SpanKey::new(b"", b"", 0, b"")];
    /// let stored = store.store(Delivery::new(json, keys, 1_764_028_800_000_000_000)).await?;
    /// assert_eq!(stored.spans, 1);
    /// # Ok(()) }
    /// ```
    pub fn new(json: impl Into<Bytes>, keys: Vec<SpanKey>, received: u64) -> Self {
        Self { json: json.into(), keys, received, reservation: None, extensions: Extensions::new() }
    }
}

/// How much there is, and nothing of what it says.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("bytes", &self.json.len())
            .field("spans", &self.keys.len())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Spans stored.
    pub spans: u64,
    /// Spans that were stored before, and are not again.
    pub duplicates: u64,
    /// Among those stored, spans whose ids were seen with other content.
    pub conflicts: u64,
}

/// Why a delivery was not stored. It may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room: the disk is full, or too much waits for being made into Parquet.
    Full,
    /// Writing failed.
    Failed,
    /// The store is closed.
    Closed,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the store is full",
            Self::Failed => "the store cannot be written",
            Self::Closed => "the store is closed",
        })
    }
}

impl std::error::Error for StoreError {}

/// What a store gives for a delivery: ready once the delivery is durable.
pub type Storing = Pin<Box<dyn Future<Output = Result<Stored, StoreError>> + Send>>;

/// A place that keeps deliveries. Implement it to put the service in front of a store of your own.
///
/// A store that keeps a [`Delivery`] whole keeps its [`reservation`](Delivery::reservation), too, and that memory from other requests,
/// until they are answered 429. One that holds deliveries after it has answered takes out what it needs of them, and drops the rest.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::{Arc, Mutex};
/// use http_body_util::Full;
/// use spanwise_receiver::{Delivery, Metrics, Receiver, ReceiverOptions, Store, Stored, Storing};
///
/// #[derive(Clone)]
/// struct Tenant(&'static str);
///
/// /// The tenant of each delivery, and how many spans it has.
/// #[derive(Default)]
/// struct Ledger(Mutex<Vec<(&'static str, usize)>>);
///
/// impl Store for Ledger {
///     fn store(&self, delivery: Delivery) -> Storing {
///         let tenant = delivery.extensions.get::<Tenant>().map_or("nobody", |tenant| tenant.0);
///         self.0.lock().unwrap().push((tenant, delivery.keys.len()));
///         let stored = Stored { spans: delivery.keys.len() as u64, ..Stored::default() };
///         Box::pin(async move { Ok(stored) })
///     }
///
///     fn is_ready(&self) -> bool {
///         true
///     }
/// }
///
/// let ledger = Arc::new(Ledger::default());
/// let receiver = Receiver::new(ledger.clone(), ReceiverOptions::default(), Arc::new(Metrics::new()));
/// let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#;
/// // A layer in front of the receiver knows whose request it is.
/// let request = http::Request::post("/").header("content-type", "application/json").extension(Tenant("orchard"));
/// receiver.receive(request.body(Full::<bytes::Bytes>::from(body))?).await;
/// assert_eq!(*ledger.0.lock().unwrap(), [("orchard", 1)]);
/// # Ok(()) }
/// ```
pub trait Store: Send + Sync {
    /// Stores a delivery. The future is ready when it is durable: what it says is what the client is told.
    ///
    /// The call itself must not block: it is made on a thread that serves others. The future may be dropped before it is ready, at
    /// any point where it waits: the client went away, or a layer's time is over. What must not be cut short there is handed to a
    /// task or a thread of its own, and the future waits for that one's word, as a `DurableStore`'s does. A client that is gone sends
    /// the delivery again: [`Delivery::keys`] tell what was stored already.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use spanwise_receiver::{Delivery, Store, StoreError, Stored, Storing};
    /// # struct Database;
    /// # impl Database { async fn insert(&self, _: Delivery) -> std::io::Result<Stored> { Ok(Stored::default()) } }
    /// struct InDatabase(Arc<Database>);
    ///
    /// impl Store for InDatabase {
    ///     fn store(&self, delivery: Delivery) -> Storing {
    ///         let database = Arc::clone(&self.0);
    ///         // In the future alone, it would end between two rows.
    ///         let inserting = tokio::spawn(async move { database.insert(delivery).await });
    ///         Box::pin(async move {
    ///             match inserting.await {
    ///                 Ok(Ok(stored)) => Ok(stored),
    ///                 Ok(Err(_)) | Err(_) => Err(StoreError::Failed),
    ///             }
    ///         })
    ///     }
    ///
    ///     fn is_ready(&self) -> bool {
    ///         true
    ///     }
    /// }
    /// ```
    fn store(&self, delivery: Delivery) -> Storing;

    /// Whether a delivery would be taken now. Must not block either.
    fn is_ready(&self) -> bool;

    /// Whether it counts what it stored itself, by [`Metrics::count`](crate::Metrics::count) of the [`Metrics`](crate::Metrics) that the
    /// receiver has. The receiver counts what the future says, and nothing where the client went away before: true is for a store that
    /// hands what it does to a task or a thread, which stores, and counts, all the same. A store in front of another says what that
    /// one does. Default: false.
    fn counts(&self) -> bool {
        false
    }
}

/// Unix nanoseconds now.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_nanos()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_shows_nothing_of_what_it_says() {
        let json = Bytes::from_static(b"{\"canary\":1}");
        let delivery = Delivery {
            json,
            keys: Vec::new(),
            received: 7,
            reservation: None,
            extensions: Extensions::new(),
        };
        assert_eq!(format!("{delivery:?}"), "Delivery { bytes: 12, spans: 0, received: 7, .. }");
    }
}
