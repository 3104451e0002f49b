//! Connections of clients that do not behave.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use spanwise_receiver::{ReceiverOptions, ServerOptions, StoreOptions, serve};
use support::Stand;
use support::memory_disk::MemoryDisk;
use tokio::sync::oneshot;

/// Serves while something is done with it.
fn serving(options: ServerOptions, clients: impl FnOnce(SocketAddr, &Stand)) {
    let runtime = support::runtime();
    let disk = Arc::new(MemoryDisk::new());
    let stand = Stand::on(disk, StoreOptions::default(), ReceiverOptions::default());
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
