//! Clients that send a corpus over and over, and what came of it.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use spanwise_corpora::{Corpus, Form};

/// Bytes of the corpus that is sent over and over: what becomes one Parquet file has few ids and times twice, as in life.
const SAMPLE: u64 = 128 << 20;

/// One run of one contestant.
pub(crate) struct Run {
    bytes: u64,
    answering: Duration,
    all: Duration,
    latencies: Vec<Duration>,
    refused: u64,
    said: Said,
    parquet: u64,
    /// Bytes of the resident set while requests were sent, and when.
    resident: Vec<(Duration, u64)>,
}

impl Run {
    /// MiB of the resident set in each tenth of the time: on average, and at most.
    pub(crate) fn memory_over_time(&self) -> String {
        let part = |tenth: u32| {
            let (from, to) = (self.answering * tenth / 10, self.answering * (tenth + 1) / 10);
            let samples = self.resident.iter().filter(|(at, _)| (from..to).contains(at));
            let sizes: Vec<u64> = samples.map(|(_, bytes)| bytes >> 20).collect();
            let average = sizes.iter().sum::<u64>() / (sizes.len() as u64).max(1);
            format!("{average} ({})", sizes.iter().max().unwrap_or(&0))
        };
        (0..10).map(part).collect::<Vec<_>>().join(", ")
    }
}

/// What a contestant says of itself when it is done.
pub(crate) struct Said {
    /// Bytes of its largest resident set.
    pub(crate) memory: u64,
    /// Processor time it took, of all threads, the kernel's for it included.
    pub(crate) processor: Duration,
    /// Syncs of its log; 0 where it has none.
    pub(crate) syncs: u64,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.memory, self.processor.as_micros(), self.syncs)
    }
}

impl Said {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self { memory: next()?, processor: Duration::from_micros(next()?), syncs: next()? })
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[allow(clippy::cast_precision_loss, reason = "figures of a table")]
        let rate = |count: u64, time: Duration| count as f64 / time.as_secs_f64();
        let at = |part: usize| {
            let index = (self.latencies.len() * part / 1000).min(self.latencies.len().saturating_sub(1));
            self.latencies.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        write!(
            f,
            "{:.0} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {} | {:.3}",
            rate(self.bytes, self.all) / 1e6,
            rate(self.bytes, self.answering) / 1e6,
            rate(self.latencies.len() as u64, self.answering),
            at(500),
            at(990),
            self.said.processor.as_secs_f64() * 1e9 / rate(self.bytes, Duration::from_secs(1)),
            rate(self.latencies.len() as u64, Duration::from_secs(1))
                / rate(self.said.syncs, Duration::from_secs(1)),
            self.said.memory >> 20,
            rate(self.parquet, Duration::from_secs(1)) / rate(self.bytes, Duration::from_secs(1)),
        )?;
        if self.refused > 0 { write!(f, " ({} refused)", self.refused) } else { Ok(()) }
    }
}

/// Loads a contestant for so long.
pub(crate) fn run(name: &str, corpus: &str, time: Duration, clients: usize, dedup: Option<usize>) -> Run {
    let sample = Corpus::parse(corpus).unwrap().sample(1, SAMPLE, Form::Ndjson);
    let bodies: Vec<_> =
        sample.documents.iter().map(|range| Message::new(&sample.bytes[range.clone()])).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--contestant", name, "--serve"])
        .arg(folder.path())
        .args(dedup.map(|spans| format!("--dedup-spans={spans}")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let address: SocketAddr = line.trim().parse().unwrap();
    let next = AtomicU64::new(0);
    let begun = Instant::now();
    let (mut latencies, mut bytes, mut refused) = (Vec::new(), 0, 0);
    let (mut resident, mut answering) = (Vec::new(), Duration::ZERO);
    let sampling = AtomicBool::new(true);
    let process = child.id();
    std::thread::scope(|scope| {
        let samples = scope.spawn(|| {
            let mut samples = Vec::new();
            while sampling.load(Ordering::Relaxed) {
                samples.push((begun.elapsed(), resident_set(process)));
                std::thread::sleep(Duration::from_millis(50));
            }
            samples
        });
        let threads: Vec<_> =
            (0..clients).map(|_| scope.spawn(|| send(address, &bodies, &next, begun + time))).collect();
        for thread in threads {
            let (own, sent, not) = thread.join().unwrap();
            latencies.extend(own);
            bytes += sent;
            refused += not;
        }
        answering = begun.elapsed();
        sampling.store(false, Ordering::Relaxed);
        resident = samples.join().unwrap();
    });
    // It ends when its standard input does, and says its memory.
    drop(child.stdin.take());
    let mut said = String::new();
    output.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    latencies.sort_unstable();
    let all = begun.elapsed();
    let said = Said::parse(&said).unwrap();
    Run { bytes, answering, all, latencies, refused, said, parquet: parquet_bytes(folder.path()), resident }
}

/// Bytes that a process has in memory.
fn resident_set(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    field(&status, "VmRSS:")
}

/// A field of `/proc/…/status`, in bytes.
pub(crate) fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() << 10
}

/// A request, made beforehand: what clients do while they measure is taken from the contestant.
struct Message {
    bytes: Vec<u8>,
    body: usize,
    /// Where the trace ids begin, and those of answers.
    ids: Vec<usize>,
}

impl Message {
    fn new(body: &[u8]) -> Self {
        let mut bytes = Vec::new();
        write!(
            bytes,
            "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        let start = bytes.len();
        bytes.extend_from_slice(body);
        let ids_behind = |name: &[u8]| -> Vec<usize> {
            let found =
                bytes.windows(name.len()).enumerate().skip(start).filter(|(_, window)| *window == name);
            found.map(|(at, _)| at + name.len()).collect()
        };
        let ids = [ids_behind(b"\"traceId\":\""), ids_behind(b"\"stringValue\":\"resp_")].concat();
        Self { bytes, body: body.len(), ids }
    }

    /// Writes the request into `out`, a number over the first digits of every id of a trace or an answer, so that no two are the same.
    fn write(&self, number: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.bytes);
        let digits = format!("{number:012x}");
        for at in &self.ids {
            out[*at..*at + digits.len()].copy_from_slice(digits.as_bytes());
        }
    }
}

/// Sends bodies, with trace ids of their own, until the time is over.
fn send(
    address: SocketAddr,
    bodies: &[Message],
    next: &AtomicU64,
    end: Instant,
) -> (Vec<Duration>, u64, u64) {
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    stream.get_ref().set_nodelay(true).unwrap();
    let (mut latencies, mut bytes, mut refused) = (Vec::new(), 0, 0);
    let mut message = Vec::new();
    while Instant::now() < end {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let body = &bodies[usize::try_from(number).unwrap() % bodies.len()];
        body.write(number, &mut message);
        let begun = Instant::now();
        stream.get_mut().write_all(&message).unwrap();
        let status = answer(&mut stream);
        if status == 200 {
            latencies.push(begun.elapsed());
            bytes += body.body as u64;
        } else {
            refused += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    (latencies, bytes, refused)
}

fn answer(stream: &mut BufReader<TcpStream>) -> u16 {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    status
}

fn parquet_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let size = |path: std::path::PathBuf| {
        if path.is_dir() {
            parquet_bytes(&path)
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            path.metadata().unwrap().len()
        } else {
            0
        }
    };
    entries.map(size).sum()
}
