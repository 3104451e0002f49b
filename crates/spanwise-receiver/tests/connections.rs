//! Connections of clients that do not behave.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use spanwise_receiver::{Config, Pace, ReceiverOptions, ServerOptions, StoreOptions, serve};
use support::Stand;
use support::memory_disk::MemoryDisk;
use tokio::sync::oneshot;

/// Serves while something is done with it.
fn serving(options: ServerOptions, clients: impl FnOnce(SocketAddr, &Stand)) {
    serving_with(options, ReceiverOptions::default(), StoreOptions::default(), clients);
}

fn serving_with(
    options: ServerOptions,
    receiver: ReceiverOptions,
    store: StoreOptions,
    clients: impl FnOnce(SocketAddr, &Stand),
) {
    let runtime = support::runtime();
    let disk = Arc::new(MemoryDisk::new());
    let stand = Stand::on(disk, store, receiver);
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let receiver = stand.receiver.clone();
    let server = runtime.spawn(serve(listener, receiver, options, async move { drop(ended.await) }));
    clients(address, &stand);
    end.send(()).unwrap();
    runtime.block_on(server).unwrap().unwrap();
    stand.close();
}

/// Waits until so many connections are open.
fn connections_become(stand: &Stand, expected: u64) {
    let begun = Instant::now();
    while stand.count("spanwise_connections") != expected {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", stand.count("spanwise_connections"));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn clients_that_do_not_read_are_let_go() {
    let options = ServerOptions { head_time: Duration::from_millis(300), ..ServerOptions::default() };
    serving(options, |address, stand| {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        connections_become(stand, 1);
        // More answers than both ends can buffer: from then on nothing is read of what is sent.
        let requests = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
        while client.write_all(requests.as_bytes()).is_ok() {}
        // It is still there, and holds nothing.
        connections_become(stand, 0);
        drop(client);
    });
}

#[test]
fn a_client_that_sends_all_before_it_reads_learns_why_it_is_refused() {
    serving(ServerOptions::default(), |address, _| {
        for (path, kind, status) in
            [("/v1/traces", "application/x-protobuf", 415), ("/other", "application/json", 404)]
        {
            let mut client = TcpStream::connect(address).unwrap();
            let length = 30 << 20;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
            );
            client.write_all(head.as_bytes()).unwrap();
            client.write_all(&vec![b'x'; length]).unwrap();
            let mut answer = [0; 12];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes());
        }
    });
}

#[test]
fn settings_without_a_bound_are_fine() {
    let longest = Duration::MAX;
    let text = format!(
        "[limits]\nworkers = {most}\nconnections = {most}\nhead_seconds = {most}\nbody_grace_seconds = {most}\n\
         body_seconds = {most}\ndrain_seconds = {most}\n[storage]\nseal_after_seconds = {most}\ndedup_seconds = {most}\n\
         seal_threads = {most}\nkeep_days = {most}\nseal_bytes = {most}\nmax_log_bytes = {most}\nkeep_bytes = {most}\n",
        most = i64::MAX
    );
    let config = Config::from_toml(&text).unwrap();
    let written = (config.server().unwrap(), config.receiver(None).unwrap(), config.storage().unwrap());
    let server = ServerOptions {
        connections: usize::MAX,
        head_time: longest,
        drain_time: longest,
        ..written.0.clone()
    };
    let pace = Pace { grace: longest, bytes_per_second: 0, longest };
    let receiver = ReceiverOptions { workers: usize::MAX, patience: longest, pace, ..written.1.clone() };
    let store = StoreOptions {
        seal_bytes: u64::MAX,
        seal_after: longest,
        seal_threads: usize::MAX,
        max_log_bytes: u64::MAX,
        dedup_window: longest,
        keep_for: Some(longest),
        keep_bytes: Some(u64::MAX),
        ..written.2.clone()
    };
    for (server, receiver, store) in [written, (server, receiver, store)] {
        serving_with(server, receiver, store, |address, stand| {
            for trace in 0..2 {
                let mut client = TcpStream::connect(address).unwrap();
                let body = support::body(trace, 1, "chat");
                let head = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json";
                let head = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len());
                client.write_all(head.as_bytes()).unwrap();
                client.write_all(body.as_bytes()).unwrap();
                let mut answer = String::new();
                client.read_to_string(&mut answer).unwrap();
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
            stand.store.flush();
            stand.store.close(longest);
            assert_eq!(stand.store.unsealed_bytes(), 0);
        });
    }
}

