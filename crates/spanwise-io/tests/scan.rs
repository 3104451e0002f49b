//! Many sources on many threads: the order of one, errors where they belong, an early end, and what may wait is bounded.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{self, Read, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use flate2::write::GzEncoder;
use spanwise::Framing;
use spanwise::frame::BlockSizes;
use spanwise_io::{Blocks, Input, Piece, ReadErrorKind, ReadSettings, Scan, Source};

fn settings(block: usize) -> ReadSettings {
    ReadSettings { sizes: BlockSizes { block, ..BlockSizes::default() }, ..ReadSettings::default() }
}

fn sources() -> Vec<Source> {
    let lines = |count: usize, word: &str| format!("{{\"{word}\":1}}\n").repeat(count).into_bytes().into();
    vec![
        Source::Bytes(lines(500, "a")),
        Source::File("no-such-file".into()),
        Source::Reader(Box::new(io::Cursor::new(lines(300, "b")).chain(Broken))),
        Source::Bytes(lines(1, "c")),
    ]
}

/// A reader that fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("out of order"))
    }
}

/// A reader that never ends.
struct Endless(Arc<AtomicUsize>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.fetch_add(buffer.len(), Ordering::Relaxed);
        for (byte, at) in buffer.iter_mut().zip(0..) {
            *byte = if at % 64 == 63 { b'\n' } else { b'1' };
        }
        Ok(buffer.len())
    }
}

/// Of a block the offset, the line and the bytes.
type Described = (u64, u64, Vec<u8>);

fn described(piece: Piece) -> (usize, Result<Described, String>) {
    let block = piece.block.map(|block| (block.offset(), block.line(), block.bytes().to_vec()));
    (piece.source, block.map_err(|error| error.to_string()))
}

#[test]
fn any_number_of_threads_gives_what_one_gives() {
    let one: Vec<_> = Scan::new(sources(), settings(100), 1, || described).collect();
    let errors: Vec<_> = one
        .iter()
        .filter_map(|(source, block)| block.as_ref().err().map(|error| (*source, error.as_str())))
        .collect();
    assert!(matches!(errors[..], [(1, _), (2, "cannot read: out of order")]), "{errors:?}");
    for source in [0, 2, 3] {
        let mut end = 0;
        let blocks = one.iter().filter(|(of, block)| *of == source && block.is_ok());
        for (_, block) in blocks {
            let (offset, line, bytes) = block.as_ref().unwrap();
            assert_eq!((*offset, *line), (end, end / 8 + 1));
            end += bytes.len() as u64;
        }
        assert_eq!(end, [500 * 8, 0, 300 * 8, 8][source]);
    }
    for threads in [0, 2, 3, 8] {
        let many: Vec<_> = Scan::new(sources(), settings(100), threads, || {
            let mut turn = 0u64;
            move |piece| {
                // Some take longer than others.
                turn += 1;
                std::thread::sleep(Duration::from_micros(turn * 7 % 5 * 40));
                described(piece)
            }
        })
        .collect();
        assert!(many == one, "{threads} threads");
    }
}

#[test]
fn what_nobody_asks_for_is_not_read() {
    for threads in [1, 2, 4] {
        let read = Arc::new(AtomicUsize::new(0));
        let source = Source::Reader(Box::new(Endless(Arc::clone(&read))));
        let mut scan =
            Scan::new(vec![source], settings(10_000), threads, || |piece: Piece| piece.block.is_ok());
        assert_eq!(scan.next(), Some(true));
        std::thread::sleep(Duration::from_millis(50));
        let most = (2 * threads + 2) * 200_000;
        let before = read.load(Ordering::Relaxed);
        assert!(before < most, "{threads} threads read {before} bytes ahead");
        // Stops the work, and waits for it to stop.
        drop(scan);
        let at_drop = read.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(read.load(Ordering::Relaxed), at_drop);
    }
}

