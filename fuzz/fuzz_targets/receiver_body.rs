//! Any bytes as the body of a delivery: the first says how it is compressed and which mode reads it.
//!
//! The answer is one that the documentation names, nothing panics, memory stays within the budget and comes back, and what
//! is handed to the store decodes to as many spans as it says.

#![no_main]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use spanwise::Mode;
use spanwise::redact::{Policy, Preset};
use spanwise_receiver::{Delivery, Metrics, Receiver, ReceiverOptions, Store, Stored, Storing};
use tokio::runtime::Runtime;

/// Takes what comes, and looks at it.
struct Checking {
    taken: AtomicBool,
}

impl Store for Checking {
    fn store(&self, delivery: Delivery) -> Storing {
        let batch = spanwise::decode(delivery.json.clone()).expect("what is stored decodes");
        assert_eq!(batch.len(), delivery.keys.len());
        self.taken.store(true, Ordering::Relaxed);
        Box::pin(async { Ok(Stored::default()) })
    }

    fn is_ready(&self) -> bool {
        true
    }
}

struct Stand {
    runtime: Runtime,
    store: Arc<Checking>,
    receivers: Vec<Receiver>,
}

static STAND: LazyLock<Stand> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Arc::new(Checking { taken: AtomicBool::new(false) });
    let policy = Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets).compile(None).unwrap();
    let mut receivers = Vec::new();
    for mode in [Mode::Lenient, Mode::Strict] {
        for policy in [None, Some(policy.clone())] {
            let mut options = ReceiverOptions { policy: policy.map(Arc::new), ..ReceiverOptions::default() };
            options.decode.mode = mode;
            options.body_bytes = 1 << 20;
            options.inflated_bytes = 4 << 20;
            options.memory_bytes = 256 << 20;
            receivers.push(Receiver::new(store.clone(), options, Arc::new(Metrics::new())));
        }
    }
    Stand { runtime, store, receivers }
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let stand = &*STAND;
    let receiver = &stand.receivers[usize::from(*choice) % stand.receivers.len()];
    let encoding = ["identity", "gzip", "zstd", "br"][usize::from(choice >> 2) % 4];
    let request =
        Request::post("/").header("content-type", "application/json").header("content-encoding", encoding);
    // Without a length an empty body is refused.
    let request = request.header("transfer-encoding", "chunked");
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
    stand.store.taken.store(false, Ordering::Relaxed);
    let (status, answer) = stand.runtime.block_on(async {
        let response = receiver.receive(request).await;
        (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
    });
    assert!(matches!(status, 200 | 400 | 413 | 415 | 429), "{status}");
    assert!(serde_json::from_slice::<serde_json::Value>(&answer).is_ok());
    assert!(status == 200 || !stand.store.taken.load(Ordering::Relaxed));
    assert!(receiver.metrics_text().contains("spanwise_reserved_bytes 0\n"));
});
