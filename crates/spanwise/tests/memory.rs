//! Decoding takes memory in proportion to its input: at most [`MULTIPLE`] times its bytes, tables that grow included, whatever
//! the input holds. So do queries. An allocator counts what this thread holds and the most that it held.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a test, with an allocator of its own"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use spanwise::frame::{BlockSizes, Framer};
#[cfg(feature = "index")]
use spanwise::index::{Query, Scan};
use spanwise::{DecodeOptions, Decoder, Framing, Mode, SpanBatch};

/// The promise of SECURITY.md. The worst is a list of empty spans: three bytes of input for a row of the largest table.
const MULTIPLE: f64 = 200.0;

/// The same for traces that exporters send: text is not copied.
const USUAL_MULTIPLE: f64 = 6.0;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn note(change: isize) {
    HELD.set(HELD.get() + change);
    MOST.set(MOST.get().max(HELD.get()));
}

struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches `Cell`s that need no allocation and
// no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size().cast_signed());
        // SAFETY: the caller's promise about `layout`, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(-layout.size().cast_signed());
        // SAFETY: `pointer` came from `System` with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // For a moment both are there.
        note(size.cast_signed());
        note(-layout.size().cast_signed());
        // SAFETY: as in `dealloc`, and the caller's promise about `size`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that is held in `run` beyond what was held before.
fn most(run: impl FnOnce()) -> usize {
    let before = HELD.get();
    MOST.set(before);
    run();
    (MOST.get() - before).unsigned_abs()
}

/// The most that any decode of `input` holds, as a multiple of its length.
fn multiple(input: &str, framing: Framing) -> f64 {
    let multiples = [Mode::Strict, Mode::Lenient].into_iter().flat_map(|mode| {
        [false, true].map(|sources| {
            let options = DecodeOptions::default().with_mode(mode).with_record_sources(sources);
            let bytes = bytes::Bytes::copy_from_slice(input.as_bytes());
            let held = most(|| {
                let mut batch = SpanBatch::new();
                let mut decoder = Decoder::new(options);
                // Rejected or not: memory is what counts.
                let _ = decoder.decode_block(bytes, framing, &mut batch);
            });
            held as f64 / input.len() as f64
        })
    });
    multiples.fold(0.0, f64::max)
}

#[test]
fn the_count_counts() {
    assert_eq!(most(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(9)))), 9);
}

