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
_Show: TypeAlias = Callable[[Progress], object]


class Teller:
    """What the module calls some ten times a second, and once at the end of a run."""

    def __init__(self, told: "bool | _Show", show: _Show, hide: Callable[[], None] | None = None) -> None:
        self._told = told
        self._show = show
        self._hide = hide
        self._begun = time.monotonic()

    def __call__(self, bytes_read: int, bytes_total: int | None, spans: int, done: bool) -> None:
        """Tell of it, or show it."""
        self._show(Progress(bytes_read, bytes_total, spans, time.monotonic() - self._begun, done))

    def apart(self) -> "Teller | None":
        """Give one for another run of the same: it has a bar and a beginning of its own."""
        return teller(self._told)

    def close(self) -> None:
        """Close the bar: the run is over, however it ended. One that is left open keeps its thread and the terminal."""
        if self._hide is not None:
            self._hide()


def teller(progress: Told) -> Teller | None:
    """Give what tells, or shows, how far a run is, if anything is to."""
    if not progress:
        return None
    if progress is not True:
        return Teller(progress, progress)
    bar = _bar()
    return None if bar is None else Teller(True, *bar)


_Bar: TypeAlias = tuple[_Show, Callable[[], None]]


def _bar() -> _Bar | None:
    """Give what shows a bar of tqdm, or else of rich, and what closes it, or None where neither is installed."""
    for name, make in (("tqdm.auto", _tqdm), ("rich.progress", _rich)):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return make(module)
    return None


def _tqdm(module: Any) -> _Bar:  # noqa: ANN401
    bar = None

    def show(progress: Progress) -> None:
        nonlocal bar
        if bar is None:
            bar = module.tqdm(total=progress.bytes_total, unit="B", unit_scale=True, unit_divisor=1024)
        bar.set_postfix_str(f"{progress.spans} spans", refresh=False)
        bar.update(progress.bytes_read - bar.n)

    def hide() -> None:
        nonlocal bar
        if bar is not None:
            bar.close()
            bar = None

    return show, hide


def _rich(module: Any) -> _Bar:  # noqa: ANN401
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

    def hide() -> None:
        nonlocal bar
        if bar is not None:
            bar.stop()
            bar = None

    return show, hide
