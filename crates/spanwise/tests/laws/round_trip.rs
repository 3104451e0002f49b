//! Writing and reading again gives the same batch, and what strict mode accepts lenient mode reads the same.

use proptest::prelude::*;
use serde_json::Value;
use spanwise::{AttributesRef, Code, Limits, Mode, Severity, SpanBatch, ValueRef, encode};
use spanwise_testgen::Dialect;

use super::{any_input, fresh, made, options, runs};

/// The canonical form of a plain value or of null is a level deeper: what was read at the very bound is written beyond it.
fn deepest() -> Limits {
    Limits { depth: 1024, ..Limits::default() }
}

/// Whether all keys of the list, and of lists within it, are unlike each other and not empty.
fn keys_are_valid(list: AttributesRef<'_>) -> bool {
    let mut keys: Vec<_> = list.iter().map(spanwise::AttributeRef::key).collect();
    keys.sort();
    keys.windows(2).all(|pair| pair[0] != pair[1])
        && keys.first().is_none_or(|key| !key.is_empty())
        && list.iter().all(|attribute| value_is_valid(&attribute.value()))
}

fn value_is_valid(value: &ValueRef<'_>) -> bool {
    match value {
        ValueRef::Array(elements) => elements.iter().all(|element| value_is_valid(&element)),
        ValueRef::KvList(members) => keys_are_valid(*members),
        _ => true,
    }
}

/// Whether ids and keys are such that strict mode can accept the batch when it is written.
fn is_valid(batch: &SpanBatch) -> bool {
    let id = |text: &str, digits: usize| {
        text.is_empty() || text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    batch.resources().all(|resource| keys_are_valid(resource.attributes()))
        && batch.scope_rows().iter().all(|row| row.attributes.len == 0 || !batch.is_empty())
        && batch.spans().all(|span| {
            span.ids_valid()
                && id(&span.parent_span_id(), 16)
                && keys_are_valid(span.attributes())
                && keys_are_valid(span.scope().attributes())
                && span.events().all(|event| keys_are_valid(event.attributes()))
                && span.links().all(|link| {
                    id(&link.trace_id(), 32) && id(&link.span_id(), 16) && keys_are_valid(link.attributes())
                })
        })
}

/// `decode(encode(b)) == b`, and strict mode takes what is written.
pub(crate) fn check(text: &[u8]) -> Result<(), TestCaseError> {
    let Ok(batch) = fresh(text, options(Mode::Lenient)) else { return Ok(()) };
    let json = encode(&batch);
    let shown = String::from_utf8_lossy(&json).into_owned();
    if let Err(error) = serde_json::from_slice::<Value>(&json) {
        prop_assert!(error.to_string().starts_with("recursion limit"), "{}: {}", error, shown);
    }
    let again = fresh(&json, options(Mode::Lenient).with_limits(deepest()));
    prop_assert!(again.as_ref().is_ok_and(|again| *again == batch), "{:?}: {}", again.err(), shown);
    prop_assert_eq!(encode(&again.unwrap()), json.clone(), "writing is a fixed point");
    let strict = fresh(&json, options(Mode::Strict).with_limits(deepest()));
    prop_assert!(strict.is_ok(), "{:?}", strict.err());
    let strict = strict.unwrap();
    let strange = strict.diagnostics().find(|found| !may_survive(found.code));
    prop_assert!(strange.is_none(), "{:?}: {}", strange, shown);
    if is_valid(&batch) {
        let errors: Vec<_> = strict
            .diagnostics()
            .filter(|found| found.severity == Severity::Error && !found.path.contains(".scope.attributes"))
            .collect();
        prop_assert!(errors.is_empty(), "{:?}: {}", errors, shown);
    }
    Ok(())
}

/// Findings that are about what was said and not about how it was written.
fn may_survive(code: Code) -> bool {
    matches!(
        code,
        Code::AttributeKeyDuplicate
            | Code::AttributeKeyEmpty
            | Code::TraceIdEmpty
            | Code::SpanIdEmpty
            | Code::TraceIdZero
            | Code::SpanIdZero
            | Code::TraceIdLength
            | Code::SpanIdLength
            | Code::IdText
            | Code::SpanNameEmpty
            | Code::EndBeforeStart
            | Code::EntityRefType
    )
}

/// What strict mode accepts without an error, lenient mode reads the same.
pub(crate) fn check_modes(text: &[u8]) -> Result<bool, TestCaseError> {
    let Ok(strict) = fresh(text, options(Mode::Strict)) else { return Ok(false) };
    let ignored = strict.diagnostics().any(|found| {
        found.severity == Severity::Error
            || matches!(
                found.code,
                Code::SnakeCaseKey | Code::DeprecatedKey | Code::BareResourceSpans | Code::TempoBatches
            )
    });
    if ignored {
        return Ok(false);
    }
    let lenient = fresh(text, options(Mode::Lenient));
    prop_assert!(lenient.as_ref().is_ok_and(|lenient| *lenient == strict), "{:?}", lenient.err());
    let lenient = lenient.unwrap();
    prop_assert_eq!(lenient.sources(), strict.sources());
    Ok(true)
}

proptest! {
    #![proptest_config(runs(400))]

    #[test]
    fn what_is_written_reads_the_same(text in any_input()) {
        check(&text)?;
    }

    #[test]
    fn lenient_mode_reads_what_strict_mode_accepts(text in made(Dialect::STRICT)) {
        check_modes(&text)?;
    }

    #[test]
    fn lenient_mode_reads_odd_input_as_strict_mode_does(text in any_input()) {
        check_modes(&text)?;
    }
}