/// As a log is emptied when it is turned over.
#[test]
fn a_file_that_becomes_shorter_while_it_is_read_is_an_error() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let lines = |count: usize| "{\"a\":1}\n".repeat(count);
    let documents = |count: usize| "{\n\"a\":1\n}\n".repeat(count);
    // Bytes that nothing makes smaller: more of them than are read at once.
    let mut state = 7_u32;
    let members: Vec<u8> = (0..20)
        .flat_map(|_| {
            let text = (0..20_000).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b'a' + u8::try_from(state >> 24).unwrap() % 26)
            });
            let text = format!("{{\"a\":\"{}\"}}\n", text.collect::<String>());
            let mut member = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            member.write_all(text.as_bytes()).unwrap();
            member.finish().unwrap()
        })
        .collect();
    for (bytes, framing) in [
        (lines(200_000).into_bytes(), Framing::Auto),
        (lines(200_000).into_bytes(), Framing::Documents),
        (documents(200_000).into_bytes(), Framing::Auto),
        (members, Framing::Auto),
    ] {
        let read = |left: Option<u64>| {
            std::fs::write(&path, &bytes).unwrap();
            let settings = ReadSettings { framing, ..settings(10_000) };
            let mut blocks = Blocks::open(Source::File(path.to_path_buf()), &settings).unwrap();
            assert!(blocks.next().unwrap().is_ok());
            if let Some(left) = left {
                std::fs::File::options().write(true).open(&path).unwrap().set_len(left).unwrap();
            }
            blocks.find_map(Result::err)
        };
        assert!(read(None).is_none(), "{framing:?}");
        for left in [0, 9, bytes.len() as u64 / 2] {
            let error = read(Some(left)).unwrap();
            // Data that ends within a member is cut off, however that came about.
            let is_cut = matches!(error.kind(), ReadErrorKind::CutOff(_));
            assert!(is_cut || error.to_string().contains("became shorter"), "{framing:?} {left}: {error}");
        }
    }
}

#[test]
fn compressed_data_that_is_cut_between_members_is_an_error() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let mut member = GzEncoder::new(Vec::new(), flate2::Compression::none());
    member.write_all(format!("{{\"a\":\"{}\"}}\n", "x".repeat(50_000)).as_bytes()).unwrap();
    let member = member.finish().unwrap();
    std::fs::write(&path, member.repeat(20)).unwrap();
    let mut blocks = Blocks::open(Source::File(path.to_path_buf()), &settings(10_000)).unwrap();
    assert!(blocks.next().unwrap().is_ok());
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(10 * member.len() as u64).unwrap();
    let error = blocks.find_map(Result::err).unwrap();
    assert!(error.to_string().contains("became shorter"), "{error}");
}

#[test]
fn a_panic_of_the_work_is_not_lost() {
    for threads in [1, 3] {
        let ran = std::panic::catch_unwind(|| {
            Scan::new(sources(), settings(100), threads, || {
                |piece: Piece| if piece.source == 2 { panic!("as told") } else { piece.source }
            })
            .count()
        });
        assert!(ran.is_err(), "{threads} threads");
    }
}

#[test]
fn patience_has_no_longest() {
    let mut scan = Scan::new(sources(), settings(100), 2, || described);
    let mut pieces = 0;
    while let Poll::Ready(Some(_)) = scan.poll(Duration::MAX) {
        pieces += 1;
    }
    assert_eq!(pieces, Scan::new(sources(), settings(100), 1, || described).count());
}

#[test]
fn what_reads_shows_none_of_what_it_reads() {
    let canary = || Source::Bytes("{\"canary\":1}\n".into());
    let mut input = Input::open(canary(), &settings(100)).unwrap();
    input.read(&mut Vec::new(), 9).unwrap();
    let mut blocks = Blocks::open(canary(), &settings(100)).unwrap();
    assert!(blocks.next().is_some_and(|block| block.is_ok()));
    let here = Scan::new(vec![canary()], settings(100), 1, || described);
    for (shown, expected) in [
        (format!("{input:?}"), "Input { compression: None, length: Some(13), delivered: 9, .. }"),
        (
            format!("{blocks:?}"),
            "Blocks { input: Input { compression: None, length: Some(13), delivered: 0, .. }, ended: false, .. }",
        ),
        (format!("{here:?}"), "Scan { threads: 1, .. }"),
    ] {
        assert_eq!(shown, expected);
    }
}
