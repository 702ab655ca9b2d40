"""Codes that very many pictures share: compared with leaders only, so that nothing is quadratic.

The best picture leads; all others are compared with it. Those that are no copies of it wait for the next leader, the
best of those who wait, and so on, for so many rounds and no more. What waits even then is counted and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from carprep.decide.candidates import owners_of
from carprep.decide.measures import MEASURES
from carprep.decide.prints import Prints
from carprep.decide.relation import COPIES, Kind

Look = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # pairs to their measures and kinds


@dataclass(frozen=True)
class Size:
    """What is a crowd, and how many lead it."""

    most: int = 64  # pictures that may share one code and still all be compared: 2,016 pairs
    leaders: int = 16


@dataclass(frozen=True)
class Crowds:
    """What came of the crowds.

    Attributes:
        pairs, measures: those that were seen to be alike; int32 (P, 2), float32 (P, M).
        silent: bool (N, codes), codes that must not be searched: their picture does not lead their crowd.
        crowded: bool (N,), pictures with such a code; what is known of them depends on who else is there.
        waiting: how many pictures were not compared with all that share their code.
    """

    pairs: np.ndarray
    measures: np.ndarray
    silent: np.ndarray
    crowded: np.ndarray
    waiting: int


def settle(prints: Prints, rank: np.ndarray, look: Look, size: Size, one_picture: Sequence[Kind] = COPIES) -> Crowds:
    """Compare the pictures of each crowd with its leaders.

    Args:
        rank: int64 (N,), place of each picture in the order of quality; 0 is the best.
        look: the second look.
        size: from how many on pictures are a crowd, and how many lead it.
        one_picture: the kinds that count as one picture.
    """
    owners = owners_of(prints.straight)
    silent, crowded = np.zeros(prints.straight.shape, bool), np.zeros(len(prints), bool)
    pairs, seen = [np.zeros((0, 2), np.int32)], [np.zeros((0, len(MEASURES)), np.float32)]
    settled: dict[bytes, np.ndarray] = {}  # the same pictures often share several codes
    waiting: set[int] = set()
    for code in np.flatnonzero(owners.counts > size.most):
        members = owners.of(int(code))
        if members.tobytes() not in settled:
            ranked = members[np.argsort(rank[members], kind="stable")]
            leaders, left = _follow(ranked, look, size.leaders, one_picture, pairs, seen)
            settled[members.tobytes()] = leaders
            waiting.update(left.tolist())
        others = np.setdiff1d(members, settled[members.tobytes()])
        silent[others] |= prints.straight[others] == owners.codes[code]
        crowded[members] = True
    return Crowds(np.concatenate(pairs), np.concatenate(seen), silent, crowded, len(waiting))


def _follow(
    members: np.ndarray,
    look: Look,
    most: int,
    one_picture: Sequence[Kind],
    pairs: list[np.ndarray],
    seen: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Leaders, and who waits in the end; what was seen is added to the lists."""
    leaders: list[int] = []
    while len(members) and len(leaders) < most:
        leader, members = int(members[0]), members[1:]
        leaders.append(leader)
        asked = np.sort(np.stack([np.full(len(members), leader, np.int32), members], axis=1), axis=1)
        measures, kinds = look(asked)
        alike = kinds != Kind.DIFFERENT
        pairs.append(asked[alike])
        seen.append(measures[alike])
        members = members[~np.isin(kinds, one_picture)]
    return np.array(leaders, np.int32), members
