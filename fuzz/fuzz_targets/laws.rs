//! What holds for every input. The same laws, more of them and slower, stand in `crates/spanwise/tests/laws`.

use std::cell::RefCell;

use spanwise::{
    AttributesRef, DecodeOptions, Decoder, Diagnostic, Framing, Layer, Limits, Mode, Projection, Simd,
    SpanBatch, ValueRef, encode,
};

/// A decoder and batch for each set of options, kept from input to input: a decode must not depend on the ones before.
struct Warm {
    options: DecodeOptions,
    decoder: Decoder,
    batch: SpanBatch,
}

thread_local! {
    static WARM: RefCell<Vec<Warm>> = RefCell::new(all_options().map(|options| {
        Warm { options, decoder: Decoder::new(options), batch: SpanBatch::new() }
    }).collect());
}

fn all_options() -> impl Iterator<Item = DecodeOptions> {
    let small =
        Limits { depth: 20, spans: 3, attributes: 12, string_bytes: 90, diagnostics: 4, ..Limits::default() };
    // Lists that nobody wants are passed over where no sources are recorded.
    let some = Projection { events: true, ..Projection::NONE };
    [Mode::Strict, Mode::Lenient].into_iter().flat_map(move |mode| {
        [
            (false, Limits::default(), Projection::ALL),
            (true, Limits::default(), Projection::ALL),
            (true, small, Projection::ALL),
            (false, Limits::default(), Projection::NONE),
            (false, small, some),
        ]
        .map(move |(record, limits, projection)| {
            DecodeOptions::default()
                .with_mode(mode)
                .with_record_sources(record)
                .with_limits(limits)
                .with_projection(projection)
        })
    })
}

