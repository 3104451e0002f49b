//! `spanwise serve` among clients that mean harm: each gets the right answer or none, memory stays within the bound, and a good
//! client is served all the while.

#![cfg(all(feature = "serve", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "support/receiver.rs"]
mod receiver;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use receiver::{Client, Served, command};

/// Connections of the test below; `SPANWISE_HOSTILE_CONNECTIONS` asks for more.
const CONNECTIONS: usize = 1500;
/// Bytes that the receiver may hold: the bound on requests, connections, and what the process is without them.
const MEMORY: u64 = (128 << 20) + (160 << 20);

fn body(span: u64) -> Vec<u8> {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{:016x}","name":"good"}}]}}]}}]}}"#,
        span + 1
    )
    .into_bytes()
}

/// The largest resident set of a process so far.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Sends what may be cut short, and gives the status of the answer, if there was one.
fn send(address: SocketAddr, head: &str, pieces: impl Iterator<Item = Vec<u8>>) -> Option<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    for piece in pieces {
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // Reset by the other side after it has answered: what came is what counts.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok())
}

fn post(headers: &str) -> String {
    format!("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\r\n")
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// Members of gzip that hold a mebibyte of spaces each.
fn bomb(mebibytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    encoder.finish().unwrap().repeat(mebibytes)
}

/// One after the other, what each is answered.
fn attack(address: SocketAddr) {
    for (name, expected, status) in [
        (
            "a form",
            415,
            send(
                address,
                &post("")
                    .replace("application/json", "text/html")
                    .replace("\r\n\r\n", "\r\nContent-Length: 2\r\n\r\n"),
                [b"{}".to_vec()].into_iter(),
            ),
        ),
        (
            "a gibibyte by its length",
            413,
            send(address, &post("Content-Length: 1073741824\r\n"), (0..1024).map(|_| vec![b' '; 1 << 20])),
        ),
        (
            "a gibibyte in chunks",
            413,
            send(
                address,
                &post("Transfer-Encoding: chunked\r\n"),
                (0..1024).map(|_| chunk(&vec![b' '; 1 << 20])),
            ),
        ),
        ("a gibibyte in gzip", 413, {
            let bomb = bomb(1024);
            send(
                address,
                &post(&format!(
                    "Content-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n",
                    bomb.len()
                )),
                [bomb].into_iter(),
            )
        }),
        ("tables of a gibibyte", 413, {
            let body = format!(
                "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"links\":[{}{{}}]}}]}}]}}]}}",
                "{},".repeat(8 << 20)
            );
            send(
                address,
                &post(&format!("Content-Length: {}\r\nConnection: close\r\n", body.len())),
                [body.into_bytes()].into_iter(),
            )
        }),
        (
            "a head without end",
            431,
            send(
                address,
                "POST /v1/traces HTTP/1.1\r\n",
                (0..100_000).map(|n| format!("X-{n}: {n}\r\n").into_bytes()),
            ),
        ),
        ("no HTTP", 400, send(address, "\x16\x03\x01\x02\x00\x01\r\n\r\n", std::iter::empty())),
    ] {
        assert_eq!(status, Some(expected), "{name}");
    }
}

/// Goes on sending, a byte now and then, until the receiver has let all go.
fn outlast(mut slow: Vec<TcpStream>) {
    let begun = Instant::now();
    let mut open = slow.len();
    while open > 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "{open} slow connections are still open");
        thread::sleep(Duration::from_millis(500));
        slow.retain_mut(|stream| {
            stream.set_nonblocking(true).unwrap();
            let gone = match stream.read(&mut [0; 512]) {
                Ok(0) => true,
                Ok(_) => false,
                Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
            };
            !gone && stream.write_all(b"x").is_ok()
        });
        open = slow.len();
    }
}

#[test]
fn a_good_client_is_served_among_hostile_ones() {
    let connections =
        std::env::var("SPANWISE_HOSTILE_CONNECTIONS").map_or(CONNECTIONS, |many| many.parse().unwrap());
    raise_open_files();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("receiver.toml");
    std::fs::write(
        &config,
        "[limits]\nmemory_bytes = 134_217_728\nhead_seconds = 3\nbody_grace_seconds = 3\n[storage]\nreserve_bytes = 0\n",
    )
    .unwrap();
    let served = Served::start(command(&folder.path().join("store"), ["--config", config.to_str().unwrap()]));
    let address = served.address;
    let (done, served_well) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let (done, served_well) = (&done, &served_well);
        scope.spawn(move || {
            let mut slowest = Duration::ZERO;
            while !done.load(Ordering::SeqCst) {
                // A connection of its own each time: new ones must come through too.
                let begun = Instant::now();
                let number = served_well.fetch_add(1, Ordering::SeqCst);
                let (status, answer) = Client::connect(address).unwrap().post(&body(number)).unwrap();
                assert_eq!(status, 200, "{answer}");
                slowest = slowest.max(begun.elapsed());
                thread::sleep(Duration::from_millis(5));
            }
        });
        // Whatever fails, the good client must not go on for ever.
        let _end = Raised(done);

        // Idle, halfway through a head, halfway through a body.
        let beginnings = [
            String::new(),
            "POST /v1/traces HTTP/1.1\r\nHost: lo".to_owned(),
            post("Content-Length: 1000\r\n") + "{",
        ];
        let slow: Vec<TcpStream> = (0..connections)
            .map(|number| {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(beginnings[number % 3].as_bytes()).unwrap();
                stream
            })
            .collect();

        attack(address);
        outlast(slow);
    });
    assert!(served_well.load(Ordering::SeqCst) > 20);
    let peak = memory(served.pid());
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    let (status, log) = served.end();
    assert!(status.success(), "{log}");
    // A body may be half as long as all memory, and no ordinary one of that length has room.
    assert!(log.contains("memory_bytes is less than"), "{log}");
}

/// Says that it is over, also when a test fails.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn one_connection_too_many_is_answered_503() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("receiver.toml");
    std::fs::write(&config, "[limits]\nconnections = 3\nhead_seconds = 1\n").unwrap();
    let served = Served::start(command(&folder.path().join("store"), ["--config", config.to_str().unwrap()]));
    let idle: Vec<_> = (0..3).map(|_| TcpStream::connect(served.address).unwrap()).collect();
    thread::sleep(Duration::from_millis(200));
    let mut answer = String::new();
    TcpStream::connect(served.address).unwrap().read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: 1\r\n"), "{answer}");
    // When the idle ones are let go there is room again.
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(served.connect().post(&body(1)).unwrap().0, 200);
    drop(idle);
}

fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
