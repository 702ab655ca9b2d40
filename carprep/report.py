"""What a build tells of itself: the funnel, and where its files lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carprep.photo import Reason
from carprep.recipe import LARGE_GROUP

if TYPE_CHECKING:
    import pyarrow as pa

    from carprep.pack.ledger import Ledger

# the funnel's steps, and the reasons that make each narrower than the one before
STEPS: Mapping[str, tuple[Reason, ...]] = {
    "readable": (
        Reason.UNREADABLE, Reason.UNSUPPORTED, Reason.TOO_LARGE, Reason.NESTED_ARCHIVE, Reason.VANISHED,
    ),
    "unique": (Reason.DUPLICATE,),
    "wanted_view": (Reason.NO_CAR, Reason.SEVERAL_CARS, Reason.CUT_OFF, Reason.WRONG_VIEW),
    "kept": (Reason.EMPTY, Reason.BLURRED, Reason.BAD_CUTOUT, Reason.TOO_SMALL, Reason.DROPPED_BY_HAND),
}  # fmt: skip


@dataclass(frozen=True)
class Funnel:
    """How many photos came through each step, and how many were left out for which reason.

    Attributes:
        found: rows of the ledger: every file in RAW.
        left_out: by reason, in the order of the list of reasons; those that did not occur are not in it.
        by_hand: how many a person kept or dropped.
        held_out: of those kept, how many are in the split `holdout`.
        folder_links, hidden_folders: passed over without a row.
        looker: who looked.
        knows_views: whether it tells views; else every view passes.
        limit: how many photos were let in at most; None for all.
        waiting: photos that were not compared with all that look like them, since those are too many.
        largest_group: the largest group of related photos, as a share of the set; 0 where nothing is split.
    """

    found: int
    left_out: Mapping[str, int]
    by_hand: int = 0
    held_out: int = 0
    folder_links: int = 0
    hidden_folders: int = 0
    looker: str = ""
    knows_views: bool = True
    limit: int | None = None
    waiting: int = 0
    largest_group: float = 0.0

    @property
    def kept(self) -> int:
        """How many pictures there are in the end."""
        return self.found - sum(self.left_out.values())

    def steps(self) -> dict[str, int]:
        """found, readable, unique, wanted_view, kept: each at most the one before."""
        counts, left = {"found": self.found}, self.found
        for step, reasons in STEPS.items():
            left -= sum(self.left_out.get(reason, 0) for reason in reasons)
            counts[step] = left
        return counts

    def lines(self) -> list[str]:
        """One screen of words."""
        views = "wanted view" if self.knows_views else f"one whole car ({self.looker} tells no views: all pass)"
        names = {
            "found": "found",
            "readable": "readable",
            "unique": "unique",
            "wanted_view": views,
            "kept": "kept",
        }
        widest = len(f"{self.found:,}")
        lines = [f"{count:>{widest},}  {names[step]}" for step, count in self.steps().items()]
        if self.held_out:
            lines[-1] += f", {self.held_out:,} of them held out"
        if self.left_out:
            lines.append("left out:")
            order = sorted(self.left_out.items(), key=lambda item: -item[1])
            lines += [f"{count:>{widest},}  {reason}" for reason, count in order]
        return lines + [f"({note})" for note in self._notes()]

    def _notes(self) -> list[str]:
        notes = {
            f"{self.by_hand:,} decided by hand": self.by_hand,
            f"{_counted(self.folder_links, 'link')} to folders not followed": self.folder_links,
            f"{_counted(self.hidden_folders, 'hidden folder')} passed over": self.hidden_folders,
            f"only the first {self.limit or 0:,} were let in": self.limit,
            f"{_counted(self.waiting, 'photo')} look like so many others that not all were compared": self.waiting,
            f"one group of related photos is {self.largest_group:.0%} of the set: no split can part it": (
                self.largest_group > LARGE_GROUP
            ),
        }
        return [note for note, count in notes.items() if count]

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` reads them back."""
        return {**vars(self), "left_out": dict(self.left_out), **self.steps()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Funnel:
        """What `to_json` wrote."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__ if name in values})

    @classmethod
    def count(cls, table: pa.Table, **about: Any) -> Funnel:
        """Count a ledger's rows."""
        reasons = table["reason"].to_pylist()
        left_out = {str(reason): reasons.count(reason) for reason in Reason if reason in set(reasons)}
        held_out = table["split"].to_pylist().count("holdout")
        return cls(len(reasons), left_out, sum(table["by_hand"].to_pylist()), held_out, **about)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Report:
    """What a build did.

    Attributes:
        funnel: how many came through.
        ledger: one row for each photo; also on the disk unless it was a dry run.
        zips: size in px to the zip; empty in a dry run.
        holdout_zips: the same for the held-out pictures, where they were asked apart.
        files: the other files written: `ledger`, `sheet`, `left_out`.
        unchanged: the files were there already, the same bytes, and were left alone.
    """

    funnel: Funnel
    ledger: Ledger
    zips: Mapping[int, Path] = field(default_factory=dict)
    holdout_zips: Mapping[int, Path] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    unchanged: bool = False

    @property
    def kept(self) -> int:
        """How many pictures there are."""
        return self.funnel.kept

    def lines(self) -> list[str]:
        """One screen of words: the funnel, then where everything lies."""
        zips = [*self.zips.values(), *self.holdout_zips.values()]
        kinds = {"ledger": "ledger", "sheet": "kept", "left_out": "left out"}
        lines = [f"zip:       {path}" + (" (unchanged)" if self.unchanged else "") for path in zips]
        lines += [f"{kinds[name] + ':':<10} {path}" for name, path in self.files.items()]
        return [*self.funnel.lines(), *lines]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        zips = self.ledger.about.get("zips", {})
        return {
            **self.funnel.to_json(),
            "zips": {str(size): str(path) for size, path in self.zips.items()},
            "holdout_zips": {str(size): str(path) for size, path in self.holdout_zips.items()},
            "sha256": {path.name: zips[path.name] for path in (*self.zips.values(), *self.holdout_zips.values())},
            "files": {name: str(path) for name, path in self.files.items()},
            "unchanged": self.unchanged,
        }
