"""What a user may give as a source, as the list that the module takes."""

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SUFFIXES = {".json", ".jsonl", ".ndjson"}


class BinaryFile(Protocol):
    """A file object opened in binary mode."""

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` bytes; none at the end."""
        ...


One: TypeAlias = "Buffer | str | os.PathLike[str] | BinaryFile"
Source: TypeAlias = "One | Iterable[One]"


def resolve(source: Source) -> "list[Buffer | str | BinaryFile]":
    """Give the list of buffers, paths of files and file objects that ``source`` stands for."""
    if isinstance(source, str | os.PathLike):
        return list(_paths(os.fspath(source)))
    if isinstance(source, bytes | bytearray | memoryview) or hasattr(source, "read"):
        return [source]  # type: ignore[list-item]
    if isinstance(source, list | tuple | set) or hasattr(source, "__next__"):
        return [item for part in source for item in resolve(part)]  # type: ignore[union-attr]
    return [source]  # type: ignore[list-item]


def _paths(path: str) -> Iterable[str]:
    if os.path.isdir(path):
        found = sorted(
            str(file) for file in Path(path).rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file()
        )
        if not found:
            raise FileNotFoundError(f"no .json, .jsonl or .ndjson file in {path!r}")
        return found
    if glob.has_magic(path) and not os.path.exists(path):
        found = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
        if not found:
            raise FileNotFoundError(f"no file matches {path!r}")
        return found
    return [path]
