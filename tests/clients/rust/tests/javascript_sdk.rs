//! What the OpenTelemetry JS SDK sends is read as what it was given.

use std::path::Path;

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

#[test]
fn plain() -> Result<(), Error> {
    let (request, expected) = export(&[])?;
    assert_eq!(request.header("content-encoding"), None);
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    assert_eq!(expected.len(), 5);
    assert_same("reference", reference::read(&request.content()?)?, expected);
    Ok(())
}

#[test]
fn gzip() -> Result<(), Error> {
    let (request, expected) = export(&["--gzip"])?;
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_same("reference", reference::read(&request.content()?)?, expected);
    Ok(())
}
