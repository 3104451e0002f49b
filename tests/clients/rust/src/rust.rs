//! The OpenTelemetry Rust SDK as a client, with the `http-json` protocol of `opentelemetry-otlp`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Compression, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, SdkTracer, SdkTracerProvider, SpanLimits};

use crate::Error;
use crate::model::{Attributes, Double, Event, Link, Scope, Span, Value};

mod spans;

pub use spans::spans;

const PATIENCE: Duration = Duration::from_secs(30);

/// What [`spans`] fills up where it counts dropped ones.
const LIMITS: SpanLimits = SpanLimits {
    max_attributes_per_span: 14,
    max_events_per_span: 3,
    max_links_per_span: 2,
    max_attributes_per_event: 3,
    max_attributes_per_link: 2,
};

/// Exports [`spans`] to a port of the loopback interface, and gives what must have arrived there.
pub fn export(port: u16, compression: Option<Compression>) -> Result<Vec<Span>, Error> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Socket)
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(format!("http://127.0.0.1:{port}/v1/traces"))
        .with_timeout(PATIENCE);
    if let Some(compression) = compression {
        exporter = exporter.with_compression(compression);
    }
    let spans = spans();
    let resource = spans.first().map(|span| span.resource.clone()).unwrap_or_default();
    let ids = Ids::default();
    let provider = SdkTracerProvider::builder()
        .with_id_generator(ids.clone())
        .with_span_limits(LIMITS)
        .with_resource(
            Resource::builder_empty()
                .with_schema_url(key_values(&resource.attributes)?, resource.schema_url)
                .build(),
        )
        .with_batch_exporter(exporter.build()?)
        .build();
    for span in &spans {
        ids.set_next(span)?;
        record(&tracer(&provider, &span.scope)?, span)?;
    }
    provider.force_flush()?;
    provider.shutdown()?;
    Ok(spans.into_iter().map(as_sent).collect())
}

/// The one thing that does not arrive as it was given: `opentelemetry-proto` writes a double that is not finite as null, and
/// `"doubleValue": null` is an `AnyValue` without a member.
fn as_sent(mut span: Span) -> Span {
    fn nulled(value: &mut Value) {
        match value {
            Value::Double(Double(double)) if !double.is_finite() => *value = Value::Empty,
            Value::Array(values) => values.iter_mut().for_each(nulled),
            _ => {}
        }
    }
    span.attributes.iter_mut().for_each(|(_, value)| nulled(value));
    span
}

fn tracer(provider: &SdkTracerProvider, scope: &Scope) -> Result<SdkTracer, Error> {
    let mut builder = InstrumentationScope::builder(scope.name.clone());
    if !scope.version.is_empty() {
        builder = builder.with_version(scope.version.clone());
    }
    if !scope.schema_url.is_empty() {
        builder = builder.with_schema_url(scope.schema_url.clone());
    }
    Ok(provider.tracer_with_scope(builder.with_attributes(key_values(&scope.attributes)?).build()))
}

/// Gives one span to the SDK, with as many attributes, events and links beyond the limits as the span says were dropped.
fn record(tracer: &SdkTracer, spec: &Span) -> Result<(), Error> {
    let mut parent = Context::new();
    if !spec.parent_span_id.is_empty() {
        let context = span_context(&spec.trace_id, &spec.parent_span_id, &spec.trace_state, spec.flags)?;
        parent = parent.with_remote_span_context(context);
    }
    let mut builder = SpanBuilder::from_name(spec.name.clone())
        .with_start_time(time(spec.start_time_unix_nano))
        .with_attributes(with_surplus(&spec.attributes, spec.dropped_attributes_count)?);
    builder.span_kind = Some(kind(spec.kind)?);
    let mut span = tracer.build_with_context(builder, &parent);
    for Event { time_unix_nano, name, attributes, dropped_attributes_count } in &spec.events {
        let attributes = with_surplus(attributes, *dropped_attributes_count)?;
        span.add_event_with_timestamp(name.clone(), time(*time_unix_nano), attributes);
    }
    for i in 0..spec.dropped_events_count {
        span.add_event(format!("surplus.{i}"), Vec::new());
    }
    for Link { trace_id, span_id, trace_state, flags, attributes, dropped_attributes_count } in &spec.links {
        let attributes = with_surplus(attributes, *dropped_attributes_count)?;
        span.add_link(span_context(trace_id, span_id, trace_state, *flags)?, attributes);
    }
    for _ in 0..spec.dropped_links_count {
        span.add_link(span_context(&spec.trace_id, &spec.span_id, "", 0)?, Vec::new());
    }
    span.set_status(match spec.status.code {
        0 => Status::Unset,
        1 => Status::Ok,
        _ => Status::error(spec.status.message.clone()),
    });
    span.end_with_timestamp(time(spec.end_time_unix_nano));
    Ok(())
}

