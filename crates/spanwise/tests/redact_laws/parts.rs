//! Documents that come in parts are redacted as if they had come whole.

use spanwise::frame::{BlockSizes, Framer};
use spanwise::redact::{Joiner, RedactionReport};

use super::*;

/// What becomes of a stream whose documents are cut wherever that can be: what is written, what is reported, and of how many blocks.
fn joined(mut redactor: Redactor, text: &[u8], block: usize) -> (String, RedactionReport, usize) {
    let options = redactor.decode_options();
    let sizes = BlockSizes { block, document: 1, held: 1 };
    let mut framer = Framer::over(text.to_vec().into(), &options, Framing::Auto, sizes);
    let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
    let (mut joiner, mut out) = (Joiner::default(), Vec::new());
    let (mut report, mut blocks) = (RedactionReport::default(), 0);
    while let Some(block) = framer.next_block() {
        blocks += 1;
        decoder.decode_framed(block, &mut batch).unwrap();
        let mut part = Vec::new();
        let (found, seams) = redactor.redact_part_into(&batch, &mut part).unwrap();
        report.add(&found);
        joiner.push(&part, &seams, &mut out).unwrap();
    }
    joiner.finish(&mut out).unwrap();
    assert_eq!(framer.contradiction(), None);
    (String::from_utf8(out).unwrap(), report, blocks)
}

fn redactor(policy: &Policy) -> Redactor {
    Redactor::new(compiled(policy))
}

fn check(policy: &Policy, text: &[u8], block: usize, is_all_gone: bool) -> TestCaseResult {
    let (found, report, _) = joined(redactor(policy), text, block);
    let shown = String::from_utf8_lossy(text);
    let whole = redactor(policy).redact_block(text.to_vec(), Framing::Auto).unwrap();
    if report.canonical_documents == 0 && whole.report.canonical_documents == 0 {
        let expected = String::from_utf8_lossy(&whole.data);
        if whole.report.documents == 1 && whole.report.bad_documents == 0 {
            prop_assert_eq!(&found, &expected, "{}", shown);
        }
        // Where there are more, each may become a line of its own; and of what is torn, what stood before it may be left.
        prop_assert_eq!(without_white_space(&found), without_white_space(&expected), "{}", shown);
        prop_assert_eq!(report.documents, whole.report.documents, "{}", shown);
        prop_assert_eq!(report.changes(), whole.report.changes(), "{}", shown);
        prop_assert_eq!(report.unknown_members, whole.report.unknown_members, "{}", shown);
    }
    let (lines, ..) = joined(redactor(policy).in_lines(), text, block);
    for output in [&found, &lines] {
        let values = serde_json::Deserializer::from_str(output).into_iter::<Value>();
        let values: Vec<_> = values.collect();
        prop_assert!(values.iter().all(Result::is_ok), "{} of {}", output, shown);
        prop_assert!(!is_all_gone || !output.contains(CANARY), "{} of {}", output, shown);
        prop_assert_eq!(spans(output.as_bytes()), spans(&whole.data), "{} of {}", output, shown);
        if *output == lines && report.canonical_documents == 0 {
            prop_assert_eq!(output.lines().count(), values.len(), "{}", output);
        }
    }
    Ok(())
}

/// What there is of JSON but for the white space between its tokens.
fn without_white_space(json: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let stays = |letter: &char| {
        let stays = in_string || !letter.is_ascii_whitespace();
        in_string ^= *letter == '"' && !is_escaped;
        is_escaped = in_string && *letter == '\\' && !is_escaped;
        stays
    };
    json.chars().filter(stays).collect()
}

/// The spans of documents.
fn spans(text: &[u8]) -> Vec<(String, usize)> {
    let mut batch = SpanBatch::new();
    Decoder::default().decode_block(text.to_vec(), Framing::Documents, &mut batch).unwrap();
    batch.spans().map(|span| (span.name().into_owned(), span.attributes().len())).collect()
}

proptest! {
    #![proptest_config(runs())]

    #[test]
    fn valid_documents_in_parts(bytes in bytes(), block in 1..400usize, end in prop::sample::select(&["", "\n", " \r\n\n"])) {
        let mut text = document(&bytes, Dialect::STRICT_CANARIES).text;
        text.extend(end.as_bytes());
        for (policy, is_all_gone) in [(Policy::new(), false), (everything_goes(), true), (values_go(Action::Mask), false)] {
            check(&policy, &text, block, is_all_gone)?;
        }
    }

    #[test]
    fn documents_with_every_liberty_in_parts(bytes in bytes(), block in 1..400usize) {
        check(&everything_goes(), &document(&bytes, Dialect::CANARIES).text, block, true)?;
    }
}

