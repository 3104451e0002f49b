//! An HTTP/1.1 server on the loopback interface that takes every request, answers 200 with `{}`, and keeps what came.
//!
//! One connection at a time and one request a connection: exporters send one request after another. It reads what the clients here
//! send (bodies with a length, or chunked) and is no general server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flate2::read::MultiGzDecoder;

/// A client that stalls for longer fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bounds on a line of the head and on a body.
const MAX_LINE: u64 = 16 << 10;
const MAX_BODY: u64 = 64 << 20;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/// A running server.
#[derive(Debug)]
pub struct Listener {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Vec<Request>>>,
}

impl Listener {
    /// Listens on a free port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || serve(&listener, &stopped));
        Ok(Self { port, stop, thread })
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops, and gives all requests in the order in which they came, or what was wrong with the first bad one.
    pub fn finish(self) -> io::Result<Vec<Request>> {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread from `accept`, after all connections that are waiting. When that fails the thread has ended, with an
        // error to give.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        self.thread.join().map_err(|_| io::Error::other("the listener's thread panicked"))?
    }
}

fn serve(listener: &TcpListener, stop: &AtomicBool) -> io::Result<Vec<Request>> {
    let mut requests = Vec::new();
    loop {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(&stream);
        if reader.fill_buf()?.is_empty() && stop.load(Ordering::SeqCst) {
            return Ok(requests);
        }
        // Kept before it is answered: once the client knows of its success, the request is here.
        requests.push(Request::read(&mut reader)?);
        stream.write_all(ANSWER)?;
    }
}

/// A request as it came, but for the chunks of its body, which are joined.
#[derive(Debug)]
pub struct Request {
    /// `POST` and the like.
    pub method: String,
    /// The path.
    pub target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body without its `Content-Encoding`.
    pub fn content(&self) -> io::Result<Vec<u8>> {
        match self.header("content-encoding") {
            None | Some("identity") => Ok(self.body.clone()),
            Some("gzip") => {
                let mut content = Vec::new();
                MultiGzDecoder::new(self.body.as_slice()).take(MAX_BODY).read_to_end(&mut content)?;
                Ok(content)
            }
            Some(other) => Err(invalid(&format!("content encoding {other}"))),
        }
    }

    fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let start = read_line(reader)?;
        let mut words = start.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1"), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(invalid("request line"));
        };
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: read_headers(reader)?,
            body: Vec::new(),
        };
        request.body = match (request.header("transfer-encoding"), request.header("content-length")) {
            (Some("chunked"), None) => read_chunks(reader)?,
            (None, Some(length)) => {
                let length = length.parse().map_err(|_| invalid("content length"))?;
                read_exactly(reader, length)?
            }
            _ => return Err(invalid("framing of the body")),
        };
        Ok(request)
    }
}

fn read_headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("header"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16).map_err(|_| invalid("chunk size"))?;
        if length == 0 {
            read_headers(reader)?;
            return Ok(body);
        }
        body.append(&mut read_exactly(reader, length)?);
        if body.len() as u64 > MAX_BODY || !read_line(reader)?.is_empty() {
            return Err(invalid("chunk"));
        }
    }
}

fn read_exactly(reader: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    if length > MAX_BODY {
        return Err(invalid("length of the body"));
    }
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A line without its CR LF.
fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(MAX_LINE).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(text) => Ok(text.to_owned()),
        None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Err(invalid("line")),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("HTTP request: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Request> {
        Request::read(&mut text.as_bytes())
    }

    #[test]
    fn body_with_a_length_ends_there() {
        let request = read("POST /v1/traces HTTP/1.1\r\nContent-LENGTH:  3 \r\n\r\nabcdef").unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/traces"));
        assert_eq!(request.header("content-length"), Some("3"));
        assert_eq!(request.content().unwrap(), b"abc");
    }

    #[test]
    fn chunks_are_joined() {
        let request = read(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA;x=1\r\n0123456789\r\n3\r\n\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
        )
        .unwrap();
        assert_eq!(request.content().unwrap(), b"0123456789\r\n!");
    }

    #[test]
    fn gzip_is_undone() {
        let mut body = Vec::new();
        flate2::read::GzEncoder::new(&b"{}"[..], flate2::Compression::default())
            .read_to_end(&mut body)
            .unwrap();
        let mut text =
            format!("POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len())
                .into_bytes();
        text.extend_from_slice(&body);
        let request = Request::read(&mut text.as_slice()).unwrap();
        assert_eq!(request.content().unwrap(), b"{}");
    }

    #[test]
    fn bad_requests_are_errors() {
        for text in [
            "",
            "POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nabc",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "POST / HTTP/1.1\nContent-Length: 0\n\n",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn requests_are_kept_in_order_and_answered() {
        let listener = Listener::start().unwrap();
        for body in ["1", "22"] {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, listener.port())).unwrap();
            write!(stream, "POST /{body} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n{}"), "{answer}");
        }
        let requests = listener.finish().unwrap();
        let kept: Vec<_> = requests.iter().map(|r| (r.target.as_str(), r.content().unwrap())).collect();
        assert_eq!(kept, [("/1", b"1".to_vec()), ("/22", b"22".to_vec())]);
    }

    #[test]
    fn the_first_bad_request_is_reported() {
        let listener = Listener::start().unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, listener.port())).unwrap();
        stream.write_all(b"nonsense\r\n").unwrap();
        drop(stream);
        assert_eq!(listener.finish().unwrap_err().to_string(), "HTTP request: request line");
    }
}
