"""What may be given, what goes wrong, and how it is said."""

import io
import json
import threading

import pytest
import spanwise
from hypothesis import given, settings
from hypothesis import strategies as st

REQUEST = json.dumps(
    {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "0af7651916cd43dd8448eb211c80319c",
                                "spanId": "b7ad6b7169203331",
                                "name": "chat",
                                "startTimeUnixNano": "1700000000000000001",
                                "endTimeUnixNano": "1700000001500000000",
                                "kind": 3,
                                "status": {"code": 2, "message": "m"},
                            }
                        ]
                    }
                ]
            }
        ]
    }
).encode()


def test_every_kind_of_source(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(REQUEST)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.jsonl").write_bytes(REQUEST + b"\n" + REQUEST + b"\n")
    (tmp_path / "ignored.txt").write_text("no trace")
    for source, count in [
        (REQUEST, 1),
        (bytearray(REQUEST), 1),
        (memoryview(REQUEST), 1),
        (file, 1),
        (str(file), 1),
        (tmp_path, 3),
        (str(tmp_path / "**/*.json*"), 3),
        ([file, REQUEST, bytearray(REQUEST)], 3),
        ([], 0),
    ]:
        assert spanwise.read(source).num_rows == count, source
        assert spanwise.validate(source).spans == count
    assert spanwise.read(io.BytesIO(REQUEST)).num_rows == 1
    with open(file, "rb") as opened:
        assert len(list(spanwise.scan_batches(opened))) == 1


def test_what_cannot_be_read_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        spanwise.read(tmp_path / "none.json")
    with pytest.raises(FileNotFoundError, match="no file matches"):
        spanwise.read(str(tmp_path / "*.json"))
    with pytest.raises(FileNotFoundError, match="jsonl"):
        spanwise.read(tmp_path)
    with pytest.raises(TypeError, match="bytes-like"):
        spanwise.read(5)
    with pytest.raises(TypeError, match="binary mode"):
        spanwise.read(io.StringIO("{}"))
    with pytest.raises(ValueError, match='no column is named "model"'):
        spanwise.read(REQUEST, columns=["model"])
    with pytest.raises(ValueError, match="layout must be one of"):
        spanwise.read(REQUEST, layout="flat")
    with pytest.raises(ValueError, match="mode must be one of"):
        spanwise.decode(REQUEST, mode="loose")

    class Failing:
        def read(self, size):
            raise RuntimeError("the disk is on fire")

    with pytest.raises((RuntimeError, OSError), match="the disk is on fire"):
        spanwise.read(Failing())


def test_bad_documents_are_left_out_or_raise():
    data = REQUEST + b'\n{"resourceSpans":]}\n' + REQUEST + b"\n"
    with pytest.warns(spanwise.SpanwiseWarning, match="1 bad documents"):
        table = spanwise.read(data)
    assert table.num_rows == 2
    assert (table.report.bad_documents, table.report.ok) == (1, False)
    with pytest.raises(spanwise.DecodeError) as caught:
        spanwise.read(data, on_error="raise")
    assert (caught.value.code, caught.value.line) == ("unexpected-byte", 2)
    with pytest.raises(spanwise.DecodeError) as caught:
        spanwise.decode(b'{"resourceSpans":[')
    assert (caught.value.offset, caught.value.path) == (18, "resourceSpans[0]")
    assert isinstance(caught.value, ValueError) and "unexpected-end" in str(caught.value)


def test_places_in_later_blocks_are_places_in_the_file(tmp_path):
    lines = 20_000
    data = (REQUEST + b"\n") * lines + b"{broken\n" + REQUEST + b"\n"
    assert len(data) > 2 * (2 << 20)
    file = tmp_path / "large.jsonl"
    file.write_bytes(data)
    for source in (data, file, io.BytesIO(data)):
        report = spanwise.validate(source)
        assert (report.spans, report.documents, report.bad_documents) == (lines + 1, lines + 1, 1)
        (finding,) = report.diagnostics
        assert finding.line == lines + 1
        assert finding.offset == (len(REQUEST) + 1) * lines + finding.column - 1
    with pytest.warns(spanwise.SpanwiseWarning):
        assert sum(len(batch) for batch in spanwise.scan_batches(file)) == lines + 1


def test_spans_are_made_when_touched():
    batch = spanwise.decode(REQUEST)
    span = batch[0]
    assert (span.kind, span.status.code, span.status.message) == (
        spanwise.SpanKind.CLIENT,
        spanwise.StatusCode.ERROR,
        "m",
    )
    assert span.start_time.isoformat() == "2023-11-14T22:13:20+00:00"
    assert span.duration_ns == 1_499_999_999
    assert [item.name for item in batch] == [item.name for item in batch[:]] == [batch[-1].name] == ["chat"]
    with pytest.raises(IndexError):
        batch[1]
    assert json.loads(batch.to_json()) == json.loads(REQUEST)
    assert batch.to_table(columns=["name"]).to_pyarrow().to_pylist() == [{"name": "chat"}]
    del batch
    assert span.name == "chat"


def test_threads_read_at_the_same_time():
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(spanwise.read((REQUEST + b"\n") * 1000).num_rows))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1000] * 4


