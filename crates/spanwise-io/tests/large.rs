//! Documents that are too large to be held, from sources that can be read twice and from those that cannot.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzEncoder;
use spanwise::frame::BlockSizes;
use spanwise::{Decoder, SpanBatch};
use spanwise_io::{ReadErrorKind, ReadSettings, Scan, Source};

const SPANS: usize = 4000;
const SIZES: BlockSizes = BlockSizes { block: 5000, document: 20_000, held: 60_000 };

/// One resource, whose `resource` stands first or last.
fn document(last: bool, end: &str) -> String {
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
    let spans: Vec<_> = (0..SPANS).map(|index| format!("\n  {{\"name\":\"span {index}\"}}")).collect();
    let scopes =
        format!("\"scopeSpans\":[{{\"scope\":{{\"name\":\"lib\"}},\"spans\":[{}]}}]", spans.join(","));
    let members = if last { [scopes.as_str(), resource] } else { [resource, scopes.as_str()] };
    format!("{{\"resourceSpans\":[{{{}}}]{end}\n", members.join(",\n"))
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The spans' names and services, the largest number of bytes that was held at once, and how reading ended.
struct Outcome {
    spans: Vec<(String, String)>,
    largest: usize,
    documents: u64,
    bad_documents: u64,
    error: Option<ReadErrorKind>,
    message: String,
}

fn read(source: Source, threads: usize) -> Outcome {
    let settings = ReadSettings { sizes: SIZES, ..ReadSettings::default() };
    let options = settings.decode;
    let scan = Scan::new(vec![source], settings, threads, || {
        let mut decoder = Decoder::new(options);
        move |piece| {
            let mut batch = SpanBatch::new();
            piece.block.map(|block| decoder.decode_framed(block, &mut batch).map(|()| batch).unwrap())
        }
    });
    let (mut spans, mut largest, mut error, mut message) = (Vec::new(), 0, None, String::new());
    let (mut documents, mut bad_documents) = (0, 0);
    for result in scan {
        match result {
            Ok(batch) => {
                largest = largest.max(batch.input().len());
                documents += batch.document_count();
                bad_documents += batch.bad_documents();
                spans.extend(batch.spans().map(|span| {
                    let service = span.resource().attributes().get("service.name");
                    let service = service.and_then(|value| value.as_str().map(str::to_owned));
                    (span.name().to_string(), service.unwrap_or_default())
                }));
            }
            Err(found) => {
                message = found.to_string();
                error = Some(found.into_kind());
            }
        }
    }
    Outcome { spans, largest, documents, bad_documents, error, message }
}

fn expected() -> Vec<(String, String)> {
    (0..SPANS).map(|index| (format!("span {index}"), "shop".to_owned())).collect()
}

#[test]
fn a_large_document_is_cut_and_held_nowhere() {
    let text = document(false, "}");
    let path = file("resource-first.json", &text);
    let mut packed = Vec::new();
    GzEncoder::new(text.as_bytes(), Compression::fast()).read_to_end(&mut packed).unwrap();
    for threads in [1, 3] {
        for source in [
            Source::File(path.clone()),
            Source::Bytes(text.clone().into()),
            Source::Bytes(packed.clone().into()),
            Source::Reader(Box::new(Cursor::new(text.clone()))),
        ] {
            let found = read(source, threads);
            assert!(found.error.is_none(), "{}", found.message);
            assert_eq!(found.documents, 1);
            assert_eq!(found.spans, expected());
            assert!(found.largest < 7000, "{}", found.largest);
        }
    }
}

#[test]
fn what_stands_last_needs_a_source_that_can_be_read_twice() {
    let text = document(true, "}");
    let path = file("resource-last.json", &text);
    for source in [Source::File(path), Source::Bytes(text.clone().into())] {
        let found = read(source, 2);
        assert!(found.error.is_none(), "{}", found.message);
        assert_eq!(found.spans, expected());
    }
    let found = read(Source::Reader(Box::new(Cursor::new(text.clone()))), 2);
    let Some(ReadErrorKind::Contradiction(contradiction)) = found.error else { panic!("{}", found.message) };
    assert_eq!(contradiction.offset, text.find("\"resource\":").unwrap() as u64);
    assert_eq!(contradiction.spans, found.spans.len() as u64);
    assert!(contradiction.spans > 1000 && !contradiction.fault);
    assert_eq!(
        found.message,
        format!(
            "the document goes on at byte {} with what changes {} of its spans that were delivered before; read it from an \
             uncompressed file, where this can be seen beforehand",
            contradiction.offset, contradiction.spans
        )
    );
}

#[test]
fn a_late_fault_costs_the_document_or_is_an_error() {
    let good = document(false, "}");
    let text = format!("{}{good}", document(false, "]}"));
    let found = read(Source::File(file("torn.json", &text)), 2);
    assert!(found.error.is_none(), "{}", found.message);
    assert_eq!((found.bad_documents, found.documents), (1, 1));
    assert_eq!(found.spans, expected());
    let found = read(Source::Reader(Box::new(Cursor::new(text))), 2);
    let Some(ReadErrorKind::Contradiction(contradiction)) = found.error else { panic!("{}", found.message) };
    assert!(contradiction.fault && contradiction.spans > 0);
    assert_eq!(contradiction.spans, found.spans.len() as u64);
}

/// The last of the lists counts. The document is held, and the lines behind it are read.
#[test]
fn a_list_that_comes_again_after_no_span_was_delivered_costs_nothing() {
    let spans: Vec<_> = (0..SPANS / 2).map(|index| format!("{{\"name\":\"first {index}\"}}")).collect();
    let one = |spans: &str| format!("\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]");
    let span = |name| one(&format!("{{\"name\":\"{name}\"}}"));
    let again = format!("{{{},{}}}\n", one(&spans.join(",")), span("again"));
    assert!((SIZES.document..SIZES.held).contains(&again.len()), "{}", again.len());
    let text = format!("{again}{{{}}}\n{{{}}}\n", span("behind"), span("last"));
    for source in [
        Source::File(file("list-again.jsonl", &text)),
        Source::Bytes(text.clone().into()),
        Source::Reader(Box::new(Cursor::new(text.clone()))),
    ] {
        let found = read(source, 2);
        assert!(found.error.is_none(), "{}", found.message);
        let names: Vec<_> = found.spans.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["again", "behind", "last"]);
        assert_eq!((found.documents, found.bad_documents), (3, 0));
    }
}

