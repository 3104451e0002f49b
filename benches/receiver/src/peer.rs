//! A receiver as one would write it with what there is: axum, `serde_json`, `opentelemetry-proto`, Arrow's builders.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow_array::builder::{
    Int64Builder, MapBuilder, StringBuilder, TimestampNanosecondBuilder, UInt32Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Rows that are written at once.
const ROWS: usize = 4096;

/// Serves, and gives the thread that writes: it ends when the runtime is gone.
pub(crate) fn serve(runtime: &Runtime, listener: TcpListener, folder: &Path) -> JoinHandle<()> {
    let (sender, receiver) = sync_channel(64);
    let path = folder.join("spans.parquet");
    let app = Router::new().route("/v1/traces", post(take)).with_state(sender);
    let app = app.layer(axum::extract::DefaultBodyLimit::max(64 << 20));
    runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
    std::thread::spawn(move || write(&receiver, &path))
}

async fn take(
    State(sender): State<SyncSender<ExportTraceServiceRequest>>,
    body: Bytes,
) -> Result<&'static str, StatusCode> {
    let request = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    sender.send(request).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok("{}")
}

#[derive(Default)]
struct Columns {
    texts: [StringBuilder; 9],
    start: TimestampNanosecondBuilder,
    end: TimestampNanosecondBuilder,
    duration: Int64Builder,
    flags: UInt32Builder,
    rows: usize,
}

const TEXTS: [&str; 9] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "status_code",
    "service_name",
    "events",
    "links",
];

struct Table {
    columns: Columns,
    attributes: MapBuilder<StringBuilder, StringBuilder>,
    resource: MapBuilder<StringBuilder, StringBuilder>,
}

fn map() -> MapBuilder<StringBuilder, StringBuilder> {
    MapBuilder::new(None, StringBuilder::new(), StringBuilder::new())
}

impl Table {
    fn new() -> Self {
        Self { columns: Columns::default(), attributes: map(), resource: map() }
    }

    fn add(&mut self, request: ExportTraceServiceRequest) {
        for resource_spans in request.resource_spans {
            let attributes = resource_spans.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = attributes.iter().find(|pair| pair.key == "service.name");
            let service = service.map(|pair| text(pair.value.as_ref())).unwrap_or_default();
            for span in resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let status = span.status.map(|status| status.code).unwrap_or_default().to_string();
                let texts = [
                    hex(&span.trace_id),
                    hex(&span.span_id),
                    hex(&span.parent_span_id),
                    span.name,
                    span.kind.to_string(),
                    status,
                    service.clone(),
                    serde_json::to_string(&span.events).unwrap(),
                    serde_json::to_string(&span.links).unwrap(),
                ];
                for (builder, text) in self.columns.texts.iter_mut().zip(&texts) {
                    builder.append_value(text);
                }
                let (start, end) =
                    (span.start_time_unix_nano.cast_signed(), span.end_time_unix_nano.cast_signed());
                self.columns.start.append_value(start);
                self.columns.end.append_value(end);
                self.columns.duration.append_value(end.saturating_sub(start));
                self.columns.flags.append_value(span.flags);
                self.columns.rows += 1;
                pairs(&mut self.attributes, &span.attributes);
                pairs(&mut self.resource, &attributes);
            }
        }
    }

    fn finish(&mut self) -> RecordBatch {
        let columns = &mut self.columns;
        let mut arrays: Vec<(&str, ArrayRef)> = Vec::new();
        for (name, builder) in TEXTS.iter().zip(&mut columns.texts) {
            arrays.push((name, Arc::new(builder.finish())));
        }
        arrays.push(("start_time", Arc::new(columns.start.finish())));
        arrays.push(("end_time", Arc::new(columns.end.finish())));
        arrays.push(("duration_ns", Arc::new(columns.duration.finish())));
        arrays.push(("flags", Arc::new(columns.flags.finish())));
        arrays.push(("attributes", Arc::new(self.attributes.finish())));
        arrays.push(("resource_attributes", Arc::new(self.resource.finish())));
        columns.rows = 0;
        RecordBatch::try_from_iter(arrays).unwrap()
    }
}

fn pairs(builder: &mut MapBuilder<StringBuilder, StringBuilder>, pairs: &[KeyValue]) {
    for pair in pairs {
        builder.keys().append_value(&pair.key);
        match &pair.value {
            None => builder.values().append_null(),
            Some(AnyValue { value: Some(Value::StringValue(text)) }) => builder.values().append_value(text),
            value => builder.values().append_value(text(value.as_ref())),
        }
    }
    builder.append(true).unwrap();
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(int)) => int.to_string(),
        Some(Value::DoubleValue(double)) => double.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => serde_json::to_string(&other).unwrap(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn write(requests: &Receiver<ExportTraceServiceRequest>, path: &Path) {
    let mut table = Table::new();
    let mut writer: Option<ArrowWriter<File>> = None;
    let mut put = |table: &mut Table| {
        let batch = table.finish();
        let writer = writer.get_or_insert_with(|| {
            let level = Compression::ZSTD(ZstdLevel::default());
            let properties = WriterProperties::builder().set_compression(level).build();
            ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap()
        });
        writer.write(&batch).unwrap();
        if writer.in_progress_size() > 64 << 20 {
            writer.flush().unwrap();
        }
    };
    for request in requests {
        table.add(request);
        if table.columns.rows >= ROWS {
            put(&mut table);
        }
    }
    put(&mut table);
    if let Some(writer) = writer {
        writer.close().unwrap();
    }
}
