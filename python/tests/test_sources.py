"""What may be given, what goes wrong, and how it is said."""

import array
import ctypes
import errno
import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import types
from collections.abc import Sequence
from pathlib import Path

import numpy
import pandas
import pyarrow
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
        ({"a": file, "b": REQUEST}.values(), 2),
        ({str(file): None}.keys(), 1),
        (frozenset([file, REQUEST]), 2),
        (numpy.array([str(file), str(file)]), 2),
        (numpy.array([file], dtype=object), 1),
        (numpy.frombuffer(REQUEST, dtype="uint8"), 1),
        (pandas.Series([str(file)] * 2), 2),
        (array.array("b", REQUEST), 1),
        (array.array("B", REQUEST), 1),
        ((ctypes.c_char * len(REQUEST)).from_buffer_copy(REQUEST), 1),
        (pyarrow.py_buffer(REQUEST), 1),
        ([[file], (REQUEST,)], 2),
    ]:
        assert spanwise.read(source).num_rows == count, source
        assert spanwise.validate(source).spans == count
    assert spanwise.decode(array.array("b", REQUEST))[0].name == "chat"
    assert spanwise.read(path for path in [file, file]).num_rows == 2
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


def test_a_file_that_gives_nothing_yet_is_told_as_one_that_does_not_block():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with (
        open(writing, "wb", buffering=0),
        open(reading, "rb", buffering=0) as file,
        pytest.raises(BlockingIOError, match="does not block"),
    ):
        spanwise.read(file)


def test_bad_documents_are_left_out_or_raise():
    data = REQUEST + b'\n{"resourceSpans":]}\n' + REQUEST + b"\n"
    with pytest.warns(spanwise.SpanwiseWarning, match="left out: 1 bad document;"):
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


PRIVATE = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"SECRET"}]}]}]}'


@pytest.mark.parametrize(
    "text", [PRIVATE, f"\n \t{PRIVATE}", f"[{PRIVATE}]", f"\ufeff{PRIVATE}", json.dumps(json.loads(PRIVATE), indent=1)]
)
def test_json_text_is_no_path_and_no_policy_and_is_not_echoed(text):
    for call in (
        spanwise.read,
        spanwise.validate,
        spanwise.scan,
        spanwise.scan_batches,
        lambda text: spanwise.read([REQUEST, Path(text)]),
        lambda text: spanwise.redact(b"{}", text),
        lambda text: spanwise.redact(b"{}", ["secrets", text]),
        lambda text: spanwise.read(REQUEST, policy=text),
    ):
        with pytest.raises(ValueError, match="this looks like JSON text") as caught:
            call(text)
        assert "SECRET" not in str(caught.value) and len(str(caught.value)) < 200
    for call in (
        spanwise.decode,
        lambda text: spanwise.redact(text, "secrets"),
        lambda text: spanwise.redact("privacy-mode", text),
        lambda text: spanwise.read(json.loads(text)),
        spanwise.Index.open,
        lambda text: spanwise.Index().save(text + "/x"),
        spanwise.Policy.from_file,
        spanwise.Policy.from_toml,
        spanwise.Policy.preset,
        lambda text: spanwise.read(REQUEST).write(text),
        lambda text: spanwise.read(REQUEST).write(text + "/x.csv"),
        lambda text: spanwise.read(text + "/*.json"),
    ):
        with pytest.raises((OSError, TypeError, ValueError)) as caught:
            call(text)
        assert "SECRET" not in str(caught.value), call


