"""OTLP documents that follow the schema and break it: an answer or a documented error, never another one.

`HOSTILE_TIMES=50` tries fifty times as many.
"""

import json
import os
import warnings

import pytest
import spanwise
from hypothesis import example, given, settings
from hypothesis import strategies as st

CANARY = "QXZ"
TIMES = int(os.environ.get("HOSTILE_TIMES", "1"))

numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["NaN", "-Infinity", "1e400", "0x1", "", "007", "1.50e1", "9" * 30]),
)
texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["chat", "gen_ai.prompt", "gen_ai.input.messages", "service.name", "[REDACTED:content]", "\ud800"]),
)
# What stands where something else should.
wrong = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
ids = st.one_of(
    st.sampled_from(["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "", "0" * 32, "t6iW==", "x"]),
    st.binary(min_size=8, max_size=16).map(bytes.hex),
)


def mostly(value: st.SearchStrategy) -> st.SearchStrategy:
    """What should stand there, and sometimes something else."""
    return st.integers(0, 19).flatmap(lambda chance: wrong if chance == 19 else value)


def message(**fields: st.SearchStrategy) -> st.SearchStrategy:
    """The fields but for one or two, and sometimes a member that OTLP does not know."""
    return st.builds(
        lambda known, left_out, more: {**more, **{name: known[name] for name in known if name not in left_out}},
        st.fixed_dictionaries({name: mostly(value) for name, value in fields.items()}),
        st.sets(st.sampled_from(sorted(fields)), max_size=2),
        st.one_of(st.just({}), st.just({}), st.dictionaries(texts, wrong, max_size=1)),
    )


def only(name: str, value: st.SearchStrategy) -> st.SearchStrategy:
    """The one field of a message."""
    return st.fixed_dictionaries({name: mostly(value)})


def attributes(value: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(st.fixed_dictionaries({"key": mostly(texts), "value": mostly(value)}), max_size=4)


plain = [
    only("stringValue", texts),
    only("boolValue", st.booleans()),
    only("intValue", numbers),
    only("doubleValue", numbers),
    only("bytesValue", texts),
    message(stringValue=texts, intValue=numbers, doubleValue=numbers),
]
values = st.recursive(
    st.one_of(plain),
    lambda inner: st.one_of(
        only("arrayValue", only("values", st.lists(inner, max_size=3))),
        only("kvlistValue", only("values", attributes(inner))),
    ),
    max_leaves=6,
)
lists = attributes(values)
events = st.lists(
    message(name=texts, timeUnixNano=numbers, attributes=lists, droppedAttributesCount=numbers), max_size=2
)
links = st.lists(message(traceId=ids, spanId=ids, traceState=texts, flags=numbers, attributes=lists), max_size=2)
spans = message(
    traceId=ids,
    spanId=ids,
    parentSpanId=ids,
    traceState=texts,
    name=texts,
    kind=numbers,
    startTimeUnixNano=numbers,
    endTimeUnixNano=numbers,
    attributes=lists,
    events=events,
    links=links,
    status=message(code=numbers, message=texts),
)
scopes = st.fixed_dictionaries(
    {"spans": mostly(st.lists(spans, min_size=1, max_size=2))},
    optional={"scope": mostly(message(name=texts, version=texts, attributes=lists)), "schemaUrl": mostly(texts)},
)
entities = st.lists(message(type=texts, idKeys=st.lists(texts, max_size=2)), max_size=1)
resources = st.fixed_dictionaries(
    {"scopeSpans": mostly(st.lists(scopes, min_size=1, max_size=2))},
    optional={"resource": mostly(message(attributes=lists, entityRefs=entities))},
)
requests = only("resourceSpans", st.lists(resources, min_size=1, max_size=2))
damages = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=2)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """A document or some lines of them, damaged or not."""
    documents = draw(st.lists(requests, min_size=1, max_size=2))
    text = "\n".join(json.dumps(document, ensure_ascii=draw(st.booleans())) for document in documents)
    data = bytearray(text.encode(errors="surrogatepass"))
    for at, byte in draw(st.one_of(st.just([]), damages)):
        data[at % len(data)] = byte
    return bytes(data)


def touch(batch: spanwise.SpanBatch) -> None:
    """Reads everything that a batch has."""
    for span in batch:
        assert isinstance(span.trace_id, str) and isinstance(span.attributes, dict)
        assert len(span.attributes) <= len(span.attribute_items)
        assert span.duration_ns >= 0
        assert (span.start_time is None) == (span.start_time_unix_nano == 0)
        for event in span.events:
            assert isinstance(event.name, str) and isinstance(event.attributes, dict)
        for link in span.links:
            assert isinstance(link.span_id, str) and isinstance(link.attributes, dict)
        assert isinstance(span.status.message, str) and isinstance(span.kind, int)
        assert isinstance(span.resource.attributes, dict) and isinstance(span.scope.attributes, dict)
    assert spanwise.decode(batch.to_json()).to_json() == batch.to_json()
    for found in batch.diagnostics:
        assert found.severity in ("error", "warning") and found.line > 0 and str(found)


@settings(max_examples=60 * TIMES, deadline=None)
@given(payloads(), st.sampled_from(["strict", "lenient"]))
@example(b"", "lenient")
def test_a_document_is_read_or_refused(payload, mode):
    try:
        batch = spanwise.decode(payload, mode=mode)
    except spanwise.DecodeError as error:
        assert error.code and 0 <= error.offset <= len(payload) and error.line > 0 and error.column > 0
    else:
        touch(batch)
        assert len(batch) == batch.to_table().num_rows


@settings(max_examples=60 * TIMES, deadline=None)
@given(payloads(), st.sampled_from(["map", "typed"]), st.sampled_from(["strict", "lenient"]))
def test_a_stream_becomes_a_table(payload, layout, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", spanwise.SpanwiseWarning)
        table = spanwise.read(payload, layout=layout, mode=mode, promote={"service.name": "string", "n": "int64"})
        parts = [part.num_rows for part in spanwise.scan(payload, layout=layout, mode=mode, batch_size=1)]
    table.to_pyarrow().validate(full=True)
    assert table.num_rows == sum(parts) == spanwise.validate(payload, mode=mode).spans


@settings(max_examples=60 * TIMES, deadline=None)
@given(payloads())
def test_what_is_redacted_holds_nothing_of_it(payload):
    payload = payload.replace(b"chat", CANARY.encode())
    places = ("span_name", "event_name", "scope_name", "status_message", "trace_state", "schema")
    policy = spanwise.Policy(mode="allow", unknown="drop", text=dict.fromkeys(places, "mask"))
    try:
        data = spanwise.redact(payload, policy)
    except spanwise.DecodeError:
        pass
    else:
        assert CANARY.encode() not in data
        assert CANARY not in json.dumps(json.loads(data), ensure_ascii=False)
        assert spanwise.redact(data, policy) == data
        touch(spanwise.decode(data))


@settings(max_examples=60 * TIMES, deadline=None)
@given(st.text(alphabet='{}()|&=!<>~."abk:0159s -^+*/%', max_size=40))
def test_a_query_is_read_or_refused_at_its_column(query):
    index = spanwise.Index()
    index.add(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","attributes":[{"key":"k"}]}]}]}]}')
    try:
        rows = index.query(query).num_rows
    except spanwise.QueryError as error:
        assert 1 <= error.column <= len(query) + 1
    else:
        assert rows in (0, 1)


@settings(max_examples=60 * TIMES, deadline=None)
@given(st.text(alphabet='[]="\n#.{}ruleskypfxamo0', max_size=60))
def test_a_policy_is_read_or_refused(text):
    try:
        policy = spanwise.Policy.from_toml(text)
    except spanwise.PolicyError as error:
        assert str(error)
    else:
        with pytest.raises(spanwise.DecodeError):
            policy.redact(b"{")