def test_a_document_is_rejected_by_what_rejects_it_however_much_was_found_before():
    data = b'{"resourceSpans":[],"other":1}\n' * 1500
    for bad, code in [(b"{bad\n", "unexpected-byte"), (b"5\n", "top-level-type")]:
        with pytest.raises(spanwise.DecodeError) as caught:
            spanwise.read(data + bad, on_error="raise")
        error = caught.value
        assert (error.code, error.line, error.source) == (code, 1501, "<bytes>")
        assert error.offset == len(data) + error.column - 1
        assert str(error).startswith(f"<bytes>: error[{code}]")


# A plain reader of what the specification asks writers to write.
def reference(value):
    ((kind, inner),) = value.items() or [("empty", None)]
    return {
        "stringValue": lambda: inner,
        "boolValue": lambda: inner,
        "intValue": lambda: int(inner),
        "doubleValue": lambda: float(inner),
        "arrayValue": lambda: [reference(item) for item in inner["values"]],
        "kvlistValue": lambda: {item["key"]: reference(item["value"]) for item in inner["values"]},
        "empty": lambda: None,
    }[kind]()


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = st.one_of(
    st.builds(lambda value: {"stringValue": value}, text),
    st.builds(lambda value: {"boolValue": value}, st.booleans()),
    st.builds(lambda value: {"intValue": str(value)}, st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda value: {"doubleValue": value}, st.floats(allow_nan=False, allow_infinity=False)),
    st.just({}),
)


def key_values(values):
    return st.lists(st.fixed_dictionaries({"key": text, "value": values}), max_size=4)


values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda items: {"arrayValue": {"values": items}}, st.lists(inner, max_size=4)),
        st.builds(lambda items: {"kvlistValue": {"values": items}}, key_values(inner)),
    ),
    max_leaves=8,
)
hexes = st.binary(min_size=8, max_size=8).filter(any).map(bytes.hex)
spans = st.fixed_dictionaries(
    {
        "traceId": hexes.map(lambda half: half * 2),
        "spanId": hexes,
        "name": text,
        "attributes": key_values(values),
    },
    optional={
        "parentSpanId": hexes,
        "kind": st.integers(0, 5),
        "startTimeUnixNano": st.integers(0, 2**64 - 1).map(str),
        "endTimeUnixNano": st.integers(0, 2**64 - 1).map(str),
        "traceState": text,
        "flags": st.integers(0, 2**32 - 1),
        "events": st.lists(st.fixed_dictionaries({"name": text, "attributes": key_values(values)}), max_size=2),
        "status": st.fixed_dictionaries({"code": st.integers(0, 2), "message": text}),
    },
)


