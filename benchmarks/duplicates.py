"""Are the copies found, and nothing but the copies? And how long does it take, from 500 photos to a million?

    python benchmarks/duplicates.py --quality          labelled pairs and made copies, beside plain rules and packages
    python benchmarks/duplicates.py --speed [--full]   the search, beside faiss; --full lets faiss do the whole million
    python benchmarks/duplicates.py --scale            memory and time with the radii and codes that ship; crowds

Labels: `labels/pairs.csv` of the photo folder, and `labels/pairs.csv` here (by sha256): part `tuned` are all pairs of
2,852 photos of the yard, red cars and Indian cars that have near codes and are somewhat alike, on which the limits were
found; part `after` was labelled when they stood, among photos that took no part (web photos sorted by view, and
turntables): mostly frames of films and of 360-degree views, the hardest there is.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import photos_folder, table
from edits import EDITS, GOALS, PAIR_GOALS, PAIRS, made
from PIL import Image

from carprep.doctor import machine

LABELS = Path(__file__).with_name("labels") / "pairs.csv"
FOLDERS = ("yard", "redcars", "indian512")
SAME = ("same", "mirror")
COUNTED = (*SAME, "recolour", "burst", "different")


@dataclass(frozen=True)
class Labelled:
    """A pair of photos that somebody looked at."""

    one: Path
    other: Path
    same: bool
    part: str


def main() -> None:
    """Measure and print what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("quality", "speed", "scale", "full"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--count", type=int, default=300, help="photos to make copies of")
    asked = parser.parse_args()
    print(machine())
    everything = not (asked.quality or asked.speed or asked.scale)
    if asked.quality or everything:
        _labelled_pairs()
        _made_copies(asked.count)
    if asked.speed or asked.scale or everything:
        from searching import scale, speed

        if asked.speed or everything:
            speed(asked.full)
        if asked.scale or everything:
            scale()


# --- labelled pairs ------------------------------------------------------------------------------------------------


def _labelled_pairs() -> None:
    pairs = [*_shared(), *_own()]
    rules = dict(_rules(pairs))
    for part in dict.fromkeys(pair.part for pair in pairs):
        of = [number for number, pair in enumerate(pairs) if pair.part == part]
        truth = np.array([pairs[number].same for number in of])
        rows = []
        for name, said in rules.items():
            found = np.array([said[number] for number in of])
            right = int((truth & found).sum())
            rows.append((name, _share(right, int(found.sum())), _share(right, int(truth.sum()))))
        title = f"{part}: {len(of)} pairs, {truth.sum()} of them same or mirrored (95 % intervals)"
        table(title, ("rule", "precision", "recall"), rows)


def _shared() -> Iterator[Labelled]:
    folder = photos_folder()
    with (folder / "labels" / "pairs.csv").open() as file:
        for row in csv.DictReader(file):
            if row["label"] in COUNTED and row["sure"] == "1":
                same = row["label"] in SAME
                yield Labelled(
                    folder / row["file_a"], folder / row["file_b"], same, "labels/pairs.csv (even distances)"
                )


def _own() -> Iterator[Labelled]:
    folder = photos_folder()
    paths = {}
    for path in sorted(folder.glob("*/*.jpg")):
        paths[hashlib.sha256(path.read_bytes()).hexdigest()[:16]] = path
    with LABELS.open() as file:
        for row in csv.DictReader(file):
            one, other = paths.get(row["sha256_a"]), paths.get(row["sha256_b"])
            if one and other and row["label"] in COUNTED and row["sure"] == "1":
                yield Labelled(one, other, row["label"] in SAME, f"{LABELS.name}, {row['part']}")


def _share(hits: int, of: int) -> str:
    """A share with its 95 % interval (Wilson 1927)."""
    if not of:
        return "- (0 of 0)"
    p, z = hits / of, 1.96
    middle, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = ((middle + sign * half) / (1 + z * z / of) for sign in (-1, 1))
    return f"{p:.3f} [{low:.3f}, {high:.3f}] ({hits} of {of})"


def _rules(pairs: Sequence[Labelled]) -> Iterator[tuple[str, list[bool]]]:
    from carprep.compare import compare

    both = [(pair.one, pair.other) for pair in pairs]
    yield "carprep", ["copy" in found.kind for found in compare(both, keep_cache=False)]
    distances = _distances(both, _imagehash)
    for most in (4, 8, 10):
        yield f"pHash <= {most}", [distance <= most for distance in distances]
    try:
        from imagededup.methods import AHash, DHash, PHash, WHash
    except ImportError:
        print("imagededup is not installed (benchmarks/requirements.txt): left out")
    else:
        for method in (PHash, DHash, AHash, WHash):
            hasher = method(verbose=False)
            hashed = _distances(both, lambda path, hasher=hasher: int(hasher.encode_image(str(path)), 16))
            yield f"imagededup {method.__name__}, default (<= 10)", [distance <= 10 for distance in hashed]
    yield from _difpy(both)


def _imagehash(path: Path) -> int:
    import imagehash

    with Image.open(path) as image:
        return int(str(imagehash.phash(image)), 16)


def _distances(pairs: Sequence[tuple[Path, Path]], code: Callable[[Path], int]) -> list[int]:
    codes = {path: code(path) for path in {path for pair in pairs for path in pair}}
    return [(codes[one] ^ codes[other]).bit_count() for one, other in pairs]


def _difpy(pairs: Sequence[tuple[Path, Path]]) -> Iterator[tuple[str, list[bool]]]:
    try:
        import difPy
    except ImportError:
        print("difPy is not installed (benchmarks/requirements.txt): left out")
        return
    with tempfile.TemporaryDirectory() as name:
        places: dict[Path, str] = {}
        for path in {path for pair in pairs for path in pair}:
            places[path] = str(Path(shutil.copy(path, Path(name) / f"{len(places)}.jpg")).resolve())
        for similarity in ("duplicates", "similar"):
            built = difPy.build(name, show_progress=False)
            found = difPy.search(built, similarity=similarity, show_progress=False)
            near = set()
            for key, matches in found.result.items():
                near |= {frozenset((str(Path(key).resolve()), str(Path(other[0]).resolve()))) for other in matches}
            word = "default" if similarity == "duplicates" else "similar"
            yield f"difPy, {word}", [frozenset((places[one], places[other])) in near for one, other in pairs]


# --- made copies ---------------------------------------------------------------------------------------------------


def _made_copies(count: int) -> None:
    folder = photos_folder()
    paths = sorted(path for name in FOLDERS for path in (folder / name).glob("*.jpg"))
    chosen = [paths[n] for n in sorted(np.random.default_rng(17).choice(len(paths), count, replace=False))]
    rows = []
    for names in [*((name,) for name in EDITS), *PAIRS]:
        goal = (GOALS.get(names[0], 0.95) if len(names) == 1 else PAIR_GOALS.get(names)) or "-"
        some = chosen if len(names) == 1 else chosen[::3]
        found, seen, others = _build(some, names)
        distances = _plain(some, names)
        plain = [float((distances <= most).mean()) for most in (4, 8, 10)]
        rows.append(
            (" + ".join(names), _share(found, seen), str(goal), *(f"{share:.3f}" for share in plain), str(others))
        )
    header = ("edit", "recall, through a build", "goal", "pHash <= 4", "<= 8", "<= 10", "other photos left out")
    table(f"made copies of {count} photos (two edits: of a third as many), one edit a build", header, rows)
    print(
        "other photos left out: originals that a build takes for copies of other originals; among the photos are some"
    )


def _build(paths: Sequence[Path], names: Sequence[str]) -> tuple[int, int, int]:
    """Copies found, pairs of which both took part, and originals left out for another original."""
    import carprep

    with tempfile.TemporaryDirectory() as name:
        raw = Path(name) / "raw"
        raw.mkdir()
        for number, path in enumerate(paths):
            shutil.copy(path, raw / f"{number:04d}-a.jpg")
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
            (raw / f"{number:04d}-b.jpg").write_bytes(made(pixels, names, number))
        # nobody looks for cars, and nothing is too small or too soft: every pair must come as far as the duplicates
        recipe = carprep.Recipe(sizes=(16,), look="none", enlarge=16.0, min_sharpness=0.0, max_uniform=1.0)
        report = carprep.build(raw, Path(name) / "out" / "cars.zip", recipe, keep_cache=False, dry_run=True)
    heads = {photo.key: photo.facts["duplicate_of"] or photo.key for photo in report.ledger}
    there = {photo.key for photo in report.ledger if photo.reason in (None, carprep.Reason.DUPLICATE)}
    keys = [(f"{n:04d}-a.jpg", f"{n:04d}-b.jpg") for n in range(len(paths))]
    both = [pair for pair in keys if set(pair) <= there]
    found = sum(heads[one] == heads[other] for one, other in both)
    others = sum(heads[one][:4] != one[:4] for one, _ in both)
    return found, len(both), others


def _plain(paths: Sequence[Path], names: Sequence[str]) -> np.ndarray:
    """pHash distances of the same copies, int (N,)."""
    import imagehash

    distances = []
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        with Image.open(io.BytesIO(made(pixels, names, number))) as copy:
            distances.append(imagehash.phash(copy) - imagehash.phash(Image.fromarray(pixels)))
    return np.array(distances)


if __name__ == "__main__":
    sys.exit(main())
