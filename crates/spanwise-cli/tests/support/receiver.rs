//! A running `spanwise serve`, and a client of it.

#![allow(dead_code, reason = "each test uses a part")]

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(1);

/// A running receiver. Dropped, it is killed.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Option<JoinHandle<()>>,
    /// What it has logged so far.
    logged: Arc<Mutex<String>>,
}

/// The command that serves `store` on a free port.
pub(crate) fn command<A: AsRef<OsStr>>(store: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanwise"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--store"]).arg(store).args(arguments);
    command
}

impl Served {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: Command) -> Self {
        let (mut served, address) = Self::spawn(command);
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            let _ = served.child.kill();
            panic!("it does not listen: {}", served.ended().1);
        };
        served.address = address;
        served
    }

    /// Starts it. Where it listens is not known.
    pub(crate) fn start_opening(command: Command) -> Self {
        Self::spawn(command).0
    }

    fn spawn(mut command: Command) -> (Self, Receiver<SocketAddr>) {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (found, address) = channel();
        let logged = Arc::new(Mutex::new(String::new()));
        let text = Arc::clone(&logged);
        let log = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let line = line.unwrap();
                if let Some((_, rest)) = line.split_once("listening address=") {
                    let _ = found.send(rest.trim().parse().unwrap());
                }
                let mut text = text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        (Self { child, address: SocketAddr::from(([0; 4], 0)), log: Some(log), logged }, address)
    }

    /// Waits until it has logged something.
    pub(crate) fn logs(&self, text: &str) {
        let begun = Instant::now();
        loop {
            let logged = self.logged.lock().unwrap().clone();
            if logged.contains(text) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "not logged: {text}\n{logged}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it on an address, with its log going elsewhere, and waits until it takes connections.
    pub(crate) fn start_silent(store: &Path, settings: &Path, log: impl Into<Stdio>) -> Self {
        // Nobody else is given the port so soon.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_spanwise"));
        command.args(["serve", "--listen", &address.to_string(), "--store"]).arg(store);
        command.arg("--config").arg(settings).stdin(Stdio::null()).stderr(log);
        let served = Self { child: command.spawn().unwrap(), address, log: None, logged: Arc::default() };
        until("it listens", || TcpStream::connect(address).is_ok());
        served
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end, and gives its exit status and its log.
    pub(crate) fn end(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.ended()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Waits for its end, and gives its exit status and its log.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE * 3, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        if let Some(log) = self.log.take() {
            log.join().unwrap();
        }
        let log = std::mem::take(&mut *self.logged.lock().unwrap());
        (status, log)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A connection that is kept.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// Sends a request, whose head is given without its end, and gives status and body of the answer.
    pub(crate) fn send(&mut self, head: &str, body: &[u8]) -> io::Result<(u16, String)> {
        let mut message = head.as_bytes().to_vec();
        write!(message, "\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len())?;
        message.extend_from_slice(body);
        self.reader.get_mut().write_all(&message)?;
        self.answer()
    }

    /// Sends as it is, without waiting for an answer.
    pub(crate) fn write(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn post(&mut self, body: &[u8]) -> io::Result<(u16, String)> {
        self.send("POST /v1/traces HTTP/1.1\r\nContent-Type: application/json", body)
    }

    fn answer(&mut self) -> io::Result<(u16, String)> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut length = 0;
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).unwrap()))
    }
}

/// The Parquet files below `store`.
pub(crate) fn parquet(store: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(store, &mut found);
    found.sort();
    found
}
