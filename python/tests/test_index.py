"""`Index`: TraceQL over spans in memory and in files."""

import json
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import spanwise

CORE = Path(__file__).parents[2] / "crates/spanwise/tests/traceql"
PAYLOAD = (CORE / "spans.json").read_bytes()
ANSWERS = [
    tuple(part.strip() for part in line.rsplit("=>", 1))
    for line in (CORE / "answers.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.fixture(scope="module")
def index():
    index = spanwise.Index()
    index.add(PAYLOAD)
    return index


def numbers(index, query, **options):
    return [span[-2:] for _, span in index.ids(query, **options)]


@pytest.mark.parametrize(("query", "expected"), ANSWERS)
@pytest.mark.filterwarnings("ignore:the query")
def test_answers(index, query, expected):
    expected = [f"{number:02}" for number in range(1, 9)] if expected == "all" else expected.split()
    assert numbers(index, query) == expected
    assert index.count(query) == len(expected)


def test_a_table_has_the_rows_and_columns_of_read(index):
    query = '{ name = "chat" }'
    whole = spanwise.decode(PAYLOAD).to_table(llm=True).to_pyarrow()
    picked = index.query(query, llm=True)
    assert picked.column_names == whole.column_names
    assert picked.to_pyarrow().to_pylist() == [row for row in whole.to_pylist() if row["name"] == "chat"]
    few = index.query(query, columns=["span_id"], promote={"tokens": "int64"}, order="longest", limit=2)
    assert few.to_pyarrow().to_pylist() == [
        {"span_id": "0000000000000001", "tokens": 58},
        {"span_id": "0000000000000005", "tokens": 100},
    ]
    none = index.query("{ false }")
    assert (len(none), none.column_names) == (0, index.query("{ }").column_names)
    assert none.to_pyarrow().num_rows == 0


def test_rows_of_several_batches_in_one_order():
    spans = [
        {"name": f"n{at}", "startTimeUnixNano": str(1 + at * 7 % 5), "spanId": f"{at + 1:016x}", "kind": at}
        for at in range(5)
    ]
    index = spanwise.Index()
    for span in spans:
        index.add(spanwise.decode(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()))
    assert len(index) == 5
    by_start = sorted(spans, key=lambda span: span["startTimeUnixNano"])
    table = index.query("{ }", order="earliest").to_pyarrow()
    assert table["name"].to_pylist() == [span["name"] for span in by_start]
    assert table["kind"].to_pylist() == [
        ["unspecified", "internal", "server", "client", "producer"][span["kind"]] for span in by_start
    ]
    assert numbers(index, "{ }", order="latest", limit=2) == [span["spanId"][-2:] for span in by_start[:-3:-1]]


def test_facets(index):
    keys = index.keys()
    assert (keys["name"], keys["span.model"], keys["event.n"]) == (8, 5, 2)
    values = [(value, type(value), spans) for value, spans in index.values("span.tokens")]
    assert values == [
        ("58", str, 1),
        *((number, int, 1) for number in (58, 5, 100, 7, 1)),
        (58.0, float, 1),
    ]
    assert dict(index.values("resource.service.name")) == {"web": 4, "job": 4}
    assert index.values("resource.service.name", limit=0) == [(None, 8)]
    assert dict(index.values("status"))["error"] == 2
    assert index.values("span.absent") == []
    assert index.quantiles("duration", [1.0]) == [2e9]
    assert sum(count for _, _, count in index.histogram("duration", bins=3)) == 8
    with pytest.raises(spanwise.QueryError, match="name the scope"):
        index.values(".model")


def test_facets_of_what_is_no_attribute(index):
    durations = index.values("duration")
    assert durations == sorted(durations, key=lambda pair: (-pair[1], pair[0]))
    assert {nanos for nanos, _ in durations} == set(index.query("{ }").to_pyarrow()["duration_ns"].to_pylist())
    assert sum(count for _, count in durations) == 8
    assert index.values("duration", limit=1) == [durations[0], (None, 8 - durations[0][1])]
    for field in ("trace:id", "span:id", "rootName", "traceDuration", "span:parentID", "childCount", "rootServiceName"):
        for call in (index.values, index.histogram, lambda field: index.quantiles(field, [0.5])):
            with pytest.raises(spanwise.QueryError, match="an index keeps no values of"):
                call(field)
    # Whatever is among the keys has values.
    keys = index.keys()
    assert keys and all(index.values(field) for field in keys)


def test_shares_and_bins_that_make_no_sense(index):
    for shares in ([2.0], [float("nan")], [-1], [0.5, 1.1]):
        with pytest.raises(ValueError, match="shares must be from 0 to 1"):
            index.quantiles("duration", shares)
    assert index.quantiles("duration", [0, 1]) == [min(d for d, _ in index.values("duration")), 2e9]
    for bins in (0, 10**7, 65_537):
        with pytest.raises(ValueError, match="bins must be from 1 to 65536"):
            index.histogram("duration", bins=bins)
    assert len(index.histogram("duration", bins=65_536)) == 65_536


def test_merge(index):
    first, second = spanwise.Index(), spanwise.Index()
    first.add(PAYLOAD)
    second.add(PAYLOAD)
    first.merge(second)
    assert (len(first), len(second), len(index)) == (16, 8, 8)
    assert numbers(first, '{ name = "chat" }') == ["01", "04", "05"] * 2
    assert len(first.query('{ name = "chat" }')) == 6
    with pytest.raises(ValueError, match="itself"):
        first.merge(first)


def test_a_file_has_the_index_and_its_spans(index, tmp_path):
    path = tmp_path / "traces.idx"
    index.save(path)
    opened = spanwise.Index.open(path)
    assert len(opened) == 8
    assert opened.nbytes < index.nbytes
    for query, expected in ANSWERS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert opened.count(query) == index.count(query), (query, expected)
            assert opened.ids(query, order="longest") == index.ids(query, order="longest")
    assert opened.keys() == index.keys()
    assert opened.values("span.tokens") == index.values("span.tokens")
    query = '{ name = "chat" }'
    assert opened.query(query, llm=True).to_pyarrow() == index.query(query, llm=True).to_pyarrow()
    # More of both kinds, and saved where it was opened.
    opened.add(PAYLOAD)
    opened.merge(spanwise.Index.open(str(path)))
    opened.save(path)
    opened = spanwise.Index.open(path)
    assert len(opened) == 24
    assert numbers(opened, query) == ["01", "04", "05"] * 3
    assert len(opened.query(query)) == 9
    for order in ("input", "earliest", "latest", "shortest"):
        table = opened.query("{ }", order=order).to_pyarrow()
        pairs = list(zip(*(table[name].to_pylist() for name in ("trace_id", "span_id")), strict=True))
        assert opened.ids("{ }", order=order) == pairs
    assert [entry.name for entry in tmp_path.iterdir()] == ["traces.idx"]


def test_an_index_that_the_command_made(tmp_path):
    (tmp_path / "traces.json").write_bytes(PAYLOAD)
    path = tmp_path / "traces.idx"
    command = [Path(sys.executable).with_name("spanwise"), "index", tmp_path / "traces.json", "-o", path]
    subprocess.run(command, check=True, capture_output=True)
    index = spanwise.Index.open(path)
    assert numbers(index, '{ name = "chat" }') == ["01", "04", "05"]
    unread = spanwise.Index.open(path)
    (tmp_path / "traces.json").write_bytes(PAYLOAD + b"\n")
    with pytest.raises(spanwise.IndexFileError, match="has changed since it was indexed"):
        unread.query('{ name = "chat" }', columns=["name"])
    with pytest.raises(spanwise.IndexFileError, match="has changed since it was indexed"):
        spanwise.Index.open(path)


def test_files_that_are_no_index_or_a_damaged_one(index, tmp_path):
    path = tmp_path / "traces.idx"
    with pytest.raises(FileNotFoundError) as caught:
        spanwise.Index.open(path)
    assert caught.value.filename == str(path)
    path.write_bytes(PAYLOAD)
    with pytest.raises(spanwise.IndexFileError, match="no spanwise index") as caught:
        spanwise.Index.open(path)
    assert str(path) in str(caught.value)
    index.save(path)
    data = path.read_bytes()
    for at in (-1, 20, -48, 60):
        flipped = bytearray(data)
        flipped[at] ^= 1
        path.write_bytes(flipped if at != -1 else data[:-1])
        with pytest.raises(spanwise.IndexFileError, match="damaged"):
            opened = spanwise.Index.open(path)
            opened.keys()
            opened.count("{ duration > 1s } > { span.model != nil }")
            opened.query("{ }")
    with pytest.raises(OSError, match="No such file") as caught:
        index.save(tmp_path / "none" / "traces.idx")
    assert caught.value.filename == str(tmp_path / "none" / "traces.idx")


def test_errors(index):
    with pytest.raises(spanwise.QueryError, match=r"column 3: the scope `parent\.` is not supported") as caught:
        index.count("{ parent.name }")
    assert (caught.value.line, caught.value.column) == (1, 3)
    with pytest.raises(spanwise.QueryError, match=r"^line 2, column 6: `=` cannot stand here") as caught:
        index.count("{ .a = 1 &&\n .b == 2 }")
    assert (caught.value.line, caught.value.column) == (2, 6)
    with pytest.raises(ValueError, match="order is one of"):
        index.ids("{ }", order="nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        index.query("{ }", columns=["nonsense"])
    with pytest.raises(spanwise.DecodeError):
        spanwise.Index().add(b"{")
    with pytest.raises(TypeError):
        spanwise.Index().add(3)
    with pytest.warns(spanwise.SpanwiseWarning, match="the query, column"):
        index.count("{ .a = 1 || .b = 2 && .c = 3 }")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert index.count("{ .a = 1 || (.b = 2 && .c = 3) }") == 0


def test_threads_that_add_and_merge_do_not_wait_for_each_other_forever():
    one, other = spanwise.Index(), spanwise.Index()

    def work(left, right):
        for _ in range(5):
            left.add(PAYLOAD)
            left.merge(right)
            left.count("{ }")

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert len(one) >= 40
    assert one.count('{ name = "chat" }') * 8 == len(one) * 3


TRACES = '"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"kept"}]}]}]'
NOT_ADDED = [
    ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"x"},{}]}]}]}', "strict", 0, "2 rejected spans;"),
    ('{"resourceLogs":[]}', "lenient", 0, "1 document of metrics, logs or profiles;"),
    ('{"hello":1}', "lenient", 0, "1 document that holds no traces;"),
    ('{"resourceSpans":7}', "lenient", 0, "1 document that holds no traces;"),
    (
        '{"resourceSpans":[{"scopeSpans":{"spans":[{}]}},{"scopeSpans":[{"spans":[{}]}]}]}',
        "lenient",
        1,
        "1 value of another type;",
    ),
    (
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":5},7]}]}]}',
        "lenient",
        1,
        "2 values of another type;",
    ),
    (
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":5},7]}]}]}',
        "strict",
        0,
        "2 rejected spans;",
    ),
    (f'{{"resourceLogs":[],{TRACES}}}', "lenient", 1, "metrics, logs or profiles;"),
    (f'{{"ResourceSpans":[],{TRACES}}}', "lenient", 1, r"perhaps spans \(unknown-member at line 1, column 2\);"),
    (
        '{"resourceSpans":[{"scope_spans":[],"ScopeSpans":[{"spans":[{}]}]}]}',
        "lenient",
        0,
        r"perhaps spans \(unknown-member at resourceSpans\[0\]\);",
    ),
    (
        f'{{{TRACES},"resourceSpans":7}}',
        "lenient",
        0,
        r"1 document that holds no traces, perhaps spans \(duplicate-key at resourceSpans\);",
    ),
    (f'{{{TRACES},"resourceSpans":[]}}', "lenient", 0, r"perhaps spans \(duplicate-key at resourceSpans\);"),
]


@pytest.mark.parametrize(("payload", "mode", "spans", "words"), NOT_ADDED)
def test_what_is_not_added_draws_a_warning(payload, mode, spans, words):
    index = spanwise.Index()
    with pytest.warns(spanwise.SpanwiseWarning, match=f"left out: .*{words}") as caught:
        index.add(payload.encode(), mode=mode)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert len(index) == spans
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Of a batch its diagnostics say so.
        index.add(spanwise.decode(payload.encode(), mode=mode))


@pytest.mark.parametrize(
    "payload",
    [
        f"{{{TRACES}}}",
        '{"resourceSpans":[]}',
        # Of a later version, within a span.
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"future":1,"kind":"SPAN_KIND_SERVER"}]}]}]}',
    ],
)
def test_what_is_added_whole_draws_none(payload):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spanwise.Index().add(payload.encode())