@settings(deadline=None)
@given(st.lists(spans, max_size=4), st.booleans())
def test_values_are_what_a_plain_reader_reads(spans, ascii_only):
    request = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    payload = json.dumps(request, ensure_ascii=ascii_only).encode()
    batch = spanwise.decode(payload)
    assert len(batch) == len(spans)
    for span, sent in zip(batch, spans, strict=True):
        assert (span.trace_id, span.span_id, span.name) == (sent["traceId"], sent["spanId"], sent["name"])
        assert span.parent_span_id == sent.get("parentSpanId", "")
        assert (span.kind, span.flags) == (sent.get("kind", 0), sent.get("flags", 0))
        assert span.trace_state == sent.get("traceState", "")
        assert span.start_time_unix_nano == int(sent.get("startTimeUnixNano", 0))
        assert span.end_time_unix_nano == int(sent.get("endTimeUnixNano", 0))
        assert span.status.message == sent.get("status", {}).get("message", "")
        expected = [(item["key"], reference(item["value"])) for item in sent["attributes"]]
        assert repr(span.attribute_items) == repr(expected)
        assert repr(span.attributes) == repr(dict(expected))
        for event, sent_event in zip(span.events, sent.get("events", []), strict=True):
            found = {item["key"]: reference(item["value"]) for item in sent_event["attributes"]}
            assert (event.name, repr(event.attributes)) == (sent_event["name"], repr(found))
    assert json.loads(batch.to_json()).keys() == {"resourceSpans"}
    assert spanwise.read(payload).to_pyarrow().column("name").to_pylist() == [span["name"] for span in spans]


def deliveries(folder, count=400):
    """A file for each request, as a webhook's receiver leaves them, some with something to say of them."""
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}
    for number in range(count):
        spans = [span | {"name": f"span {number}"}]
        if number % 50 == 7:
            spans.append({"name": "without ids"})
        text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
        if number % 150 == 149:
            text = json.dumps(json.loads(text), indent=2)
        (folder / f"{number:04}.json").write_text(text)
    return sorted(folder.iterdir())


def places(diagnostics):
    return [(d.code, d.path, d.offset, d.line, d.column, str(d)) for d in diagnostics]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_folder_of_requests_is_read_as_one_table(tmp_path, threads):
    files = deliveries(tmp_path)
    alone = [spanwise.read(file, columns=["name"]) for file in files]
    table = spanwise.read(tmp_path, columns=["name"], threads=threads)
    names = [name for one in alone for name in one.to_pyarrow().column("name").to_pylist()]
    assert table.to_pyarrow().column("name").to_pylist() == names
    assert len(names) == 408
    # Not one chunk a file.
    assert table.to_pyarrow().column("name").num_chunks < 12
    # Findings stand where they stood, and say in which file.
    found = table.report.diagnostics
    expected = [(str(file), one.report.diagnostics) for file, one in zip(files, alone, strict=True)]
    assert places(found) == places(d for _, several in expected for d in several)
    assert [d.source for d in found] == [name for name, several in expected for _ in several]
    assert len(found) == 16
    assert table.report.documents == 400


def test_batches_of_a_folder_tell_places_in_files(tmp_path):
    files = deliveries(tmp_path, 60)
    batches = list(spanwise.scan_batches(tmp_path))
    assert [span.name for batch in batches for span in batch][:3] == ["span 0", "span 1", "span 2"]
    found = [d for batch in batches for d in batch.diagnostics]
    assert places(found) == places(d for file in files for d in spanwise.read(file).report.diagnostics)
    report = spanwise.validate(tmp_path)
    assert [d.source for d in report.diagnostics] == [str(files[7])] * 2 + [str(files[57])] * 2


def test_an_error_says_in_which_file(tmp_path):
    deliveries(tmp_path, 30)
    torn = tmp_path / "0017.json"
    torn.write_text('{"resourceSpans":[')
    with pytest.raises(spanwise.DecodeError) as raised:
        spanwise.read(tmp_path, on_error="raise")
    assert raised.value.source == str(torn)
    assert str(raised.value).startswith(f"{torn}: error[unexpected-end]")
    with pytest.warns(spanwise.SpanwiseWarning, match="1 bad documents"):
        table = spanwise.read(tmp_path)
    assert table.num_rows == 30
    assert [d.source for d in table.report.diagnostics if d.severity == "error"] == [str(torn)]
    (found,) = spanwise.decode(b"").diagnostics
    assert found.source is None
    with pytest.raises(spanwise.DecodeError) as raised:
        spanwise.decode(b"[")
    assert raised.value.source is None
