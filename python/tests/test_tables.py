"""Tables in every engine, over the C stream and over files, cell by cell against the spans themselves."""

import base64
import errno
import json
import math
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest
import spanwise

PAYLOADS = sorted(
    path
    for path in (Path(__file__).parents[2] / "tests/payloads").iterdir()
    if path.suffix in {".json", ".jsonl", ".ndjson"} and path.name != "expected.json"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(value):
    """What the map layout says of a value."""

    def json_form(value):
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, float) and not math.isfinite(value):
            return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
        if isinstance(value, list):
            return [json_form(item) for item in value]
        if isinstance(value, dict):
            return {key: json_form(item) for key, item in value.items()}
        return value

    if value is None or isinstance(value, str):
        return value
    return json_form(value)


def same_value(found, expected):
    expected = plain(expected)
    if expected is None or isinstance(expected, str):
        return found == expected
    return json.loads(found) == expected


def pairs(cell):
    """A map's cell as a dict, whichever form the engine gives it."""
    if isinstance(cell, dict):
        return cell
    return {
        (item["key"], item["value"])[0] if isinstance(item, dict) else item[0]: (
            item["value"] if isinstance(item, dict) else item[1]
        )
        for item in cell
    }


def same_map(cell, expected):
    found = pairs(cell)
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert same_value(found[key], value), (key, found[key], value)


