"""Which candidates get a second look: a picture is compared with better ones that lead, best first, until it is a copy.

So a group of a hundred copies costs about a hundred looks, not five thousand; and what is looked at depends on the
pictures and their ranks alone, not on what an earlier run has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from carprep.decide.relation import COPIES, Kind

UNDECIDED, LEADS, FOLLOWS = 0, 1, 2
Judge = Callable[[np.ndarray], np.ndarray]  # numbers of pairs to their kinds
Said = Mapping[tuple[int, int], str]  # what a person said of two pictures, the lower first: same or different


@dataclass(frozen=True)
class _Edges:
    """Candidates, by the worse of the two, then by the rank of the better one."""

    better: np.ndarray
    worse: np.ndarray
    pair: np.ndarray  # the number of each in the list of pairs
    starts: np.ndarray  # int64 (N + 1,), where each picture's begin


def follow(
    pairs: np.ndarray, rank: np.ndarray, judge: Judge, said: Said, one_picture: Sequence[Kind] = COPIES
) -> np.ndarray:
    """Go from the best picture to the worst; bool (P,): which pairs were asked about.

    Args:
        pairs: int32 (P, 2), candidates, the lower first.
        rank: int64 (N,), 0 is the best.
        judge: gives the kinds of some pairs, by their numbers.
        said: a person's words, which stand above what is judged.
        one_picture: the kinds that count as one picture.
    """
    edges = _edges(pairs, rank)
    asked = np.zeros(len(pairs), bool)
    at, end = edges.starts[:-1].copy(), edges.starts[1:]
    state = np.where(at == end, LEADS, UNDECIDED)
    waiting = np.flatnonzero(state == UNDECIDED)
    while len(waiting):
        before = state[edges.better[at[waiting]]]
        ready = waiting[before == LEADS]
        numbers = edges.pair[at[ready]]
        asked[numbers] = True
        copies = _same(judge(numbers), pairs[numbers], said, one_picture) if len(numbers) else np.zeros(0, bool)
        state[ready[copies]] = FOLLOWS
        at[ready[~copies]] += 1
        at[waiting[before == FOLLOWS]] += 1
        waiting = waiting[state[waiting] == UNDECIDED]
        done = at[waiting] == end[waiting]
        state[waiting[done]] = LEADS
        waiting = waiting[~done]
    return asked


def _edges(pairs: np.ndarray, rank: np.ndarray) -> _Edges:
    first_is_better = rank[pairs[:, 0]] < rank[pairs[:, 1]]
    better = np.where(first_is_better, pairs[:, 0], pairs[:, 1])
    worse = np.where(first_is_better, pairs[:, 1], pairs[:, 0])
    order = np.lexsort((rank[better], worse))
    starts = np.searchsorted(worse[order], np.arange(len(rank) + 1))
    return _Edges(better[order], worse[order], order, starts)


def _same(kinds: np.ndarray, pairs: np.ndarray, said: Said, one_picture: Sequence[Kind]) -> np.ndarray:
    copies = np.isin(kinds, one_picture)
    if said:
        for number, (one, other) in enumerate(pairs.tolist()):
            word = said.get((one, other))
            copies[number] = copies[number] if word is None else word == "same"
    return np.asarray(copies)
