"""How pictures relate to each other: the whole search, cheap to dear, each step only on what the one before left open.

Same pixels; near codes; the second look, at those whom a picture might follow (`carprep.decide.following`). What was
seen of pictures that were there before is given, so that a thousand new photos beside a million known ones cost a
thousand's search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from carprep.compiled import first_call
from carprep.decide import crowds
from carprep.decide.candidates import are_near, near_pairs, owners_of, share_near_code
from carprep.decide.following import Said, follow
from carprep.decide.measures import MEASURES, SEEN
from carprep.decide.prints import Prints
from carprep.decide.relation import COPIES, Judged, Kind, judge
from carprep.engines.local import processors
from carprep.progress import Progress, silent

PART = 1024  # pairs that one thread looks at before it takes the next


@dataclass(frozen=True)
class Seen:
    """What second looks measured; a pure function of the photos' bytes, so it may be kept.

    Attributes:
        names: uint64 (N,), ascending: pictures of which all candidates among them were looked at.
        pairs: int32 (P, 2), of names; the lower first.
        measures: float32 (P, 12); pairs that are not here were no candidates, or a glance was enough.
    """

    names: np.ndarray
    pairs: np.ndarray
    measures: np.ndarray

    @classmethod
    def nothing(cls) -> Seen:
        """Of no pictures."""
        return cls(np.zeros(0, np.uint64), np.zeros((0, 2), np.int32), np.zeros((0, len(MEASURES)), np.float32))


@dataclass(frozen=True)
class Related:
    """Pairs of pictures that are not different.

    Attributes:
        pairs: int32 (P, 2), rows of the prints; the lower first, each once.
        kind: int8 (P,) of `Kind`.
        score: float32 (P,) in [0, 1].
        seen: to be given to the next search.
        looked: how many pairs were looked at this time.
        waiting: how many pictures share a code with so many others that they were not compared with all of them.
    """

    pairs: np.ndarray
    kind: np.ndarray
    score: np.ndarray
    seen: Seen
    looked: int = 0
    waiting: int = 0


class Looker:
    """The second look at pairs of pictures, in all processors."""

    def __init__(self, prints: Prints, thumbs: np.ndarray, radius: int) -> None:
        self.prints, self.thumbs, self.radius = prints, thumbs, radius
        self.looked = 0

    def __call__(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Measures, float32 (P, 12), and kinds, int8 (P,), of pairs, int32 (P, 2)."""
        measures = self.measured(pairs)
        return measures, judge(measures, self.sides(pairs)).kind

    def measured(self, pairs: np.ndarray) -> np.ndarray:
        """What the second look measures, float32 (P, 12)."""
        if not len(pairs):
            return np.zeros((0, len(MEASURES)), np.float32)
        from carprep.decide.second_look import look  # brings the compiler

        self.looked += len(pairs)
        prints = self.prints
        rest = (self.thumbs, prints.slots, prints.straight, prints.mirrored, prints.boxes, self.radius)
        first_call(lambda: look(pairs[:0], *rest))  # compiles, if need be, before there are threads
        parts = [pairs[start : start + PART] for start in range(0, len(pairs), PART)]
        with ThreadPoolExecutor(processors()) as pool:
            return np.concatenate(list(pool.map(lambda part: look(part, *rest), parts)))

    def sides(self, pairs: np.ndarray) -> np.ndarray:
        """Shorter side of the smaller photo of each pair, px."""
        return np.asarray(self.prints.sides[pairs].min(axis=1))


def relate(
    prints: Prints,
    thumbs: np.ndarray,
    radius: int,
    rank: np.ndarray,
    known: Seen,
    said: Said | None = None,
    one_picture: Sequence[Kind] = COPIES,
    progress: Progress = silent,
    crowd_size: crowds.Size = crowds.Size(),  # noqa: B008 (frozen)
) -> Related:
    """Find pairs of pictures that are copies, mirrored copies, recolours or bursts.

    Args:
        thumbs: uint8 (slots, 64, 64, 3).
        radius: bits within which two codes are near.
        rank: int64 (N,), place of each picture in the order of quality: each is compared with better ones only.
        known: what an earlier search saw.
        said: a person's words on pairs of pictures.
        one_picture: the kinds that count as one picture; who is one with a better one is compared no further.
        progress: told how many codes were searched, of how many.
        crowd_size: from how many on pictures that share a code are compared with leaders only.
    """
    look = Looker(prints, thumbs, radius)
    crowd = crowds.settle(prints, rank, look, crowd_size, one_picture)
    heard = replace(
        prints,
        straight=np.where(crowd.silent, np.uint64(0), prints.straight),
        mirrored=np.where(crowd.silent, np.uint64(0), prints.mirrored),
    )
    old, pairs, measures = _recalled(heard, known, crowd.crowded, radius)
    waiting, found = crowd.waiting, [pairs, crowd.pairs]
    for asked, capped in _searched(heard, old, radius, progress):
        waiting += capped
        found.append(asked)
    candidates = _distinct(found)
    book = _Book(candidates, look)
    book.enter(pairs, measures)
    book.enter(crowd.pairs, crowd.measures)
    asked = follow(candidates, rank, book.kinds, said or {}, one_picture)
    whole = ~crowd.crowded
    whole[candidates[~book.known].ravel()] = False  # one of its candidates was not looked at
    seen = book.known & (book.measures[:, SEEN] > 0)
    judged = judge(book.measures, look.sides(candidates))
    alike = asked & (judged.kind != Kind.DIFFERENT)
    same, equal = _same_pixels(prints, rank)
    return Related(
        *_merged(candidates[alike], Judged(judged.kind[alike], judged.score[alike]), same, equal),
        seen=_to_keep(prints, whole, candidates[seen], book.measures[seen]) if not waiting else Seen.nothing(),
        looked=look.looked,
        waiting=waiting,
    )


