// node export.mjs PORT [--gzip] [--faulty]
//
// Exports the spans of `spans.mjs` through the OpenTelemetry JS SDK, as OTLP JSON, to http://127.0.0.1:PORT/v1/traces,
// and prints to standard output, as JSON, what a receiver must find in the request. Exits 1 when the export fails.
// `--faulty` sends those spans that the SDK is known to write against the specification, instead of the sound ones.

import { ROOT_CONTEXT, TraceFlags, createTraceState, diag, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { FAULTY_SPANS, LIMITS, RESOURCE, SCOPES, SPANS } from './spans.mjs';

const [port, ...flags] = process.argv.slice(2);
if (!/^\d+$/.test(port ?? '') || flags.some((flag) => flag !== '--gzip' && flag !== '--faulty')) {
  console.error('usage: node export.mjs PORT [--gzip] [--faulty]');
  process.exit(2);
}

// An export that fails is logged by the SDK and goes nowhere else.
let failures = 0;
diag.setLogger({
  error: (...args) => { failures += 1; console.error(...args); },
  warn: () => {},
  info: () => {},
  debug: () => {},
  verbose: () => {},
});

// Hands out the ids of the span that is about to start.
const ids = {
  next: undefined,
  generateTraceId: () => ids.next.traceId,
  generateSpanId: () => ids.next.spanId,
};

const provider = new BasicTracerProvider({
  idGenerator: ids,
  resource: resourceFromAttributes(given(RESOURCE.attributes), { schemaUrl: RESOURCE.schemaUrl }),
  spanLimits: LIMITS,
  spanProcessors: [
    new BatchSpanProcessor(
      new OTLPTraceExporter({
        url: `http://127.0.0.1:${port}/v1/traces`,
        compression: flags.includes('--gzip') ? 'gzip' : 'none',
      }),
    ),
  ],
});

const specs = flags.includes('--faulty') ? FAULTY_SPANS : SPANS;
for (const spec of specs) record(spec);
await provider.forceFlush();
await provider.shutdown();
if (failures > 0) process.exit(1);
process.stdout.write(JSON.stringify(specs.map(expected)));

/// What the SDK is given.
function record(spec) {
  const { name, version, schemaUrl } = SCOPES[spec.scope];
  const tracer = provider.getTracer(name, version, { schemaUrl });
  ids.next = spec;
  const span = tracer.startSpan(
    spec.name,
    { kind: spec.kind, startTime: hrTime(spec.start), attributes: given(spec.attributes ?? []) },
    spec.parent
      ? trace.setSpanContext(ROOT_CONTEXT, spanContext({ traceId: spec.traceId, ...spec.parent }))
      : ROOT_CONTEXT,
  );
  // Beyond the limits the SDK refuses new attributes, and lets the oldest events and links go.
  for (const key of surplus(spec.droppedAttributes)) span.setAttribute(key, key);
  for (const name of surplus(spec.droppedEvents)) span.addEvent(name, hrTime(spec.start));
  for (const event of spec.events ?? []) {
    span.addEvent(event.name, withSurplus(event), hrTime(event.time));
  }
  for (const _ of surplus(spec.droppedLinks)) span.addLink({ context: spanContext(spec) });
  for (const link of spec.links ?? []) {
    span.addLink({ context: spanContext(link), attributes: withSurplus(link) });
  }
  if (spec.status) span.setStatus(spec.status);
  span.end(hrTime(spec.end));
}

/// What must arrive: the model of `../rust/src/model.rs`.
function expected(spec) {
  const scope = SCOPES[spec.scope];
  return {
    resource: { attributes: arriving(RESOURCE.attributes), schema_url: RESOURCE.schemaUrl },
    scope: { name: scope.name, version: scope.version ?? '', schema_url: scope.schemaUrl ?? '' },
    trace_id: spec.traceId,
    span_id: spec.spanId,
    parent_span_id: spec.parent?.spanId ?? '',
    trace_state: spec.traceState ?? '',
    flags: spec.flags,
    name: spec.name,
    kind: spec.wireKind,
    start_time_unix_nano: spec.start,
    end_time_unix_nano: spec.end,
    attributes: arriving(spec.attributes),
    dropped_attributes_count: spec.droppedAttributes ?? 0,
    events: (spec.events ?? []).map((event) => ({
      time_unix_nano: event.time,
      name: event.name,
      attributes: arriving(event.attributes),
      dropped_attributes_count: event.dropped ?? 0,
    })),
    dropped_events_count: spec.droppedEvents ?? 0,
    links: (spec.links ?? []).map((link) => ({
      trace_id: link.traceId,
      span_id: link.spanId,
      trace_state: link.traceState ?? '',
      flags: link.flags,
      attributes: arriving(link.attributes),
      dropped_attributes_count: link.dropped ?? 0,
    })),
    dropped_links_count: spec.droppedLinks ?? 0,
    status: { code: spec.status?.code ?? 0, message: spec.status?.message ?? '' },
  };
}

function given(triples) {
  return Object.fromEntries(triples.map(([key, value]) => [key, value]));
}

function arriving(triples = []) {
  return triples.map(([key, , onTheWire]) => [key, onTheWire]);
}

function withSurplus({ attributes = [], dropped }) {
  return { ...given(attributes), ...Object.fromEntries(surplus(dropped).map((key) => [key, key])) };
}

function surplus(count = 0) {
  return Array.from({ length: count }, (_, i) => `surplus.${i}`);
}

function spanContext({ traceId, spanId, traceState, remote, unsampled }) {
  return {
    traceId,
    spanId,
    traceFlags: unsampled ? TraceFlags.NONE : TraceFlags.SAMPLED,
    isRemote: remote,
    traceState: traceState && createTraceState(traceState),
  };
}

function hrTime(nanos) {
  const n = BigInt(nanos);
  return [Number(n / 1_000_000_000n), Number(n % 1_000_000_000n)];
}