@pytest.mark.parametrize(
    "text", ["a private sentence. " * 500, "first\nsecond line of a prompt\nthird", "[what\nis this"]
)
def test_no_long_or_many_lined_path_is_echoed_whole(text):
    for call in (
        spanwise.read,
        spanwise.validate,
        lambda text: next(spanwise.scan(text)),
        lambda text: spanwise.read(text + "*.json"),
        lambda text: spanwise.read(text + "/x["),
        lambda text: spanwise.redact(REQUEST, text),
        lambda text: spanwise.Policy.from_file(text),
        lambda text: spanwise.Index.open(text),
        lambda text: spanwise.Index().save(text + "/x"),
        lambda text: spanwise.read(REQUEST).write(text + "/x.parquet"),
        lambda text: spanwise.read(REQUEST, layout=text),
    ):
        with pytest.raises((OSError, ValueError)) as caught:
            call(text)
        told = str(caught.value)
        assert len(told) < 500 and text not in told and "second line" not in told and "is this" not in told


def test_a_pattern_that_is_none_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match="not a glob pattern"):
        spanwise.read("x[")
    with pytest.raises(FileNotFoundError, match="no file matches") as caught:
        spanwise.read(str(tmp_path / "*.json"))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, str(tmp_path / "*.json"))
    # One that begins with a bracket still is one.
    (tmp_path / "a.json").write_bytes(REQUEST)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        assert spanwise.read("[ab].json").num_rows == spanwise.read("{a,b}.json").num_rows == 1
        (tmp_path / '{"a"').write_bytes(REQUEST)
        assert spanwise.read('{"a"').num_rows == 1
    finally:
        os.chdir(before)


def test_what_a_file_object_gives_is_read_whole():
    class Chunks:
        """Gives a chunk for each call, whatever size it was asked for."""

        def __init__(self, chunks):
            self.chunks = iter(chunks)

        def read(self, size):
            return next(self.chunks, b"")

    lines = (REQUEST + b"\n") * 500
    for form in (bytes, bytearray, memoryview, lambda chunk: array.array("b", chunk)):
        assert spanwise.read(Chunks([form(lines)])).num_rows == 500
        halves = [form(lines[:70_001]), form(lines[70_001:])]
        assert spanwise.read(Chunks(halves)).num_rows == 500
    for chunk in ("{}", 5):
        with pytest.raises(TypeError, match="binary mode"):
            spanwise.read(Chunks([chunk]))


@pytest.mark.parametrize(
    "data",
    [
        b'{"log":"{}","stream":"stdout"}\n' * 8,
        b'{"data":[{"traceID":"1","spans":[]}]}' + b"\n{}\n" + b'{"a":1}\n' * 7,
    ],
)
def test_json_that_holds_no_traces_draws_a_warning(data):
    with pytest.warns(spanwise.SpanwiseWarning, match="8 documents that hold no traces") as caught:
        table = spanwise.read(data)
    assert (len(caught), table.num_rows, table.report.foreign_documents) == (1, 0, 8)
    with pytest.warns(spanwise.SpanwiseWarning, match="8 documents that hold no traces"):
        assert spanwise.read([REQUEST, data]).num_rows == 1


def test_other_things_that_are_no_traces_draw_a_warning():
    with pytest.warns(spanwise.SpanwiseWarning, match="left out: 1 document that holds no traces; see"):
        table = spanwise.read(b"[1,2,3]")
    with pytest.warns(spanwise.SpanwiseWarning, match="1 document that holds no traces"):
        totals = spanwise.summary(b"[1,2,3]")
    assert table.report.foreign_documents == totals["foreign_documents"] == 1
    # One that is cut into parts, of which none has a span.
    large = b'{"resourceSpans":[' + b'{"scopeSpans":[{"spans":[7]}]},' * 300_000 + b"7]}"
    with pytest.warns(spanwise.SpanwiseWarning, match="300001 values that are nothing of a trace"):
        assert spanwise.read(large).num_rows == 0
    metrics = b'{"resourceMetrics":[{}]}\n' * 2
    with pytest.warns(spanwise.SpanwiseWarning, match="2 documents of metrics, logs or profiles"):
        spanwise.read(metrics)
    # All signals in one file is what some write; and an empty payload says that there is nothing.
    assert spanwise.read(metrics + REQUEST).num_rows == 1
    for empty in (b"{}", b'{"resourceSpans":[]}', b"[]", b"[{}]", b""):
        assert spanwise.read(empty).num_rows == 0


