//! Folders of small files: whether joined or alone, on however many threads, the same spans, findings and errors come of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use spanwise::frame::BlockSizes;
use spanwise::{DecodeOptions, Decoder, Limits, Mode, SpanBatch, encode};
use spanwise_io::{Piece, ReadSettings, Scan, Source};
use tempfile::TempDir;

/// A request of one span; without an id, that is a finding.
fn request(name: &str, trace_id: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{trace_id}","spanId":"b7ad6b7169203331","name":"{name}"}}]}}]}}]}}"#
    )
}

const ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// The name of a file that is not there.
const GONE: &str = "gone";

/// A file's name and bytes.
type File = (String, Vec<u8>);

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Files of every kind that there is, between files that can be joined.
fn files() -> Vec<File> {
    let plain = request("plain", ID);
    let mut odd: Vec<(&str, Vec<u8>)> = vec![
        (GONE, Vec::new()),
        ("empty", Vec::new()),
        ("blank", b" \n".to_vec()),
        ("feed", format!("{plain}\n").into_bytes()),
        ("feeds", format!("{plain}\r\n\n \n").into_bytes()),
        ("indented", format!("  {plain}").into_bytes()),
        ("mark", format!("\u{feff}{plain}").into_bytes()),
        ("finding", request("finding", "").into_bytes()),
        ("findings", request("findings", "0").into_bytes()),
        ("many", request("many", "").replace("\"name\"", "\"kind\":\"SERVER\",\"name\"").into_bytes()),
        ("more", request("more", "").replace("\"name\"", "\"flags\":\"x\",\"name\"").into_bytes()),
        ("pretty", plain.replace('[', "[\n  ").into_bytes()),
        ("two", format!("{plain}{plain}").into_bytes()),
        ("lines", format!("{plain}\n{plain}\n").into_bytes()),
        ("array", format!("[{plain}]").into_bytes()),
        ("torn", plain.as_bytes()[..60].to_vec()),
        // Together these would be one document.
        ("head", b"{\"resourceSpans\":[{\"scopeSpans\":[{}".to_vec()),
        ("tail", b"{\"scope\":{}}]}]}".to_vec()),
        ("number", b"7".to_vec()),
        ("other", b"{\"resourceLogs\":[]}".to_vec()),
        ("bytes", b"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"a\xff\"}]}}]}".to_vec()),
        ("gzip", gzip(plain.as_bytes())),
        ("twice", gzip(&gzip(plain.as_bytes()))),
        ("cut", gzip(plain.as_bytes())[..40].to_vec()),
        ("long", format!("{}{plain}", " ".repeat(300_000)).into_bytes()),
        ("inflated", gzip(format!("{plain}{}", " ".repeat(300_000)).as_bytes())),
        ("larger", request(&"x".repeat(70_000), ID).into_bytes()),
    ];
    odd.push(("zstd", zstd::encode_all(plain.as_bytes(), 1).unwrap()));
    let mut files: Vec<File> = Vec::new();
    for (name, bytes) in odd {
        for number in 0..files.len() % 3 {
            files.push((format!("{name}-{number}"), request(&format!("{name}-{number}"), ID).into_bytes()));
        }
        files.push((name.to_owned(), bytes));
    }
    files
}

fn written(folder: &Path, files: &[File]) -> Vec<Source> {
    let write = |(number, (name, bytes)): (usize, &File)| {
        let path = folder.join(format!("{number:04}-{name}.json"));
        if name != GONE {
            std::fs::write(&path, bytes).unwrap();
        }
        Source::File(path)
    };
    files.iter().enumerate().map(write).collect()
}

/// What comes of sources: resources with their spans in order, errors, findings with their places, and counts.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    resources: Vec<Value>,
    errors: Vec<(usize, String)>,
    findings: Vec<(usize, &'static str, u64, u64, u64, String)>,
    documents: u64,
    bad: u64,
    others: u64,
    rejected: u64,
    dropped: u64,
}

impl Outcome {
    fn add(&mut self, mut other: Self) {
        self.resources.append(&mut other.resources);
        self.errors.append(&mut other.errors);
        self.findings.append(&mut other.findings);
        self.documents += other.documents;
        self.bad += other.bad;
        self.others += other.others;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
    }