#[test]
fn a_document_in_parts_keeps_every_byte() {
    let spans = |from: usize| {
        let span = |id| {
            format!(
                "{{ \"name\" :\t\"n{id}\", \"attributes\":[{{\"key\":\"k\",\"value\":{{\"stringValue\":\"v\"}}}}] }}"
            )
        };
        (from..from + 5).map(span).collect::<Vec<_>>().join(" ,\r\n  ")
    };
    let resource =
        r#"{"resource" : {"attributes":[{"key":"host.name","value":{"stringValue":"h"}}]}, "scopeSpans":["#;
    let text = format!(
        " {{\"resourceSpans\": [\n{resource}{{\"spans\":[ {} ]}} , {{\"spans\":[]}},{{\"spans\":[{}]}} ]}}, {resource}{{\"spans\":[{}\n]}}]}}\n], \"more\": 1}} \n\n",
        spans(0),
        spans(5),
        spans(10)
    );
    let (kept, report, blocks) = joined(redactor(&Policy::new()), text.as_bytes(), 1);
    assert_eq!(kept, text);
    assert!(blocks > 10, "{blocks}");
    assert_eq!((report.documents, report.spans), (1, 15));

    let policy = values_go(Action::Mask).unknown(Unknown::Keep);
    let (masked, masked_report, ..) = joined(redactor(&policy), text.as_bytes(), 1);
    let whole = redactor(&policy).redact_block(text.clone().into_bytes(), Framing::Auto).unwrap();
    assert_eq!(masked, String::from_utf8(whole.data).unwrap());
    assert_eq!((masked_report.changes(), masked_report.unknown_members), (32, 0));
    assert_eq!(whole.report.changes(), 32);

    let (line, ..) = joined(redactor(&Policy::new()).in_lines(), text.as_bytes(), 1);
    assert_eq!(line.trim(), text.replace(['\r', '\n'], "").trim());
    assert!(line.ends_with("}\n"));
}

#[test]
fn of_spans_that_are_rejected_no_comma_is_left() {
    let good = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"a"}"#;
    let bad = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0000000000000000","name":"a"}"#;
    for spans in ["gb", "bg", "bgb", "gbbg", "bb", "gbg", "bbgbbgbb", "ggbb"] {
        let all: Vec<&str> = spans.chars().map(|span| if span == 'g' { good } else { bad }).collect();
        let kept = vec![good; spans.matches('g').count()];
        let text = |spans: &[&str]| {
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
        };
        let options = DecodeOptions::default().with_mode(Mode::Strict);
        let redactor = Redactor::with_options(compiled(&Policy::new()), options);
        let (found, ..) = joined(redactor, text(&all).as_bytes(), 1);
        assert_eq!(found, text(&kept), "{spans}");
    }
}

#[test]
fn what_is_repeated_round_parts_is_trusted_no_more_than_what_stands_in_them() {
    let number = "4155550123";
    for resource in [
        r#"{"attributes":4155550123}"#,
        r#"{"attributes":"4155550123"}"#,
        r#"{"attributes":[4155550123]}"#,
        r#"{"droppedAttributesCount":-4155550123}"#,
        r#"{"entityRefs":4155550123}"#,
        "4155550123",
    ] {
        let span = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"a"}"#;
        let scopes = format!(r#""scopeSpans":[{{"spans":[{span},{span},{span}]}}]"#);
        for one in
            [format!(r#""resource":{resource},{scopes}"#), format!(r#"{scopes},"resource":{resource}"#)]
        {
            let text = format!(r#"{{"resourceSpans":[{{{one}}}]}}"#);
            for policy in [Policy::from_preset(Preset::PrivacyMode), Policy::from_preset(Preset::Secrets)] {
                let whole = redactor(&policy).redact_block(text.clone().into_bytes(), Framing::Auto).unwrap();
                let (found, _, blocks) = joined(redactor(&policy), text.as_bytes(), 1);
                assert!(blocks > 1, "{text}");
                assert!(!String::from_utf8(whole.data).unwrap().contains(number), "{text}");
                assert!(!found.contains(number), "{found} of {text}");
                assert_eq!(spans(found.as_bytes()).len(), 3, "{found}");
            }
        }
    }
}