def other_formats(folder):
    spanwise.read(REQUEST).write(folder / "x.parquet")
    index = spanwise.Index()
    index.add(REQUEST)
    index.save(folder / "x.idx")
    yield (folder / "x.parquet").read_bytes(), "this looks like a Parquet file, not like JSON"
    yield REQUEST.decode().encode("utf-16"), "this looks like text in UTF-16; JSON is UTF-8"
    yield (folder / "x.idx").read_bytes(), "this looks like an index of spanwise, not like JSON"


def test_what_is_no_json_is_known_by_its_first_bytes(tmp_path):
    for data, said in other_formats(tmp_path):
        path = tmp_path / "q.json"
        path.write_bytes(data)
        with pytest.warns(spanwise.SpanwiseWarning, match=f"bad documents?, {path}: {said}; see .report"):
            table = spanwise.read(path)
        assert table.report.foreign_sources == [f"{path}: {said}"]
        assert spanwise.validate([REQUEST, path]).foreign_sources == [f"{path}: {said}"]
        with pytest.raises(spanwise.DecodeError, match=said):
            spanwise.read(path, on_error="raise")
        for call in (
            lambda data=data: spanwise.decode(data),
            lambda data=data: spanwise.redact(data, "secrets"),
            lambda data=data: spanwise.Index().add(data),
        ):
            with pytest.raises(spanwise.DecodeError, match=said):
                call()
        with pytest.warns(spanwise.SpanwiseWarning, match=said):
            spanwise.redact(data, "secrets", framing="auto")
    assert spanwise.validate([REQUEST, REQUEST[:-1]]).foreign_sources == []


def test_what_takes_compressed_data_is_named_where_it_is_not_taken():
    for data, name in ((gzip.compress(REQUEST), "gzip"), (b"\x28\xb5\x2f\xfd\0\0", "zstd")):
        for call in (spanwise.decode, lambda data: spanwise.redact(data, "secrets")):
            with pytest.raises(
                spanwise.DecodeError, match=f"this looks like {name} data: decompress it, or use read, "
            ):
                call(data)


def test_a_collection_that_holds_itself_is_an_error():
    inner, outer = [REQUEST], []
    outer += [inner, (outer,)]
    with pytest.raises(ValueError, match="a list of sources holds itself"):
        spanwise.read(outer)
    # One that comes twice, or lies deep, does not.
    assert spanwise.read([inner, [inner]]).num_rows == 2
    deep = REQUEST
    for _ in range(100_000):
        deep = [deep]
    assert spanwise.read(deep).num_rows == 1


def test_no_source_draws_a_warning(tmp_path):
    for call in (spanwise.read, spanwise.validate, spanwise.scan, spanwise.scan_batches):
        with pytest.warns(spanwise.SpanwiseWarning, match="no source was given") as caught:
            call((tmp_path / "nowhere").glob("*.json"))
        assert caught[0].filename == __file__
    with pytest.raises(TypeError, match="a dict is no source"):
        spanwise.read({"resourceSpans": []})


@pytest.fixture
def damaged(tmp_path):
    """A folder with one good file, and entries that cannot be read."""
    (tmp_path / "good.json").write_bytes(REQUEST)
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    closed, locked = tmp_path / "closed.json", tmp_path / "locked"
    closed.touch(mode=0)
    locked.mkdir(mode=0)
    bad = ["dangling.json", "loop.json"]
    # Who may read everything has fewer.
    if not os.access(closed, os.R_OK):
        bad += ["closed.json", "locked"]
    yield tmp_path, bad
    locked.chmod(0o700)