def nanos(cell):
    if cell is None or cell is pandas.NaT:
        return 0
    if hasattr(cell, "value"):
        return cell.value
    if isinstance(cell, int):
        return cell
    delta = cell.astimezone(UTC) - EPOCH
    return ((delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000


def same_row(row, span, exact):
    for name in ("trace_id", "span_id", "parent_span_id", "trace_state", "flags", "name", "duration_ns"):
        assert row[name] == getattr(span, name), name
    for name in ("dropped_attributes_count", "dropped_events_count", "dropped_links_count"):
        assert row[name] == getattr(span, name), name
    kind, code = span.kind, span.status.code
    assert row["kind"] == (kind.name.lower() if isinstance(kind, spanwise.SpanKind) else str(kind))
    assert row["status_code"] == (code.name.lower() if isinstance(code, spanwise.StatusCode) else str(code))
    assert row["status_message"] == span.status.message
    assert row["scope_name"] == span.scope.name
    assert row["scope_version"] == span.scope.version
    assert (row["service_name"] or None) == span.resource.attributes.get("service.name")
    for name in ("start_time", "end_time"):
        expected = getattr(span, f"{name}_unix_nano")
        assert nanos(row[name]) == (expected if exact else expected // 1000 * 1000), name
    same_map(row["attributes"], span.attributes)
    same_map(row["resource_attributes"], span.resource.attributes)
    same_map(row["scope_attributes"], span.scope.attributes)
    assert len(row["events"]) == len(span.events)
    for found, event in zip(row["events"], span.events, strict=True):
        assert found["name"] == event.name
        assert nanos(found["time"]) // 1000 == event.time_unix_nano // 1000
        assert found["dropped_attributes_count"] == event.dropped_attributes_count
        same_map(found["attributes"], event.attributes)
    assert len(row["links"]) == len(span.links)
    for found, link in zip(row["links"], span.links, strict=True):
        for name in ("trace_id", "span_id", "trace_state", "flags", "dropped_attributes_count"):
            assert found[name] == getattr(link, name)
        same_map(found["attributes"], link.attributes)


def arrow_rows(table):
    # Nanoseconds as integers: a datetime cannot hold them.
    times = ("start_time", "end_time")
    columns = {
        name: (table.column(name).cast(pyarrow.int64()) if name in times else table.column(name)).to_pylist()
        for name in table.column_names
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def frame_rows(frame):
    return frame.to_dict("records")


def duck_rows(source):
    if not isinstance(source, str):
        duckdb.register("spans", source)
        source = "spans"
    relation = duckdb.sql(f"select * from {source}")
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


@pytest.fixture(params=PAYLOADS, ids=lambda path: path.name)
def payload(request):
    spans = [span for batch in spanwise.scan_batches(request.param) for span in batch]
    return request.param, spans


def same_rows(rows, spans, exact):
    assert len(rows) == len(spans)
    for row, span in zip(rows, spans, strict=True):
        same_row(row, span, exact)


def test_engines_read_the_stream(payload):
    path, spans = payload
    table = spanwise.read(path)
    same_rows(arrow_rows(table.to_pyarrow()), spans, exact=True)
    same_rows(table.to_polars().to_dicts(), spans, exact=False)
    same_rows(frame_rows(table.to_pandas()), spans, exact=True)
    same_rows(duck_rows(table), spans, exact=False)
    assert table.to_pyarrow() == table.to_pyarrow()


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "arrows"])
def test_engines_read_files(payload, suffix, tmp_path):
    path, spans = payload
    file = tmp_path / f"spans.{suffix}"
    spanwise.read(path).write(file)
    if suffix == "arrows":
        with pyarrow.ipc.open_stream(file) as reader:
            same_rows(arrow_rows(reader.read_all()), spans, exact=True)
        return
    if suffix == "parquet":
        same_rows(arrow_rows(pyarrow.parquet.read_table(file)), spans, exact=True)
        same_rows(polars.read_parquet(file).to_dicts(), spans, exact=False)
        same_rows(frame_rows(pandas.read_parquet(file)), spans, exact=True)
        same_rows(duck_rows(f"'{file}'"), spans, exact=False)
    else:
        same_rows(arrow_rows(pyarrow.feather.read_table(file)), spans, exact=True)
        same_rows(polars.read_ipc(file).to_dicts(), spans, exact=False)
        same_rows(frame_rows(pandas.read_feather(file)), spans, exact=True)


@pytest.mark.parametrize("layout", ["map", "typed"])
@pytest.mark.parametrize("ids", ["text", "binary"])
def test_every_form_goes_into_every_engine(payload, layout, ids):
    path, spans = payload
    table = spanwise.read(path, layout=layout, ids=ids, names="clickhouse")
    assert table.to_pyarrow().num_rows == len(spans)
    table.to_pyarrow().validate(full=True)
    assert table.to_polars().height == len(spans)
    assert len(table.to_pandas()) == len(spans)
    assert len(duck_rows(table)) == len(spans)


def test_times_are_in_microseconds_where_they_are_asked_for(payload):
    path, spans = payload
    table = spanwise.read(path, columns=["start_time", "end_time", "events"], times="microseconds").to_pyarrow()
    assert table.schema.field("start_time").type == pyarrow.timestamp("us", "UTC")
    assert "timestamp[ns" not in str(table.schema)
    starts = [span.start_time_unix_nano // 1000 or None for span in spans]
    assert table["start_time"].cast(pyarrow.int64()).to_pylist() == starts
    with pytest.raises(ValueError, match="times"):
        spanwise.read(path, times="seconds")


def test_json_lines_and_csv_are_rows(payload, tmp_path):
    path, spans = payload
    table = spanwise.read(path)
    table.write(tmp_path / "spans.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().split("\n")[:-1]]
    assert [row["span_id"] for row in rows] == [span.span_id for span in spans]
    for row, span in zip(rows, spans, strict=True):
        same_map(row["attributes"], span.attributes)
    table.write(tmp_path / "spans.csv")
    frame = polars.read_csv(tmp_path / "spans.csv", infer_schema=False)
    assert frame["name"].to_list() == [span.name for span in spans]
    for cell, span in zip(frame["attributes"], spans, strict=True):
        same_map(json.loads(cell), span.attributes)


def span(attributes, name="s"):
    items = [{"key": key, "value": value} for key, value in attributes.items()]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": name, "attributes": items}]}]}]}).encode()


EXPECTED = json.loads((Path(__file__).parents[2] / "tests/payloads/expected.json").read_text())["files"]


@pytest.mark.parametrize("file", [name for name, expected in EXPECTED.items() if expected.get("models")])
def test_models_tokens_and_cost(file):
    table = spanwise.read(Path(__file__).parents[2] / "tests/payloads" / file, llm=True)
    duckdb.register("spans", table)
    found = duckdb.sql(
        "select llm_model, count(*), sum(llm_input_tokens), sum(llm_output_tokens), sum(llm_total_tokens), "
        "sum(llm_cost_usd) from spans where is_request group by 1"
    )
    rows = {row[0]: row[1:] for row in found.fetchall()}
    assert set(rows) == set(EXPECTED[file]["models"])
    for model, expected in EXPECTED[file]["models"].items():
        requests, *tokens, cost = rows[model]
        assert requests == expected["requests"]
        assert [int(count or 0) for count in tokens] == [
            expected[name] for name in ("input_tokens", "output_tokens", "total_tokens")
        ]
        assert abs((cost or 0) - expected["total_cost"]) < 1e-9


def test_a_request_counts_once_though_two_sources_tell_of_it():
    def told(span_id, parent, cost):
        attributes = [
            {"key": "gen_ai.request.model", "value": {"stringValue": "heron-2"}},
            {"key": "gen_ai.usage.cost", "value": {"doubleValue": cost}},
        ]
        span = {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": span_id,
            "parentSpanId": parent,
            "name": "chat",
        }
        return json.dumps(
            {"resourceSpans": [{"scopeSpans": [{"spans": [span | {"attributes": attributes}]}]}]}
        ).encode()

    root, child = told("b7ad6b7169203331", "", 0.5), told("c08ef7c205606e66", "b7ad6b7169203331", 0.25)
    table = spanwise.read([child, root], columns=["is_request", "llm_cost_usd"]).to_pyarrow()
    assert table.to_pylist() == [
        {"is_request": False, "llm_cost_usd": 0.25},
        {"is_request": True, "llm_cost_usd": 0.5},
    ]
    # Alone, each stands for the request.
    for part in (root, child):
        assert spanwise.read(part, columns=["is_request"]).to_pyarrow().column(0).to_pylist() == [True]


def test_a_service_has_one_name_in_table_and_summary():
    def request(value):
        resource = {"attributes": [{"key": "service.name", "value": value}]}
        return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [{}]}]}]}).encode()

    values = [
        {"stringValue": "web"},
        {"stringValue": 'web "1"'},
        {"intValue": "7"},
        {"doubleValue": 1.5},
        {"doubleValue": "NaN"},
        {"boolValue": True},
        {"bytesValue": "AQI="},
        {"arrayValue": {"values": [{"stringValue": "a"}]}},
        {},
    ]
    requests = [request(value) for value in values]
    named = spanwise.read(requests).to_pandas()["service_name"].value_counts().to_dict()
    assert len(named) == len(values) - 1
    assert spanwise.summary(requests)["services"] == named


