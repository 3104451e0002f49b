//! What the OpenTelemetry JS SDK sends is read as what it was given.

use std::path::Path;

use spanwise::{Code, Mode, Severity};
use spanwise_client_tests::decoded::{self, Finding};
use spanwise_client_tests::listener::{Listener, Request};
use spanwise_client_tests::model::{Span, assert_same};
use spanwise_client_tests::{Error, javascript, reference};

fn export(options: &[&str]) -> Result<(Request, Vec<Span>), Error> {
    javascript::install(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    let listener = Listener::start()?;
    let expected = javascript::export(listener.port(), options)?;
    let [request] = <[Request; 1]>::try_from(listener.finish()?).map_err(|all| format!("{all:?}"))?;
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/traces"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    Ok((request, expected))
}

/// The SDK repeats the schema URL inside the resource, where OTLP has no such member. (A path never spells an unknown name.)
fn misplaced_schema_url() -> Finding {
    (Severity::Warning, Code::UnknownMember, "resourceSpans[0].resource".into())
}

fn assert_read_as(body: &[u8], expected: &[Span]) -> Result<(), Error> {
    assert_eq!(expected.len(), 5);
    assert_same("serde_json", reference::read(body)?, expected);
    for mode in [Mode::Strict, Mode::Lenient] {
        let decoded = decoded::read(body, mode)?;
        assert_eq!(decoded.rejected_spans, 0, "{mode:?}");
        assert_eq!(decoded.findings, [misplaced_schema_url()], "{mode:?}");
        assert_same(&format!("spanwise, {mode:?}"), decoded.spans, expected);
    }
    Ok(())
}

#[test]
fn plain() -> Result<(), Error> {
    let (request, expected) = export(&[])?;
    assert_eq!(request.header("content-encoding"), None);
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    assert_read_as(&request.content()?, &expected)
}

#[test]
fn gzip() -> Result<(), Error> {
    let (request, expected) = export(&["--gzip"])?;
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_read_as(&request.content()?, &expected)
}

/// Integers beyond int64, which the SDK sends as they are: strict mode refuses the span, lenient mode keeps the digits as text.
#[test]
fn integers_beyond_int64() -> Result<(), Error> {
    let (request, expected) = export(&["--faulty"])?;
    let body = request.content()?;
    let attribute =
        |index| format!("resourceSpans[0].scopeSpans[0].spans[0].attributes[{index}].value.intValue");

    let strict = decoded::read(&body, Mode::Strict)?;
    assert_same("spanwise, strict", strict.spans, &[]);
    assert_eq!(strict.rejected_spans, 1);
    let errors = strict.findings.into_iter().filter(|(severity, ..)| *severity == Severity::Error);
    assert_eq!(
        errors.collect::<Vec<_>>(),
        [1, 2].map(|index| (Severity::Error, Code::IntRange, attribute(index)))
    );

    let lenient = decoded::read(&body, Mode::Lenient)?;
    assert_same("spanwise, lenient", lenient.spans, &expected);
    assert_eq!(lenient.rejected_spans, 0);
    let mut findings = vec![misplaced_schema_url()];
    findings.extend([1, 2].map(|index| (Severity::Warning, Code::IntRange, attribute(index))));
    assert_eq!(lenient.findings, findings);
    Ok(())
}
