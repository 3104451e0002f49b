"""Sources of any size: tables one after the other, Arrow streams, compression, early ends."""

import _thread
import functools
import gzip
import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings

import duckdb
import polars
import pyarrow
import pytest
import spanwise

SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "name": "chat",
    "attributes": [{"key": "n", "value": {"intValue": "1"}}],
}


def line(name):
    span = SPAN | {"name": name}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode() + b"\n"


COUNT = 5000
NAMES = [f"span {number}" for number in range(COUNT)]
LINES = b"".join(map(line, NAMES))


def names(tables):
    return [name for table in tables for name in table.to_pyarrow().column("name").to_pylist()]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_tables_come_in_order_and_are_small(threads):
    tables = list(spanwise.scan(LINES, columns=["name"], threads=threads, batch_size=10_000))
    assert len(tables) > 50
    assert names(tables) == NAMES
    assert all(table.report.spans == table.num_rows for table in tables)
    batches = spanwise.scan_batches(LINES, threads=threads, batch_size=10_000)
    assert [span.name for batch in batches for span in batch] == NAMES
    assert spanwise.read(LINES, threads=threads, batch_size=10_000).num_rows == COUNT


def test_engines_read_the_stream_and_read_it_again(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINES))
    scan = spanwise.scan(path, columns=["name"], promote={"n": "int64"}, batch_size=50_000)
    assert scan.column_names == scan.schema.names == ["name", "n"]
    reader = pyarrow.RecordBatchReader.from_stream(scan)
    assert reader.read_next_batch().num_rows < COUNT
    assert pyarrow.table(scan).column("name").to_pylist() == NAMES
    assert polars.DataFrame(scan)["name"].to_list() == NAMES
    for _ in range(2):
        found = duckdb.sql("select count(*), sum(n), count(distinct name) from scan").fetchall()
        assert found == [(COUNT, COUNT, COUNT)]
    assert duckdb.sql("select name from scan limit 3").fetchall() == [(name,) for name in NAMES[:3]]
    assert names(scan) == NAMES
    assert next(scan, None) is None
    assert scan.report.spans == COUNT


def test_file_objects_are_read_once():
    scan = spanwise.scan(io.BytesIO(LINES), columns=["name"])
    assert pyarrow.table(scan).num_rows == COUNT
    with pytest.raises(ValueError, match="only once"):
        pyarrow.table(scan)
    assert spanwise.validate(io.BytesIO(gzip.compress(LINES))).spans == COUNT
    opened = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(LINES)))
    assert [span.name for batch in spanwise.scan_batches(opened) for span in batch] == NAMES


class Endless:
    """Lines for ever, or until a test has plainly failed, and how many were asked for."""

    def __init__(self):
        self.reads = 0
        self.at = 0
        self.until = time.monotonic() + 60

    def read(self, size):
        assert time.monotonic() < self.until, "nobody stopped"
        self.reads += 1
        chunk = LINES[self.at : self.at + size]
        self.at = (self.at + len(chunk)) % len(LINES)
        return chunk


@pytest.mark.parametrize("threads", [1, 3])
def test_who_leaves_off_stops_the_work(threads):
    source = Endless()
    scan = spanwise.scan(source, columns=["name"], threads=threads, on_error="raise")
    assert next(scan).num_rows > 0
    scan.close()
    reads = source.reads
    assert next(scan, None) is None
    time.sleep(0.05)
    assert source.reads == reads < 200

    source = Endless()
    with spanwise.scan(source, columns=["name"], threads=threads, on_error="raise") as scan:
        next(scan)
    reads = source.reads
    time.sleep(0.05)
    assert source.reads == reads

    source = Endless()
    batches = spanwise.scan_batches(source, threads=threads, on_error="raise")
    next(batches)
    del batches
    reads = source.reads
    time.sleep(0.05)
    assert source.reads == reads

    source = Endless()
    reader = pyarrow.RecordBatchReader.from_stream(spanwise.scan(source, columns=["name"], threads=threads))
    reader.read_next_batch()
    reader.close()
    del reader
    reads = source.reads
    time.sleep(0.05)
    assert source.reads == reads