def test_promoted_columns_and_their_misfits():
    data = b"\n".join(
        [span({"n": {"intValue": "1"}}), span({"n": {"stringValue": "2"}}), span({"n": {"boolValue": True}})]
    )
    with pytest.warns(spanwise.SpanwiseWarning, match='left out: 1 value of "n" that is not of its type;'):
        table = spanwise.read(data, columns=["name"], promote={"n": "int64"})
    assert table.to_pyarrow().column("n").to_pylist() == [1, 2, None]
    assert table.report.mismatches == {"n": 1}


def test_misfits_are_told_of_by_every_way_to_a_table():
    spans = [
        {"name": name, "attributes": [{"key": "n", "value": value}]}
        for name, value in [("a", {"intValue": "1"}), ("b", {"boolValue": True}), ("b", {"boolValue": True})]
    ]
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    batch, index = spanwise.decode(data), spanwise.Index()
    index.add(batch)
    index.add(batch)
    for call, count in [
        (lambda: batch.to_table(promote={"n": "int64", "m": "string"}), 2),
        (lambda: index.query("{ }", promote={"n": "int64", "m": "string"}), 4),
        (lambda: index.query('{ name = "b" }', limit=1, promote={"n": "int64", "m": "string"}), 1),
    ]:
        with pytest.warns(spanwise.SpanwiseWarning, match=f'{count} values? of "n" that (is|are) not') as caught:
            table = call()
        assert table.report.mismatches == {"n": count, "m": 0}
        assert table.report.spans == table.num_rows
        assert caught[0].filename == __file__
    # What was not picked is not counted, and draws no warning.
    table = index.query('{ name = "a" }', promote={"n": "int64"})
    assert table.report.mismatches == {"n": 0}
    assert table.to_pyarrow()["n"].to_pylist() == [1, 1]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather", "arrows", "jsonl", "csv"])
def test_a_file_is_there_whole_or_as_it_was(tmp_path, suffix):
    path = tmp_path / f"spans.{suffix}"
    path.write_text("as it was")
    # The system refuses to make the file longer than this.
    code = (
        "import resource, signal, sys, spanwise\n"
        "table = spanwise.read(sys.stdin.buffer)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    table.write(sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(type(error).__name__, error.errno, error.filename)\n"
    )
    data = b"\n".join(span({"n": {"stringValue": f"{number} {hash(str(number))}"}}) for number in range(500))
    ran = subprocess.run([sys.executable, "-c", code, path], input=data, capture_output=True, check=True)
    assert ran.stdout.decode() == f"OSError {errno.EFBIG} {path}\n", ran.stderr
    assert path.read_text() == "as it was"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    spanwise.read(data).write(path)
    assert path.read_bytes() != b"as it was"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_written_says_so(tmp_path):
    table = spanwise.read(span({}))
    for path, number in [(tmp_path / "none/spans.parquet", errno.ENOENT), (tmp_path / "folder.csv", errno.EISDIR)]:
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(OSError) as caught:
            table.write(path)
        assert (caught.value.errno, caught.value.filename) == (number, str(path))
    with pytest.raises(ValueError, match="must end in"):
        table.write(tmp_path / "spans.txt")


