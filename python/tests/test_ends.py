"""How a run ends: closed from elsewhere, let go of, broken off; and what it leaves behind."""

import gc
import json
import os
import sys
import threading
import time
import types
import weakref

import pyarrow
import pytest
import spanwise

LINE = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "chat"}]}]}]}).encode() + b"\n"


class Lines:
    """A file object that gives lines, slowly, until it is told to end, or to fail."""

    def __init__(self, reads=10**9, error=None):
        self.reads, self.error = reads, error

    def read(self, size):
        self.reads -= 1
        if self.reads < 0:
            if self.error is not None:
                raise self.error
            return b""
        time.sleep(0.005)
        return LINE * 200


SCANS = {
    "scan": lambda source, **options: spanwise.scan(source, columns=["name"], **options),
    "scan_batches": spanwise.scan_batches,
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("scan", SCANS)
def test_another_thread_ends_it(scan, threads):
    scan = SCANS[scan](Lines(reads=2000), threads=threads, batch_size=1000)
    timer = threading.Timer(0.3, scan.close)
    timer.start()
    begun = time.monotonic()
    spans = sum(map(len, scan))
    timer.join()
    assert time.monotonic() - begun < 5
    assert 0 < spans == scan.report.spans
    assert next(scan, None) is None


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("scan", SCANS)
def test_who_is_told_of_progress_sees_the_report_and_ends_it(scan, threads):
    told = []

    def tell(progress):
        told.append((progress.spans, scan.report.spans, progress.done))
        if progress.spans > 2000:
            scan.close()

    scan = SCANS[scan](Lines(reads=2000), threads=threads, batch_size=1000, progress=tell)
    # The loop itself looks at no report: what is seen is seen from within.
    spans = sum(map(len, scan))
    assert 2000 < spans < 200_000
    assert all(seen == reported for seen, reported, _ in told)
    assert scan.report.spans == spans


@pytest.mark.parametrize("scan", SCANS)
def test_what_is_counted_is_delivered_though_who_is_told_fails(scan):
    def tell(progress):
        if progress.spans > 1000:
            raise LookupError("enough")

    scan = SCANS[scan](Lines(2000), threads=1, batch_size=1000, progress=tell)
    delivered = 0
    with pytest.raises(LookupError):
        for part in scan:
            delivered += len(part)
    assert 1000 < delivered == scan.report.spans
    assert next(scan, None) is None


def test_the_first_of_two_readings_is_ended_too(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE * 100_000)
    told = []

    def tell(progress):
        told.append(progress)
        if not progress.done:
            scan.close()

    scan = spanwise.scan([path] * 40, columns=["is_request"], progress=tell)
    assert list(scan) == []
    assert told[-1].done and told[-1].bytes_read < told[-1].bytes_total / 2


class Job:
    """Holds a scan that tells it of its progress, or reads from it."""

    def __init__(self, scan, role):
        self.left = 3
        if role == "told":
            self.scan = SCANS[scan]([LINE] * 5, progress=self.tell)
        else:
            self.scan = SCANS[scan](self)

    def tell(self, progress):
        pass

    def read(self, size):
        self.left -= 1
        return LINE * 2000 if self.left >= 0 else b""


def tasks():
    """Threads of the process, those of Rust included, where the system tells."""
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0


@pytest.mark.parametrize("use", ["not at all", "in part", "to its end", "closed"])
@pytest.mark.parametrize("role", ["told", "read from"])
@pytest.mark.parametrize("scan", SCANS)
def test_a_scan_in_a_cycle_is_freed(scan, role, use):
    threads = tasks()
    job = Job(scan, role)
    if use in ("in part", "closed"):
        next(job.scan)
    if use == "closed":
        job.scan.close()
    if use == "to its end":
        list(job.scan)
    gone = weakref.ref(job)
    del job
    gc.collect()
    assert gone() is None
    # One that has ended is on the list a moment longer.
    until = time.monotonic() + 5
    while tasks() > threads and time.monotonic() < until:
        time.sleep(0.01)
    assert tasks() <= threads


def test_what_an_engine_reads_is_not_freed():
    job = Job("scan", "read from")
    reader = pyarrow.RecordBatchReader.from_stream(job.scan)
    del job
    gc.collect()
    assert reader.read_all().num_rows == 6000


def test_a_redaction_in_its_own_report_is_freed():
    class Mark:
        pass

    redaction = spanwise.Policy.preset("secrets").redact(LINE)
    mark = Mark()
    gone = weakref.ref(mark)
    redaction.report["cycle"] = (redaction, mark)
    del redaction, mark
    gc.collect()
    assert gone() is None


def let_go(**options):
    for table in spanwise.scan(Lines(), columns=["name"], batch_size=1000, **options):
        if table.report.spans and time.monotonic() > let_go.until:
            raise LookupError("enough")


ENDS = {
    "an error": (LookupError, lambda **options: spanwise.validate(Lines(60, LookupError("dead")), **options)),
    "close": (
        None,
        lambda **options: [
            next(scan := spanwise.scan_batches(Lines(), batch_size=1000, **options)),
            time.sleep(0.2),
            next(scan),
            scan.close(),
        ],
    ),
    "an exception in the loop": (LookupError, let_go),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("module", ["tqdm.auto", "rich.progress"])
def test_a_bar_is_closed_however_the_run_ends(module, end, monkeypatch, capsys):
    """One of rich that is not keeps a thread, and lets there be no other."""
    made = pytest.importorskip(module)
    if module == "tqdm.auto":
        bars = []
        bar = made.tqdm
        monkeypatch.setattr(made, "tqdm", lambda **options: bars.append(bar(**options)) or bars[-1])
    else:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    let_go.until = time.monotonic() + 0.3
    threads = threading.active_count()
    error, run = ENDS[end]
    if error is None:
        run(progress=True, threads=1)
    else:
        with pytest.raises(error):
            run(progress=True, threads=1)
    if module == "tqdm.auto":
        assert len(bars) == 1 and bars[0].disable
    else:
        # It is told to end, and does so by itself.
        until = time.monotonic() + 5
        while threading.active_count() > threads and time.monotonic() < until:
            time.sleep(0.01)
        assert threading.active_count() <= threads
    assert spanwise.read(Lines(40), columns=["name"], progress=True).num_rows == 8000
    drawn = capsys.readouterr()
    assert "8000 spans" in drawn.out + drawn.err


class Bar:
    """A bar as tqdm makes it."""

    made = ()
    raises = None

    def __init__(self, **options):
        self.n, self.closed = 0, False
        Bar.made += (self,)

    def set_postfix_str(self, text, refresh):
        pass

    def update(self, more):
        assert not self.closed
        self.n += more

    def close(self):
        self.closed = True
        if self.raises is not None:
            raise self.raises


@pytest.fixture
def bars(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    monkeypatch.setattr(Bar, "made", ())
    return Bar


def closed_early(**options):
    with spanwise.scan(Lines(60), columns=["name"], batch_size=1000, **options) as scan:
        next(scan)
        time.sleep(0.2)
        next(scan)


BARS = {
    "read to its end": lambda **options: spanwise.validate(Lines(60), **options),
    "scan": lambda **options: list(spanwise.scan(Lines(60), columns=["name"], **options)),
    "scan_batches": lambda **options: list(spanwise.scan_batches(Lines(60), **options)),
    "closed": closed_early,
}


@pytest.mark.parametrize("use", BARS)
def test_an_interrupt_in_a_bar_that_closes_is_raised_and_an_error_is_not(use, bars, monkeypatch):
    monkeypatch.setattr(bars, "raises", ValueError("the terminal is gone"))
    BARS[use](progress=True, threads=1)
    assert [bar.closed for bar in bars.made] == [True]
    monkeypatch.setattr(bars, "raises", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        BARS[use](progress=True, threads=1)
    assert [bar.closed for bar in bars.made] == [True, True]


@pytest.mark.parametrize("scan", SCANS)
def test_the_report_is_there_while_it_is_closed(scan, bars, monkeypatch):
    seen = []
    scan = SCANS[scan](Lines(60), batch_size=1000, threads=1, progress=True)
    monkeypatch.setattr(bars, "close", lambda bar: seen.append(scan.report.spans))
    next(scan)
    time.sleep(0.2)
    next(scan)
    before = scan.report.spans
    scan.close()
    assert seen == [before]
    assert scan.report.spans == before > 0


def test_an_engine_has_a_bar_of_its_own(bars, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE * 5000)
    scan = spanwise.scan(path, columns=["name"], batch_size=1000, progress=True)
    next(scan)
    time.sleep(0.2)
    next(scan)
    (own,) = bars.made
    assert pyarrow.RecordBatchReader.from_stream(scan).read_all().num_rows == 5000
    assert not own.closed
    assert [bar.closed for bar in bars.made] == [False, True]
    list(scan)
    assert [bar.closed for bar in bars.made] == [True, True]
    assert all(bar.n == path.stat().st_size for bar in bars.made)