def test_what_is_cut_off_gives_the_good_part():
    packed = gzip.compress(LINES)[: len(gzip.compress(LINES)) // 2]
    with pytest.warns(spanwise.SpanwiseWarning, match="the gzip data is cut off"):
        table = spanwise.read(packed, columns=["name"])
    assert 0 < table.num_rows < COUNT
    assert names([table]) == NAMES[: table.num_rows]
    assert not table.report.ok
    report = spanwise.validate(packed)
    assert (report.ok, report.spans, len(report.unreadable)) == (False, table.num_rows, 1)
    with pytest.raises(OSError, match="the gzip data is cut off"):
        spanwise.read(gzip.compress(LINES)[:-4], columns=["name"], on_error="raise")
    with pytest.raises(spanwise.DecodeError):
        list(spanwise.scan(packed, on_error="raise"))


def large_document():
    """One of which parts are given before its end is seen."""
    spans = b",".join(b'{"name":"%d","droppedEventsCount":%d}' % (number, number) for number in range(250_000))
    return b'{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[' + spans + b"]}]}]}"


@functools.cache
def torn_texts():
    whole = large_document()
    late = whole[:-5] + b',"scope":{"name":"late"}}]}]}'
    torn = whole[:-1000]
    return {"cut off": torn, "corrupt": torn, "broken": torn, "late": late}


@functools.cache
def torn_documents():
    whole = large_document()
    packed = gzip.compress(whole, 1)
    corrupt = bytearray(packed)
    corrupt[len(packed) * 19 // 20] ^= 0xFF
    late = torn_texts()["late"]
    return {
        "cut off": (packed[: len(packed) * 19 // 20], "the gzip data is cut off, after .*, in a document of which ", 1),
        "corrupt": (bytes(corrupt), "corrupt, after .*, in a document of which |broken at byte .*, after ", 1),
        "broken": (gzip.compress(whole[:-1000], 1), "broken at byte .*, after ", 1),
        "late": (gzip.compress(late, 1), "changes ", 0),
    }


@pytest.mark.parametrize(
    ("fault", "threads"), [("cut off", 1), ("cut off", 2), ("corrupt", 2), ("broken", 1), ("late", 2)]
)
def test_a_large_document_of_a_file_object_that_is_torn_costs_no_other_source(tmp_path, fault, threads):
    data, words, bad = torn_documents()[fault]
    for name in ("a.json", "z.json"):
        (tmp_path / name).write_bytes(line(name))

    def sources():
        return [tmp_path / "a.json", io.BytesIO(data), tmp_path / "z.json"]

    report = spanwise.validate(sources(), threads=threads)
    [told] = report.unreadable
    match = re.search(rf"(?:{words})(\d+)", told)
    assert match, told
    assert (report.ok, report.bad_documents, report.spans) == (False, bad, int(match.group(1)) + 2)
    assert 0 < report.spans < 250_003
    options = {"columns": ["name"], "threads": threads}
    for read in (
        lambda: spanwise.read(sources(), **options),
        lambda: pyarrow.table(spanwise.scan(sources(), **options)),
        lambda: spanwise.read(sources(), columns=["name", "is_request"], threads=threads),
        lambda: pyarrow.table(spanwise.scan(sources(), columns=["name", "is_request"], threads=threads)),
    ):
        with pytest.warns(spanwise.SpanwiseWarning, match=words):
            table = read()
        found = pyarrow.table(table)["name"].to_pylist()
        assert (found[0], found[-1], len(found)) == ("a.json", "z.json", report.spans)
    with pytest.warns(spanwise.SpanwiseWarning, match=words):
        totals = spanwise.summary(sources(), threads=threads)
    assert (totals["files"], totals["spans"], totals["bad_documents"]) == (2, report.spans, bad)
    assert len(totals["unreadable"]) == 1
    with pytest.raises(OSError, match=words):
        spanwise.read(sources(), on_error="raise", **options)


@pytest.mark.parametrize("fault", ["cut off", "corrupt", "late"])
def test_of_a_large_document_in_a_file_all_is_seen_beforehand(tmp_path, fault):
    data, _, bad = torn_documents()[fault]
    for name in ("a.json", "z.json"):
        (tmp_path / name).write_bytes(line(name))
    (tmp_path / "m.json.gz").write_bytes(data)
    (tmp_path / "m.json").write_bytes(torn_texts()[fault])
    compressed = [tmp_path / "a.json", tmp_path / "m.json.gz", tmp_path / "z.json"]
    plain = [tmp_path / "a.json", tmp_path / "m.json", tmp_path / "z.json"]
    spans = 2 if bad else 250_002
    for sources in (plain, compressed):
        report = spanwise.validate(sources)
        assert (report.bad_documents, report.spans) == (bad, spans)
        assert bool(report.unreadable) == (fault in ("cut off", "corrupt") and sources is not plain)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = spanwise.read(sources, columns=["name", "scope_name"])
        assert bool(caught) == bool(bad)
        found = pyarrow.table(table)
        assert found["name"].to_pylist()[:: spans - 1] == ["a.json", "z.json"]
        assert found["scope_name"].to_pylist().count("late") == (0 if bad else 250_000)


def test_what_a_file_object_raises_in_a_large_document_comes_back():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            chunk = super().read(size)
            if not chunk:
                raise LookupError("the line is dead")
            return chunk

    whole = large_document()
    with pytest.raises(LookupError, match="the line is dead"):
        spanwise.validate(Failing(whole[: len(whole) * 19 // 20]))


def test_errors_come_where_they_stand():
    data = LINES + b"{broken\n" + LINES
    scan = spanwise.scan(data, columns=["name"], batch_size=10_000, on_error="raise")
    found = []
    with pytest.raises(spanwise.DecodeError) as caught:
        for table in scan:
            found.append(table)
    assert caught.value.line == COUNT + 1
    assert names(found) == NAMES[: len(names(found))]
    assert len(names(found)) > COUNT - 200
    assert next(scan, None) is None
    scan = spanwise.scan(data, columns=["name"], batch_size=10_000)
    with pytest.warns(spanwise.SpanwiseWarning, match="left out: 1 bad document;"):
        assert names(scan) == NAMES * 2
    assert scan.report.bad_documents == 1
    with pytest.raises((pyarrow.ArrowException, OSError), match=f"line {COUNT + 1}|unexpected-byte"):
        pyarrow.table(spanwise.scan(data, columns=["name"], on_error="raise"))
    missing = spanwise.scan("no-such-file.json")
    with pytest.raises(FileNotFoundError, match=r"no-such-file\.json"):
        next(missing)


def test_batches_say_what_was_found():
    data = LINES + b"{broken\n" + LINES
    scan = spanwise.scan_batches(data, batch_size=10_000)
    assert repr(scan) == "<spanwise.BatchScan, so far: 0 spans>"
    first = len(next(scan))
    assert scan.report.spans == first
    with pytest.warns(spanwise.SpanwiseWarning, match="1 bad document; see .report") as caught:
        assert first + sum(map(len, scan)) == COUNT * 2
    assert caught[0].filename == __file__
    assert (scan.report.spans, scan.report.bad_documents) == (COUNT * 2, 1)
    assert repr(scan) == f"<spanwise.BatchScan, ended: {COUNT * 2} spans>"
    with spanwise.scan_batches(data, batch_size=10_000) as scan:
        first = len(next(scan))
    assert next(scan, None) is None
    assert scan.report.spans == first
    scan = spanwise.scan_batches(data, batch_size=10_000, on_error="raise")
    with pytest.raises(spanwise.DecodeError):
        list(scan)
    assert 0 < scan.report.spans <= COUNT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("begin", ["scan", "scan_batches"])
def test_a_scan_that_was_started_before_a_fork_says_so(begin):
    code = (
        "import os, sys, spanwise\n"
        "data = sys.stdin.buffer.read()\n"
        f"scan = spanwise.{begin}(data, threads=2, batch_size=10_000)\n"
        "next(scan)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        next(scan)\n"
        "    except RuntimeError as error:\n"
        "        sys.stdout.write(str(error))\n"
        "        scan.close()\n"
        "    sys.stdout.write('|%s' % spanwise.read(data, threads=1).num_rows)\n"
        "    sys.exit(0)\n"
        "os.waitpid(child, 0)\n"
        "sys.stdout.write('|%s' % sum(map(len, scan)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], input=LINES, capture_output=True, check=True, timeout=60)
    error, child, parent = ran.stdout.decode().split("|")
    assert "forked" in error
    assert (int(child), int(parent) > COUNT - 500) == (COUNT, True)


def test_progress_is_told():
    told = []
    table = spanwise.read(LINES * 8, columns=["name"], batch_size=10_000, progress=told.append)
    assert told[-1].done
    assert told[-1][:3] == (len(LINES) * 8, len(LINES) * 8, table.num_rows)
    assert all(a.bytes_read <= b.bytes_read for a, b in itertools.pairwise(told))
    told.clear()
    assert spanwise.validate(io.BytesIO(LINES), progress=told.append).spans == COUNT
    assert told[-1].bytes_total is None and told[-1].bytes_read == len(LINES)

    def fails(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        spanwise.read(LINES, progress=fails)


@pytest.mark.parametrize("module", ["tqdm.auto", "rich.progress"])
def test_bars_are_drawn(module, monkeypatch, capsys):
    pytest.importorskip(module)
    if module != "tqdm.auto":
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert spanwise.read(LINES, columns=["name"], progress=True).num_rows == COUNT
    drawn = capsys.readouterr()
    assert f"{COUNT} spans" in drawn.out + drawn.err


def test_without_a_bar_nothing_is_drawn(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    assert spanwise.read(LINES, columns=["name"], progress=True).num_rows == COUNT
    drawn = capsys.readouterr()
    assert (drawn.out, drawn.err) == ("", "")


@pytest.fixture
def interruptible():
    """Python heeds an interrupt, though a shell may have started it so that it does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", ["read", "validate", "scan"])
def test_an_interrupt_ends_a_run(call, threads):
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    run = {
        "read": lambda: spanwise.read(Endless(), columns=["name"], threads=threads),
        "validate": lambda: spanwise.validate(Endless(), threads=threads),
        "scan": lambda: all(table.num_rows >= 0 for table in spanwise.scan(Endless(), columns=[], threads=threads)),
    }[call]
    with pytest.raises(KeyboardInterrupt):
        run()
    timer.join()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")
@pytest.mark.parametrize("framing", ["lines", "auto"])
def test_signals_are_heeded_while_lines_are_redacted(framing):
    """Python calls a handler when it is asked: once behind a call that never asks."""
    data = LINES * (24 * 2**20 // len(LINES))
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(None))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        redacted = spanwise.redact(data, "privacy-mode", framing=framing)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(heard) > 3
    assert redacted == data


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_an_interrupt_ends_a_wait_for_a_pipe(tmp_path):
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    code = "import sys, spanwise; print('ready', flush=True); spanwise.read(sys.argv[1], threads=2)"
    child = subprocess.Popen([sys.executable, "-c", code, str(pipe)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    with open(pipe, "wb") as writer:
        writer.write(LINES)
        writer.flush()
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors


def call(trace, span, parent, key):
    span = {
        "traceId": f"{trace:032x}",
        "spanId": f"{span:016x}",
        "parentSpanId": parent and f"{parent:016x}",
        "attributes": [{"key": key, "value": {"intValue": "9"}}, {"key": "text", "value": {"stringValue": "a" * 500}}],
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode() + b"\n"


TRACES = 400
CALLS = b"".join(call(trace, 2, 1, "gen_ai.usage.input_tokens") for trace in range(1, TRACES + 1))
ROOTS = b"".join(call(trace, 1, None, "ai.usage.promptTokens") for trace in range(1, TRACES + 1))


def marks(tables):
    return [mark for table in tables for mark in table.to_pyarrow().column("is_request").to_pylist()]


@pytest.mark.parametrize("threads", [1, 2])
def test_requests_are_told_over_all_sources(tmp_path, threads):
    # Roots lie far behind their calls, and all is delivered again.
    (tmp_path / "a.jsonl").write_bytes(CALLS + ROOTS)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(CALLS + ROOTS))
    expected = [False] * TRACES + [True] * TRACES + [False] * 2 * TRACES
    for sources in tmp_path, [CALLS, ROOTS, tmp_path / "a.jsonl"], [tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"]:
        whole = pyarrow.table(spanwise.read(sources, llm=True, threads=threads))
        marked = expected[: whole.num_rows]
        assert whole.column("is_request").to_pylist() == marked
        scan = spanwise.scan(sources, llm=True, threads=threads, batch_size=20_000)
        for _ in range(2):
            assert pyarrow.table(scan).equals(whole)
        assert duckdb.sql("select count(*) from scan where is_request").fetchall() == [(TRACES,)]
        tables = list(scan)
        assert len(tables) > 10
        assert marks(tables) == marked
        assert scan.report.spans == whole.num_rows
        # Without the column nothing is read twice.
        told = []
        names = spanwise.scan(sources, columns=["name"], threads=threads, progress=told.append)
        assert sum(table.num_rows for table in names) == whole.num_rows
        scan = spanwise.scan(sources, columns=["is_request"], threads=threads, progress=told.append)
        once = told[-1].bytes_read
        assert marks(scan) == marked
        assert told[-1].bytes_read == told[-1].bytes_total == 2 * once


def test_requests_of_file_objects_are_told_table_by_table():
    scan = spanwise.scan([CALLS, io.BytesIO(ROOTS)], columns=["is_request"], batch_size=20_000)
    assert marks(scan) == [True] * 2 * TRACES


def test_a_policy_changes_no_mark():
    policy = spanwise.Policy(rules=[{"prefix": "gen_ai.", "action": "drop"}, {"prefix": "ai.", "action": "drop"}])
    scan = spanwise.scan([CALLS, ROOTS], llm=True, policy=policy, batch_size=20_000)
    tables = [*scan, spanwise.read([CALLS, ROOTS], llm=True, policy=policy, batch_size=20_000)]
    assert marks(tables) == ([False] * TRACES + [True] * TRACES) * 2
    assert all(table.to_pyarrow().column("llm_input_tokens").null_count == table.num_rows for table in tables)


def test_a_file_that_changes_between_the_readings_is_an_error(tmp_path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for path in first, second:
        path.write_bytes(CALLS + ROOTS)
    options = {"columns": ["is_request"], "threads": 1, "batch_size": 20_000}
    scan = spanwise.scan([first, second], **options)
    next(scan)
    with second.open("ab") as file:
        file.write(CALLS)
    with pytest.raises(OSError, match=r"b\.jsonl: changed while it was read"):
        list(scan)
    # From the beginning it is what it is now.
    assert sum(marks(spanwise.scan([first, second], **options))) == TRACES


def test_who_leaves_off_the_first_reading_stops_it():
    def stop(_):
        raise KeyboardInterrupt

    scan = spanwise.scan([CALLS * 20, ROOTS], llm=True, threads=2, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        list(scan)
    assert next(scan, None) is None
    spanwise.scan([CALLS, ROOTS], llm=True).close()
