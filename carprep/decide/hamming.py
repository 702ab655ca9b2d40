"""All pairs of 64-bit codes that differ in few bits: exact, and near-linear in practice.

Multi-index hashing (Norouzi, Punjani & Fleet 2012) with the tighter radii of the generalised pigeonhole principle:
of `m` bands whose radii sum to `radius - m + 1`, two codes within `radius` agree within its radius in at least one.
Each band is a table of buckets; a query looks into the buckets whose key is within the band's radius of its own.
Queries go through a band in the order of their keys, so that the buckets they look into lie in the processor's cache.

Measured against what else could do it, 100,000 codes within 8 bits on 2 processors: this, compiled by numba, 0.1 s;
faiss compares all pairs in 1.8 s (`IndexBinaryFlat`), or looks into 4 tables of 16 bits in 5.4 s
(`IndexBinaryMultiHash`); a join on bands in duckdb is exact only with bands of 7 bits, whose candidates grow with the
square of the codes. At a million this takes 5 s and faiss 400 (`benchmarks/duplicates.py --speed`).
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carprep.compiled import first_call
from carprep.engines.local import processors

BITS = 64
FEW = 2_000  # codes; up to here comparing all pairs costs less than making tables
BLOCK = 1 << 20  # pairs compared at a time where all are
PART = 1 << 15  # queries that one thread takes at a time
MOST_KEY_BITS = 24  # of a band; its table of buckets then takes 64 MB
LEAST_RADIUS = 2  # bits; fewer cannot be cut into bands with small tables, so more is looked at and then left out
NEIGHBOURS = 256  # of one code at most; a heap has so many in one place only where its codes tell nothing apart


@dataclass(frozen=True)
class Near:
    """Pairs of a query and a code within the radius, by query, then by distance, then by code.

    Attributes:
        query: int32 (P,), index into the queries.
        code: int32 (P,), index into the codes.
        distance: uint8 (P,), bits.
        capped: how many queries had more than `NEIGHBOURS`, of which only the nearest are here.
    """

    query: np.ndarray
    code: np.ndarray
    distance: np.ndarray
    capped: int = 0

    def __len__(self) -> int:
        """How many pairs."""
        return len(self.query)


@dataclass(frozen=True)
class Index:
    """Distinct codes to be searched.

    Attributes:
        codes: uint64 (N,), no two equal.
        radius: bits.
    """

    codes: np.ndarray
    radius: int

    def near(self, queries: np.ndarray, most: int = NEIGHBOURS) -> Near:
        """Every code within the radius of each query.

        Args:
            queries: uint64 (Q,).
            most: neighbours of one query at most, the nearest; ties go to the code that comes first.
        """
        if len(self.codes) <= FEW or len(queries) == 0:
            return _by_query(*_all_pairs(self.codes, queries, self.radius), len(queries), most)
        return _by_query(*self._banded(queries, most), len(queries), most)

    @cached_property
    def _bands(self) -> list[_Band]:
        return [_band(self.codes, *limits) for limits in bands(len(self.codes), max(self.radius, LEAST_RADIUS))]

    def _banded(self, queries: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from carprep.decide.probe import into_buckets, probe

        first_call(_compile)

        limits = [(band.shift, band.bits, band.radius) for band in self._bands]
        shifts, bits, radii = (np.array(column, np.int64) for column in zip(*limits, strict=True))
        jobs = []
        for number, band in enumerate(self._bands):
            _, order = into_buckets(queries, band.shift, band.bits)
            parts = [order[start : start + PART] for start in range(0, len(order), PART)]
            jobs += [(queries, part, number, band) for part in parts]

        def work(job: tuple[np.ndarray, np.ndarray, int, _Band]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            asked, part, number, band = job
            tables = (band.starts, band.sorted_codes, band.rows, band.masks)
            return probe(asked, part, number, *tables, shifts, bits, radii, self.radius, most)

        with ThreadPoolExecutor(processors()) as pool:
            found = list(pool.map(work, jobs))
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))  # type: ignore[return-value]


def _compile() -> None:
    """Compile, if need be, before there are threads."""
    from carprep.decide.probe import into_buckets, probe

    some, one = np.zeros(1, np.uint64), np.ones(1, np.int64)
    starts, rows = into_buckets(some, 0, 1)
    probe(some, rows, 0, starts, some, rows, one, one, one, one, 1, 1)


@dataclass(frozen=True)
class _Band:
    shift: int
    bits: int
    radius: int
    starts: np.ndarray  # int32 (2^bits + 1,), where each bucket begins
    sorted_codes: np.ndarray  # uint64 (N,), bucket after bucket
    rows: np.ndarray  # int32 (N,), their indices
    masks: np.ndarray  # int64 (M,), all keys with at most `radius` bits set


def bands(count: int, radius: int) -> list[tuple[int, int, int]]:
    """The cheapest way to cut 64 bits for so many codes: (shift, bits, radius) of each band."""
    return min((_cut(parts, radius) for parts in range(3, radius + 2)), key=lambda cut: _cost(count, cut))


def _cut(parts: int, radius: int) -> list[tuple[int, int, int]]:
    spare = radius - parts + 1
    cut, shift = [], 0
    for part in range(parts):
        bits = BITS // parts + (part < BITS % parts)
        cut.append((shift, bits, spare // parts + (part < spare % parts)))
        shift += bits
    return cut


def _cost(count: int, cut: list[tuple[int, int, int]]) -> float:
    """About how many memory reads a query costs: buckets looked into, and codes found in them."""
    if cut[0][1] > MOST_KEY_BITS:
        return math.inf
    return float(sum(_ball(bits, radius) * (1 + count / 2**bits) for _, bits, radius in cut))


def _ball(bits: int, radius: int) -> int:
    return sum(math.comb(bits, k) for k in range(radius + 1))


def _band(codes: np.ndarray, shift: int, bits: int, radius: int) -> _Band:
    from carprep.decide.probe import into_buckets

    starts, rows = into_buckets(codes, shift, bits)
    return _Band(shift, bits, radius, starts, codes[rows], rows, _masks(bits, radius))


def _masks(bits: int, radius: int) -> np.ndarray:
    masks, last = [0], [(0, 0)]
    for _ in range(radius):
        last = [(mask | 1 << bit, bit + 1) for mask, first in last for bit in range(first, bits)]
        masks += [mask for mask, _ in last]
    return np.array(masks, np.int64)


def _all_pairs(codes: np.ndarray, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = []
    step = max(1, BLOCK // max(1, len(codes)))
    for start in range(0, len(queries), step):
        distance = np.bitwise_count(queries[start : start + step, None] ^ codes[None, :])
        query, code = np.nonzero(distance <= radius)
        found.append((query + start, code, distance[query, code]))
    empty = np.zeros(0, np.int64)
    query, code, distance = (
        np.concatenate([empty, *column]) for column in (zip(*found, strict=True) if found else ((), (), ()))
    )
    return query.astype(np.int32), code.astype(np.int32), distance.astype(np.uint8)


def _by_query(query: np.ndarray, code: np.ndarray, distance: np.ndarray, queries: int, most: int) -> Near:
    """Sort, and cut where there are too many."""
    order = np.lexsort((code, distance, query))
    query, code, distance = query[order], code[order], distance[order]
    counts = np.bincount(query, minlength=queries)
    capped = int((counts > most).sum())
    if capped:
        place = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
        kept = place < most
        query, code, distance = query[kept], code[kept], distance[kept]
    return Near(query, code, distance, capped)
