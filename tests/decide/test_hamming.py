"""The search for near codes: the same pairs as comparing all with all, for any number and any radius."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from carprep.decide import hamming
from carprep.decide.hamming import Index, bands

CHECKOUT = Path(__file__).parents[2]


def codes(count: int, seed: int = 0) -> np.ndarray:
    """Distinct codes of 32 ones, a tenth of them a few bits beside another one."""
    random = np.random.default_rng(seed)
    ones = np.argsort(random.random((count, 64)), axis=1)[:, :32]
    bits = np.zeros((count, 64), np.uint8)
    np.put_along_axis(bits, ones, 1, axis=1)
    found = np.packbits(bits, axis=1).view(">u8").astype(np.uint64).ravel()
    for n in range(count // 10):
        flips = random.choice(64, random.integers(1, 9), replace=False)
        found[count // 2 + n] = found[n] ^ np.bitwise_or.reduce(np.uint64(1) << flips.astype(np.uint64))
    return np.unique(found)


def brute(some: np.ndarray, queries: np.ndarray, radius: int) -> list[tuple[int, int, int]]:
    distance = np.bitwise_count(queries[:, None] ^ some[None, :]).astype(int)
    query, code = np.nonzero(distance <= radius)
    return sorted(zip(query.tolist(), distance[query, code].tolist(), code.tolist(), strict=True))


def found(near: hamming.Near) -> list[tuple[int, int, int]]:
    return list(zip(near.query.tolist(), near.distance.tolist(), near.code.tolist(), strict=True))


@pytest.mark.parametrize("radius", [0, 1, 2, 4, 6, 8, 10])
@pytest.mark.parametrize("count", [300, hamming.FEW + 700])
def test_the_search_finds_just_the_pairs_that_comparing_all_with_all_finds(count, radius):
    some = codes(count)
    queries = np.concatenate([some[:500], codes(500, seed=1)])

    assert found(Index(some, radius).near(queries)) == brute(some, queries, radius)


@pytest.mark.parametrize("radius", [4, 8])
@pytest.mark.parametrize("count", [10**3, 10**5, 10**7])
def test_bands_cover_all_bits_and_their_radii_obey_the_pigeonhole_principle(count, radius):
    cut = bands(count, radius)

    assert sum(bits for _, bits, _ in cut) == 64
    assert [shift for shift, _, _ in cut] == np.cumsum([0, *(bits for _, bits, _ in cut[:-1])]).tolist()
    assert sum(within + 1 for _, _, within in cut) == radius + 1  # one more bit than the bands can hide together


def test_of_a_crowd_only_the_nearest_are_given_and_it_is_said():
    centre = codes(1)[0]
    around = np.unique(centre ^ (np.uint64(1) << np.arange(64, dtype=np.uint64)))
    some = np.unique(np.concatenate([around, [centre], codes(hamming.FEW + 100)]))
    near = Index(some, 2).near(np.array([centre]), most=10)

    assert near.capped == 1
    assert len(near) == 10 and near.distance.tolist() == [0] + [1] * 9
    assert near.code.tolist()[1:] == sorted(near.code.tolist()[1:])


def test_a_crowd_of_many_thousands_stays_within_linear_memory():
    random = np.random.default_rng(3)
    centre = codes(1)[0]
    flips = random.integers(0, 64, (60_000, 4)).astype(np.uint64)
    some = np.unique(centre ^ np.bitwise_xor.reduce(np.uint64(1) << flips, axis=1))
    near = Index(some, 8).near(some[:200], most=16)

    assert len(near) == 200 * 16 and near.capped == 200


def test_no_codes_and_no_queries_are_no_pairs():
    nothing = np.zeros(0, np.uint64)

    assert len(Index(nothing, 4).near(codes(5))) == len(Index(codes(5), 4).near(nothing)) == 0


def test_a_full_disk_keeps_no_machine_code_and_the_search_goes_on(tmp_path):
    code = (
        "import numpy as np; from carprep.decide.hamming import Index; "
        "codes = np.arange(1, 4001, dtype=np.uint64) << np.uint64(20); print(len(Index(codes, 2).near(codes[:5])) > 0)"
    )
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 1; exec {sys.executable} -c '{code}'"],  # a file size limit stands in for the disk
        capture_output=True, text=True, check=False, cwd=CHECKOUT, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip

    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize("damage", ["cut short", "emptied", "scribbled over"])
def test_damaged_machine_code_is_made_again(tmp_path, damage):
    code = (
        "import numpy as np; from carprep.decide.hamming import Index; "
        "codes = np.arange(1, 4001, dtype=np.uint64) << np.uint64(20); print(len(Index(codes, 2).near(codes[:5])) > 0)"
    )

    def run() -> str:
        command, environment = [sys.executable, "-c", code], {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT, env=environment)
        return done.stdout.strip() or done.stderr

    assert run() == "True"
    kept = [path for path in (tmp_path / "carprep" / "machine-code").rglob("*.nb?") if path.is_file()]
    assert kept
    for path in kept:
        whole = path.read_bytes()
        path.write_bytes({"cut short": whole[:100], "emptied": b"", "scribbled over": b"x" * len(whole)}[damage])
    assert run() == "True"
    assert run() == "True"