    fn of(piece: Piece, decoder: &mut Decoder, batch: &mut SpanBatch) -> Option<Self> {
        let Piece { source, sources, block, .. } = piece;
        let block = match block {
            Ok(block) => block,
            Err(error) => {
                let errors = vec![(source, error.to_string())];
                return Some(Self { errors, ..Self::default() });
            }
        };
        decoder.decode_framed(block, batch).unwrap();
        if sources > 1 && !Piece::is_sum_of(sources, batch) {
            return None;
        }
        let findings = batch.diagnostics().map(|it| {
            if sources == 1 {
                return (source, it.code.as_str(), it.offset, it.line, it.column, it.path);
            }
            // One line each.
            let of = source + usize::try_from(it.line).unwrap() - 1;
            (of, it.code.as_str(), it.column - 1, 1, it.column, it.path)
        });
        let findings = findings.collect();
        let mut text: Value = serde_json::from_slice(&encode(batch)).unwrap();
        let resources = text["resourceSpans"].take();
        Some(Self {
            resources: resources.as_array().cloned().unwrap_or_default(),
            errors: Vec::new(),
            findings,
            documents: batch.document_count(),
            bad: batch.bad_documents(),
            others: batch.other_signals(),
            rejected: batch.rejected_spans(),
            dropped: batch.dropped_diagnostics(),
        })
    }
}

fn settings(mode: Mode, block: usize) -> ReadSettings {
    // So few that those of several files are more.
    let limits = Limits { diagnostics: 3, ..Limits::default() };
    ReadSettings {
        decode: DecodeOptions::default().with_mode(mode).with_limits(limits),
        sizes: BlockSizes { block, ..BlockSizes::default() },
        ..ReadSettings::default()
    }
}

/// What comes of `sources`, and in how many pieces.
fn outcome(sources: Vec<Source>, settings: ReadSettings, threads: usize, joins: bool) -> (Outcome, usize) {
    let options = settings.decode;
    let worker = || {
        let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
        move |piece: Piece| Outcome::of(piece, &mut decoder, &mut batch)
    };
    let (mut sum, mut pieces) = (Outcome::default(), 0);
    let mut add = |outcome| {
        sum.add(outcome);
        pieces += 1;
    };
    if joins {
        Scan::joining(sources, settings, threads, worker).for_each(&mut add);
    } else {
        Scan::new(sources, settings, threads, || {
            let mut work = worker();
            move |piece| work(piece).unwrap()
        })
        .for_each(&mut add);
    }
    (sum, pieces)
}

#[test]
fn files_that_are_joined_give_what_each_gives_alone() {
    let folder = TempDir::new().unwrap();
    let files = files();
    let stored: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    for mode in [Mode::Lenient, Mode::Strict] {
        let mut expected = Outcome::default();
        for (number, source) in written(folder.path(), &files).into_iter().enumerate() {
            let (mut alone, _) = outcome(vec![source], settings(mode, 1 << 20), 1, false);
            alone.errors.iter_mut().for_each(|(source, _)| *source = number);
            alone.findings.iter_mut().for_each(|finding| finding.0 = number);
            expected.add(alone);
        }
        assert!(expected.errors.len() == 2 && expected.findings.len() > 8 && expected.bad > 3);
        for block in [1, 400, 2_000, 1 << 20] {
            for threads in [1, 2, 5] {
                for joins in [false, true] {
                    let settings = settings(mode, block);
                    let read = Arc::clone(&settings.bytes_read);
                    let (found, _) = outcome(written(folder.path(), &files), settings, threads, joins);
                    assert_eq!(found, expected, "{mode:?} {block} {threads} {joins}");
                    assert_eq!(read.load(Ordering::Relaxed), stored, "{mode:?} {block} {threads} {joins}");
                }
            }
        }
    }
}