fn kind(number: i32) -> Result<SpanKind, Error> {
    Ok(match number {
        1 => SpanKind::Internal,
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        other => return Err(format!("no span kind {other}").into()),
    })
}

fn span_context(trace_id: &str, span_id: &str, trace_state: &str, flags: u32) -> Result<SpanContext, Error> {
    let sampled = if flags & 1 == 1 { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let is_remote = flags & 0x200 != 0;
    let trace_id = TraceId::from_hex(trace_id)?;
    Ok(SpanContext::new(trace_id, SpanId::from_hex(span_id)?, sampled, is_remote, trace_state.parse()?))
}

fn time(unix_nano: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nano)
}

fn with_surplus(attributes: &Attributes, count: u32) -> Result<Vec<KeyValue>, Error> {
    let mut pairs = key_values(attributes)?;
    pairs.extend((0..count).map(|i| KeyValue::new(format!("surplus.{i}"), true)));
    Ok(pairs)
}

fn key_values(attributes: &Attributes) -> Result<Vec<KeyValue>, Error> {
    attributes
        .iter()
        .map(|(key, value)| {
            let value = match value {
                Value::String(text) => text.clone().into(),
                Value::Bool(truth) => (*truth).into(),
                Value::Int(int) => (*int).into(),
                Value::Double(double) => double.0.into(),
                Value::Array(values) => opentelemetry::Value::Array(array(values)?),
                Value::Empty => return Err("the Rust SDK has no empty value".into()),
            };
            Ok(KeyValue::new(key.clone(), value))
        })
        .collect()
}

/// An array of one type, which its first element gives.
fn array(values: &[Value]) -> Result<Array, Error> {
    macro_rules! of {
        ($array:ident, $pattern:pat => $element:expr) => {
            Array::$array(
                values
                    .iter()
                    .map(|value| match value {
                        $pattern => Ok($element),
                        _ => Err("the Rust SDK has no arrays of mixed types"),
                    })
                    .collect::<Result<_, _>>()?,
            )
        };
    }
    Ok(match values.first() {
        Some(Value::Bool(_)) => of!(Bool, Value::Bool(truth) => *truth),
        Some(Value::Int(_)) => of!(I64, Value::Int(int) => *int),
        Some(Value::Double(_)) => of!(F64, Value::Double(Double(double)) => *double),
        _ => of!(String, Value::String(text) => text.clone().into()),
    })
}

/// Gives the ids of the span that is about to start.
#[derive(Clone, Debug)]
struct Ids(Arc<Mutex<(TraceId, SpanId)>>);

impl Default for Ids {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((TraceId::INVALID, SpanId::INVALID))))
    }
}

impl Ids {
    fn set_next(&self, span: &Span) -> Result<(), Error> {
        let ids = (TraceId::from_hex(&span.trace_id)?, SpanId::from_hex(&span.span_id)?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ids;
        Ok(())
    }

    fn next(&self) -> (TraceId, SpanId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        self.next().0
    }

    fn new_span_id(&self) -> SpanId {
        self.next().1
    }
}

/// Sends a request over a socket of its own. The exporter decides on URL, headers and body; only the transport is ours.
#[derive(Debug)]
struct Socket;

#[async_trait::async_trait]
impl HttpClient for Socket {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri();
        let authority = uri.authority().ok_or("the URL names no host")?;
        let mut message = Vec::new();
        write!(message, "{} {} HTTP/1.1\r\nHost: {authority}\r\n", request.method(), uri.path())?;
        for (name, value) in request.headers() {
            write!(message, "{name}: {}\r\n", value.to_str()?)?;
        }
        write!(message, "Connection: close\r\nContent-Length: {}\r\n\r\n", request.body().len())?;
        message.extend_from_slice(request.body());

        let mut stream = TcpStream::connect(authority.as_str())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&message)?;
        // The other side closes the connection after its answer, as it was asked to.
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head in the answer")?;
        let status = head.split(' ').nth(1).ok_or("no status in the answer")?;
        Ok(Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes()))?)
    }
}
