//! The contestants as processes: each prints its address, serves until its standard input ends, makes its Parquet files, and
//! says what it took.

use std::io::{self, Read, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use spanwise_receiver::{
    Disk, DiskFile, DurableStore, Entry, LocalDisk, Metrics, Receiver, ReceiverOptions, ServerOptions,
    StoreOptions, serve as serve_receiver,
};
use tokio::net::TcpListener;

use crate::client::{Said, field};
use crate::peer;

pub(crate) const ALL: [&str; 3] = ["spanwise", "spanwise, no sync", "axum + opentelemetry-proto"];

pub(crate) fn serve(name: &str, folder: &Path, dedup: Option<usize>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    println!("{}", listener.local_addr().unwrap());
    let disk = LocalDisk::open(folder).unwrap();
    let disk: Arc<dyn Disk> = match name {
        "spanwise" => Arc::new(disk),
        "spanwise, no sync" => Arc::new(NoSync(disk)),
        _ => {
            let writer = peer::serve(&runtime, listener, folder);
            wait_for_end();
            drop(runtime);
            writer.join().unwrap();
            println!("{}", said(0));
            return;
        }
    };
    let metrics = Arc::new(Metrics::new());
    let mut options = StoreOptions::default();
    options.dedup_spans = dedup.unwrap_or(options.dedup_spans);
    let store = Arc::new(DurableStore::open_on(disk, options, Arc::clone(&metrics)).unwrap());
    let receiver = Receiver::new(store.clone(), ReceiverOptions::default(), Arc::clone(&metrics));
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.spawn(serve_receiver(listener, receiver, ServerOptions::default(), async {
        let _ = ended.await;
    }));
    wait_for_end();
    end.send(()).unwrap();
    runtime.block_on(serving).unwrap().unwrap();
    store.close(Duration::from_mins(10));
    println!("{}", said(syncs(&metrics.text())));
}

fn wait_for_end() {
    io::stdout().flush().unwrap();
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Syncs of the log, from the metrics.
fn syncs(metrics: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix("spanwise_sync_seconds_count "));
    line.and_then(|count| count.parse().ok()).unwrap_or_default()
}

fn said(syncs: u64) -> Said {
    let processor = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let processor = Duration::try_from(processor).unwrap();
    Said { memory: memory(), processor, syncs }
}

/// Bytes of the largest resident set of this process.
fn memory() -> u64 {
    field(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), "VmHWM:")
}

/// A disk that says that it synced.
#[derive(Debug)]
struct NoSync(LocalDisk);

struct NoSyncFile(Box<dyn DiskFile>);

impl io::Write for NoSyncFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl DiskFile for NoSyncFile {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
}

impl Disk for NoSync {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(NoSyncFile(self.0.create(path)?)))
    }

    fn reopen(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let (file, len) = self.0.reopen(path)?;
        Ok((Box::new(NoSyncFile(file)), len))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.0.open(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.0.list(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir_all(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.0.free_bytes()
    }
}
