//! What the tests of the receiver share: deliveries, and what is found of them afterwards.

#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod memory_disk;
pub(crate) mod watched_disk;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Row;
use parquet::record::RowAccessor as _;
use spanwise_receiver::{Disk, DurableStore, Metrics, Receiver, ReceiverOptions, Store, StoreOptions};

/// One delivery of a span.
pub(crate) fn body(trace: u64, span: u64, name: &str) -> String {
    let ids = format!(r#""traceId":"{:032x}","spanId":"{:016x}""#, trace + 1, span + 1);
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}},"scopeSpans":[{{"spans":[{{{ids},"name":"{name}","startTimeUnixNano":"1764028800000000001","endTimeUnixNano":"1764028800000000009"}}]}}]}}]}}"#
    )
}

pub(crate) fn post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::post("/v1/traces").header("content-type", "application/json");
    request.body(Full::new(body.into())).unwrap()
}

/// A receiver on a store, and both ends of it.
pub(crate) struct Stand {
    pub(crate) store: Arc<DurableStore>,
    pub(crate) receiver: Receiver,
    pub(crate) metrics: Arc<Metrics>,
}

impl Stand {
    pub(crate) fn on(disk: Arc<dyn Disk>, store: StoreOptions, receiver: ReceiverOptions) -> Self {
        let metrics = Arc::new(Metrics::new());
        let store = Arc::new(DurableStore::open_on(disk, store, Arc::clone(&metrics)).unwrap());
        let as_store: Arc<dyn Store> = store.clone();
        let receiver = Receiver::new(as_store, receiver, Arc::clone(&metrics));
        Self { store, receiver, metrics }
    }

    pub(crate) fn in_folder(folder: &Path, store: StoreOptions, receiver: ReceiverOptions) -> Self {
        let disk = spanwise_receiver::LocalDisk::open(folder).unwrap();
        Self::on(Arc::new(disk), store, receiver)
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> (u16, String) {
        read(self.receiver.receive(request).await).await
    }

    pub(crate) async fn post(&self, body: impl Into<Bytes>) -> u16 {
        self.send(post(body)).await.0
    }

    /// A counter of the metrics.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let text = self.metrics.text();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    pub(crate) fn close(self) {
        self.store.close(Duration::from_mins(1));
    }
}

pub(crate) async fn read(response: Response<Full<Bytes>>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Waits for something that comes soon.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The rows of a Parquet file.
pub(crate) fn rows(file: impl Into<Bytes>) -> Vec<Row> {
    let reader = SerializedFileReader::new(file.into()).unwrap();
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

/// How often each (span id, name) is found in some Parquet files.
pub(crate) fn tally(files: impl IntoIterator<Item = Vec<u8>>) -> BTreeMap<(String, String), usize> {
    let mut found = BTreeMap::new();
    for file in files {
        for row in rows(file) {
            let text = |column: &str| {
                let at = row.get_column_iter().position(|(name, _)| name == column).unwrap();
                row.get_string(at).unwrap().clone()
            };
            *found.entry((text("span_id"), text("name"))).or_insert(0) += 1;
        }
    }
    found
}

/// All files below a folder, with their paths below it.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The Parquet files below a folder.
pub(crate) fn parquet(folder: &Path) -> Vec<Vec<u8>> {
    let files = files(folder).into_iter().filter(|(name, _)| name.ends_with(".parquet"));
    files.map(|(_, bytes)| bytes).collect()
}