#[test]
fn hostile_input_takes_a_bounded_multiple_of_itself() {
    // A little above a power of two: there a table has just grown to twice its size, and the old one is held, too.
    const COUNT: usize = 33_000;
    let list = |item: &str| vec![item; COUNT].join(",");
    let numbered = |item: fn(usize) -> String| (0..COUNT).map(item).collect::<Vec<_>>().join(",");
    let request = |spans: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let span = |members: &str| request(&format!("{{{members}}}"));
    let attributes = |items: &str| span(&format!(r#""attributes":[{items}]"#));
    let values = |items: &str| {
        attributes(&format!(r#"{{"key":"k","value":{{"arrayValue":{{"values":[{items}]}}}}}}"#))
    };
    let families = [
        ("empty spans", request(&list("{}"))),
        ("empty resources", format!(r#"{{"resourceSpans":[{}]}}"#, list("{}"))),
        ("empty scopes", format!(r#"{{"resourceSpans":[{{"scopeSpans":[{}]}}]}}"#, list("{}"))),
        ("empty events", span(&format!(r#""events":[{}]"#, list("{}")))),
        ("empty links", span(&format!(r#""links":[{}]"#, list("{}")))),
        ("empty attributes", attributes(&list("{}"))),
        ("null attributes", attributes(&list("0"))),
        ("empty values", values(&list("{}"))),
        ("plain values", span(&format!(r#""attributes":{{"k":[{}]}}"#, list("0")))),
        ("short keys", attributes(&numbered(|index| format!(r#"{{"key":"{index}"}}"#)))),
        (
            "short keys of a map",
            span(&format!(r#""attributes":{{{}}}"#, numbered(|index| format!(r#""{index}":0"#)))),
        ),
        ("unknown members", span(&numbered(|index| format!(r#""{index}":0"#)))),
        ("duplicate members", span(&list(r#""kind":1"#))),
        ("faults", request(&list(r#"{"kind":[]}"#))),
        ("escapes", attributes(&format!(r#"{{"key":"{}"}}"#, "\\n".repeat(COUNT)))),
        (
            "lone surrogates",
            attributes(&format!(r#"{{"key":"k","value":{{"stringValue":"{}"}}}}"#, "\\ud800".repeat(COUNT))),
        ),
        (
            "entity references",
            format!(r#"{{"resourceSpans":[{{"resource":{{"entityRefs":[{}]}}}}]}}"#, list("{}")),
        ),
        ("documents", "{}\n".repeat(COUNT)),
        ("bad lines", "{\n".repeat(COUNT)),
        ("opened lists", "[".repeat(COUNT)),
    ];
    let mut worst = 0.0;
    for (name, input) in &families {
        let multiple = multiple(input, Framing::Auto);
        println!("{name:24} {multiple:.1}");
        assert!(multiple <= MULTIPLE, "{name} takes {multiple:.1} times its input");
        worst = multiple.max(worst);
    }
    // Else the promise is not worth its name.
    assert!(worst > MULTIPLE / 2.0, "the promise could be {worst:.0}");
}

#[test]
fn a_batch_tells_what_it_holds() {
    let list = |index: usize| {
        format!(
            r#"{{"key":"k{index}","value":{{"arrayValue":{{"values":[{{"stringValue":"\u0001 and \ud800"}}]}}}}}}"#
        )
    };
    let attributes = (0..500).map(list).collect::<Vec<_>>().join(",");
    let span = format!(
        r#"{{"kind":"X","more":1,"attributes":[{attributes}],"events":[{{"attributes":[{attributes}]}}],"links":[{{}}]}}"#
    );
    let scope = format!(r#"{{"scope":{{"attributes":[{attributes}]}},"spans":[{span}]}}"#);
    let resource =
        format!(r#"{{"attributes":[{attributes}],"entityRefs":[{{"type":"t","idKeys":["a","b"]}}]}}"#);
    let input = format!(r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{scope}]}}]}}"#);
    for has_sources in [false, true] {
        let bytes = bytes::Bytes::copy_from_slice(input.as_bytes());
        let mut decoder = Decoder::new(DecodeOptions::default().with_record_sources(has_sources));
        // Once, so that what the decoder itself keeps is there.
        decoder.decode(bytes.clone(), &mut SpanBatch::new()).unwrap();
        let before = HELD.get();
        let mut batch = SpanBatch::new();
        decoder.decode(bytes, &mut batch).unwrap();
        let held = (HELD.get() - before).unsigned_abs();
        assert!(held > 100_000, "{held}");
        assert_eq!(batch.memory(), held, "{has_sources}");
        batch.clear();
        assert_eq!(batch.memory(), held, "{has_sources}");
    }
}

/// A part holds the white space behind it, and the codes of what is found in what is put round it.
#[test]
fn a_part_of_a_document_tells_what_it_holds_too() {
    let options = DecodeOptions::default();
    let sizes = BlockSizes { block: 1, document: 1, ..BlockSizes::default() };
    let held = |resource: &str, white: usize| {
        let span = format!(r#"{{"name":"{}"}}"#, "x".repeat(500));
        let spans = format!("{span},{span},{}{span}", " ".repeat(white));
        let scopes = format!(r#"[{{"spans":[{spans}]}}]"#);
        let text = format!(r#"{{"resourceSpans":[{{"resource":{{{resource}}},"scopeSpans":{scopes}}}]}}"#);
        let mut framer = Framer::over(text.into(), &options, Framing::Auto, sizes);
        let mut found = Vec::new();
        while let Some(block) = framer.next_block() {
            let mut batch = SpanBatch::new();
            Decoder::new(options).decode_framed(block, &mut batch).unwrap();
            found.push((batch.len(), batch.memory()));
        }
        assert_eq!(found.iter().map(|(spans, _)| spans).sum::<usize>(), 3);
        // The one before the last: what stands behind it stands between the two.
        found[found.len() - 2].1
    };
    let small = held(r#""droppedAttributesCount":1"#, 0);
    let large = held(r#""droppedAttributesCount":1"#, 10_000);
    assert_eq!(large, small + 10_000);
    let faulty = held(r#""droppedAttributesCount":"1.5""#, 0);
    assert!(faulty > small, "{faulty} {small}");
}

/// What a decoder remembers of writers comes on top of what it tells, and so do the names of a few keys.
const REMEMBERED: usize = 1 << 20;

#[test]
fn a_decoder_tells_what_it_holds_and_gives_it_back() {
    let list = |item: &str| vec![item; 100_000].join(",");
    let attributes = |attributes: &str| {
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{attributes}]}}]}}]}}]}}"#)
    };
    let values = |values: &str| {
        attributes(&format!(r#"{{"key":"k","value":{{"arrayValue":{{"values":[{values}]}}}}}}"#))
    };
    for (input, least) in [
        (values(&list("{}")), 1 << 20),
        (values(&list(r#"{"kvlistValue":{"values":[{"key":"k"}]}}"#)), 1 << 20),
        (attributes(&list(r#"{"key":"k"}"#)), 0),
        (format!(r#"{{"{}":1}}"#, "\\n".repeat(2 << 20)), 1 << 20),
    ] {
        for has_sources in [false, true] {
            let before = HELD.get();
            let mut decoder = Decoder::new(DecodeOptions::default().with_record_sources(has_sources));
            decoder.decode(bytes::Bytes::copy_from_slice(input.as_bytes()), &mut SpanBatch::new()).unwrap();
            let held = (HELD.get() - before).unsigned_abs();
            assert!(decoder.memory() >= least, "{}", decoder.memory());
            assert!((decoder.memory()..decoder.memory() + REMEMBERED).contains(&held), "{held}");
            decoder.shrink_to(held);
            assert_eq!((HELD.get() - before).unsigned_abs(), held);
            decoder.shrink_to(0);
            let held = (HELD.get() - before).unsigned_abs();
            assert!(decoder.memory() == 0 && held < REMEMBERED, "{held}");
        }
    }
}

#[cfg(feature = "redact")]
#[test]
fn a_redactor_tells_what_it_holds_and_gives_it_back() {
    use spanwise::redact::{Policy, Preset, Redactor};

    let numbered = |item: fn(usize) -> String| (0..30_000).map(item).collect::<Vec<_>>().join(",");
    let request = |spans: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let policy = Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets).compile(None).unwrap();
    let policy = std::sync::Arc::new(policy);
    let mail = |index| {
        format!(r#"{{"attributes":[{{"key":"to","value":{{"stringValue":"ada{index}@example.com"}}}}]}}"#)
    };
    let key = |index| format!(r#"{{"attributes":[{{"key":"key.{index}","value":{{"intValue":1}}}}]}}"#);
    let usual = request(&mail(0));
    for input in [request(&numbered(|_| "{}".to_owned())), request(&numbered(mail)), request(&numbered(key))]
    {
        let before = HELD.get();
        let held = || (HELD.get() - before).unsigned_abs();
        let mut redactor = Redactor::new(std::sync::Arc::clone(&policy));
        let first = redactor.redact_json(usual.clone()).unwrap().data;
        redactor.redact_json(input.clone()).unwrap();
        let told = redactor.memory();
        assert!(told > 3 << 20 && (told..told + REMEMBERED).contains(&held()), "{told} {}", held());
        let all = held();
        redactor.shrink_to(told);
        assert_eq!(held(), all);
        // Keys stay as long as there is room.
        redactor.shrink_to(told - 1);
        assert!(redactor.memory() < told && held() < all);
        redactor.shrink_to(0);
        assert!(redactor.memory() == 0 && held() < REMEMBERED, "{} {}", redactor.memory(), held());
        assert_eq!(redactor.redact_json(usual.clone()).unwrap().data, first);
    }
}

#[test]
fn text_that_must_be_mended_everywhere_takes_a_small_multiple_of_itself() {
    for fault in ["\u{1}", "x\u{1}", "\\ud800", "\u{1}\\ud800"] {
        let input = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"name":"{}"}}]}}]}}]}}"#,
            fault.repeat(1 << 20)
        );
        let multiple = multiple(&input, Framing::Documents);
        assert!(multiple <= 1.0, "{fault:?} takes {multiple:.1} times its input");
    }
}

#[test]
fn usual_input_takes_a_small_multiple_of_itself() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if path.file_name().unwrap() == "expected.json" || text.len() < 1000 {
            continue;
        }
        // One delivery is too short to tell: what a fresh decoder holds of its own counts for more.
        let line = text.replace('\n', " ");
        let multiple = multiple(&format!("{line}\n").repeat(200_000 / line.len() + 2), Framing::Documents);
        assert!(multiple <= USUAL_MULTIPLE, "{} takes {multiple:.1} times its input", path.display());
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} payloads were read");
}

#[cfg(feature = "index")]
#[test]
fn a_query_takes_a_small_multiple_of_its_spans_however_many_groups_meet_however_many_parents() {
    const COUNT: usize = 1000;
    // Ids come twice, with different parents.
    let one = |at: usize| {
        let (id, parent) = (at / 2 + 1, at * 7919 % (COUNT / 2) + 1);
        format!(
            r#"{{"traceId":"00000000000000000000000000000001","spanId":"{id:016x}","parentSpanId":"{parent:016x}","name":"n{at}"}}"#
        )
    };
    let spans = (0..COUNT).map(one).collect::<Vec<_>>().join(",");
    let input = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let length = input.len();
    let batches = [spanwise::decode(input.into_bytes()).unwrap()];
    for text in ["{ } | by(name) | { } << { }", "{ } | by(name) | { } >> { }"] {
        let (query, scan) = (Query::parse(text).unwrap(), Scan::new(&batches));
        let held = most(|| {
            std::hint::black_box(scan.run(&query));
        });
        let multiple = held as f64 / length as f64;
        println!("{text:28} {multiple:.1}");
        assert!(multiple <= 10.0, "{text} takes {multiple:.1} times its input");
    }
}