#[test]
fn who_closes_the_way_there_after_sending_is_answered() {
    serving(ServerOptions::default(), |address, stand| {
        // Large ones are decoded elsewhere: the end of what comes is seen before the answer is there.
        for (trace, length) in [1, 300_000].into_iter().enumerate() {
            let mut client = TcpStream::connect(address).unwrap();
            let body = support::body(trace as u64, 1, &"n".repeat(length));
            let head = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json";
            let head = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len());
            client.write_all(head.as_bytes()).unwrap();
            client.write_all(body.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{length}: {answer:?}");
        }
        assert_eq!(stand.count("spanwise_spans_stored_total"), 2);
        // Who closes it before all is there, and who has nothing to send, hold nothing.
        for begun in [
            "",
            "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        ] {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(begun.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            connections_become(stand, 0);
        }
    });
}

#[test]
fn a_body_without_a_length_is_refused() {
    serving(ServerOptions::default(), |address, stand| {
        for head in ["POST /v1/traces HTTP/1.0", "POST /v1/traces HTTP/1.1\r\nHost: a"] {
            let mut client = TcpStream::connect(address).unwrap();
            let body = support::body(1, 1, "chat");
            let message = format!("{head}\r\nContent-Type: application/json\r\n\r\n{body}");
            client.write_all(message.as_bytes()).unwrap();
            let mut answer = String::new();
            let _ = client.read_to_string(&mut answer);
            assert!(answer.contains(" 411 Length Required\r\n"), "{head}: {answer:?}");
        }
        assert_eq!(stand.count("spanwise_spans_stored_total"), 0);
    });
}

/// What its sender takes for the body comes behind a request without one.
#[test]
fn a_request_without_a_length_is_the_last_of_its_connection() {
    let receiver = Config::from_toml("tokens = ['t']").unwrap().receiver(None).unwrap();
    let end = "Content-Type: application/json\r\n\r\n";
    let cases = [
        ("POST /v1/traces", "", "401"),
        ("PUT /v1/traces", "Authorization: Bearer t\r\nContent-Encoding: br\r\n", "415"),
        ("POST /v1/traces", "Authorization: Bearer t\r\n", "411"),
        // Of a test there may be no body.
        ("POST /v1/traces", "Authorization: Bearer t\r\nX-Test-Connection: true\r\n", "200"),
        ("POST /other", "Authorization: Bearer t\r\n", "404"),
        ("PUT /other", "", "404"),
        ("POST /healthz", "", "405"),
        ("PUT /readyz", "", "405"),
        ("POST /metrics", "", "405"),
    ];
    serving_with(ServerOptions::default(), receiver, StoreOptions::default(), |address, stand| {
        for (line, headers, status) in cases {
            let mut client = TcpStream::connect(address).unwrap();
            let body = "DELETE /v1/traces HTTP/1.1\r\nHost: b\r\n\r\n";
            let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{headers}{end}");
            client.write_all((head + body).as_bytes()).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer:?}");
            assert!(answer.contains("connection: close\r\n"), "{line}: {answer:?}");
            assert_eq!(answer.contains("allow: GET,HEAD\r\n"), status == "405", "{line}: {answer:?}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{line}: {answer:?}");
            connections_become(stand, 0);
        }
        // These have no body.
        let mut client = TcpStream::connect(address).unwrap();
        for line in ["GET /other", "GET /v1/traces"] {
            client.write_all(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
            let mut answer = [0; 12];
            client.read_exact(&mut answer).unwrap();
            let mut rest = vec![0; 4096];
            let _ = client.read(&mut rest).unwrap();
            assert!(!String::from_utf8_lossy(&rest).contains("close"), "{line}");
        }
    });
}
