"""The search for near codes: how fast beside faiss, and how much time and memory at the scale of a million photos."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from common import photos_folder, table

from carprep.decide.candidates import near_pairs, owners_of
from carprep.decide.hamming import Index
from carprep.measure.parts import CODES
from carprep.recipe import Recipe

SHIPPED = Recipe().copy_distance
SAMPLE = 20_000  # queries of faiss at a million; it compares all with all, so its time is exactly linear in them


def codes(count: int, seed: int = 0) -> np.ndarray:
    """So many codes of 32 ones, one in ten a near copy (1 to 8 bits) of another."""
    random = np.random.default_rng(seed)
    out = np.empty(count, np.uint64)
    for start in range(0, count, 1 << 17):
        size = min(1 << 17, count - start)
        bits = np.zeros((size, 64), np.uint8)
        np.put_along_axis(bits, np.argsort(random.random((size, 64)), axis=1)[:, :32], 1, axis=1)
        out[start : start + size] = np.packbits(bits, axis=1).view(">u8").ravel()
    near = random.permutation(count)[: count // 10]
    return_to = random.permutation(count)[: count // 10]
    out[near] = out[return_to] ^ _flips(random, len(near), random.integers(1, 9, len(near)))
    return out


def _flips(random: np.random.Generator, count: int, bits: np.ndarray) -> np.ndarray:
    order = np.argsort(random.random((count, 64)), axis=1)
    chosen = np.arange(64)[None, :] < bits[:, None]
    ones = np.zeros((count, 64), np.uint8)
    np.put_along_axis(ones, order, chosen.astype(np.uint8), axis=1)
    return np.packbits(ones, axis=1).view(">u8").astype(np.uint64).ravel()


def mirrored(some: np.ndarray) -> np.ndarray:
    """The codes of the mirrored pictures: here the bits of each byte in reverse."""
    flipped = np.packbits(np.unpackbits(some.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"), axis=1)
    return flipped.view(np.uint64).ravel()


def speed(full: bool) -> None:
    """Radius 8, straight and mirrored, beside faiss."""
    rows = []
    for count, goal in ((100_000, "5"), (1_000_000, "30")):
        straight = np.unique(codes(count))
        turned = mirrored(straight)
        Index(straight[:5000], 8).near(straight[:10])  # compiles
        ours, pairs = _timed(lambda s=straight, t=turned: _both(s, t, 8))
        took, theirs, note = _faiss(straight, turned, 8, None if full or count <= 100_000 else SAMPLE)
        same = f"{pairs:,}" + (" (the same)" if pairs == theirs else f", faiss {theirs:,}" if theirs else "")
        rows.append((f"{count:,}", f"{ours:.2f} s", f"{took:.1f} s{note}", f"{took / ours:.0f}", goal, same))
    header = ("codes", "carprep", "faiss IndexBinaryFlat, 2 threads", "times faster", "goal", "pairs")
    table("near codes within 8 bits, straight and mirrored", header, rows)


def _both(straight: np.ndarray, turned: np.ndarray, radius: int) -> int:
    index = Index(straight, radius)
    return len(index.near(straight)) + len(index.near(turned))


def _faiss(straight: np.ndarray, turned: np.ndarray, radius: int, sample: int | None) -> tuple[float, int, str]:
    """Seconds for all queries, pairs found (0 where only a sample was asked), and a note."""
    import faiss

    faiss.omp_set_num_threads(2)
    index = faiss.IndexBinaryFlat(64)
    index.add(straight.view(np.uint8).reshape(-1, 8))
    took, pairs = 0.0, 0
    for queries in (straight, turned):
        asked = queries if sample is None else np.ascontiguousarray(queries[:: len(queries) // sample])
        start = time.perf_counter()
        limits, _, _ = index.range_search(asked.view(np.uint8).reshape(-1, 8), radius + 1)  # faiss means "less than"
        took += (time.perf_counter() - start) * len(queries) / len(asked)
        pairs += int(limits[-1])
    return (took, pairs, "") if sample is None else (took, 0, f" (from {sample:,} queries of each)")


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def scale() -> None:
    """What ships, at scale; each in a process of its own, whose peak memory is measured."""
    tasks: Sequence[tuple[str, Callable[..., str], tuple[object, ...]]] = (
        (f"{CODES} codes a photo, {SHIPPED} bits: 100,000 photos", _shipped, (100_000,)),
        (f"{CODES} codes a photo, {SHIPPED} bits: 1,000,000 photos", _shipped, (1_000_000,)),
        ("1,000 new photos against those million", _new, (1_000_000, 1000)),
        ("one code a photo, 8 bits: 1,000,000 photos", _one_code, (1_000_000,)),
        ("real codes: 2,852 photos with noise, 200,000", _real, (200_000,)),
        ("100,000 equal codes, all one picture", _equal, (100_000, True)),
        ("100,000 equal codes, all different pictures", _equal, (100_000, False)),
    )
    rows = []
    for name, work, arguments in tasks:
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            took, told, memory = pool.apply(_measured, (work, arguments))
        rows.append((name, f"{took:.1f} s", f"{memory:,.0f} MB", told))
    table("the search as it ships, straight and mirrored", ("what", "time", "peak memory", "found"), rows)


def _measured(work: Callable[..., str], arguments: tuple[object, ...]) -> tuple[float, str, float]:
    Index(codes(5000), 8).near(codes(10, seed=1))  # compiles
    start = time.perf_counter()
    told = work(*arguments)
    made = told.split("|")
    took = time.perf_counter() - start - float(made[1])
    return took, made[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _heap(count: int) -> tuple[np.ndarray, np.ndarray]:
    straight = codes(count * CODES).reshape(count, CODES)
    return straight, mirrored(straight.ravel()).reshape(count, CODES)


def _shipped(count: int) -> str:
    start = time.perf_counter()
    straight, turned = _heap(count)
    making = time.perf_counter() - start
    everyone, pairs = owners_of(straight), 0
    for queries in (owners_of(straight), owners_of(turned)):
        pairs += sum(len(found.pairs) for found in near_pairs(everyone, queries, SHIPPED))
    return f"{pairs:,} pairs|{making}"


def _new(count: int, new: int) -> str:
    start = time.perf_counter()
    straight, turned = _heap(count + new)
    making, fresh = time.perf_counter() - start, np.arange(count, count + new)
    everyone, recent = owners_of(straight), owners_of(straight, fresh)
    before = owners_of(turned, np.arange(count))
    searches = ((everyone, recent), (everyone, owners_of(turned, fresh)), (recent, before))
    pairs = sum(len(found.pairs) for some, asked in searches for found in near_pairs(some, asked, SHIPPED))
    return f"{pairs:,} pairs|{making}"


def _one_code(count: int) -> str:
    start = time.perf_counter()
    straight = np.unique(codes(count))
    turned = mirrored(straight)
    making = time.perf_counter() - start
    return f"{_both(straight, turned, 8):,} pairs|{making}"


def _real(count: int) -> str:
    """Codes of real photos, each again and again with up to 6 bits changed: they come in clusters."""
    start = time.perf_counter()
    random = np.random.default_rng(5)
    known = _photo_codes()
    chosen = np.resize(known, (count, 2)).copy()
    noise = _flips(random, count, random.integers(0, 7, count))
    straight, turned = np.unique(chosen[:, 0] ^ noise), np.unique(chosen[:, 1] ^ noise)
    making = time.perf_counter() - start
    index = Index(straight, 8)
    near = [index.near(queries) for queries in (straight, turned)]
    capped = sum(found.capped for found in near)
    return f"{sum(map(len, near)):,} pairs; {capped:,} codes with more than 256 neighbours|{making}"


def _photo_codes() -> np.ndarray:
    """Straight and mirrored hash of the whole of each photo, uint64 (N, 2)."""
    from carprep.measure.decode import decode
    from carprep.measure.fingerprint import fingerprint
    from carprep.measure.inspect import scaled
    from carprep.measure.task import Settings

    limits = Settings.of(Recipe()).limits
    found = []
    for name in ("yard", "redcars", "indian512"):
        for path in sorted((photos_folder() / name).glob("*.jpg")):
            facts = fingerprint(scaled(decode(path.read_bytes(), 256, limits).pixels), None)
            found.append([int(str(facts[column])[:16], 16) for column in ("codes", "codes_mirrored")])
    return np.array([pair for pair in found if all(pair)], np.uint64)


def _equal(count: int, one_picture: bool) -> str:
    """So many photos with the same nine codes, through the whole search: candidates, crowds and second looks."""
    from carprep.decide.prints import Prints
    from carprep.decide.related import Seen, relate
    from carprep.measure.parts import FIXED

    start = time.perf_counter()
    random = np.random.default_rng(9)
    with tempfile.TemporaryDirectory() as name:
        shape = (1 if one_picture else count, 64, 64, 3)
        thumbs = np.memmap(Path(name) / "thumbs.u8", np.uint8, "w+", shape=shape)
        for first in range(0, shape[0], 4096):
            size = min(4096, shape[0] - first)
            coarse = random.integers(0, 256, (size, 16, 16, 3), dtype=np.uint8)
            thumbs[first : first + size] = coarse.repeat(4, axis=1).repeat(4, axis=2)
        code = np.tile(codes(CODES, seed=2), (count, 1))
        boxes = np.tile(np.array([*FIXED, FIXED[0], FIXED[0]], np.float32), (count, 1, 1))
        order = np.arange(count)
        slots = np.zeros(count, np.int64) if one_picture else order
        prints = Prints(
            order.astype(np.uint64), order, code, mirrored(code.ravel()).reshape(code.shape), boxes, slots,
            np.full(count, 400.0), np.zeros(count, np.uint64),
        )  # fmt: skip
        making = time.perf_counter() - start
        found = relate(prints, thumbs, SHIPPED, order, Seen.nothing())
    return f"{len(found.pairs):,} relations, {found.looked:,} second looks, {found.waiting:,} not compared|{making}"
