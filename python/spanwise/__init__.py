"""OTLP JSON traces, decoded, validated and tabulated at memory speed.

    import spanwise
    spans = spanwise.read("traces/*.jsonl.zst")    # a Table: .to_polars(), .to_pandas(), .to_pyarrow()
    for part in spanwise.scan("huge.jsonl.gz"):    # Tables, in bounded memory; scan() is an Arrow stream, too
        ...
    report = spanwise.validate("traces/")          # what is wrong, and where
    totals = spanwise.summary("traces/")           # spans, services, and per model requests, tokens, cost, latency
    batch = spanwise.decode(payload)               # one request: a sequence of Span
    safe = spanwise.redact(payload, "privacy-mode")  # the same JSON without prompts and completions
    index = spanwise.Index()                       # spans in memory, asked in TraceQL
    index.add(payload)
    index.query("{ duration > 1s }")               # a Table

A source is a bytes-like object, a path, a glob pattern, a directory (its ``.json``, ``.jsonl`` and ``.ndjson`` files,
each maybe with ``.gz`` or ``.zst`` after it, by name), a binary file object, or any iterable of these; JSON text is
passed as bytes. What is compressed (gzip, zstd, the Collector's framing of zstd) is known by its first bytes.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TypeAlias

from spanwise._progress import Progress, Told, teller
from spanwise._sources import Source, flat
from spanwise._spanwise import (
    BatchScan,
    DecodeError,
    Diagnostic,
    Event,
    Index,
    IndexFileError,
    Link,
    Policy,
    PolicyError,
    QueryError,
    Redaction,
    Report,
    Resource,
    Scan,
    Schema,
    Scope,
    Span,
    SpanBatch,
    SpanwiseWarning,
    Status,
    Table,
    __version__,
    decode,
    redact,
)
from spanwise._spanwise import read as _read
from spanwise._spanwise import scan as _scan
from spanwise._spanwise import scan_batches as _scan_batches
from spanwise._spanwise import summary as _summary
from spanwise._spanwise import validate as _validate
from spanwise._types import (
    Framing,
    Ids,
    Layout,
    Mode,
    ModelSums,
    Names,
    OnError,
    SpanKind,
    StatusCode,
    Summary,
    Times,
    UnreadableSource,
)

__all__ = [
    "BatchScan",
    "DecodeError",
    "Diagnostic",
    "Event",
    "Index",
    "IndexFileError",
    "Link",
    "ModelSums",
    "Policy",
    "PolicyError",
    "Progress",
    "QueryError",
    "Redaction",
    "Report",
    "Resource",
    "Scan",
    "Schema",
    "Scope",
    "Span",
    "SpanBatch",
    "SpanKind",
    "SpanwiseWarning",
    "Status",
    "StatusCode",
    "Summary",
    "Table",
    "UnreadableSource",
    "__version__",
    "decode",
    "read",
    "redact",
    "scan",
    "scan_batches",
    "summary",
    "validate",
]

Sequence.register(SpanBatch)

AnyPolicy: TypeAlias = Policy | str | PathLike[str] | Sequence[str | PathLike[str]]


def read(
    sources: Source,
    *,
    mode: Mode = "lenient",
    columns: Sequence[str] | None = None,
    promote: Mapping[str, str] | None = None,
    layout: Layout = "map",
    llm: bool = False,
    names: Names = "spanwise",
    ids: Ids = "text",
    times: Times = "nanoseconds",
    compact: bool | None = None,
    policy: AnyPolicy | None = None,
    on_error: OnError = "skip",
    framing: Framing = "auto",
    threads: int = 0,
    batch_size: int | None = None,
    progress: Told = None,
) -> Table:
    """Read sources into a table, one row per span.

    ``mode="lenient"`` takes what known exporters send, ``"strict"`` the letter of the specification alone (see
    docs/diagnostics.md). ``framing`` says how documents lie in a source (see docs/streams.md): each a line
    (``"lines"``), one after the other in any layout (``"documents"``), or as its beginning tells (``"auto"``).

    ``columns`` chooses columns; by default there are all, which docs/columns.md describes. Fewer take less time:
    attributes, events and links of which no column is made are only checked for being JSON in lenient mode, and what
    else is wrong in them is not reported.

    ``promote`` makes columns of attributes: ``{"gen_ai.usage.input_tokens": "int64", "resource:host.name": "string"}``,
    types ``string``, ``int64``, ``double``, ``bool``. Numbers in strings are read where they are exact; what is of
    another type is null and counted in ``table.report.mismatches``. Attribute columns are maps of text to text (other
    values as JSON text), or with ``layout="typed"`` to structs of ``str``, ``int``, ``double``, ``bool``, ``json``.
    ``names="clickhouse"`` names columns as ClickHouse's table of traces does; ``ids="binary"`` makes ids bytes, null
    where there is no valid one.

    ``llm`` adds one set of columns for calls of language models, whatever convention wrote them: ``llm_model``,
    ``llm_provider``, ``llm_operation``, ``llm_input_tokens``, ``llm_output_tokens``, ``llm_total_tokens``,
    ``llm_input_cost_usd``, ``llm_output_cost_usd``, ``llm_cost_usd``, ``llm_finish_reason``, ``user_id``,
    ``session_id``, ``trace_name``, ``generation_name``, ``trace_metadata``, ``is_test``, ``is_request``. Several spans
    may tell of one request; those that are to be added up have ``is_request``, and no test has it.

    Times are in nanoseconds, UTC, or with ``times="microseconds"`` in those, for what reads no others, as Spark;
    ``duration_ns`` is an integer. ``compact`` says whether columns are copied out of the text that they were read from:
    by default where they use under half of it.

    With a ``policy`` (a ``Policy``, the name of a preset, the path of a policy file, or a list of these) the spans are
    redacted before they become columns, and the columns hold nothing of what was taken out; ``table.report.redaction``
    says what was done.

    A bad document is left out, with one ``SpanwiseWarning`` for the whole run, and so are the spans that strict mode
    rejects, what stands behind a place where compressed data is cut off or corrupt, or where a document of a file
    object or a pipe of which spans were delivered proves to be broken, and files of a directory or a pattern that
    cannot be read (``table.report.unreadable``); ``on_error="raise"`` raises ``DecodeError`` at the first bad document
    instead, and ``OSError`` at such a place or file. It also warns of JSON that holds no traces, and where no source
    was given. Raises ``FileNotFoundError`` and its kin for what was named itself, before anything is read where it is
    not there, and ``ValueError`` for a pattern that is none and for options that are not known.

    ``threads`` read at once, by default as many as there are processors. ``batch_size`` is about how many bytes of
    text are decoded at a time, by default one mebibyte; small files of one line each are decoded together, and what
    comes of other small sources is put together in the end.
    ``progress`` is a callable that is given a ``Progress`` some ten times a second and once at the end, or True for a
    bar of tqdm or rich, whichever is installed, which is closed however the run ends. Ctrl-C stops the run.
    """
    return _read(
        flat(sources),
        mode=mode,
        columns=columns,
        promote=promote,
        layout=layout,
        llm=llm,
        names=names,
        ids=ids,
        times=times,
        compact=compact,
        policy=policy,
        on_error=on_error,
        framing=framing,
        threads=threads,
        batch_size=batch_size,
        progress=teller(progress),
    )


def scan(
    sources: Source,
    *,
    mode: Mode = "lenient",
    columns: Sequence[str] | None = None,
    promote: Mapping[str, str] | None = None,
    layout: Layout = "map",
    llm: bool = False,
    names: Names = "spanwise",
    ids: Ids = "text",
    times: Times = "nanoseconds",
    compact: bool | None = None,
    policy: AnyPolicy | None = None,
    on_error: OnError = "skip",
    framing: Framing = "auto",
    threads: int = 0,
    batch_size: int | None = None,
    progress: Told = None,
) -> Scan:
    """Go through sources of any size, a ``Table`` at a time, in bounded memory.

    An iterator of ``Table``, and an Arrow stream that DuckDB, polars and pyarrow read as they need it: each time it
    is asked for, the sources are read from their beginning (file objects can be read only once). Leaving off early
    stops the work; ``close()``, or ``with``, does so at once, and from another thread as soon as the iteration looks.
    Options and errors as those of ``read``; ``batch_size`` is about how many bytes of text make a table.

    Where ``is_request`` is a column, paths and bytes are read twice each time: first for the requests alone, with 100
    to 250 bytes of memory a span, so that it is what ``read`` says. ``OSError`` is raised if a file changed in
    between, and ``progress`` counts the bytes of both readings. Where a file object or a pipe is among the sources,
    which can be read only once, ``is_request`` is told within each table: spans of one request that lie far from each
    other may both have it.
    """
    return _scan(
        flat(sources),
        mode=mode,
        columns=columns,
        promote=promote,
        layout=layout,
        llm=llm,
        names=names,
        ids=ids,
        times=times,
        compact=compact,
        policy=policy,
        on_error=on_error,
        framing=framing,
        threads=threads,
        batch_size=batch_size,
        progress=teller(progress),
    )


def scan_batches(
    sources: Source,
    *,
    mode: Mode = "lenient",
    policy: AnyPolicy | None = None,
    on_error: OnError = "skip",
    framing: Framing = "auto",
    threads: int = 0,
    batch_size: int | None = None,
    progress: Told = None,
) -> BatchScan:
    """Go through sources of any size, some thousand spans at a time, in bounded memory.

    An iterator of ``SpanBatch``; ``report`` is what was found so far, and ``close()``, or ``with``, ends it at once.
    Options, which are those that say nothing of columns, and errors as those of ``read``. With a ``policy`` the batches
    are redacted, and have no diagnostics.
    """
    return _scan_batches(
        flat(sources),
        mode=mode,
        policy=policy,
        on_error=on_error,
        framing=framing,
        threads=threads,
        batch_size=batch_size,
        progress=teller(progress),
    )


def summary(sources: Source, *, framing: Framing = "auto", threads: int = 0, progress: Told = None) -> Summary:
    r"""Sum up what sources hold, and what the calls of language models in them took and cost.

    A dict of plain values: what the command ``spanwise summary --format json`` prints. Of a request of which several
    spans tell those count that ``is_request`` marks in a table; what was delivered again and tests do not.

        payload = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat","attributes":[\
        {"key":"gen_ai.request.model","value":{"stringValue":"gpt-5"}},\
        {"key":"gen_ai.usage.input_tokens","value":{"intValue":"12"}}]}]}]}]}'
        totals = spanwise.summary(payload)
        assert totals["spans"] == 1
        assert totals["models"]["gpt-5"]["input_tokens"] == 12

    Warns of what was left out, as ``read`` does, and raises for what was named and cannot be read at all.
    """
    return _summary(flat(sources), framing=framing, threads=threads, progress=teller(progress))


def validate(
    sources: Source, *, mode: Mode = "lenient", framing: Framing = "auto", threads: int = 0, progress: Told = None
) -> Report:
    """Read sources, keep nothing, and report what is wrong with them.

    ``report.ok`` says whether there was no error; ``report.diagnostics`` says what and where (``source`` is the file),
    ``report.unreadable`` what is wrong with compressed sources, with file objects and pipes in which a large document
    proves to be broken, and with files of a directory or a pattern that cannot be read. Raises only for what was named
    and cannot be read at all (``FileNotFoundError`` and its kin).
    """
    return _validate(flat(sources), mode=mode, framing=framing, threads=threads, progress=teller(progress))
