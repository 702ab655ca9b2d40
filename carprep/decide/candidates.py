"""Which pictures are worth a second look: those that share a near code, straight or mirrored.

Equal codes are searched once. A code that very many pictures share tells nothing apart, and comparing all of
them would be quadratic: there only leaders are compared (`carprep.decide.crowds`), and only leaders stand for it
towards near codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from carprep.decide.hamming import Index
from carprep.decide.prints import Prints

QUERIES = 1 << 18  # codes searched at a time
PAIRS = 1 << 22  # pairs made at a time: 64 MB


@dataclass(frozen=True)
class Owners:
    """Distinct codes, and the pictures that have each.

    Attributes:
        codes: uint64 (C,), ascending.
        starts: int64 (C + 1,), where each code's pictures begin.
        pictures: int32, ascending within a code.
    """

    codes: np.ndarray
    starts: np.ndarray
    pictures: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """int64 (C,): how many pictures share each code."""
        return np.asarray(np.diff(self.starts))

    def of(self, code: int) -> np.ndarray:
        """The pictures that share one code, by its index."""
        return self.pictures[self.starts[code] : self.starts[code + 1]]


def owners_of(codes: np.ndarray, pictures: np.ndarray | None = None) -> Owners:
    """Sort the codes, uint64 (N, K), of some of the N pictures, or of all; 0 is no code."""
    taken = np.arange(len(codes)) if pictures is None else pictures
    flat, who = codes[taken].ravel(), np.repeat(taken, codes.shape[1]).astype(np.int32)
    flat, who = flat[flat != 0], who[flat != 0]
    order = np.argsort(flat, kind="stable")  # the pictures stay in order within a code
    flat, who = flat[order], who[order]
    new = np.ones(len(flat), bool)
    new[1:] = (flat[1:] != flat[:-1]) | (who[1:] != who[:-1])  # two parts of one picture may have the same code
    flat, who = flat[new], who[new]
    starts = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]) if len(flat) else [])
    return Owners(flat[starts], np.append(starts, len(flat)), who)


@dataclass(frozen=True)
class Found:
    """Some of what a search found.

    Attributes:
        pairs: int32 (P, 2) of pictures, the queries' first; no picture with itself, no pair twice.
        queries: how many codes were searched for it.
        capped: how many of them had more neighbours than were looked at.
    """

    pairs: np.ndarray
    queries: int
    capped: int


def near_pairs(codes: Owners, queries: Owners, radius: int) -> Iterator[Found]:
    """Pictures with near codes, some millions of pairs at a time; a pair may come again another time."""
    index = Index(codes.codes, radius)
    for start in range(0, len(queries.codes) if len(codes.codes) else 0, QUERIES):
        asked = queries.codes[start : start + QUERIES]
        near = index.near(asked)
        told = len(asked), near.capped
        for pairs in _expanded(queries, near.query + start, codes, near.code):
            yield Found(np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0), *told)
            told = 0, 0


def _expanded(one: Owners, mine: np.ndarray, other: Owners, its: np.ndarray) -> Iterator[np.ndarray]:
    """All pairs of a picture with the one code and a picture with the other, some millions at a time."""
    sizes = one.counts[mine] * other.counts[its]
    ends = np.cumsum(sizes)
    first = 0
    while first < len(mine):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + PAIRS, "right")))
        yield _products(one, mine[first:last], other, its[first:last])
        first = last


def _products(one: Owners, mine: np.ndarray, other: Owners, its: np.ndarray) -> np.ndarray:
    wide = other.counts[its]
    sizes = one.counts[mine] * wide
    which = np.repeat(np.arange(len(mine)), sizes)
    place = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    here = one.pictures[one.starts[mine][which] + place // np.maximum(wide, 1)[which]]
    there = other.pictures[other.starts[its][which] + place % np.maximum(wide, 1)[which]]
    return np.stack([here, there], axis=1)


def are_near(one: np.ndarray, other: np.ndarray, radius: int) -> np.ndarray:
    """bool (P,): whether any code of each row is near any of the other's; uint64 (P, K) both, 0 is no code."""
    here, there = one[:, :, None], other[:, None, :]
    near = (np.bitwise_count(here ^ there) <= radius) & (here != 0) & (there != 0)
    return np.asarray(near.any(axis=(1, 2)))


def share_near_code(prints: Prints, pairs: np.ndarray, radius: int) -> np.ndarray:
    """bool (P,): whether the two pictures of each pair have near codes, straight or mirrored."""
    one, other = pairs[:, 0], pairs[:, 1]
    straight, mirrored = prints.straight, prints.mirrored
    near = are_near(straight[one], straight[other], radius) | are_near(mirrored[one], straight[other], radius)
    return np.asarray(near | are_near(straight[one], mirrored[other], radius))
