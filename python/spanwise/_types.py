"""Enums of the specification, and times."""

from datetime import UTC, datetime, timedelta
from enum import IntEnum


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
