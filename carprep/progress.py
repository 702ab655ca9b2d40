"""How far a long job is: one small protocol, silent by default, a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# called with the stage's name, how many are done, and of how many
Progress = Callable[[str, int, int], None]

PAUSE = 5.0  # seconds between plain lines


def silent(stage: str, done: int, total: int) -> None:
    """Say nothing."""


@contextmanager
def console() -> Iterator[Progress]:
    """Progress on stderr: a bar with rate and time left where that is a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console  # only where it is seen
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _bar(bar)


def _bar(bar: object) -> Progress:
    from rich.progress import Progress as Bar

    assert isinstance(bar, Bar)
    tasks: dict[str, tuple[int, float]] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = int(bar.add_task(stage, total=total, rate="")), time.monotonic()
        number, start = tasks[stage]
        bar.update(bar.task_ids[number], completed=done, rate=f"{done / max(time.monotonic() - start, 0.1):.0f}/s")

    return show


class _Lines:
    def __init__(self) -> None:
        self._stage, self._start, self._last = "", 0.0, 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._start, self._last = stage, now, now
        if now - self._last < PAUSE and done < total:
            return
        self._last = now
        rate = done / max(now - self._start, 1e-3)
        left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
        sys.stderr.write(f"{stage}: {done} of {total}, {rate:.0f}/s{left}\n")


def span(seconds: float) -> str:
    """A time for people."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
