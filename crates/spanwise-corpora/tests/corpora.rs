//! What the corpora promise: the same bytes for the same seed, valid OTLP JSON, the counts that they state, and the
//! traits that give each its name.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use spanwise_corpora::{Corpus, Form, Sample};
use std::collections::HashSet;

const SEED: u64 = 42;
const SIZE: u64 = 400_000;

fn decoded(sample: &Sample) -> Vec<ExportTraceServiceRequest> {
    let parse =
        |range: &std::ops::Range<usize>| serde_json::from_slice(&sample.bytes[range.clone()]).unwrap();
    sample.documents.iter().map(parse).collect()
}

fn spans(requests: &[ExportTraceServiceRequest]) -> Vec<&Span> {
    let scopes = requests.iter().flat_map(|request| &request.resource_spans).flat_map(|r| &r.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

fn assert_unique_keys(attributes: &[KeyValue]) {
    let keys: HashSet<&str> = attributes.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys.len(), attributes.len());
    attributes.iter().filter_map(|pair| pair.value.as_ref()).for_each(assert_unique_keys_within);
}

fn assert_unique_keys_within(value: &AnyValue) {
    match &value.value {
        Some(any_value::Value::KvlistValue(list)) => assert_unique_keys(&list.values),
        Some(any_value::Value::ArrayValue(list)) => list.values.iter().for_each(assert_unique_keys_within),
        _ => {}
    }
}

/// Every corpus in every form.
fn samples() -> impl Iterator<Item = (Corpus, Form)> {
    Corpus::ALL.iter().flat_map(|corpus| Form::ALL.iter().map(|form| (*corpus, *form)))
}

#[test]
fn every_corpus_holds_what_its_stats_say() {
    for (corpus, form) in samples() {
        let sample = corpus.sample(SEED, SIZE, form);
        assert_eq!(sample.stats.bytes, sample.bytes.len() as u64, "{corpus} {form}");
        assert_eq!(sample.stats.documents, sample.documents.len() as u64, "{corpus} {form}");
        assert!(sample.stats.bytes >= SIZE && sample.stats.bytes < SIZE + 100_000, "{corpus} {form}");
        let requests = decoded(&sample);
        let spans = spans(&requests);
        assert_eq!(sample.stats.spans, spans.len() as u64, "{corpus} {form}");
        for resource in requests.iter().flat_map(|r| &r.resource_spans).filter_map(|r| r.resource.as_ref()) {
            assert_unique_keys(&resource.attributes);
        }
        for span in spans {
            assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8), "{corpus} {form}");
            assert!(span.start_time_unix_nano < span.end_time_unix_nano && !span.name.is_empty());
            assert_unique_keys(&span.attributes);
        }
    }
}

#[test]
fn streamed_bytes_are_the_samples() {
    for (corpus, form) in samples() {
        let mut streamed = Vec::new();
        let stats = corpus.write(SEED, SIZE, form, &mut streamed).unwrap();
        let sample = corpus.sample(SEED, SIZE, form);
        assert!(streamed == sample.bytes, "{corpus} {form}");
        assert_eq!(stats, sample.stats);
        assert_ne!(
            sample.bytes[..1000],
            corpus.to_vec(SEED + 1, 1000, form)[..1000],
            "{corpus} ignores its seed"
        );
    }
}

#[test]
fn both_forms_hold_the_same_spans() {
    for corpus in Corpus::ALL {
        let [lines, document] =
            [Form::Ndjson, Form::Document].map(|form| decoded(&corpus.sample(SEED, SIZE, form)));
        let (lines, document) = (spans(&lines), spans(&document));
        let shared = lines.len().min(document.len());
        assert!(shared > 10 && lines[..shared] == document[..shared], "{corpus}");
    }
}