def test_an_int_in_one_span_and_a_double_in_the_next():
    data = b"\n".join([span({"k": {"intValue": "9007199254740993"}}), span({"k": {"doubleValue": 1.5}})])

    def found_in(layout):
        cells = spanwise.read(data, layout=layout).to_pyarrow().column("attributes").to_pylist()
        return [dict(cell)["k"] for cell in cells]

    assert found_in("map") == ["9007199254740993", "1.5"]
    typed = found_in("typed")
    assert [(cell["int"], cell["double"]) for cell in typed] == [(9007199254740993, None), (None, 1.5)]


def test_few_columns_let_go_of_the_text_and_nothing_is_copied_when_told_so():
    data = span({"prompt": {"stringValue": "p" * 100_000}}, name="a name that is longer than twelve bytes")
    assert spanwise.read(data, columns=["name"]).nbytes < 1000
    held = spanwise.read(data, columns=["name"], compact=False)
    assert held.nbytes >= len(data)
    assert held.compact().nbytes < 1000
    # The column's buffer is the payload itself: by address.
    address = pyarrow.py_buffer(data).address
    buffers = held.to_pyarrow(views=True).column("name").chunk(0).buffers()
    assert address in [buffer.address for buffer in buffers if buffer is not None]


def test_bytes_of_which_rows_are_null_count():
    spans = [span({"n": {"intValue": "1"}}), span({})] * 5000
    table = spanwise.read(b"\n".join(spans), columns=[], promote={"n": "int64"})
    assert table.num_rows == 10_000
    assert table.nbytes >= 10_000 * 8 + 10_000 // 8


def test_a_table_shows_itself():
    table = spanwise.read(span({"k": {"stringValue": "<b>"}}))
    assert "1 spans" in repr(table)
    assert "&lt;b&gt;" in table._repr_html_() and "<b>" not in table._repr_html_()
    assert table.schema.names == table.column_names and len(table.schema) == len(table.column_names)
    assert pyarrow.schema(table.schema) == table.to_pyarrow(views=True).schema
    assert len(table) == table.num_rows == 1


def numbered(number):
    """A request of its own, of a kind that may have no word."""
    return json.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": f"span {number}", "kind": number % 9}]}]}]}, indent=1
    ).encode()


@pytest.mark.parametrize("threads", [1, 2])
def test_many_small_payloads_make_few_chunks(tmp_path, threads):
    payloads = [numbered(number) for number in range(3000)]
    for number, payload in enumerate(payloads):
        (tmp_path / f"{number:04}.json").write_bytes(payload)
    for source in (payloads, tmp_path):
        for options in ({}, {"llm": True}, {"policy": "privacy-mode"}, {"columns": ["name", "kind"], "compact": True}):
            table = spanwise.read(source, threads=threads, **options)
            arrow = table.to_pyarrow()
            assert arrow["name"].num_chunks < 10
            assert arrow["name"].to_pylist() == [f"span {number}" for number in range(3000)]
            assert table.report.documents == 3000
            compacted = table.compact().to_pyarrow()
            assert compacted["name"].num_chunks < 10 and compacted.equals(arrow)
            assert table.to_polars()["kind"].to_list() == arrow["kind"].to_pylist()
            assert table.to_pandas()["kind"].to_list() == arrow["kind"].to_pylist()


def test_a_table_without_rows_has_the_types_of_others():
    payload = numbered(3)
    index = spanwise.Index()
    index.add(payload)
    nothing = b'{"resourceSpans":[]}'
    for options in ({}, {"llm": True, "promote": {"a": "int64"}}, {"layout": "typed", "ids": "binary"}):
        full = spanwise.read(payload, **options)
        # Of what is put together pandas keeps the categories only where they are the same.
        types = full.to_pandas().dtypes.to_dict()
        for empty in (
            spanwise.read(nothing, **options),
            spanwise.read(nothing, policy="privacy-mode", **options),
            spanwise.read(nothing, **options).compact(),
            spanwise.decode(nothing).to_table(**options),
            index.query('{ name = "none" }', **options),
            spanwise.Index().query("{ }", **options),
        ):
            assert empty.num_rows == len(empty.to_polars()) == 0
            assert empty.to_pandas().dtypes.to_dict() == types
            assert empty.to_polars().schema == full.to_polars().schema
            assert empty.to_pyarrow().schema == full.to_pyarrow().schema
    with pytest.warns(spanwise.SpanwiseWarning, match="no source"):
        assert spanwise.read([]).to_pandas()["kind"].dtype == full.to_pandas()["kind"].dtype
    assert spanwise.read(nothing, columns=[]).num_rows == 0


def test_large_payloads_share_their_text():
    payload = json.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": f"a span of the number {n}"} for n in range(20000)]}]}]}
    ).encode()
    table = spanwise.read([payload, payload], columns=["name"], compact=False)
    assert table.to_pyarrow()["name"].num_chunks == 2
    assert table.nbytes < 2 * len(payload) + 20000 * 2 * 16 + 1000
