//! Clients that send a corpus over and over, and what came of it.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use spanwise_corpora::{Corpus, Form};

/// Bytes of the corpus that is sent over and over.
const SAMPLE: u64 = 16 << 20;

/// One run of one contestant.
pub(crate) struct Run {
    bytes: u64,
    answering: Duration,
    all: Duration,
    latencies: Vec<Duration>,
    refused: u64,
    memory: u64,
    parquet: u64,
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
            "{:.0} | {:.0} | {:.0} | {:.2} | {:.2} | {} | {:.3}",
            rate(self.bytes, self.all) / 1e6,
            rate(self.bytes, self.answering) / 1e6,
            rate(self.latencies.len() as u64, self.answering),
            at(500),
            at(990),
            self.memory >> 20,
            rate(self.parquet, Duration::from_secs(1)) / rate(self.bytes, Duration::from_secs(1)),
        )?;
        if self.refused > 0 { write!(f, " ({} refused)", self.refused) } else { Ok(()) }
    }
}

/// Loads a contestant for so long.
pub(crate) fn run(name: &str, corpus: &str, time: Duration, clients: usize) -> Run {
    let sample = Corpus::parse(corpus).unwrap().sample(1, SAMPLE, Form::Ndjson);
    let bodies: Vec<&[u8]> = sample.documents.iter().map(|range| &sample.bytes[range.clone()]).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--serve", name])
        .arg(folder.path())
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
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..clients).map(|_| scope.spawn(|| send(address, &bodies, &next, begun + time))).collect();
        for thread in threads {
            let (own, sent, not) = thread.join().unwrap();
            latencies.extend(own);
            bytes += sent;
            refused += not;
        }
    });
    let answering = begun.elapsed();
    // It ends when its standard input does, and says its memory.
    drop(child.stdin.take());
    let mut said = String::new();
    output.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    latencies.sort_unstable();
    let all = begun.elapsed();
    let memory = said.trim().parse().unwrap();
    Run { bytes, answering, all, latencies, refused, memory, parquet: parquet_bytes(folder.path()) }
}

/// Sends bodies, with trace ids of their own, until the time is over.
fn send(address: SocketAddr, bodies: &[&[u8]], next: &AtomicU64, end: Instant) -> (Vec<Duration>, u64, u64) {
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    stream.get_ref().set_nodelay(true).unwrap();
    let (mut latencies, mut bytes, mut refused) = (Vec::new(), 0, 0);
    let mut message = Vec::new();
    while Instant::now() < end {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let body = bodies[usize::try_from(number).unwrap() % bodies.len()];
        message.clear();
        write!(
            message,
            "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        let start = message.len();
        message.extend_from_slice(body);
        renumber(&mut message[start..], number);
        let begun = Instant::now();
        stream.get_mut().write_all(&message).unwrap();
        let status = answer(&mut stream);
        if status == 200 {
            latencies.push(begun.elapsed());
            bytes += body.len() as u64;
        } else {
            refused += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    (latencies, bytes, refused)
}

/// Writes a number over the first digits of every trace id, so that no two requests are the same.
fn renumber(body: &mut [u8], number: u64) {
    let name = b"\"traceId\":\"";
    let digits = format!("{number:012x}");
    let mut from = 0;
    while let Some(at) = body[from..].windows(name.len()).position(|window| window == name) {
        let start = from + at + name.len();
        body[start..start + digits.len()].copy_from_slice(digits.as_bytes());
        from = start;
    }
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