/// Gives some bytes and fails.
struct Failing(Cursor<String>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the line is dead")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_document_that_is_torn_by_its_source_tells_why() {
    let text = document(false, "}");
    let mut packed = Vec::new();
    GzEncoder::new(text.as_bytes(), Compression::fast()).read_to_end(&mut packed).unwrap();
    packed.truncate(packed.len() * 9 / 10);
    let half = text[..text.len() / 2].to_owned();
    for (source, words, is_cause) in [
        (
            Source::Bytes(packed.into()),
            "the gzip data is cut off, after ",
            (|cause| matches!(cause, ReadErrorKind::CutOff(_))) as fn(&ReadErrorKind) -> bool,
        ),
        (
            Source::Reader(Box::new(Failing(Cursor::new(half)))),
            "cannot read: the line is dead, in a document",
            |cause| matches!(cause, ReadErrorKind::Io(_)),
        ),
    ] {
        let settings = ReadSettings { sizes: SIZES, ..ReadSettings::default() };
        let blocks = Scan::new(vec![source], settings, 1, || |piece: spanwise_io::Piece| piece.block);
        let error = blocks.filter_map(Result::err).last().unwrap();
        let ReadErrorKind::Contradiction(contradiction) = error.kind() else { panic!("{error}") };
        assert!(contradiction.fault && contradiction.spans > 1000);
        let message = error.to_string();
        assert!(message.starts_with(words), "{message}");
        let spans = contradiction.spans;
        let end = format!(", in a document of which {spans} spans were delivered before");
        assert!(message.ends_with(&end), "{message}");
        assert!(is_cause(&error.into_cause()));
    }
}