@pytest.mark.parametrize("pattern", ["", "/*", "/**/*.json"])
def test_entries_of_a_folder_that_cannot_be_read_are_left_out(damaged, pattern):
    folder, bad = damaged
    source = f"{folder}{pattern}"
    for call in (spanwise.read, lambda source: next(iter(list(spanwise.scan(source))))):
        with pytest.warns(spanwise.SpanwiseWarning, match=r"dangling\.json"):
            table = call(source)
        assert table.num_rows == 1
    report = spanwise.validate(source)
    assert (report.spans, report.ok) == (1, False)
    expected = [name for name in bad if pattern != "/*" or name != "locked"]
    for name in expected:
        assert any(str(folder / name) in one for one in report.unreadable), name
    assert len(report.unreadable) == len(expected)
    with pytest.raises(OSError):
        spanwise.read(source, on_error="raise")


def test_an_entry_is_left_out_though_the_pattern_begins_with_its_name(tmp_path):
    (tmp_path / "traces.jsonl.1").write_bytes(REQUEST)
    (tmp_path / "traces.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "day").mkdir()
    (tmp_path / "day/traces.jsonl").symlink_to(tmp_path / "nowhere")
    for pattern in ("traces.jsonl*", "traces.jsonl{,.1}", "*/traces.jsonl*"):
        with pytest.warns(spanwise.SpanwiseWarning, match=r"traces\.jsonl: "):
            table = spanwise.read(f"{tmp_path}/{pattern}")
        assert table.num_rows == (not pattern.startswith("*")), pattern
        with pytest.raises(FileNotFoundError) as caught:
            spanwise.read(f"{tmp_path}/{pattern}", on_error="raise")
        # As the system says it.
        assert caught.value.strerror == os.strerror(errno.ENOENT), pattern
        assert caught.value.filename.endswith("/traces.jsonl"), pattern


def test_who_may_not_read_is_told_so(damaged):
    folder, bad = damaged
    if "closed.json" not in bad:
        pytest.skip("whoever runs this may read everything")
    for source in (folder / "closed.json", folder / "locked"):
        with pytest.raises(PermissionError) as caught:
            spanwise.read(source)
        assert (caught.value.errno, caught.value.filename) == (errno.EACCES, str(source))


def test_what_was_named_must_be_there(tmp_path):
    (tmp_path / "good.json").write_bytes(REQUEST)
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    for source, number in [("none.json", errno.ENOENT), ("none/*.json", errno.ENOENT), ("loop.json", errno.ELOOP)]:
        with pytest.raises(OSError) as caught:
            spanwise.read([tmp_path / "good.json", tmp_path / source])
        assert (caught.value.errno, caught.value.strerror) == (number, os.strerror(number)), source
        assert str(tmp_path) in caught.value.filename


def test_a_document_is_rejected_by_what_rejects_it_however_much_was_found_before():
    data = b'{"resourceSpans":[],"other":1}\n' * 1500
    for bad, code in [(b"{bad\n", "unexpected-byte"), (b"5\n", "top-level-type")]:
        with pytest.raises(spanwise.DecodeError) as caught:
            spanwise.read(data + bad, on_error="raise")
        error = caught.value
        assert (error.code, error.line, error.source) == (code, 1501, "<bytes>")
        assert error.offset == len(data) + error.column - 1
        assert str(error).startswith(f"<bytes>: error[{code}]")


def test_options_of_the_wrong_kind_are_named():
    batch, index = spanwise.decode(REQUEST), spanwise.Index()
    for call in (lambda **options: spanwise.read(REQUEST, **options), batch.to_table):
        for columns in ("name", b"name", 5, [1]):
            with pytest.raises(TypeError, match="columns must be a list"):
                call(columns=columns)
        for promote in ([("i", "int64")], "i", {1: "int64"}):
            with pytest.raises(TypeError, match="promote must be a dict"):
                call(promote=promote)
        for promote in ({"": "string"}, {"resource:": "string"}):
            with pytest.raises(ValueError, match=r'^promote: ".*" names no attribute$'):
                call(promote=promote)
        assert call(columns=iter(["name"])).column_names == ["name"]
    for call, name in [
        (lambda number: spanwise.read(REQUEST, threads=number), "threads"),
        (lambda number: spanwise.scan(REQUEST, batch_size=number), "batch_size"),
        (lambda number: spanwise.validate(REQUEST, threads=number), "threads"),
        (lambda number: index.query("{ }", limit=number), "limit"),
        (lambda number: index.ids("{ }", limit=number), "limit"),
        (lambda number: index.values("name", limit=number), "limit"),
        (lambda number: index.histogram("duration", bins=number), "bins"),
    ]:
        least, most = (1, 65536) if name == "bins" else (0, 2 ** (8 * struct.calcsize("P")) - 1)
        for number in (-1, 2**70):
            with pytest.raises(ValueError, match=f"^{name} must be from {least} to {most}\\b"):
                call(number)
        with pytest.raises(TypeError, match=f"{name} must be an int"):
            call("many")


def test_findings_become_rows_of_a_table():
    with pytest.warns(spanwise.SpanwiseWarning):
        report = spanwise.read(REQUEST + b'\n{"a":1}\n{"resourceSpans":]}\n').report
    found = report.to_dict()
    assert {name: found[name] for name in ("ok", "spans", "documents", "bad_documents", "foreign_documents")} == {
        "ok": False,
        "spans": 1,
        "documents": 2,
        "bad_documents": 1,
        "foreign_documents": 1,
    }
    frame = pandas.DataFrame(found["diagnostics"])
    assert frame["code"].tolist() == [one.code for one in report.diagnostics]
    last = report.diagnostics[-1]
    assert last.to_dict() == {
        name: getattr(last, name)
        for name in ("severity", "code", "message", "path", "offset", "line", "column", "source")
    }
    # All that can be read of a report is in it.
    assert set(found) == {name for name in dir(report) if name[0] != "_" and name != "to_dict"}
    pickle.dumps(found)
    one, other = spanwise.decode(b'{"a":1}').diagnostics[0], spanwise.decode(b'{"a":1}').diagnostics[0]
    assert one == other and hash(one) == hash(other) and one != last and len({one, other, last}) == 2


def test_findings_are_made_once():
    with pytest.warns(spanwise.SpanwiseWarning):
        table = spanwise.read(b'{"a":1}\n{"resourceSpans":]}\n')
    report = table.report
    assert report.diagnostics[0] is report.diagnostics[0] is table.report.diagnostics[0]
    report.diagnostics.clear()
    assert len(report.diagnostics) == len(table.report.diagnostics) == 3


def test_spans_and_their_parts_are_equal_to_themselves():
    batch, again = spanwise.decode(REQUEST), spanwise.decode(REQUEST)
    assert batch[0] == batch[0] == next(iter(batch)) and len({batch[0], batch[0]}) == 1
    assert batch[0] != again[0]
    assert batch[0].resource == batch[0].resource and batch[0].status == again[0].status


def test_the_package_is_a_command():
    ran = subprocess.run([sys.executable, "-m", "spanwise", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"spanwise {spanwise.__version__}\n"


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
    with pytest.warns(spanwise.SpanwiseWarning, match="left out: 1 bad document;"):
        table = spanwise.read(tmp_path)
    assert table.num_rows == 30
    assert [d.source for d in table.report.diagnostics if d.severity == "error"] == [str(torn)]
    (found,) = spanwise.decode(b"").diagnostics
    assert found.source is None
    with pytest.raises(spanwise.DecodeError) as raised:
        spanwise.decode(b"[")
    assert raised.value.source is None


def test_what_is_named_and_not_there_is_told_before_anything_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(REQUEST)
    missing = str(tmp_path / "missing.json")

    class Unread:
        def read(self, size):
            raise AssertionError("read")

    for begin in (
        spanwise.read,
        spanwise.validate,
        spanwise.summary,
        spanwise.scan_batches,
        lambda sources: next(spanwise.scan(sources)),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            begin([Unread(), path, missing])
        assert caught.value.filename == missing


def test_a_path_where_a_payload_is_meant_is_told_so():
    for call in (spanwise.decode, lambda payload: spanwise.redact(payload, "secrets"), spanwise.Index().add):
        for path in ("a.json", Path("a.json")):
            with pytest.raises(TypeError, match=r"of a file pass what is in it.*read_bytes"):
                call(path)
        with pytest.raises(TypeError, match="encode it"):
            call(REQUEST.decode())
        with pytest.raises(spanwise.DecodeError, match="this looks like the name of a file: read the file"):
            call(b"traces/a.jsonl.gz")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_path_as_bytes_is_told_to_be_one(threads):
    hint = "this looks like the name of a file: pass it as a str"
    # It counts as one bad document: whoever sends it does not cost the others.
    with pytest.warns(spanwise.SpanwiseWarning, match=hint):
        table = spanwise.read([REQUEST, b"traces/a.json", REQUEST], threads=threads)
    assert (table.num_rows, table.report.bad_documents) == (2, 1)
    with pytest.raises(spanwise.DecodeError, match=hint):
        spanwise.read(b"traces/a.json", on_error="raise")
    with pytest.warns(spanwise.SpanwiseWarning) as caught:
        spanwise.read([b"nothing of the kind", b'["a.json'])
    assert "name of a file" not in str(caught[0].message)


def test_a_path_to_write_to_is_no_bytes(tmp_path):
    table = spanwise.read(REQUEST)
    for call in (table.write, spanwise.Index().save, spanwise.Index.open, spanwise.Policy.from_file):
        with pytest.raises(TypeError, match=r"path must be a str or an os\.PathLike, not bytes: os\.fsdecode"):
            call(bytes(tmp_path / "x.csv"))
        with pytest.raises(TypeError, match=r"path must be a str or an os\.PathLike, not int"):
            call(1)


def test_reports_go_to_other_processes(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(REQUEST + b"\n{broken\n" + gzip.compress(b"") + b"\n")
    reports = [spanwise.validate(path)]
    with pytest.warns(spanwise.SpanwiseWarning):
        table = spanwise.read(
            [path, gzip.compress(REQUEST)[:-4]], policy="privacy-mode", promote={"resource:x": "int64"}
        )
    reports.append(table.report)
    for report in reports:
        again = pickle.loads(pickle.dumps(report))
        assert again.to_dict() == report.to_dict()
        assert repr(again) == repr(report)
        assert again.diagnostics == report.diagnostics != []
        assert list(map(str, again.diagnostics)) == list(map(str, report.diagnostics))
        assert pickle.loads(pickle.dumps(again)).to_dict() == report.to_dict()
    assert reports[1].redaction is not None and reports[1].unreadable


def test_a_batch_is_a_sequence():
    batch = spanwise.decode(REQUEST.replace(b'"spans": [', b'"spans": [{"name": "first"}, '))
    assert isinstance(batch, Sequence)
    assert [batch.index(span) for span in batch] == [0, 1]
    assert batch.count(batch[1]) == 1 and batch[1] in batch
    assert [span.name for span in reversed(batch)] == ["chat", "first"]
    assert batch.index(batch[1], -1) == 1
    for arguments in ((batch[0], 1), (batch[1], 0, 1), (batch[1], 0, -1), ("no span",)):
        with pytest.raises(ValueError, match="no span of the batch"):
            batch.index(*arguments)
    assert batch.count("no span") == 0


def test_all_that_is_public_says_what_it_is():
    for name in spanwise.__all__:
        thing = getattr(spanwise, name)
        if isinstance(thing, type):
            assert thing.__doc__, name
            for member, value in vars(thing).items():
                if thing.__module__.startswith("spanwise") and isinstance(value, types.GetSetDescriptorType):
                    assert member.startswith("_") or value.__doc__, f"{name}.{member}"
