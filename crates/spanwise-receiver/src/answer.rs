//! What is answered: OTLP/HTTP with JSON (the specification's sections on responses, failures and throttling).
//!
//! Success is `ExportTraceServiceResponse`, everything else `google.rpc.Status`. No answer holds a value or a key of the
//! payload: codes, paths of schema names, offsets and fixed sentences.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use spanwise::{Diagnostic, Text, write_json_string};

/// Seconds after which a refused delivery may be sent again.
const RETRY_SECONDS: &str = "1";

/// What a body is longer than.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The most that is read.
    Body(usize),
    /// The most without its compression.
    Inflated(usize),
    /// The most that a layer in front of the receiver lets through.
    Layer,
    /// The most that is decoded of a document ([`Limits::document_bytes`](spanwise::Limits)).
    Document(usize),
    /// What can be held of it when it is redacted.
    Redacted,
}

impl Bound {
    fn message(self) -> Cow<'static, str> {
        match self {
            Self::Body(most) => format!("the body has more than {most} bytes").into(),
            Self::Inflated(most) => {
                format!("the body has more than {most} bytes without its compression").into()
            }
            Self::Layer => "the body has more bytes than are let through in front of the receiver".into(),
            Self::Document(most) => {
                format!("the body has more than {most} bytes, which are all that is decoded of a document")
                    .into()
            }
            Self::Redacted => format!("the body, redacted, has more than {} bytes of text", Text::MAX).into(),
        }
    }
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All that was sent is stored, or was before.
    Stored,
    /// Some spans were rejected, or there is something to say though none was.
    Partly { rejected: u64, message: String },
    /// The headers hold no secret.
    Unauthorized,
    /// Neither POST nor PUT.
    Method,
    /// There is nothing under this path.
    #[cfg_attr(not(feature = "server"), allow(dead_code, reason = "the server knows paths"))]
    Path,
    /// Whether there is a body is not said.
    Length,
    /// The type of the body.
    Type,
    /// The compression of the body.
    Encoding,
    /// The body cannot be read.
    Invalid { message: String, field: Option<(String, &'static str)> },
    /// The body is longer than the bound.
    TooLarge(Bound),
    /// The body and what is made of it take more memory than there ever is.
    BeyondMemory,
    /// The body comes too slowly.
    TooSlow,
    /// There is no memory for it now.
    Overload,
    /// The store does not take it now.
    Unavailable(&'static str),
    /// A fault of ours.
    Internal,
}

impl Answer {
    /// The document was rejected.
    pub(crate) fn rejected(diagnostic: &Diagnostic) -> Self {
        let message = finding(diagnostic);
        Self::Invalid { message, field: Some((diagnostic.path.clone(), diagnostic.message())) }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Stored | Self::Partly { .. } => StatusCode::OK,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Path => StatusCode::NOT_FOUND,
            Self::Length => StatusCode::LENGTH_REQUIRED,
            Self::Type | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) | Self::BeyondMemory => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Overload => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Why the request is refused, for the log: more than who has no secret is told.
    pub(crate) fn reason(&self) -> Cow<'_, str> {
        match self {
            Self::Unauthorized => "no secret, or a wrong one".into(),
            other => other.words().1,
        }
    }

    /// The code of `google.rpc.Status`, and what it says.
    fn words(&self) -> (u8, Cow<'_, str>) {
        let (code, message) = match self {
            Self::Stored | Self::Partly { .. } | Self::Unauthorized => (0, ""),
            Self::Method => (12, "only POST and PUT are taken"),
            Self::Path => (5, "nothing is taken under this path"),
            Self::Length => (
                3,
                "there is neither Content-Length nor Transfer-Encoding: whether a body follows is not said",
            ),
            Self::Type => (3, "the body must be application/json: set the exporter's protocol to http/json"),
            Self::Encoding => (3, "the body may be compressed with gzip or zstd"),
            Self::Invalid { message, .. } => (3, message.as_str()),
            Self::TooLarge(bound) => return (3, bound.message()),
            Self::BeyondMemory => (
                3,
                "the body and what is made of it take more than all of the receiver's memory_bytes: send less at once",
            ),
            Self::TooSlow => (4, "the body came too slowly"),
            Self::Overload => (8, "too much at once"),
            Self::Unavailable(message) => (14, *message),
            Self::Internal => (13, "internal error"),
        };
        (code, message.into())
    }

    /// The body; empty where there is none.
    fn json(&self) -> Vec<u8> {
        match self {
            Self::Stored => b"{}".to_vec(),
            Self::Partly { rejected, message } => {
                let mut out =
                    format!("{{\"partialSuccess\":{{\"rejectedSpans\":\"{rejected}\",\"errorMessage\":")
                        .into_bytes();
                write_json_string(message, &mut out);
                out.extend_from_slice(b"}}");
                out
            }
            // Who has no secret learns nothing.
            Self::Unauthorized => Vec::new(),
            other => {
                let (code, message) = other.words();
                let mut out = format!("{{\"code\":{code},\"message\":").into_bytes();
                write_json_string(&message, &mut out);
                if let Self::Invalid { field: Some((path, description)), .. } = other {
                    out.extend_from_slice(
                        b",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",",
                    );
                    out.extend_from_slice(b"\"fieldViolations\":[{\"field\":");
                    write_json_string(path, &mut out);
                    out.extend_from_slice(b",\"description\":");
                    write_json_string(description, &mut out);
                    out.extend_from_slice(b"}]}]");
                }
                out.push(b'}');
                out
            }
        }
    }

    /// The whole answer.
    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.json()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        match &self {
            Self::Unauthorized => {
                set(WWW_AUTHENTICATE, "Bearer");
                return response;
            }
            Self::Method => {
                set(ALLOW, "POST, PUT");
            }
            Self::Encoding => {
                set(ACCEPT_ENCODING, "gzip, zstd");
            }
            Self::Overload | Self::Unavailable(_) => {
                set(RETRY_AFTER, RETRY_SECONDS);
            }
            // What follows of the body is not read: the connection cannot go on.
            Self::Length | Self::TooLarge(Bound::Body(_) | Bound::Layer) | Self::TooSlow => {
                set(CONNECTION, "close");
            }
            _ => {}
        }
        set(CONTENT_TYPE, "application/json");
        response
    }
}

/// A finding in a sentence: its code, its place and its meaning.
pub(crate) fn finding(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.code.to_string();
    if !diagnostic.path.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, " at {}", diagnostic.path);
    }
    let _ = write!(text, ", offset {}: {}", diagnostic.offset, diagnostic.message());
    text
}
