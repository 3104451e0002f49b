"""Enums of the specification, words of options, times, and the form of a summary."""

from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Literal, TypeAlias, TypedDict

Mode: TypeAlias = Literal["lenient", "strict"]
Framing: TypeAlias = Literal["auto", "lines", "documents"]
OnError: TypeAlias = Literal["skip", "raise"]
Order: TypeAlias = Literal["input", "earliest", "latest", "shortest", "longest"]
Layout: TypeAlias = Literal["map", "typed"]
Names: TypeAlias = Literal["spanwise", "clickhouse"]
Ids: TypeAlias = Literal["text", "binary"]
Times: TypeAlias = Literal["nanoseconds", "microseconds"]


class SpanKind(IntEnum):
    """``Span.SpanKind``. A number that is not here stays an ``int``."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """``Status.StatusCode``. A number that is not here stays an ``int``."""

    UNSET = 0
    OK = 1
    ERROR = 2


class ModelSums(TypedDict):
    """What the requests to one model add up to; None where no request had one."""

    requests: int
    errors: int
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    input_cost: float | None
    """Costs are in US dollars."""
    output_cost: float | None
    total_cost: float | None
    p50_latency_ms: float | None
    p95_latency_ms: float | None


class UnreadableSource(TypedDict):
    """A source that could not be read, or not to its end."""

    file: str
    message: str


class Summary(TypedDict):
    """What sources hold."""

    files: int
    documents: int
    bad_documents: int
    other_signals: int
    foreign_documents: int
    """JSON that holds no traces: among the documents."""
    spans: int
    traces: int
    services: dict[str, int]
    """Spans of each service."""
    start_time: str | None
    """RFC 3339, None where no span has a time."""
    end_time: str | None
    error_spans: int
    events: int
    links: int
    test_spans: int
    """A gateway's tests: among the spans, not in the models."""
    duplicate_spans: int
    """Spans that were delivered before: among the spans, not in the models."""
    models: dict[str, ModelSums]
    """By name; requests that name no model are under the empty one."""
    unreadable: list[UnreadableSource]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {int(kind): kind for kind in SpanKind}
_CODES = {int(code): code for code in StatusCode}


def kind(number: int) -> SpanKind | int:
    """Give the kind of this number, or the number."""
    return _KINDS.get(number, number)


def status_code(number: int) -> StatusCode | int:
    """Give the code of this number, or the number."""
    return _CODES.get(number, number)


def moment(nanos: int) -> datetime | None:
    """Give nanoseconds since the Unix epoch as an aware datetime, in whole microseconds; None for 0."""
    return _EPOCH + timedelta(microseconds=nanos // 1000) if nanos else None
