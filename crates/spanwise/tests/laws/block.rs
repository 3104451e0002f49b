//! A block of lines is what its lines are, each decoded alone.

use proptest::prelude::*;
use spanwise::{Code, Decoder, Diagnostic, Framing, Mode, Severity, SpanBatch, encode};
use spanwise_testgen::Dialect;

use super::{SAMPLES, any_input, damaged, damages, fresh, made_lines, options, runs};

fn block(text: &[u8], framing: Framing, mode: Mode) -> SpanBatch {
    let mut batch = SpanBatch::new();
    Decoder::new(options(mode)).decode_block(text.to_vec(), framing, &mut batch).unwrap();
    batch
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// What must be the same of a finding: all but where in the file it stands.
fn key(found: &Diagnostic, from: usize) -> (Severity, Code, String, u64) {
    (found.severity, found.code, found.path.clone(), found.offset + from as u64)
}

/// A line without its end, which is no part of what it says.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Lines framing against every line alone. Of a rejected line, the block also keeps the warnings before the error.
pub(crate) fn check_lines(text: &[u8], mode: Mode) -> Result<(), TestCaseError> {
    let whole = block(text, Framing::Lines, mode);
    if is_blank(text) {
        prop_assert_eq!(whole.len(), 0);
        return Ok(());
    }
    let is_empty = is_blank(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
    let mut findings =
        whole.diagnostics().filter(|found| !matches!(found.code, Code::BlankLine | Code::MixedSignals));
    let mut spans = whole.spans();
    let (mut from, mut documents, mut bad, mut rejected, mut others) = (0, 0, 0, 0, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if !is_blank(line) {
            match fresh(if is_empty { line } else { content(line) }, options(mode)) {
                Ok(alone) => {
                    // A byte order mark on a line of its own leaves a blank line.
                    let kept = alone
                        .diagnostics()
                        .filter(|found| is_empty || from > 0 || found.code != Code::EmptyInput);
                    for expected in kept {
                        let found = findings.next().map(|found| key(&found, 0));
                        // That there is nothing shows at the end of all.
                        let is_of_all = expected.code == Code::EmptyInput && is_empty;
                        let line_at = if is_of_all { text.len() - line.len() } else { from };
                        prop_assert_eq!(found, Some(key(&expected, line_at)));
                    }
                    for expected in alone.spans() {
                        let span = spans.next().unwrap();
                        prop_assert!(span == expected && span.scope() == expected.scope());
                        prop_assert!(span.resource() == expected.resource());
                    }
                    documents += alone.documents().len();
                    rejected += alone.rejected_spans();
                    others += alone.other_signals();
                }
                Err(error) => {
                    let expected = key(error.diagnostic(), from);
                    prop_assert!(findings.any(|found| key(&found, 0) == expected), "{:?}", expected);
                    bad += 1;
                }
            }
        }
        from += line.len();
    }
    prop_assert!(findings.next().is_none() && spans.next().is_none());
    prop_assert_eq!(
        (whole.documents().len(), whole.bad_documents(), whole.rejected_spans(), whole.other_signals()),
        (documents, bad, rejected, others)
    );
    let of_documents: u64 = whole.documents().iter().map(|row| u64::from(row.spans.len)).sum();
    prop_assert_eq!(of_documents, whole.len() as u64);
    for row in whole.documents() {
        let bytes = row.bytes.range();
        let ends = (text[bytes.start], text[bytes.end - 1]);
        let brackets = ends == (b'{', b'}') || ends == (b'[', b']');
        prop_assert!(brackets);
    }
    Ok(())
}

/// Auto is lines if the first line that is not blank holds a whole JSON value and more follows, but for a bracket alone in its
/// line; documents otherwise.
pub(crate) fn check_auto(text: &[u8], mode: Mode) -> Result<(), TestCaseError> {
    let mut rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if rest.len() < text.len() && mode == Mode::Strict {
        // The mark has cost the first line before the framing is decided.
        return Ok(());
    }
    let mut first: &[u8] = b"";
    while let Some(line) = rest.split_inclusive(|byte| *byte == b'\n').next() {
        rest = &rest[line.len()..];
        if !is_blank(line) {
            first = line;
            break;
        }
    }
    let next = rest.split_inclusive(|byte| *byte == b'\n').find(|line| !is_blank(line)).unwrap_or_default();
    let next = &next[next.iter().position(|byte| !is_blank(&[*byte])).unwrap_or(0)..];
    let opens = [&b"{\n"[..], b"{\r\n", b"[\n", b"[\r\n"].contains(&next);
    let whole = serde_json::from_slice::<serde_json::Value>(first).is_ok();
    let broken = fresh(first, options(mode))
        .is_err_and(|error| error.diagnostic().code.layer() == spanwise::Layer::Syntax);
    let expected = match (whole, broken) {
        (true, _) if !is_blank(rest) && !opens => Framing::Lines,
        (false, false) => return Ok(()),
        _ => Framing::Documents,
    };
    let auto = block(text, Framing::Auto, mode);
    let as_expected = block(text, expected, mode);
    prop_assert_eq!(
        auto.diagnostics().collect::<Vec<_>>(),
        as_expected.diagnostics().collect::<Vec<_>>(),
        "{:?}",
        expected
    );
    prop_assert_eq!(auto.documents(), as_expected.documents());
    prop_assert!(auto == as_expected);
    Ok(())
}

/// Whatever the framing, what was read can be written and read again.
pub(crate) fn check_framings(text: &[u8], mode: Mode) -> Result<(), TestCaseError> {
    for framing in [Framing::Auto, Framing::Lines, Framing::Documents] {
        let batch = block(text, framing, mode);
        let json = encode(&batch);
        let again = fresh(&json, options(Mode::Lenient));
        prop_assert!(again.is_ok_and(|again| again == batch), "{}", String::from_utf8_lossy(&json));
    }
    Ok(())
}

/// All of the above for one block, in both modes.
pub(crate) fn check(text: &[u8]) -> Result<(), TestCaseError> {
    for mode in [Mode::Strict, Mode::Lenient] {
        check_lines(text, mode)?;
        check_auto(text, mode)?;
        check_framings(text, mode)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(runs(300))]

    #[test]
    fn lines_are_what_each_is_alone(text in made_lines(Dialect::STRICT)) {
        check(&text)?;
    }

    #[test]
    fn odd_lines_are_what_each_is_alone(text in made_lines(Dialect::LENIENT)) {
        check(&text)?;
    }

    #[test]
    fn damaged_lines_are_what_each_is_alone(text in made_lines(Dialect::LENIENT), damages in damages()) {
        check(&damaged(text.0, &damages))?;
    }

    #[test]
    fn documents_of_any_layout_can_be_written(text in any_input()) {
        check(&text)?;
    }
}

#[test]
fn a_mark_and_blank_lines_are_what_they_are_alone() {
    for text in ["\u{feff}", "\u{feff}\n", "\u{feff}\n\n", "\u{feff} \n \r\n\n"] {
        let checked = check(text.as_bytes());
        assert!(checked.is_ok(), "{text:?}: {checked:?}");
    }
}

#[test]
fn samples_of_lines_are_what_each_is_alone() {
    for sample in SAMPLES.iter().filter(|sample| sample.is_lines()) {
        let checked = check(&sample.bytes);
        assert!(checked.is_ok(), "{}: {checked:?}", sample.name);
    }
}

#[test]
fn a_torn_line_is_told_of_where_it_ends() {
    let good = r#"{"resourceSpans":[]}"#;
    for (torn, code) in [
        (r#"{"resourceSpans":["#, Code::UnexpectedEnd),
        (r#"{"resourceSpans":[{"schemaUrl":"u"#, Code::UnexpectedEnd),
    ] {
        for end in ["\n", "\r\n"] {
            for mode in [Mode::Strict, Mode::Lenient] {
                let text = format!("{good}{end}{torn}{end}{good}{end}");
                let block = block(text.as_bytes(), Framing::Auto, mode);
                let found: Vec<_> =
                    block.diagnostics().map(|found| (found.code, found.line, found.column)).collect();
                assert_eq!(found, [(code, 2, torn.len() as u64 + 1)], "{text:?}");
                assert_eq!((block.documents().len(), block.bad_documents()), (2, 1));
            }
        }
    }
}
