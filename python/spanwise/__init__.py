"""OTLP JSON traces, decoded, validated and tabulated at memory speed.

    import spanwise
    spans = spanwise.read("traces/*.jsonl")        # a Table: .to_polars(), .to_pandas(), .to_pyarrow()
    report = spanwise.validate("traces/")          # what is wrong, and where
    batch = spanwise.decode(payload)               # one request: a sequence of Span

A source is a bytes-like object, a path, a glob pattern, a directory (its ``.json``, ``.jsonl`` and ``.ndjson`` files,
by name), a binary file object, or a list of these.
"""

from collections.abc import Mapping
from typing import Literal

from spanwise._sources import Source, resolve
from spanwise._spanwise import (
    BatchScan,
    DecodeError,
    Diagnostic,
    Event,
    IndexFileError,
    Link,
    PolicyError,
    QueryError,
    Report,
    Resource,
    Schema,
    Scope,
    Span,
    SpanBatch,
    SpanwiseWarning,
    Status,
    Table,
    __version__,
    decode,
)
from spanwise._spanwise import read as _read
from spanwise._spanwise import scan_batches as _scan_batches
from spanwise._spanwise import validate as _validate
from spanwise._types import SpanKind, StatusCode

__all__ = [
    "BatchScan",
    "DecodeError",
    "Diagnostic",
    "Event",
    "IndexFileError",
    "Link",
    "PolicyError",
    "QueryError",
    "Report",
    "Resource",
    "Schema",
    "Scope",
    "Span",
    "SpanBatch",
    "SpanKind",
    "SpanwiseWarning",
    "Status",
    "StatusCode",
    "Table",
    "__version__",
    "decode",
    "read",
    "scan_batches",
    "validate",
]

Mode = Literal["lenient", "strict"]
Framing = Literal["auto", "lines", "documents"]
OnError = Literal["skip", "raise"]


def read(
    sources: Source,
    *,
    mode: Mode = "lenient",
    columns: list[str] | None = None,
    promote: Mapping[str, str] | None = None,
    layout: Literal["map", "typed"] = "map",
    llm: bool = False,
    names: Literal["spanwise", "clickhouse"] = "spanwise",
    ids: Literal["text", "binary"] = "text",
    compact: bool | None = None,
    on_error: OnError = "skip",
    framing: Framing = "auto",
) -> Table:
    """Read sources into a table, one row per span.

    ``columns`` chooses columns; by default there are all. ``promote`` makes columns of attributes:
    ``{"gen_ai.usage.input_tokens": "int64", "resource:host.name": "string"}``, types ``string``, ``int64``, ``double``,
    ``bool``. Numbers in strings are read where they are exact; what is of another type is null and counted in
    ``table.report.mismatches``. Attribute columns are maps of text to text (other values as JSON text), or with
    ``layout="typed"`` to structs of ``str``, ``int``, ``double``, ``bool``, ``json``.

    ``llm`` adds one set of columns for calls of language models, whatever convention wrote them: ``llm_model``,
    ``llm_provider``, ``llm_operation``, ``llm_input_tokens``, ``llm_output_tokens``, ``llm_total_tokens``,
    ``llm_input_cost_usd``, ``llm_output_cost_usd``, ``llm_cost_usd``, ``llm_finish_reason``, ``user_id``,
    ``session_id``, ``trace_name``, ``generation_name``, ``trace_metadata``, ``is_test``, ``is_request``. Several spans
    may tell of one request; exactly one of them has ``is_request``, and no test has it: add those up.

    Times are in nanoseconds, UTC; ``duration_ns`` is an integer. ``compact`` says whether columns are copied out of the
    text that they were read from: by default where they use under half of it.

    A bad document is left out, with one ``SpanwiseWarning`` for the whole run, and so are the spans that strict mode
    rejects; ``on_error="raise"`` raises ``DecodeError`` at the first bad document instead. Raises ``FileNotFoundError``
    and its kin, ``ValueError`` for options that are not known.
    """
    return _read(
        resolve(sources),
        mode=mode,
        columns=columns,
        promote=None if promote is None else list(promote.items()),
        layout=layout,
        llm=llm,
        names=names,
        ids=ids,
        compact=compact,
        on_error=on_error,
        framing=framing,
    )


def scan_batches(
    sources: Source, *, mode: Mode = "lenient", on_error: OnError = "skip", framing: Framing = "auto"
) -> BatchScan:
    """Go through sources, some thousand spans at a time.

    An iterator of ``SpanBatch``. Files of JSON lines are read in blocks, so that memory stays bounded. Errors as those
    of ``read``.
    """
    return _scan_batches(resolve(sources), mode=mode, on_error=on_error, framing=framing)


def validate(sources: Source, *, mode: Mode = "lenient", framing: Framing = "auto") -> Report:
    """Read sources, keep nothing, and report what is wrong with them.

    ``report.ok`` says whether there was no error; ``report.diagnostics`` says what and where. Raises only for what
    cannot be read at all (``FileNotFoundError`` and its kin).
    """
    return _validate(resolve(sources), mode=mode, framing=framing)
