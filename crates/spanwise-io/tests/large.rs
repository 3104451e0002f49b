//! Documents that are too large to be held, from sources that can be read again and from those that cannot.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzEncoder;
use spanwise::frame::BlockSizes;
use spanwise::{Decoder, SpanBatch};
use spanwise_io::{Input, Kept, ReadErrorKind, ReadSettings, Scan, Source};

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

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(text.as_bytes(), Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

fn reader(bytes: impl AsRef<[u8]> + Send + 'static) -> Source {
    Source::Reader(Box::new(Cursor::new(bytes)))
}

/// All that a text can be read from more than once.
fn sources(name: &str, text: &str) -> Vec<Source> {
    let (plain, packed) = (file(&format!("{name}.json"), text), gzip(text));
    let zipped = file(&format!("{name}.json.gz"), "");
    std::fs::write(&zipped, &packed).unwrap();
    let kept = |source| Kept::of(source, |_| ()).unwrap().source();
    vec![
        Source::File(plain),
        Source::Bytes(text.to_owned().into()),
        Source::File(zipped),
        Source::Bytes(packed.clone().into()),
        Source::Bytes(zstd::encode_all(text.as_bytes(), 1).unwrap().into()),
        kept(reader(text.to_owned())),
        kept(reader(packed)),
    ]
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
    for threads in [1, 3] {
        for source in sources("resource-first", &text).into_iter().chain([reader(text.clone())]) {
            let found = read(source, threads);
            assert!(found.error.is_none(), "{}", found.message);
            assert_eq!(found.documents, 1);
            assert_eq!(found.spans, expected());
            assert!(found.largest < 7000, "{}", found.largest);
        }
    }
}

#[test]
fn what_stands_last_needs_a_source_that_can_be_read_again() {
    let text = document(true, "}");
    for source in sources("resource-last", &text) {
        let found = read(source, 2);
        assert!(found.error.is_none(), "{}", found.message);
        assert_eq!(found.spans, expected());
        assert!(found.largest < 7000, "{}", found.largest);
    }
    let found = read(reader(text.clone()), 2);
    let Some(ReadErrorKind::Contradiction(contradiction)) = found.error else { panic!("{}", found.message) };
    assert_eq!(contradiction.offset, text.find("\"resource\":").unwrap() as u64);
    assert_eq!(contradiction.spans, found.spans.len() as u64);
    assert!(contradiction.spans > 1000 && !contradiction.fault);
    assert_eq!(
        found.message,
        format!(
            "the document goes on at byte {} with what changes {} of its spans that were delivered before; read it from a \
             file, where this can be seen beforehand",
            contradiction.offset, contradiction.spans
        )
    );
}

#[test]
fn a_late_fault_costs_the_document_or_is_an_error() {
    let good = document(false, "}");
    let text = format!("{}{good}", document(false, "]}"));
    for source in sources("torn", &text) {
        let found = read(source, 2);
        assert!(found.error.is_none(), "{}", found.message);
        assert_eq!((found.bad_documents, found.documents), (1, 1));
        assert_eq!(found.spans, expected());
    }
    let found = read(reader(text), 2);
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
    for source in sources("list-again", &text).into_iter().chain([reader(text.clone())]) {
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
    let mut packed = gzip(&text);
    packed.truncate(packed.len() * 9 / 10);
    let half = text[..text.len() / 2].to_owned();
    for (source, words, is_cause) in [
        (
            reader(packed),
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

/// Compressed documents behind each other, of which the last breaks off with its source: the others are there, and it is a bad one.
#[test]
fn of_compressed_data_that_is_cut_off_the_documents_before_that_are_read() {
    let good = document(false, "}");
    let text = format!("{good}{}{good}", document(true, "}"));
    let packed = gzip(&text);
    let cut = packed[..packed.len() * 9 / 10].to_vec();
    let mut corrupt = packed.clone();
    let at = packed.len() * 9 / 10;
    corrupt[at..at + 8].fill(0xff);
    let path = file("cut-off.json.gz", "");
    std::fs::write(&path, &cut).unwrap();
    let failing = || {
        let half = text[..text.len() - 1000].to_owned();
        Kept::of(Source::Reader(Box::new(Failing(Cursor::new(half)))), |_| ()).unwrap().source()
    };
    for threads in [1, 3] {
        for (source, is_kind) in [
            (
                Source::File(path.clone()),
                (|kind| matches!(kind, ReadErrorKind::CutOff(_))) as fn(&ReadErrorKind) -> bool,
            ),
            (Source::Bytes(cut.clone().into()), |kind| matches!(kind, ReadErrorKind::CutOff(_))),
            (Source::Bytes(corrupt.clone().into()), |kind| matches!(kind, ReadErrorKind::Corrupt(_))),
            (failing(), |kind| matches!(kind, ReadErrorKind::Io(_))),
        ] {
            let found = read(source, threads);
            assert!(found.error.as_ref().is_some_and(is_kind), "{:?} {}", found.error, found.message);
            assert_eq!((found.documents, found.bad_documents), (2, 1), "{}", found.message);
            assert_eq!(found.spans, [expected(), expected()].concat());
        }
    }
}

/// Surveys stop at the bound where reading does.
#[test]
fn a_bound_on_text_is_one_for_the_first_look() {
    let text = document(true, "}");
    let settings = ReadSettings { sizes: SIZES, inflated_bytes: 50_000, ..ReadSettings::default() };
    let source = Source::Bytes(gzip(&text).into());
    let scan = Scan::new(vec![source], settings, 1, || |piece: spanwise_io::Piece| piece.block);
    let errors: Vec<_> = scan.filter_map(Result::err).collect();
    assert!(matches!(&errors[..], [error] if matches!(error.kind(), ReadErrorKind::Inflated)), "{errors:?}");
}

/// What is told of data with a fault in it, wherever that is: what is told of a plain text that ends there.
#[test]
fn compressed_data_ends_where_its_fault_is_in_every_reading() {
    let line = |line: usize| format!("{{\"resourceSpans\":[],\"a\":{}}}\n", line * 7919 % 9973);
    let lines = (0..6000).map(line).collect::<Vec<_>>().concat();
    let text = [document(false, "}"), document(true, "}"), lines].concat();
    let settings = ReadSettings { sizes: SIZES, ..ReadSettings::default() };
    let mut seen = [0; 3];
    for packed in [gzip(&text), zstd::encode_all(text.as_bytes(), 3).unwrap()] {
        for fault in 1..60 {
            let mut damaged = packed.clone();
            let at = packed.len() * fault / 60;
            let end = damaged.len().min(at + 8);
            damaged[at..end].fill(0xff);
            let mut input = Input::open(Source::Bytes(damaged.clone().into()), &settings).unwrap();
            let mut plain = Vec::new();
            while input.read(&mut plain, 1000 * fault).is_ok_and(|read| read > 0) {}
            let found = read(Source::Bytes(damaged.into()), 1);
            if found.error.is_some() {
                let expected = read(Source::Bytes(plain.into()), 1);
                assert!(found.spans == expected.spans, "{fault} {}", found.message);
                let counts = |of: &Outcome| (of.documents, of.bad_documents);
                assert_eq!(counts(&found), counts(&expected), "{fault} {}", found.message);
                seen[found.spans.len() / SPANS] += 1;
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 5), "{seen:?}");
}
