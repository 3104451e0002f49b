//! The receiver under load, beside what its users would write otherwise.
//!
//!     cargo run --release -p spanwise-bench-receiver -- [--corpus llm|tiny]... [--seconds N] [--clients N] [--contestant NAME]...
//!         [--memory] [--dedup-spans N]
//!
//! | contestant | what it does |
//! |---|---|
//! | `spanwise` | all that `spanwise serve` does: durable before the answer, duplicates told, Parquet by date and service |
//! | `spanwise, no sync` | the same on a disk that syncs nothing: what durability costs |
//! | `axum + opentelemetry-proto` | a plain axum handler: `serde_json` reads the request into `opentelemetry-proto`'s types, a thread makes the same columns and writes one Parquet file. Answers when it has read; a crash loses what is not written |
//!
//! Each contestant is a process of its own; clients on kept connections send request after request, each with ids of its
//! own. *MB/s* counts from the first request to the end of the last Parquet file, so that nothing is put off; *answered*
//! counts the time of answers alone. Memory is the largest resident set; `--memory` shows how it was over the time, and
//! `--dedup-spans` bounds the window of duplicates, which takes most of it.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, reason = "a benchmark")]

mod client;
mod contestant;
mod peer;

use std::time::Duration;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut corpora, mut contestants, mut seconds, mut clients) = (Vec::new(), Vec::new(), 10, 8);
    let (mut dedup, mut memory) = (String::new(), false);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} wants a value"));
        match argument.as_str() {
            "--corpus" => corpora.push(value()),
            "--contestant" => contestants.push(value()),
            "--seconds" => seconds = value().parse().unwrap(),
            "--dedup-spans" => dedup = value(),
            "--memory" => memory = true,
            "--clients" => clients = value().parse().unwrap(),
            // The process of a contestant.
            "--serve" => {
                let (name, folder, dedup) = (value(), value(), value());
                return contestant::serve(&name, folder.as_ref(), &dedup);
            }
            other => panic!("what is {other}?"),
        }
    }
    if corpora.is_empty() {
        corpora = vec!["llm".to_owned(), "tiny".to_owned()];
    }
    if contestants.is_empty() {
        contestants = contestant::ALL.map(str::to_owned).to_vec();
    }
    println!(
        "| corpus | contestant | MB/s | answered MB/s | requests/s | p50 ms | p99 ms | ns of processor a byte | requests a sync | MiB of memory | bytes of Parquet per byte |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for corpus in &corpora {
        for name in &contestants {
            let run = client::run(name, corpus, Duration::from_secs(seconds), clients, &dedup);
            println!("| {corpus} | {name} | {run} |");
            if memory {
                println!(
                    "\nMiB in each tenth of the time, on average (at most): {}\n",
                    run.memory_over_time()
                );
            }
        }
    }
}