/// FNV-1a of the first 64 KiB. A change here makes every published figure one of another corpus: say so there.
#[test]
fn bytes_are_pinned() {
    let pinned = [
        ("llm", 0x3202_4a09_6422_9d4b),
        ("openrouter", 0xe7ab_d852_34d7_42ed),
        ("micro", 0x46d5_dee7_e018_008f),
        ("pretty", 0xde7e_5282_99b1_1fda),
        ("unicode", 0x8030_66b2_c365_177f),
        ("cjk", 0x1d5e_0365_f21c_264f),
        ("shuffled", 0xb078_6c48_1bf7_4925),
        ("mixed", 0x99b8_6dbe_1b31_e0af),
        ("nested", 0x523b_3bd1_3756_bf49),
        ("tiny", 0x989a_0d5c_9d97_7a61),
    ];
    let hash = |bytes: &[u8]| {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
    };
    let actual = Corpus::ALL
        .iter()
        .map(|corpus| (corpus.name(), hash(&corpus.to_vec(SEED, SIZE, Form::Ndjson)[..64 * 1024])));
    assert_eq!(actual.collect::<Vec<_>>(), pinned);
}

#[test]
fn requests_have_the_sizes_that_receivers_see() {
    for (corpus, low, high) in [
        (Corpus::Llm, 40_000, 74_000),
        (Corpus::Openrouter, 2_048, 65_536),
        (Corpus::Micro, 2_048, 65_536),
        (Corpus::Pretty, 2_048, 65_536),
        (Corpus::Unicode, 2_048, 65_536),
        (Corpus::Cjk, 2_048, 65_536),
        (Corpus::Shuffled, 2_048, 65_536),
        (Corpus::Mixed, 2_048, 65_536),
        (Corpus::Nested, 2_048, 65_536),
        (Corpus::Tiny, 700, 2_048),
    ] {
        let sample = corpus.sample(SEED, 4_000_000, Form::Ndjson);
        let lengths: Vec<usize> = sample.documents.iter().map(ExactSizeIterator::len).collect();
        let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
        assert!(*least >= low && *most <= high, "{corpus}: {least} to {most}");
    }
}

#[test]
fn llm_spans_are_long_and_escaped() {
    let sample = Corpus::Llm.sample(SEED, 4_000_000, Form::Ndjson);
    let apart = sample.bytes.len() / sample.bytes.split(|byte| *byte == b'\\').count();
    assert!((40..=48).contains(&apart), "a backslash every {apart} bytes");
    assert!(sample.bytes.is_ascii());
    assert!(spans(&decoded(&sample)).iter().all(|span| span.attributes.len() == 28));
}

#[test]
fn micro_spans_have_thirteen_attributes() {
    let requests = decoded(&Corpus::Micro.sample(SEED, SIZE, Form::Ndjson));
    assert!(spans(&requests).iter().all(|span| span.attributes.len() == 13));
}

#[test]
fn cjk_is_unicode_in_ascii() {
    let sample = Corpus::Cjk.sample(SEED, SIZE, Form::Ndjson);
    assert!(sample.bytes.is_ascii());
    let unicode = decoded(&Corpus::Unicode.sample(SEED, SIZE, Form::Ndjson));
    let cjk = decoded(&sample);
    assert!(cjk.len() > 3 && cjk[..] == unicode[..cjk.len()]);
}

#[test]
fn shuffled_is_micro_in_another_order() {
    let [shuffled, micro] = [Corpus::Shuffled, Corpus::Micro].map(|c| c.sample(SEED, SIZE, Form::Ndjson));
    assert_ne!(shuffled.bytes, micro.bytes);
    assert!(decoded(&shuffled) == decoded(&micro));
}

#[test]
fn lines_are_lines_but_for_the_indented() {
    for corpus in Corpus::ALL {
        let sample = corpus.sample(SEED, SIZE, Form::Ndjson);
        let one_line = |range: &std::ops::Range<usize>| !sample.bytes[range.clone()].contains(&b'\n');
        match corpus {
            Corpus::Pretty => assert!(!sample.documents.iter().any(one_line)),
            Corpus::Mixed => {
                assert!(sample.documents.iter().any(one_line));
                assert!(!one_line(&sample.documents[0]), "the stream must not look like lines");
            }
            _ => assert!(sample.documents.iter().all(one_line), "{corpus}"),
        }
    }
}

#[test]
fn names_are_read_back() {
    assert!(Corpus::ALL.iter().all(|corpus| Corpus::parse(corpus.name()) == Some(*corpus)));
    assert!(Form::ALL.iter().all(|form| Form::parse(form.name()) == Some(*form)));
    assert_eq!((Corpus::parse("Micro"), Form::parse("")), (None, None));
}
