//! Where deliveries go: a log that is durable before the answer, and Parquet files that it becomes.
//!
//! ```text
//! log/      segments: what was answered and is not yet in Parquet (see `record.rs`); `spare`, one that is, to be written over
//! staging/  Parquet files in the making; with a manifest, files on their way to their place
//! spans/    date=2026-11-25/service=checkout/….parquet
//! dedup/    the hashes of sealed spans, for as long as the window of duplicates
//! damaged/  segments and records that could not be read, or not be made into Parquet
//! ```
//!
//! One thread writes the log (`writer.rs`), and some make Parquet of it and delete what is too old (`keeper.rs`).

mod blocks;
mod damaged;
mod dedup;
mod disk;
mod durable;
mod keeper;
mod key_file;
mod manifest;
mod named;
mod partition;
mod queue;
mod record;
mod recovery;
mod retention;
mod seal;
mod seal_error;
mod writer;

pub use disk::{Disk, DiskFile, Entry, LocalDisk};
pub use durable::{DurableStore, OpenError, StoreOptions};

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http::Extensions;

    use super::*;
    use crate::Metrics;
    use crate::delivery::{Delivery, SpanKey, Store as _};

    #[tokio::test]
    async fn what_layers_put_with_a_request_does_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::new());
        let store = DurableStore::open(folder.path(), StoreOptions::default(), metrics).unwrap();
        let given = Arc::new(());
        let mut waiting = Vec::new();
        for _ in 0..100 {
            let mut extensions = Extensions::new();
            extensions.insert(Arc::clone(&given));
            let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#.into();
            let keys = vec![SpanKey { content: 0, ids: SpanKey::NO_IDS }];
            let delivery = Delivery { json, keys, received: 0, reservation: None, extensions };
            waiting.push(store.store(delivery));
            assert_eq!(Arc::strong_count(&given), 1);
        }
        for stored in waiting {
            assert_eq!(stored.await.map(|stored| stored.spans), Ok(1));
        }
        store.close(Duration::from_mins(1));
    }
}
