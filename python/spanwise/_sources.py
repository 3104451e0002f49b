"""What a user may give as a source, as the list that the module takes."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeGuard

from spanwise._spanwise import SpanwiseWarning

if TYPE_CHECKING:
    from typing_extensions import Buffer


class BinaryFile(Protocol):
    """A file object opened in binary mode."""

    def read(self, size: int, /) -> "Buffer":
        """Give at most ``size`` bytes; none at the end."""
        ...


One: TypeAlias = "Buffer | str | os.PathLike[str] | BinaryFile"
Source: TypeAlias = "One | Iterable[Source]"


def flat(source: Source) -> "list[Buffer | str | BinaryFile]":
    """Give the list of buffers, paths, globs, directories and file objects that ``source`` holds."""
    found = _flat(source)
    if not found:
        # An empty list is what a glob gives that matches nothing.
        warnings.warn("no source was given", SpanwiseWarning, stacklevel=3)
    return found


def _flat(source: object) -> "list[Buffer | str | BinaryFile]":
    found: list[Buffer | str | BinaryFile] = []
    # Collections that are gone through, each a part of the one before: deeper than calls may be.
    opened: list[tuple[object, Iterator[object]]] = [(None, iter([source]))]
    inside: set[int] = set()
    while opened:
        collection, parts = opened[-1]
        for part in parts:
            if _is_collection(part):
                if id(part) in inside:
                    raise ValueError(f"a {type(part).__name__} of sources holds itself")
                inside.add(id(part))
                opened.append((part, iter(part)))
                break
            # Bytes are no path here: they would pass for a payload.
            found.append(os.fsdecode(part) if isinstance(part, str | os.PathLike) else part)  # type: ignore[arg-type]
        else:
            opened.pop()
            inside.discard(id(collection))
    return found


def _is_collection(source: object) -> "TypeGuard[Iterable[object]]":
    if isinstance(source, Mapping):
        raise TypeError(f"a {type(source).__name__} is no source: pass the JSON text that it was read from, as bytes")
    if isinstance(source, str | os.PathLike) or hasattr(source, "read") or _is_bytes(source):
        return False
    return isinstance(source, Iterable)


def _is_bytes(source: object) -> bool:
    try:
        view = memoryview(source)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    # An array of anything else is a collection, as of paths.
    with view:
        return view.format.lstrip("@=<>!") in {"b", "B", "c"}
