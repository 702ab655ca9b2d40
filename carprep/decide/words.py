"""A person's word stands above every automatic decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from carprep.decide.table import Table
from carprep.decide.views import name_classes
from carprep.errors import UsageError
from carprep.photo import Reason
from carprep.recipe import Recipe, is_hash

NO_PICTURE = (Reason.UNREADABLE, Reason.UNSUPPORTED, Reason.TOO_LARGE, Reason.NESTED_ARCHIVE, Reason.VANISHED)
NO_CUTOUT = (Reason.BAD_CUTOUT, Reason.NO_CAR)  # there is a picture, but nothing that could be cut from it


def rows_of(table: Table, recipe: Recipe, complete: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The rows that a person keeps and those that a person drops, bool (N,) each.

    Args:
        complete: whether the table holds all of RAW; a word on a photo that a limit left out is no mistake.

    Raises:
        UsageError: a word matches no photo, or one photo is both kept and dropped.
    """
    keep, drop = np.zeros(len(table), bool), np.zeros(len(table), bool)
    find = _Finder(table, complete)
    for word in recipe.words:
        if not word.other:
            (keep if word.word == "keep" else drop)[find(word.word, word.photo)] = True
    both = np.flatnonzero(keep & drop)
    if len(both):
        raise UsageError(f"the overrides both keep and drop {table.keys[both[0]]!r}")
    return keep, drop


def pairs_of(table: Table, recipe: Recipe, complete: bool = True) -> dict[tuple[int, int], str]:
    """What a person said of pairs of photos: two rows, the lower first, to `same` or `different`.

    Raises:
        UsageError: a word matches no photo, or a pair is said to be both.
    """
    find = _Finder(table, complete)
    judged: dict[tuple[int, int], str] = {}
    for word in recipe.words:
        if not word.other:
            continue
        ones, others = find(word.word, word.photo), find(word.word, word.other)
        if ones and ones == others and (len(ones) == 1 or word.photo == word.other):
            raise UsageError(f"the overrides name a photo and itself {word.photo!r}")
        for pair in {(min(one, other), max(one, other)) for one in ones for other in others if one != other}:
            if judged.setdefault(pair, word.word) != word.word:
                raise UsageError(f"the overrides name both same and different {word.photo!r} and {word.other!r}")
    return judged


class _Finder:
    """Finds the rows that a person means, by key or by the start of a sha256."""

    def __init__(self, table: Table, complete: bool) -> None:
        self.table, self.complete = table, complete
        self._rows: dict[str, int] | None = None

    def __call__(self, word: str, photo: str) -> list[int]:
        """The rows of one photo; none only where a limit may have left it out."""
        if self._rows is None:
            self._rows = {key: row for row, key in enumerate(self.table.keys)}
        rows = [self._rows[photo]] if photo in self._rows else self._by_hash(photo)
        if not rows and self.complete:
            raise UsageError(
                f"the word {word!r} is for {photo!r}, but no photo has that key, "
                "or a sha256 that begins so (12 digits at least)"
            )
        return rows

    def _by_hash(self, photo: str) -> list[int]:
        if not is_hash(photo):
            return []
        start = photo.lower()
        return [row for row, sha256 in enumerate(self.table.hashes) if sha256.startswith(start)]


def drop_by_hand(table: Table, drop: np.ndarray, recipe: Recipe) -> Table:
    """Leave out what a person drops."""
    table = table.mark(
        drop, Reason.DROPPED_BY_HAND, {int(i): _note(table, int(i), recipe) for i in np.flatnonzero(drop)}
    )
    return replace(table, by_hand=table.by_hand | drop)


def keep_by_hand(table: Table, keep: np.ndarray) -> Table:
    """Take back every reason but those of photos that have no picture at all."""
    possible = keep & ~np.isin(table.reasons.astype(str), [str(reason) for reason in NO_PICTURE])
    reasons, details, whole = table.reasons.copy(), table.details.copy(), table.whole_frame.copy()
    for row in np.flatnonzero(possible):
        found = table.facts["found"][int(row)].as_py()
        whole[row] = found not in ("car", "frame") or reasons[row] in NO_CUTOUT
        was = f"; else {reasons[row]}: {details[row]}" if reasons[row] else ""
        frame = "; no usable cut-out, so the whole frame" if whole[row] else ""
        reasons[row], details[row] = None, f"kept by hand{frame}{was}"
    for row in np.flatnonzero(keep & ~possible):
        details[row] += "; kept by hand, but there is no picture to keep"
    table = replace(table, reasons=reasons, details=details, whole_frame=whole, by_hand=table.by_hand | possible)
    return name_classes(table, np.flatnonzero(possible))


def _note(table: Table, row: int, recipe: Recipe) -> str:
    key, sha256 = table.keys[row], table.hashes[row]
    notes = (
        w.note for w in recipe.words if w.photo == key or (is_hash(w.photo) and sha256.startswith(w.photo.lower()))
    )
    return next(filter(None, notes), "a person said drop")
