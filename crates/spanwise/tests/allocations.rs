//! Decoding into a warm decoder and batch allocates nothing, whatever the payload holds.
//!
//! A counting allocator counts this thread's allocations. A payload is decoded twice to warm up, then once more under
//! the count. What a rejected document may allocate is its error. Reading a text of it allocates where it has escapes, and once.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, with an allocator of its own"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use spanwise::{DecodeOptions, Decoder, Framing, Mode, Projection, SpanBatch};
use spanwise_testgen::{Dialect, document, samples};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches a `Cell` that needs no
// allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise about `layout`, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as in `dealloc`, and the caller's promise about `size`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = COUNT.get();
    run();
    COUNT.get() - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(9)))), 1);
}

/// The options of every run: both modes, with and without sources, by either path, with all lists and with none.
fn options() -> impl Iterator<Item = DecodeOptions> {
    (0..16u8).map(|bits| {
        let mode = if bits & 1 == 0 { Mode::Strict } else { Mode::Lenient };
        let projection = if bits & 8 == 0 { Projection::ALL } else { Projection::NONE };
        let default = DecodeOptions::default().with_mode(mode).with_projection(projection);
        default.with_record_sources(bits & 2 != 0).with_general_path(bits & 4 != 0)
    })
}

/// Whether the warm decode of `input` counted any allocation; `None` where it is rejected.
fn warm(
    decoder: &mut Decoder,
    batch: &mut SpanBatch,
    input: &Bytes,
    framing: Option<Framing>,
) -> Option<usize> {
    let mut decode = |input: Bytes| match framing {
        Some(framing) => decoder.decode_block(input, framing, batch),
        None => decoder.decode(input, batch),
    };
    for _ in 0..2 {
        decode(input.clone()).ok()?;
    }
    let again = input.clone();
    Some(allocations(|| decode(again).unwrap()))
}

/// Decodes everything in `inputs` with one decoder per set of options, and counts what was accepted.
fn all_warm(inputs: &[(String, Bytes, Option<Framing>)]) -> usize {
    let mut accepted = 0;
    for options in options() {
        let mut decoder = Decoder::new(options);
        let mut batch = SpanBatch::new();
        for (name, input, framing) in inputs {
            if let Some(count) = warm(&mut decoder, &mut batch, input, *framing) {
                assert_eq!(count, 0, "{name}, {options:?}");
                accepted += 1;
            }
        }
    }
    accepted
}

#[test]
fn cases_and_payloads_are_decoded_without_an_allocation() {
    let inputs: Vec<_> = samples::all()
        .unwrap()
        .into_iter()
        .map(|sample| {
            let framing = sample.is_lines().then_some(Framing::Lines);
            (sample.name, Bytes::from(sample.bytes), framing)
        })
        .collect();
    let accepted = all_warm(&inputs);
    println!("{accepted} decodes of {} files, no allocation", inputs.len());
    assert!(accepted > 12 * inputs.len(), "most files are accepted");
}

#[test]
fn every_framing_is_read_without_an_allocation() {
    let mut block = Vec::new();
    for sample in samples::all().unwrap() {
        if sample.bytes.len() < 20_000 {
            block.extend_from_slice(&sample.bytes);
            block.push(b'\n');
        }
    }
    let block = Bytes::from(block);
    let inputs: Vec<_> = [Framing::Auto, Framing::Lines, Framing::Documents]
        .map(|framing| (format!("{framing:?}"), block.clone(), Some(framing)))
        .into();
    assert_eq!(all_warm(&inputs), 48);
}

#[test]
fn generated_documents_are_decoded_without_an_allocation() {
    let mut state = 1u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let inputs: Vec<_> = (0..400)
        .map(|index| {
            let entropy: Vec<u8> = (0..2000).map(|_| byte()).collect();
            let dialect = if index % 4 == 0 { Dialect::STRICT } else { Dialect::LENIENT };
            (format!("generated {index}"), Bytes::from(document(&entropy, dialect).text), None)
        })
        .collect();
    let accepted = all_warm(&inputs);
    println!("{accepted} decodes of {} documents, no allocation", inputs.len());
    assert!(accepted > 8 * inputs.len(), "most documents are accepted");
}

/// A request whose only attribute `key` has a text of `length` bytes, each second of which is a backslash where it `has_escapes`.
fn of_text(key: &str, length: usize, has_escapes: bool) -> SpanBatch {
    let text = if has_escapes { "\\n" } else { "ab" }.repeat(length / 2);
    spanwise::decode(format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"{key}","value":{{"stringValue":"{text}"}}}}]}}]}}]}}]}}"#
    ))
    .unwrap()
}

#[test]
fn a_text_with_escapes_is_allocated_once_and_any_other_never() {
    for length in [2, 30, 64, 1000, 1 << 20] {
        for (has_escapes, expected) in [(false, 0), (true, 1)] {
            let batch = of_text("key", length, has_escapes);
            let span = batch.spans().next().unwrap();
            let count = allocations(|| {
                let value = span.attributes().get("key").unwrap();
                assert_eq!(value.as_str().map(str::is_empty), Some(false));
                let text = value.into_str().unwrap();
                if let std::borrow::Cow::Owned(text) = text {
                    assert!(text.capacity() <= length + 64, "{length}: {}", text.capacity());
                }
            });
            assert_eq!(count, expected, "{length}, {has_escapes}");
        }
    }
}
