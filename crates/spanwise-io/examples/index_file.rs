//! What an index of files takes: in processor time beside decoding, on one thread, and in bytes, section by section.
//!
//! ```text
//! spanwise generate --corpus micro --size 256MiB -o micro.jsonl
//! cargo run --release -p spanwise-io --example index_file -- micro.jsonl
//! ```

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "figures for people")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use spanwise::{Decoder, SpanBatch};
use spanwise_io::{BlockPlace, Blocks, ReadSettings, Source, SpanIndex};

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

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let settings = ReadSettings::default();
    let mut index = SpanIndex::default();
    let (mut decoder, mut batch) = (Decoder::new(settings.decode), SpanBatch::new());
    let (mut decoding, mut placing, mut adding) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut bytes = 0;
    for path in paths {
        let source = Source::File(path);
        let number = index.add_source(&source, settings.decode)?;
        for block in Blocks::open(source, &settings)? {
            let block = block?;
            bytes += block.bytes().len();
            let start = now();
            let place = BlockPlace::of(&block);
            let placed = now();
            decoder.decode_framed(block, &mut batch)?;
            let read = now();
            index.add_block(number, place, &batch)?;
            placing += placed.saturating_sub(start);
            decoding += read.saturating_sub(placed);
            adding += now().saturating_sub(read);
        }
    }
    // The rows that came last join their sets when they are asked for.
    let start = now();
    let fields = index.index().keys()?.len();
    adding += now().saturating_sub(start);
    let per_second = |time: Duration| bytes as f64 / 1e9 / time.as_secs_f64();
    println!(
        "decode {:.2} GB/s, checksums {:.2} GB/s, add {:.2} GB/s: {:.0}% of decoding's speed, {:.0}% with checksums",
        per_second(decoding),
        per_second(placing),
        per_second(adding),
        100.0 * decoding.as_secs_f64() / adding.as_secs_f64(),
        100.0 * decoding.as_secs_f64() / (adding + placing).as_secs_f64(),
    );

    let path = std::env::temp_dir().join(format!("spanwise-example-{}.idx", std::process::id()));
    let start = Instant::now();
    let size = index.save(&path)?;
    let saved = start.elapsed();
    let start = Instant::now();
    let opened = SpanIndex::open(&path)?;
    println!(
        "{} spans with {fields} fields, {} bytes of text; {} bytes in memory ({:.1}%), {size} on disk ({:.1}%); saved in {saved:.0?}, opened in {:.0?}",
        opened.index().len(),
        bytes,
        index.index().memory(),
        100.0 * index.index().memory() as f64 / bytes as f64,
        100.0 * size as f64 / bytes as f64,
        start.elapsed(),
    );
    std::fs::remove_file(path)?;

    let mut sections = Vec::new();
    let mut names = index.index().sections();
    index.index().store(&mut |section| {
        let stored =
            zstd::bulk::compress(section, 6).map_or(section.len(), |bytes| bytes.len().min(section.len()));
        sections.push((stored, section.len(), names.next().unwrap_or_default()));
        Ok(())
    })?;
    sections.sort_unstable_by(|a, b| b.cmp(a));
    for (stored, plain, name) in sections.iter().take(25) {
        let share = 100.0 * *stored as f64 / size as f64;
        println!("{stored:>12} {share:>5.1}% of the file, {plain:>12} before compression: {name}");
    }
    Ok(())
}
