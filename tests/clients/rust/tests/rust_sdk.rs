//! What the OpenTelemetry Rust SDK sends is read as what it was given.

use opentelemetry_otlp::Compression;
use spanwise_client_tests::listener::{Listener, Request};
use spanwise_client_tests::model::{Span, assert_same};
use spanwise_client_tests::{Error, reference, rust};

fn export(compression: Option<Compression>) -> Result<(Request, Vec<Span>), Error> {
    let listener = Listener::start()?;
    let expected = rust::export(listener.port(), compression)?;
    let [request] = <[Request; 1]>::try_from(listener.finish()?).map_err(|all| format!("{all:?}"))?;
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/traces"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    Ok((request, expected))
}

#[test]
fn plain() -> Result<(), Error> {
    let (request, expected) = export(None)?;
    assert_eq!(expected.len(), 5);
    assert_same("reference", reference::read(&request.content()?)?, expected);
    Ok(())
}

#[test]
fn gzip() -> Result<(), Error> {
    let (request, expected) = export(Some(Compression::Gzip))?;
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_same("reference", reference::read(&request.content()?)?, expected);
    Ok(())
}
