"""The table of facts: one row a photo, one column a fact; what all deciding works on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from carprep.measure.facts import SCHEMA
from carprep.photo import Fact, Facts, Reason

KINDS = {int: pa.int64(), float: pa.float64(), str: pa.string()}
FACTS = pa.schema([(name, KINDS[kind]) for name, (kind, _) in SCHEMA.items()])
BATCH = 1024  # rows gathered as Python values before they become columns


@dataclass(frozen=True)
class Known:
    """One row to put into a table."""

    key: str
    sha256: str | None
    slot: int  # where its pictures lie in the cache; -1 where it has none
    facts: Facts
    reason: Reason | None
    detail: str


@dataclass(frozen=True)
class Table:
    """All photos of a build, in the order of their keys.

    Attributes:
        keys, hashes: of each photo; the hash is empty where its bytes could not be read.
        slots: int64 (N,), where its pictures lie in the cache; -1 where it has none.
        facts: the columns of `FACTS`.
        reasons: object (N,) of `Reason` or None while wanted.
        details: the evidence, in words.
        duplicate_of: int64 (N,), row of the kept photo; -1 where it is no duplicate.
        related_to: int64 (N,), row of the better photo that is most like it; -1 where there is none.
        relations: object (N,) of str: how the two relate; empty where they do not.
        relation_scores: float64 (N,), how surely, 0 to 1; NaN where they do not.
        groups: int64 (N,), row of the best of all that it is related to, also through others; -1 where it is alone.
        by_hand: bool (N,), a person's word decided.
        whole_frame: bool (N,), kept without a usable cut-out.
        views, facings: object (N,) of str; empty where the looker knows none.
        splits: object (N,) of str.
    """

    keys: Sequence[str]
    hashes: Sequence[str]
    slots: np.ndarray
    facts: pa.Table
    reasons: np.ndarray
    details: np.ndarray
    duplicate_of: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    related_to: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    relations: np.ndarray = field(default_factory=lambda: np.zeros(0, object))
    relation_scores: np.ndarray = field(default_factory=lambda: np.zeros(0))
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    by_hand: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    whole_frame: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    views: np.ndarray = field(default_factory=lambda: np.zeros(0, object))
    facings: np.ndarray = field(default_factory=lambda: np.zeros(0, object))
    splits: np.ndarray = field(default_factory=lambda: np.zeros(0, object))

    def __len__(self) -> int:
        """How many photos."""
        return len(self.keys)

    @property
    def wanted(self) -> np.ndarray:
        """bool (N,): which photos have no reason against them so far."""
        return np.array([reason is None for reason in self.reasons], bool)

    def numbers(self, name: str) -> np.ndarray:
        """A column of numbers, float64 (N,); NaN where it is missing."""
        return np.asarray(self.facts[name].to_numpy(), np.float64)

    def numbers_at(self, row: int, names: Sequence[str]) -> list[float]:
        """One row of some columns of numbers."""
        return [float(self.facts[name][row].as_py()) for name in names]

    def texts(self, name: str) -> np.ndarray:
        """A column of texts, object (N,); None where it is missing."""
        return np.asarray(self.facts[name].to_numpy(), object)

    def mark(self, where: np.ndarray, reason: Reason, details: Mapping[int, str] | str) -> Table:
        """Leave out those photos that are still wanted; a photo has one reason, the first."""
        rows = np.flatnonzero(where & self.wanted)
        reasons, words = self.reasons.copy(), self.details.copy()
        reasons[rows] = reason
        for row in rows:
            words[row] = details if isinstance(details, str) else details[int(row)]
        return replace(self, reasons=reasons, details=words)


def gather(rows: Iterable[Known]) -> Table:
    """Put rows into a table, column by column, without ever holding all of them as Python values."""
    keys: list[str] = []
    hashes: list[str] = []
    slots: list[int] = []
    reasons: list[Reason | None] = []
    details: list[str] = []
    facts: list[pa.RecordBatch] = []
    for batch in _batches(rows):
        keys += [row.key for row in batch]
        hashes += [row.sha256 or "" for row in batch]
        slots += [row.slot for row in batch]
        reasons += [row.reason for row in batch]
        details += [row.detail for row in batch]
        facts.append(_columns([row.facts for row in batch]))
    count = len(keys)
    return Table(
        keys,
        hashes,
        np.array(slots, np.int64),
        pa.Table.from_batches(facts, FACTS).combine_chunks(),
        _objects(reasons),
        _objects(details),
        duplicate_of=np.full(count, -1, np.int64),
        related_to=np.full(count, -1, np.int64),
        relations=_objects([""] * count),
        relation_scores=np.full(count, np.nan),
        groups=np.full(count, -1, np.int64),
        by_hand=np.zeros(count, bool),
        whole_frame=np.zeros(count, bool),
        views=_objects([""] * count),
        facings=_objects([""] * count),
        splits=_objects([""] * count),
    )


def _batches(rows: Iterable[Known]) -> Iterator[list[Known]]:
    batch: list[Known] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _columns(facts: Sequence[Mapping[str, Fact]]) -> pa.RecordBatch:
    return pa.record_batch(
        [pa.array([f.get(n) for f in facts], t) for n, t in zip(FACTS.names, FACTS.types, strict=True)], FACTS
    )


def _objects(values: Sequence[Any]) -> np.ndarray:
    column = np.empty(len(values), object)
    column[:] = values
    return column
