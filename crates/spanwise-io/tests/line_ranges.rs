//! Files of lines that threads read in ranges: blocks, spans and findings are those of a stream, whatever the sizes.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use spanwise::frame::BlockSizes;
use spanwise::{Decoder, Framing, SpanBatch};
use spanwise_io::{ReadSettings, Scan, Source};

/// Cases and payloads, each as it is and as one line.
static TEXTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let files = ["cases", "payloads"].into_iter().flat_map(|folder| {
        let files = std::fs::read_dir(tests.join(folder)).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.is_file()).collect();
        files.sort();
        files
    });
    let texts: Vec<_> =
        files.map(|path| std::fs::read(path).unwrap()).filter(|text| text.len() < 20_000).collect();
    let lines = texts.iter().map(|text| text.iter().copied().filter(|byte| *byte != b'\n').collect());
    texts.iter().cloned().chain(lines).collect()
});

fn file(name: &str, text: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Of a block its place, its bytes, and what it comes to.
#[derive(Debug, PartialEq)]
struct Described {
    place: (u64, u64),
    bytes: Vec<u8>,
    spans: Vec<String>,
    findings: Vec<(&'static str, u64, u64, u64)>,
}

fn read(source: Source, settings: &ReadSettings, threads: usize) -> Vec<Result<Described, String>> {
    let options = settings.decode;
    Scan::new(vec![source], settings.clone(), threads, || {
        let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
        move |piece| {
            let block = piece.block.map_err(|error| error.to_string())?;
            let (place, bytes) = ((block.offset(), block.line()), block.bytes().to_vec());
            decoder.decode_framed(block, &mut batch).unwrap();
            let spans = batch.spans().map(|span| format!("{span:?}")).collect();
            let findings = batch.diagnostics();
            let findings =
                findings.map(|found| (found.code.as_str(), found.offset, found.line, found.column)).collect();
            Ok(Described { place, bytes, spans, findings })
        }
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ranges_of_a_file_are_the_blocks_of_a_stream(
        picks in vec((any::<Index>(), any::<bool>()), 1..12),
        block in prop_oneof![1..40usize, 100..4000usize],
        document in prop_oneof![4 => Just(8 << 20), 1 => 50..6000usize],
        framing in prop_oneof![Just(Framing::Auto), Just(Framing::Lines), Just(Framing::Documents)],
    ) {
        let mut text = b"{\"resourceSpans\":[]}\n".to_vec();
        for (pick, end) in picks {
            text.extend_from_slice(pick.get::<Vec<u8>>(&TEXTS));
            text.extend_from_slice(if end { b"\n" } else { b"" });
        }
        let sizes = BlockSizes { block, document, ..BlockSizes::default() };
        let settings = ReadSettings { sizes, framing, ..ReadSettings::default() };
        let expected = read(Source::Bytes(text.clone().into()), &settings, 1);
        let path = file("ranges.jsonl", &text);
        for threads in [1, 2, 5] {
            let settings = ReadSettings { bytes_read: Arc::default(), ..settings.clone() };
            let found = read(Source::File(path.clone()), &settings, threads);
            let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
            prop_assert_eq!(differs, None, "{} threads", threads);
            prop_assert_eq!(found.len(), expected.len());
            prop_assert_eq!(settings.bytes_read.load(Ordering::Relaxed), text.len() as u64);
        }
    }
}

#[test]
fn what_nobody_asks_for_is_not_read() {
    let path = file("much.jsonl", &b"{\"resourceSpans\":[]}\n".repeat(200_000));
    for threads in [1, 2, 4] {
        let sizes = BlockSizes { block: 10_000, ..BlockSizes::default() };
        let settings = ReadSettings { sizes, ..ReadSettings::default() };
        let read = Arc::clone(&settings.bytes_read);
        let source = Source::File(path.clone());
        let mut scan =
            Scan::new(vec![source], settings, threads, || |piece| piece.block.map(|it| it.line()).ok());
        assert_eq!([scan.next(), scan.next()], [Some(Some(1)), Some(Some(478))]);
        std::thread::sleep(Duration::from_millis(50));
        let before = read.load(Ordering::Relaxed);
        assert!(before < (2 * threads as u64 + 3) * 10_100, "{threads} threads read {before} bytes ahead");
        drop(scan);
        let at_drop = read.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(read.load(Ordering::Relaxed), at_drop);
    }
}