/// The laws for one input. Panics where one breaks. Which options it meets depends on the input, so that a run tries all of
/// them without paying for all each time.
pub(crate) fn check(data: &[u8]) {
    let choice =
        data.iter().fold(data.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    WARM.with_borrow_mut(|all| {
        let groups = all.len() / 2;
        all.iter_mut().skip(choice / 7 % groups).step_by(groups).for_each(|warm| check_with(warm, data));
    });
}

fn check_with(warm: &mut Warm, data: &[u8]) {
    let mut batch = SpanBatch::new();
    let fresh = Decoder::new(warm.options).decode(data.to_vec(), &mut batch);
    let again = warm.decoder.decode(data.to_vec(), &mut warm.batch);
    assert_eq!(fresh, again, "the error depends on history");
    same(&batch, &warm.batch);
    // What is kept of objects that come again is moved to where they stand.
    let moved = [b" ", data].concat();
    let mut elsewhere = SpanBatch::new();
    let fresh_elsewhere = Decoder::new(warm.options).decode(moved.clone(), &mut elsewhere);
    assert_eq!(
        fresh_elsewhere,
        warm.decoder.decode(moved, &mut warm.batch),
        "the error depends on the place"
    );
    same(&elsewhere, &warm.batch);
    let general = warm.options.with_general_path(true).with_simd(Simd::portable());
    let by_general = Decoder::new(general).decode(data.to_vec(), &mut warm.batch);
    assert_eq!(fresh, by_general, "the error depends on the path");
    same(&batch, &warm.batch);
    match &fresh {
        Ok(()) => read(&batch),
        Err(error) => shown(error.diagnostic(), data.len()),
    }
    let whole = warm.options.limits == Limits::default();
    if whole {
        verdict(&fresh.map_err(|error| error.diagnostic().code.layer()), warm.options.mode, data);
        round_trip(&batch);
    }
    for framing in [Framing::Auto, Framing::Lines, Framing::Documents] {
        let mut other = SpanBatch::new();
        Decoder::new(warm.options).decode_block(data.to_vec(), framing, &mut other).expect("short enough");
        warm.decoder.decode_block(data.to_vec(), framing, &mut warm.batch).expect("short enough");
        same(&other, &warm.batch);
        read(&other);
        if whole {
            round_trip(&other);
        }
    }
}

fn same(a: &SpanBatch, b: &SpanBatch) {
    assert!(a == b, "spans depend on history");
    assert!(a.diagnostics().take(60).eq(b.diagnostics().take(60)), "findings depend on history");
    assert_eq!((a.error_count(), a.warning_count()), (b.error_count(), b.warning_count()));
    assert_eq!(a.documents(), b.documents());
    assert_eq!((a.sources(), a.residue()), (b.sources(), b.residue()));
    assert_eq!(
        (a.rejected_spans(), a.bad_documents(), a.other_signals()),
        (b.rejected_spans(), b.bad_documents(), b.other_signals())
    );
}

/// Strict decoding and `serde_json` agree on what is JSON, but for the range of numbers and the depth.
fn verdict(decoded: &Result<(), Layer>, mode: Mode, data: &[u8]) {
    if mode == Mode::Lenient || matches!(decoded, Err(Layer::Limit)) {
        return;
    }
    let ours = !matches!(decoded, Err(Layer::Syntax | Layer::Text));
    match serde_json::from_slice::<serde_json::Value>(data) {
        Ok(_) => assert!(ours, "JSON is refused"),
        Err(error) => {
            let error = error.to_string();
            let agreed = error.starts_with("number out of range") || error.starts_with("recursion limit");
            assert!(!ours || agreed, "accepted: {error}");
        }
    }
}

fn round_trip(batch: &SpanBatch) {
    let json = encode(batch);
    let deepest = Limits { depth: 1024, ..Limits::default() };
    let mut again = SpanBatch::new();
    for mode in [Mode::Strict, Mode::Lenient] {
        let options = DecodeOptions::default().with_mode(mode).with_limits(deepest);
        Decoder::new(options).decode(json.clone(), &mut again).expect("what is written is JSON");
    }
    assert!(again == *batch, "{}", String::from_utf8_lossy(&json));
}

/// Reads everything that a batch has.
fn read(batch: &SpanBatch) {
    let (attributes, values) = (batch.attribute_rows().len(), batch.value_rows().len());
    let sources = batch.sources();
    assert!(sources.attributes.is_empty() || sources.attributes.len() == attributes);
    assert!(sources.values.is_empty() || sources.values.len() == values);
    assert!(sources.spans.is_empty() || sources.spans.len() == batch.len());
    let mut length = 0;
    for resource in batch.resources() {
        length += read_list(resource.attributes()) + resource.schema_url().len();
        for entity in resource.entity_refs() {
            length += entity.kind().len() + entity.schema_url().len();
            length += entity.id_keys().chain(entity.description_keys()).map(|key| key.len()).sum::<usize>();
        }
    }
    for span in batch.spans() {
        length += span.trace_id().len() + span.span_id().len() + span.parent_span_id().len();
        length += span.name().len() + span.trace_state().len() + span.status().message.len();
        length +=
            read_list(span.attributes()) + read_list(span.scope().attributes()) + span.scope().name().len();
        for event in span.events() {
            length += event.name().len() + read_list(event.attributes());
        }
        for link in span.links() {
            length += link.trace_id().len() + link.span_id().len() + read_list(link.attributes());
        }
    }
    std::hint::black_box(length);
    for range in batch.residue() {
        assert!(range.start < range.end && range.end as usize <= batch.input().len());
    }
    for found in batch.diagnostics().take(60) {
        shown(&found, batch.input().len());
    }
    let kept = batch.diagnostics().len() as u64;
    assert_eq!(kept + batch.dropped_diagnostics(), batch.error_count() + batch.warning_count());
}

fn read_list(list: AttributesRef<'_>) -> usize {
    list.iter().map(|attribute| attribute.key().len() + read_value(&attribute.value())).sum()
}

fn read_value(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::String(text) => text.len(),
        ValueRef::Bytes(bytes) => bytes.len(),
        ValueRef::Array(elements) => elements.iter().map(|element| read_value(&element)).sum(),
        ValueRef::KvList(members) => read_list(*members),
        _ => 1,
    }
}

/// What is shown of a finding holds no digit and nothing but ASCII from the input.
fn shown(found: &Diagnostic, length: usize) {
    assert!(found.offset as usize <= length && found.line > 0 && found.column > 0);
    let rendered = found.to_string();
    for line in rendered.lines().filter_map(|line| line.strip_prefix("  | ")) {
        let allowed = |c: char| c.is_ascii_alphabetic() || "{}[]:,\"… ^_".contains(c);
        assert!(line.chars().all(allowed), "{rendered}");
    }
}
