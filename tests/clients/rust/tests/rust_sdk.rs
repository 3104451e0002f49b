//! What the OpenTelemetry Rust SDK sends is read as what it was given.

use opentelemetry_otlp::Compression;
use spanwise::Mode;
use spanwise_client_tests::listener::{Listener, Request};
use spanwise_client_tests::model::{Span, assert_same};
use spanwise_client_tests::{Error, decoded, reference, rust};

fn export(compression: Option<Compression>) -> Result<(Request, Vec<Span>), Error> {
    let listener = Listener::start()?;
    let expected = rust::export(listener.port(), compression)?;
    let [request] = <[Request; 1]>::try_from(listener.finish()?).map_err(|all| format!("{all:?}"))?;
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/traces"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    Ok((request, expected))
}

fn assert_read_as(body: &[u8], expected: &[Span]) -> Result<(), Error> {
    assert_eq!(expected.len(), 5);
    assert_same("serde_json", reference::read(body)?, expected);
    for mode in [Mode::Strict, Mode::Lenient] {
        let decoded = decoded::read(body, mode)?;
        assert_eq!(decoded.rejected_spans, 0, "{mode:?}");
        assert_eq!(decoded.findings, [], "{mode:?}");
        assert_same(&format!("spanwise, {mode:?}"), decoded.spans, expected);
    }
    Ok(())
}

#[test]
fn plain() -> Result<(), Error> {
    let (request, expected) = export(None)?;
    assert_read_as(&request.content()?, &expected)
}

#[test]
fn gzip() -> Result<(), Error> {
    let (request, expected) = export(Some(Compression::Gzip))?;
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_read_as(&request.content()?, &expected)
}
