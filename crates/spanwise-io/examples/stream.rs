//! The speed of a stream against that of the decoder in memory.
//!
//! ```text
//! spanwise generate --corpus llm --size 1GiB -o traces.jsonl
//! cargo run --release -p spanwise-io --example stream -- traces.jsonl
//! ```
//!
//! Decodes a file of lines request by request in memory, as a stream that is in memory, and as a stream from the file, on one
//! thread (processor time, which other work on the machine does not spoil) and on two (time on the wall, which it does), and
//! reads it alone: the copy that the system makes, or for compressed files decompression. Of each the best of some rounds,
//! which are interleaved.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "an example")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use spanwise::{Decoder, SpanBatch};
use spanwise_io::{Blocks, Input, ReadSettings, Scan, Source};

const ROUNDS: usize = 5;

/// The processor time of this thread so far.
#[cfg(unix)]
fn now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The time on the wall, where it is not known what of it was the thread's.
#[cfg(not(unix))]
fn now() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
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

fn as_stream(source: Source) -> Result<Duration, Box<dyn Error>> {
    let settings = ReadSettings::default();
    let (mut decoder, mut batch) = (Decoder::new(settings.decode), SpanBatch::new());
    let begun = now();
    for block in Blocks::open(source, &settings)? {
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
    let mut best = [Duration::MAX; 6];
    for _ in 0..ROUNDS {
        let times = [
            in_memory(&requests)?,
            as_stream(Source::Bytes(text.clone()))?,
            as_stream(Source::File(path.to_owned()))?,
            read_alone(path)?,
            on_threads(path, 1),
            on_threads(path, 2),
        ];
        for (best, time) in best.iter_mut().zip(times) {
            *best = time.min(*best);
        }
    }
    let [memory, framed, stream, read, one, two] = best;
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("{} requests of {:.0} bytes", requests.len(), size / requests.len() as f64);
    println!("in memory, request by request:  {:.2} GB/s", speed(memory));
    println!("a stream in memory:             {:.2} GB/s, {:.2} of it", speed(framed), ratio(memory, framed));
    println!("a stream from the file:         {:.2} GB/s, {:.2} of it", speed(stream), ratio(memory, stream));
    println!(
        "reading the file alone:         {:.2} GB/s, {:.2} of the stream's time",
        speed(read),
        ratio(read, stream)
    );
    println!("the file on one thread, wall:   {:.2} GB/s", speed(one));
    println!("the file on two threads, wall:  {:.2} GB/s, {:.2} times one", speed(two), ratio(one, two));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [path] = &arguments[..] else { return Err("name one file".into()) };
    measure(Path::new(path))
}
