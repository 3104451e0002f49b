//! The speed of a stream against that of the decoder in memory.
//!
//! ```text
//! cargo run --release -p spanwise-io --example stream -- generate llm 1000000000 ndjson > traces.jsonl
//! cargo run --release -p spanwise-io --example stream -- measure traces.jsonl
//! ```
//!
//! `generate` writes a corpus of any size to standard output, as lines or as one document. `measure` decodes a file of lines
//! request by request in memory, and as a stream, on one thread (processor time, which other work on the machine does not
//! spoil) and on two (time on the wall, which it does), and reading alone, which for compressed files is decompression.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "an example")]

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use spanwise::{Decoder, SpanBatch};
use spanwise_corpora::{Corpus, Form};
use spanwise_io::{Blocks, Input, ReadSettings, Scan, Source};

const ROUNDS: usize = 5;

/// The processor time of this thread so far.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The best time of some rounds.
fn best(mut run: impl FnMut() -> Result<Duration, Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let times = (0..ROUNDS).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    Ok(times.into_iter().min().unwrap_or_default())
}

fn text(path: &Path) -> Result<Bytes, Box<dyn Error>> {
    let mut input = Input::open(Source::File(path.to_owned()), &ReadSettings::default())?;
    let mut text = Vec::new();
    while input.read(&mut text, 1 << 20)? > 0 {}
    Ok(text.into())
}

fn in_memory(requests: &[Bytes]) -> Result<Duration, Box<dyn Error>> {
    let (mut decoder, mut batch) = (Decoder::new(ReadSettings::default().decode), SpanBatch::new());
    let begun = now();
    for request in requests {
        decoder.decode(request.clone(), &mut batch)?;
    }
    Ok(now().saturating_sub(begun))
}

fn as_stream(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let settings = ReadSettings::default();
    let (mut decoder, mut batch) = (Decoder::new(settings.decode), SpanBatch::new());
    let begun = now();
    for block in Blocks::open(Source::File(path.to_owned()), &settings)? {
        decoder.decode_framed(block?, &mut batch)?;
    }
    Ok(now().saturating_sub(begun))
}

fn read_alone(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let begun = now();
    let mut input = Input::open(Source::File(path.to_owned()), &ReadSettings::default())?;
    let mut text = Vec::new();
    while input.read(&mut text, 1 << 20)? > 0 {
        text.clear();
    }
    Ok(now().saturating_sub(begun))
}

fn on_threads(path: &Path, threads: usize) -> Duration {
    let settings = ReadSettings::default();
    let options = settings.decode;
    let begun = Instant::now();
    let scan = Scan::new(vec![Source::File(path.to_owned())], settings, threads, || {
        let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
        move |piece| piece.block.is_ok_and(|block| decoder.decode_framed(block, &mut batch).is_ok())
    });
    assert!(scan.into_iter().all(|fine| fine), "not all could be read");
    begun.elapsed()
}

fn measure(path: &Path) -> Result<(), Box<dyn Error>> {
    let text = text(path)?;
    let requests: Vec<_> = text
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| text.slice_ref(line))
        .filter(|line| !line.trim_ascii().is_empty())
        .collect();
    let size = text.len() as f64;
    let speed = |time: Duration| size / time.as_secs_f64() / 1e9;
    let memory = best(|| in_memory(&requests))?;
    let stream = best(|| as_stream(path))?;
    let read = best(|| read_alone(path))?;
    let one = best(|| Ok(on_threads(path, 1)))?;
    let two = best(|| Ok(on_threads(path, 2)))?;
    println!("{} requests of {:.0} bytes", requests.len(), size / requests.len() as f64);
    println!("in memory, request by request: {:.2} GB/s", speed(memory));
    let share = memory.as_secs_f64() / stream.as_secs_f64();
    println!("as a stream, one thread:       {:.2} GB/s, {share:.2} of it", speed(stream));
    let share = read.as_secs_f64() / stream.as_secs_f64();
    println!("reading alone:                 {:.2} GB/s, {share:.2} of the stream's time", speed(read));
    println!("one thread, on the wall:       {:.2} GB/s", speed(one));
    let times = one.as_secs_f64() / two.as_secs_f64();
    println!("two threads, on the wall:      {:.2} GB/s, {times:.2} times one", speed(two));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate", corpus, size, form] => {
            let corpus = Corpus::parse(corpus).ok_or("no such corpus")?;
            let form = Form::parse(form).ok_or("ndjson or document")?;
            let mut out = io::BufWriter::with_capacity(1 << 20, io::stdout().lock());
            corpus.write(7, size.parse()?, form, &mut out)?;
            out.flush()?;
            Ok(())
        }
        ["measure", path] => measure(Path::new(path)),
        _ => Err("generate CORPUS BYTES ndjson|document, or measure FILE".into()),
    }
}
