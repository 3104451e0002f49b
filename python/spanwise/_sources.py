"""What a user may give as a source, as the list that the module takes."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Buffer


class BinaryFile(Protocol):
    """A file object opened in binary mode."""

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` bytes; none at the end."""
        ...


One: TypeAlias = "Buffer | str | os.PathLike[str] | BinaryFile"
Source: TypeAlias = "One | Iterable[One]"


def flat(source: Source) -> "list[Buffer | str | BinaryFile]":
    """Give the list of buffers, paths, globs, directories and file objects that ``source`` holds."""
    if isinstance(source, str | os.PathLike):
        return [os.fspath(source)]
    if isinstance(source, bytes | bytearray | memoryview) or hasattr(source, "read"):
        return [source]  # type: ignore[list-item]
    if isinstance(source, list | tuple | set) or hasattr(source, "__next__"):
        return [item for part in source for item in flat(part)]  # type: ignore[union-attr]
    return [source]  # type: ignore[list-item]
