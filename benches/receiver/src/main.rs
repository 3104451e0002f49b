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

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use spanwise_corpora::Corpus;

/// Loads the receiver on loopback, beside a plain axum handler.
#[derive(Parser)]
struct Arguments {
    /// Requests of this corpus (may be repeated), as `spanwise generate` makes them
    #[arg(long = "corpus", value_name = "NAME", default_values = ["llm", "tiny"], value_parser = PossibleValuesParser::new(Corpus::ALL.iter().map(|corpus| corpus.name())))]
    corpora: Vec<String>,
    /// Only this contestant (may be repeated)
    #[arg(long = "contestant", value_name = "NAME", default_values = contestant::ALL, value_parser = PossibleValuesParser::new(contestant::ALL))]
    contestants: Vec<String>,
    /// How long each is loaded
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many clients send at the same time, each on a connection of its own
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Spans in the window of duplicates, if not as many as the receiver's default
    #[arg(long, value_name = "N")]
    dedup_spans: Option<usize>,
    /// Show how memory was over the time, not only the most of it
    #[arg(long)]
    memory: bool,
    /// Be the process of a contestant, with its store in this folder
    #[arg(long, value_name = "FOLDER", hide = true)]
    serve: Option<PathBuf>,
}

fn main() {
    let arguments = Arguments::parse();
    if let (Some(folder), Some(name)) = (&arguments.serve, arguments.contestants.first()) {
        return contestant::serve(name, folder, arguments.dedup_spans);
    }
    println!(
        "| corpus | contestant | MB/s | answered MB/s | requests/s | p50 ms | p99 ms | ns of processor a byte | requests a sync | MiB of memory | bytes of Parquet per byte |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let time = Duration::from_secs(arguments.seconds);
    for corpus in &arguments.corpora {
        for name in &arguments.contestants {
            let run = client::run(name, corpus, time, arguments.clients, arguments.dedup_spans);
            println!("| {corpus} | {name} | {run} |");
            if arguments.memory {
                println!(
                    "\nMiB in each tenth of the time, on average (at most): {}\n",
                    run.memory_over_time()
                );
            }
        }
    }
}
