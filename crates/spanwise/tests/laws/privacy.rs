//! Nothing that is shown of a finding holds a text, key or number of the user's.

use proptest::prelude::*;
use spanwise::{Code, DecodeOptions, Decoder, Diagnostic, Framing, Limits, Mode, SpanBatch};
use spanwise_testgen::Dialect;

use super::{any_input, damaged_document, made, made_lines, runs};

/// The words that an excerpt may show: those of the schema, in any spelling, and JSON's literals.
const WORDS: &str = "resourcespans batches resourcelogs resourcemetrics resourceprofiles resource scopespans \
    instrumentationlibraryspans schemaurl scope instrumentationlibrary spans traceid spanid parentspanid tracestate \
    flags name kind starttimeunixnano endtimeunixnano attributes events links droppedattributescount \
    droppedeventscount droppedlinkscount status timeunixnano message code entityrefs type idkeys descriptionkeys \
    version key value keystrindex stringvalue boolvalue intvalue doublevalue arrayvalue kvlistvalue bytesvalue \
    stringvaluestrindex values true false null";

/// What stands in `text` besides structure and the words above.
fn foreign(text: &str) -> Option<String> {
    text.split(|character| "{}[]:,\"… ^".contains(character))
        .map(|word| word.replace('_', "").to_lowercase())
        .find(|word| !is_literals(word) && !WORDS.split_ascii_whitespace().any(|known| known == word))
}

/// Where damage took what parts them, literals stand behind each other.
fn is_literals(word: &str) -> bool {
    let mut rest = word;
    while let Some(next) = ["true", "false", "null"].iter().find_map(|literal| rest.strip_prefix(literal)) {
        rest = next;
    }
    rest.is_empty()
}

fn check_diagnostic(found: &Diagnostic) -> Result<(), TestCaseError> {
    let rendered = found.to_string();
    for line in rendered.lines().filter_map(|line| line.strip_prefix("  | ")) {
        prop_assert_eq!(foreign(line), None, "{}", rendered);
        prop_assert!(line.chars().count() <= 82, "{}", rendered);
    }
    let mut path = found.path.replace(|character: char| character.is_ascii_digit(), "").replace("[]", "");
    path = path.replace('.', " ");
    prop_assert_eq!(foreign(&path), None, "{}", found.path);
    Ok(())
}

/// The law for one input, in both modes, alone and as a block, within small bounds and the default ones.
pub(crate) fn check(text: &[u8], canaries: bool) -> Result<(), TestCaseError> {
    let small = Limits { depth: 9, spans: 1, attributes: 3, string_bytes: 20, ..Limits::default() };
    for mode in [Mode::Strict, Mode::Lenient] {
        for limits in [Limits::default(), small] {
            let mut decoder = Decoder::new(DecodeOptions::default().with_mode(mode).with_limits(limits));
            let mut batch = SpanBatch::new();
            let mut shown = String::new();
            if let Err(error) = decoder.decode(text.to_vec(), &mut batch) {
                check_diagnostic(error.diagnostic())?;
                shown = format!("{error}{error:?}");
            }
            let mut findings: Vec<_> = batch.diagnostics().collect();
            for framing in [Framing::Lines, Framing::Documents] {
                decoder.decode_block(text.to_vec(), framing, &mut batch).unwrap();
                findings.extend(batch.diagnostics());
            }
            for found in findings {
                check_diagnostic(&found)?;
                if canaries {
                    shown += &format!("{found}{found:?}");
                }
            }
            if canaries {
                prop_assert!(!shown.contains(['Q', 'X']) && !shown.contains("ZZ"), "{}", shown);
            }
        }
    }
    Ok(())
}

#[test]
fn no_message_holds_a_letter_of_the_canaries() {
    for code in Code::ALL {
        let text = format!("{code:?} {code} {}", code.message());
        assert!(!text.contains(['Q', 'X']) && !text.contains("ZZ"), "{text}");
    }
}

#[test]
fn the_check_finds_what_it_looks_for() {
    assert_eq!(foreign(r#"{"key":"…","value":{"intValue":…}}"#), None);
    assert_eq!(foreign("[nulltrue ,false]"), None);
    assert_eq!(foreign("[nulltruejoe]"), Some("nulltruejoe".into()));
    assert_eq!(foreign(r#"{"key":"joe"}"#), Some("joe".into()));
    assert_eq!(foreign(r#"{"key":41}"#), Some("41".into()));
}

proptest! {
    #![proptest_config(runs(200))]

    #[test]
    fn no_finding_shows_a_canary(text in made(Dialect::CANARIES)) {
        check(&text, true)?;
    }

    #[test]
    fn no_finding_about_damaged_text_shows_a_canary(text in damaged_document(Dialect::CANARIES)) {
        check(&text, true)?;
    }

    #[test]
    fn no_finding_about_lines_shows_a_canary(text in made_lines(Dialect::CANARIES)) {
        check(&text, true)?;
    }

    #[test]
    fn no_finding_shows_a_word_that_is_not_of_the_schema(text in any_input()) {
        check(&text, false)?;
    }
}