class _Book:
    """What is known of each candidate, looked up the first time that somebody asks."""

    def __init__(self, pairs: np.ndarray, look: Looker) -> None:
        self.pairs, self.look, self._keys = pairs, look, _keys(pairs)
        self.known = np.zeros(len(pairs), bool)
        self.measures = np.zeros((len(pairs), len(MEASURES)), np.float32)

    def enter(self, pairs: np.ndarray, measures: np.ndarray) -> None:
        """Write down what was measured before."""
        numbers = np.searchsorted(self._keys, _keys(pairs))
        self.known[numbers], self.measures[numbers] = True, measures

    def kinds(self, numbers: np.ndarray) -> np.ndarray:
        """The kinds of some pairs, by their numbers."""
        new = numbers[~self.known[numbers]]
        self.measures[new] = self.look.measured(self.pairs[new])
        self.known[new] = True
        return judge(self.measures[numbers], self.look.sides(self.pairs[numbers])).kind


def _keys(pairs: np.ndarray) -> np.ndarray:
    """Pairs as one number each, in the order of the pairs."""
    return np.asarray((pairs[:, 0].astype(np.int64) << 32) | pairs[:, 1])


def _distinct(parts: list[np.ndarray]) -> np.ndarray:
    """All pairs of some lists, int32 (P, 2), sorted, each once."""
    keys = np.unique(np.concatenate([_keys(part) for part in parts]))
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1).astype(np.int32)


def _recalled(
    prints: Prints, known: Seen, crowded: np.ndarray, radius: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which pictures were searched before, bool (N,), and their pairs with what was measured."""
    place = np.searchsorted(prints.names, known.names)
    place[place == len(prints)] = 0
    there = (prints.names[place] == known.names) & ~crowded[place] if len(prints) else np.zeros(len(place), bool)
    old = np.zeros(len(prints), bool)
    old[place[there]] = True
    pairs, measures = known.pairs, known.measures
    both = there[pairs].all(axis=1)
    pairs, measures = place[pairs[both]].astype(np.int32), measures[both]
    near = share_near_code(prints, pairs, radius)
    return old, pairs[near], measures[near]


def _searched(prints: Prints, old: np.ndarray, radius: int, progress: Progress) -> Iterator[tuple[np.ndarray, int]]:
    """Pairs with near codes, the lower first, at least one of them new; and how many codes had too many neighbours."""
    new = np.flatnonzero(~old)
    if not len(new):
        return
    everyone, recent = owners_of(prints.straight), owners_of(prints.straight, new)
    turned, before = owners_of(prints.mirrored, new), owners_of(prints.mirrored, np.flatnonzero(old))
    total, done = sum(len(queries.codes) for queries in (recent, turned, before)), 0
    for found in near_pairs(everyone, recent, radius):
        # both of a pair ask for each other where both are new
        pairs = found.pairs[old[found.pairs[:, 1]] | (found.pairs[:, 0] > found.pairs[:, 1])]
        yield np.sort(pairs, axis=1), found.capped
        progress("compare", done := done + found.queries, total)
    for found in near_pairs(everyone, turned, radius):
        one, other = found.pairs[:, 0], found.pairs[:, 1]
        again = ~old[other] & (one < other)
        again[again] = are_near(prints.mirrored[other[again]], prints.straight[one[again]], radius)
        yield np.sort(found.pairs[~again], axis=1), found.capped
        progress("compare", done := done + found.queries, total)
    for found in near_pairs(recent, before, radius):
        yield np.sort(found.pairs, axis=1), found.capped
        progress("compare", done := done + found.queries, total)


def _same_pixels(prints: Prints, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of the best of each group with the same pixels and each of the others, int32 (P, 2); and their scores."""
    order = np.lexsort((rank, prints.pixels))
    order = order[prints.pixels[order] != 0]
    pixels = prints.pixels[order]
    first = np.searchsorted(pixels, pixels)
    others = first != np.arange(len(order))
    pairs = np.sort(np.stack([order[first[others]], order[others]], axis=1), axis=1).astype(np.int32)
    return pairs, np.ones(len(pairs), np.float32)


def _merged(
    pairs: np.ndarray, judged: Judged, same: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both lists as one, sorted; the second has the last word."""
    everything = np.concatenate([same, pairs])
    kinds = np.concatenate([np.full(len(same), Kind.COPY, np.int8), judged.kind])
    both = np.concatenate([scores, judged.score])
    merged, first = np.unique(everything, axis=0, return_index=True)
    return merged, kinds[first], both[first]


def _to_keep(prints: Prints, kept: np.ndarray, pairs: np.ndarray, measures: np.ndarray) -> Seen:
    place = np.cumsum(kept) - 1
    both = kept[pairs].all(axis=1)
    return Seen(prints.names[kept], place[pairs[both]].astype(np.int32), measures[both])
