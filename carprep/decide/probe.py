"""The inner loop of the search for near codes, in machine code."""

from __future__ import annotations

import numpy as np

from carprep.compiled import compiled


@compiled
def ones(bits: np.uint64) -> np.uint64:
    """How many bits are set (Warren, Hacker's Delight, 5-1)."""
    bits = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (bits * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled
def into_buckets(codes: np.ndarray, shift: int, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort codes by some of their bits (counting sort, stable).

    Args:
        codes: uint64 (N,).
        shift, bits: the lowest of the bits, and how many.

    Returns:
        int32 (2^bits + 1,), where each bucket begins, and int32 (N,), the codes' indices, bucket after bucket.
    """
    low, mask = np.uint64(shift), np.uint64((1 << bits) - 1)
    starts = np.zeros((1 << bits) + 1, np.int32)
    for code in codes:
        starts[np.int64((code >> low) & mask) + 1] += 1
    for bucket in range(1 << bits):
        starts[bucket + 1] += starts[bucket]
    rows, ends = np.empty(len(codes), np.int32), starts.copy()
    for row in range(len(codes)):
        mine = np.int64((codes[row] >> low) & mask)
        rows[ends[mine]] = row
        ends[mine] += 1
    return starts, rows


@compiled
def probe(
    queries: np.ndarray,
    part: np.ndarray,
    number: int,
    starts: np.ndarray,
    sorted_codes: np.ndarray,
    rows: np.ndarray,
    masks: np.ndarray,
    shifts: np.ndarray,
    bits: np.ndarray,
    radii: np.ndarray,
    radius: int,
    most: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What one band finds for some queries, without what an earlier band finds: query, code, distance.

    Args:
        queries: uint64 (Q,).
        part: int32, which of the queries, in the order of their keys.
        number: of this band.
        starts, sorted_codes, rows, masks: of this band.
        shifts, bits, radii: int64 (bands,), of all bands.
        radius: bits between two codes at most.
        most: pairs of a query that are wanted at most; see below.
    """
    found_query, found_code = np.empty(1024, np.int32), np.empty(1024, np.int32)
    found_distance = np.empty(1024, np.uint8)
    histogram = np.zeros(65, np.int64)
    count = 0
    limit = np.uint64(radius)
    for n in range(len(part)):
        query = queries[part[n]]
        key = np.int64((query >> np.uint64(shifts[number])) & np.uint64((1 << bits[number]) - 1))
        first = count
        for mask in masks:
            bucket = key ^ mask
            for at in range(starts[bucket], starts[bucket + 1]):
                differ = query ^ sorted_codes[at]
                distance = ones(differ)
                if distance > limit or _found_before(differ, number, shifts, bits, radii):
                    continue
                if count == len(found_query):
                    if count - first > 8 * most:  # a crowd: keep its nearest only, so that memory stays linear
                        count = _nearest(found_code, found_distance, first, count, most, histogram)
                    else:
                        found_query, found_code = _grown(found_query), _grown(found_code)
                        found_distance = _grown(found_distance)
                found_query[count], found_code[count], found_distance[count] = part[n], rows[at], distance
                count += 1
    return found_query[:count].copy(), found_code[:count].copy(), found_distance[:count].copy()


@compiled
def _found_before(differ: np.uint64, number: int, shifts: np.ndarray, bits: np.ndarray, radii: np.ndarray) -> bool:
    for band in range(number):
        inside = (differ >> np.uint64(shifts[band])) & np.uint64((1 << bits[band]) - 1)
        if ones(inside) <= np.uint64(radii[band]):
            return True
    return False


@compiled
def _grown(array: np.ndarray) -> np.ndarray:
    larger = np.empty(2 * len(array), array.dtype)
    larger[: len(array)] = array
    return larger


@compiled
def _nearest(code: np.ndarray, distance: np.ndarray, first: int, count: int, most: int, histogram: np.ndarray) -> int:
    """Keep the `most` nearest of one query's pairs in place; at the last distance those of the lowest code."""
    order = np.argsort(distance[first:count].astype(np.int64) << 32 | code[first:count].astype(np.int64))
    kept_code = code[first:count][order[:most]].copy()
    kept_distance = distance[first:count][order[:most]].copy()
    code[first : first + most], distance[first : first + most] = kept_code, kept_distance
    return first + most
