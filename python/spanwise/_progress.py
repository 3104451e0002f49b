"""How far a run is, told to a callable or shown as a bar."""

import importlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias


class Progress(NamedTuple):
    """How far a run is."""

    bytes_read: int
    """Bytes of the sources as they are stored."""
    bytes_total: int | None
    """Bytes of all sources, None where one does not say."""
    spans: int
    seconds: float
    """Since the beginning."""
    done: bool


Told: TypeAlias = "bool | Callable[[Progress], object] | None"
_Teller: TypeAlias = Callable[[int, int | None, int, bool], None]


def teller(progress: Told) -> _Teller | None:
    """Give what the module calls some ten times a second, and once at the end."""
    if not progress:
        return None
    show = _bar() if progress is True else progress
    if show is None:
        return None
    begun = 0.0

    def tell(bytes_read: int, bytes_total: int | None, spans: int, done: bool) -> None:
        show(Progress(bytes_read, bytes_total, spans, time.monotonic() - begun, done))

    begun = time.monotonic()
    return tell


def _bar() -> Callable[[Progress], None] | None:
    """Give a bar of tqdm, or else of rich, or None where neither is installed."""
    for name, make in (("tqdm.auto", _tqdm), ("rich.progress", _rich)):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return make(module)
    return None


def _tqdm(module: Any) -> Callable[[Progress], None]:  # noqa: ANN401
    bar = None

    def show(progress: Progress) -> None:
        nonlocal bar
        if bar is None:
            bar = module.tqdm(total=progress.bytes_total, unit="B", unit_scale=True, unit_divisor=1024)
        bar.set_postfix_str(f"{progress.spans} spans", refresh=False)
        bar.update(progress.bytes_read - bar.n)
        if progress.done:
            bar.close()
            bar = None

    return show


def _rich(module: Any) -> Callable[[Progress], None]:  # noqa: ANN401
    columns = (
        module.BarColumn(),
        module.DownloadColumn(binary_units=True),
        module.TransferSpeedColumn(),
        module.TimeRemainingColumn(),
        module.TextColumn("{task.description}"),
    )
    bar = task = None

    def show(progress: Progress) -> None:
        nonlocal bar, task
        if bar is None:
            bar = module.Progress(*columns)
            bar.start()
            task = bar.add_task("", total=progress.bytes_total)
        bar.update(task, completed=progress.bytes_read, description=f"{progress.spans} spans")
        if progress.done:
            bar.stop()
            bar = None

    return show
