"""One table that compares runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carprep.errors import UsageError
from carprep.trainer.alarms import first_of_each
from carprep.trainer.config import Config
from carprep.trainer.record import NAME, best_score, read
from carprep.trainer.run import CONFIG

COLUMNS = (
    "run", "preset", "size", "maps", "batch", "augment", "seed", "step", "images", "best KID", "at step", "last KID",
    "img/s", "alarms",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One run in figures."""

    name: str
    config: Config
    step: int
    images: int
    best: dict[str, Any] | None
    last: dict[str, Any] | None
    pace: float
    alarms: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of `COLUMNS`."""
        c = self.config
        best, last = (f"{s['kid']:.4f} [{s['features']}]" if s else "-" for s in (self.best, self.last))
        return (
            self.name, c.preset, str(c.size), str(c.maps), str(c.batch), c.augment, str(c.seed), f"{self.step:,}",
            f"{self.images:,}", best, f"{self.best['step']:,}" if self.best else "-", last, f"{self.pace:,.0f}",
            " ".join(self.alarms) or "-",
        )  # fmt: skip


def runs(folder: Path) -> list[Row]:
    """All runs below a folder, the best first.

    Raises:
        UsageError: there is none.
    """
    found = sorted(path.parent for path in folder.rglob(NAME) if (path.parent / CONFIG).exists())
    if not found:
        raise UsageError(f"there is no run below {folder}; carprep train CARS.ZIP --out {folder / 'first'} makes one")
    rows = [_row(path, folder) for path in found]
    return sorted(
        rows, key=lambda row: (min((s["kid"] for s in (row.best, row.last) if s), default=float("inf")), row.name)
    )


def _row(path: Path, folder: Path) -> Row:
    lines = read(path / NAME)
    windows = [line for line in lines if "images_seen" in line]
    paces = sorted(line["images_per_second"] for line in windows)
    return Row(
        str(path.relative_to(folder)) if path != folder else path.name,
        Config.read(path / CONFIG),
        max((line["step"] for line in windows), default=0),
        max((line["images_seen"] for line in windows), default=0),
        best_score(lines),
        next((line for line in reversed(lines) if "kid" in line), None),
        paces[len(paces) // 2] if paces else 0.0,
        tuple(alarm["alarm"] for alarm in first_of_each([line for line in lines if "alarm" in line])),
    )


def table(rows: Sequence[Row]) -> list[str]:
    """Lines for the terminal."""
    cells = [COLUMNS, *(row.cells for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
