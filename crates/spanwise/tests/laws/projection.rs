//! What a lenient decode says does not depend on how it reads the lists that nobody wants, or whether it does; and of all
//! else it says what it says when all are wanted.

use proptest::collection::vec;
use proptest::prelude::*;
use spanwise::{DecodeOptions, Decoder, Diagnostic, Framing, Projection, Simd, SpanBatch, SpanRef};
use spanwise_testgen::Dialect;

use super::{Input, any_input, damaged, damages, made_lines, runs};

fn projections() -> impl Strategy<Value = Projection> {
    any::<u8>().prop_map(|bits| Projection {
        resource_attributes: bits & 1 != 0,
        scope_attributes: bits & 2 != 0,
        // What is skipped most is left out most.
        span_attributes: bits & 0b1100 == 0b1100,
        events: bits & 0b11_0000 == 0b11_0000,
        links: bits & 0b1100_0000 == 0b1100_0000,
    })
}

/// Decodes a document, or a block of them; which error there was.
fn decode(decoder: &mut Decoder, batch: &mut SpanBatch, text: &[u8], block: bool) -> Option<Diagnostic> {
    let result = if block {
        decoder.decode_block(text.to_vec(), Framing::Auto, batch)
    } else {
        decoder.decode(text.to_vec(), batch)
    };
    result.err().map(|error| error.diagnostic().clone())
}

/// Everything of a decode but rows.
fn said(batch: &SpanBatch) -> impl PartialEq + std::fmt::Debug {
    (
        batch.diagnostics().collect::<Vec<_>>(),
        batch.diagnostic_counts().collect::<Vec<_>>(),
        (batch.rejected_spans(), batch.bad_documents(), batch.other_signals(), batch.dropped_diagnostics()),
        batch.documents().to_vec(),
        (batch.attribute_rows().len(), batch.event_rows().len(), batch.link_rows().len()),
    )
}

/// A span by its own members, and by those of its lists that are wanted.
fn shown(span: SpanRef<'_>, wanted: Projection) -> String {
    let keep = |wanted: bool, list: &dyn std::fmt::Debug| wanted.then(|| format!("{list:?}"));
    let ids = (span.trace_id(), span.span_id(), span.parent_span_id(), span.trace_state());
    let times = (span.start_time_unix_nano(), span.end_time_unix_nano(), span.kind(), span.flags());
    let events = span.events().map(|event| format!("{} {:?}", event.name(), event.attributes()));
    let links = span.links().map(|link| format!("{} {:?}", link.span_id(), link.attributes()));
    let lists = [
        keep(wanted.span_attributes, &span.attributes()),
        keep(wanted.scope_attributes, &span.scope().attributes()),
        keep(wanted.resource_attributes, &span.resource().attributes()),
        keep(wanted.events, &events.collect::<Vec<_>>()),
        keep(wanted.links, &links.collect::<Vec<_>>()),
    ];
    let rest = (span.name(), span.status(), span.scope().name(), span.dropped_attributes_count());
    format!("{ids:?} {times:?} {rest:?} {lists:?}")
}

fn check(history: &[&[u8]], text: &[u8], wanted: Projection) -> Result<(), TestCaseError> {
    let all = DecodeOptions::default();
    let some = all.with_projection(wanted);
    let general = some.with_general_path(true).with_simd(Simd::portable());
    for block in [false, true] {
        let (mut whole, mut expected) = (SpanBatch::new(), SpanBatch::new());
        let error = decode(&mut Decoder::new(general), &mut expected, text, block);
        for simd in Simd::available() {
            let mut decoder = Decoder::new(some.with_simd(simd));
            let mut batch = SpanBatch::new();
            for earlier in history {
                // Whether it was accepted does not matter.
                let _: Option<Diagnostic> = decode(&mut decoder, &mut batch, earlier, block);
            }
            let found = decode(&mut decoder, &mut batch, text, block);
            prop_assert_eq!(&found, &error, "{}", simd);
            prop_assert_eq!(said(&batch), said(&expected), "{} {}", simd, block);
            prop_assert!(batch == expected, "{}", simd);
        }
        let of_whole = decode(&mut Decoder::new(all), &mut whole, text, block);
        prop_assert_eq!(&of_whole, &error);
        let counts = |batch: &SpanBatch| {
            (batch.rejected_spans(), batch.bad_documents(), batch.other_signals(), batch.error_count())
        };
        prop_assert_eq!(counts(&whole), counts(&expected));
        let spans = |batch: &SpanBatch| batch.spans().map(|span| shown(span, wanted)).collect::<Vec<_>>();
        prop_assert_eq!(spans(&whole), spans(&expected));
        // What it finds is found in the whole, too, in the same order.
        let mut of_whole = whole.diagnostics();
        for finding in expected.diagnostics().take(900) {
            prop_assert!(of_whole.any(|other| other == finding), "{}", finding);
        }
    }
    Ok(())
}

/// Documents and lines. What is clean is read before the ends of lines are known.
fn any_text() -> impl Strategy<Value = Input> {
    prop_oneof![3 => any_input(), 1 => made_lines(Dialect::LENIENT), 2 => made_lines(Dialect::STRICT)]
}

proptest! {
    #![proptest_config(runs(100))]

    #[test]
    fn lists_that_nobody_wants_are_passed_over_without_a_trace(
        history in vec(any_text(), 0..4),
        text in any_text(),
        damages in damages(),
        wanted in projections(),
    ) {
        let history: Vec<&[u8]> = history.iter().map(|earlier| &**earlier).collect();
        check(&history, &text, wanted)?;
        let other = damaged(text.0.clone(), &damages);
        check(&[&text, &text], &other, wanted)?;
        check(&[&other, &text], &text, wanted)?;
    }
}