#[test]
fn a_folder_of_requests_becomes_few_pieces() {
    let folder = TempDir::new().unwrap();
    let name = |number: usize| format!("{number}-{}", "x".repeat(1000));
    let files: Vec<File> =
        (0..3000).map(|number| (number.to_string(), request(&name(number), ID).into_bytes())).collect();
    for threads in [1, 3] {
        let (found, pieces) =
            outcome(written(folder.path(), &files), settings(Mode::Lenient, 1 << 20), threads, true);
        assert_eq!((found.documents, pieces), (3000, 3000_usize.div_ceil(256)));
        let names =
            found.resources.iter().map(|it| it["scopeSpans"][0]["spans"][0]["name"].as_str().unwrap());
        assert!(names.eq((0..3000).map(name)));
    }
    // As many as make a block.
    let (found, pieces) = outcome(written(folder.path(), &files), settings(Mode::Lenient, 12_000), 2, true);
    assert_eq!(found.documents, 3000);
    assert!((250..400).contains(&pieces), "{pieces}");
}

#[test]
fn results_of_many_files_alone_come_in_order_however_long_each_takes() {
    let folder = TempDir::new().unwrap();
    let files: Vec<File> =
        (0..1200).map(|number| (number.to_string(), request("n", ID).into_bytes())).collect();
    for threads in [2, 7] {
        let scan = Scan::new(written(folder.path(), &files), ReadSettings::default(), threads, || {
            |piece: Piece| {
                std::thread::sleep(Duration::from_micros((piece.source * 7919 % 13) as u64 * 10));
                piece.source
            }
        });
        assert!(scan.eq(0..1200), "{threads}");
    }
}

#[test]
fn a_scan_of_small_files_can_be_dropped_early() {
    let folder = TempDir::new().unwrap();
    let files: Vec<File> =
        (0..2000).map(|number| (number.to_string(), request("n", ID).into_bytes())).collect();
    for threads in [1, 4] {
        let settings = ReadSettings::default();
        let read = Arc::clone(&settings.bytes_read);
        let mut scan =
            Scan::new(written(folder.path(), &files), settings, threads, || |piece: Piece| piece.source);
        assert_eq!(scan.next(), Some(0));
        std::thread::sleep(Duration::from_millis(50));
        drop(scan);
        let at_drop = read.load(Ordering::Relaxed);
        let most = files[0].1.len() * 256 * 2 * (threads + 1);
        assert!(at_drop < most as u64, "{at_drop}");
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(read.load(Ordering::Relaxed), at_drop);
    }
}

#[test]
fn compressed_files_are_joined_to_blocks_that_are_no_larger() {
    let folder = TempDir::new().unwrap();
    let text = request(&"x".repeat(100_000), ID);
    let files: Vec<File> = (0..100).map(|number| (number.to_string(), gzip(text.as_bytes()))).collect();
    let block = 1 << 20;
    let scan = Scan::joining(written(folder.path(), &files), settings(Mode::Lenient, block), 2, || {
        |piece: Piece| Some((piece.sources, piece.block.unwrap().bytes().len()))
    });
    let pieces: Vec<_> = scan.collect();
    assert_eq!(pieces.iter().map(|(sources, _)| sources).sum::<usize>(), 100);
    assert!(pieces.len() < 15, "{pieces:?}");
    assert!(pieces.iter().all(|(_, bytes)| *bytes <= block + text.len() + 1), "{pieces:?}");
}

#[test]
fn what_a_small_file_inflates_to_waits_to_be_asked_for() {
    let folder = TempDir::new().unwrap();
    let lines = format!("{}\n", request("n", ID)).repeat(200_000);
    let packed = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    let block = 40_000;
    assert!(packed.len() < block / 4, "{}", packed.len());
    let files: Vec<File> = (0..4).map(|number| (number.to_string(), packed.clone())).collect();
    for threads in [2, 4] {
        let worked = Arc::new(AtomicUsize::new(0));
        let mut scan =
            Scan::new(written(folder.path(), &files), settings(Mode::Lenient, block), threads, || {
                let worked = Arc::clone(&worked);
                move |piece: Piece| {
                    worked.fetch_add(1, Ordering::Relaxed);
                    piece.block.unwrap().bytes().len()
                }
            });
        let first = scan.next().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        let ahead = worked.load(Ordering::Relaxed);
        assert!(ahead <= 40 * (2 * threads + 2), "{ahead}");
        assert_eq!(first + scan.sum::<usize>(), 4 * lines.len());
        assert!(worked.load(Ordering::Relaxed) > 2500);
    }
}
