"""The development photos, gathered into one training folder: labels from several lists, masks from several hands.

    python -m carprep.carnet.collect --out heap/

Photos come from $CARPREP_PHOTOS, else ../shared/photos; nothing is copied: the folder links to them.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from carprep.carnet.command import run
from carprep.carnet.drawn import draw
from carprep.carnet.examples import VIEWS, write
from carprep.carnet.masks import only_main, pseudo_mask
from carprep.errors import UsageError

LABELS = Path(__file__).parent / "labels"
FOLDERS = ("yard", "redcars", "indian512", "sides", "nocar", "carparts", "carmask", "street", "orient", "turn", "bench")
NOT_PHOTOS = (".mask.png", ".parts.png", ".filled.png")
# another person sorted these folders, by thresholds of their own
WEIGHTS = {"orient": 0.6, "turn": 0.8}
NEIGHBOUR = {"front": "front-side", "rear": "rear-side"}  # what orient calls straight on may show some flank
Row = dict[str, object]


def collect(photos: Path, out: Path, workers: int, drawn: int, relabel: Path | None) -> int:
    """Write a training folder; returns how many photos it lists.

    Args:
        photos: the folder of development photos.
        relabel: masks of one's own, `SHA256.png`, that stand above the pseudo-masks made here.
    """
    out.mkdir(parents=True, exist_ok=True)
    _link(out / "photos", photos)
    if relabel is not None:
        _link(out / "relabelled", relabel)
    told = _told(photos)
    names = [f"{folder}/{name}" for folder in FOLDERS for name in _photos(photos / folder)]
    with ProcessPoolExecutor(workers) as pool:
        jobs = [(photos, out, name, told.get(name, {}), relabel) for name in names]
        rows = list(pool.map(_row, jobs, chunksize=8))
        rows += draw(out, drawn, pool)
    write(out / "labels.csv", iter(rows))
    return len(rows)


def _link(link: Path, to: Path) -> None:
    # the list names what lies behind links, so that it is the same list wherever the photos are
    if link.is_symlink():
        link.unlink()
    link.symlink_to(to.resolve())


def photos_folder() -> Path:
    """Where the development photos are.

    Raises:
        UsageError: nowhere.
    """
    named = os.environ.get("CARPREP_PHOTOS")
    folder = Path(named) if named else Path(__file__).parents[2].parent / "shared" / "photos"
    if not (folder / "labels").is_dir():
        raise UsageError(f"there are no development photos at {folder}; set CARPREP_PHOTOS")
    return folder


def _photos(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if _is_photo(path.name))


def _is_photo(name: str) -> bool:
    return name.lower().endswith((".jpg", ".jpeg", ".png", ".webp")) and not name.endswith(NOT_PHOTOS)


def _row(job: tuple[Path, Path, str, Row, Path | None]) -> Row:
    photos, out, name, told, relabel = job
    data = (photos / name).read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    row: Row = {"file": f"photos/{name}", "source": name.split("/")[0], **told, **_own().get(sha256, {})}
    if row.get("mask"):
        return {**row, "mask": only_main(str(row["mask"]), sha256, out)} if "street/" in name else row
    if relabel is not None and (relabel / f"{sha256}.png").exists():
        own = {kind: f"relabelled/{sha256}{end}.png" for kind, end in (("mask", ""), ("doubt", ".doubt"))}
        return {**row, **own}
    mask, doubt = pseudo_mask(data, sha256, str(row.get("view", "")), photos, out)
    return {**row, "mask": mask, "doubt": doubt}


def _told(photos: Path) -> dict[str, Row]:
    """What the lists of labels say, by file."""
    labels = photos / "labels"
    told: dict[str, Row] = {}
    for row in _rows(labels / "views.csv", labels / "carparts.csv"):
        told[row["file"]] = _viewed(row)
    for row in _rows(labels / "orient.csv"):
        told[row["file"]] = {
            "view": row["view"],
            "near": NEIGHBOUR.get(row["view"], ""),
            "facing": row["facing"],
            "weight": WEIGHTS["orient"],
        }
    for row in _rows(labels / "turn.csv"):
        told[row["file"]] = {"angle": row["angle"], "group": row["car"], "weight": WEIGHTS["turn"]}
    for row in _rows(labels / "carmask.csv", labels / "street.csv"):
        told[row["file"]] = {"mask": f"photos/{row['mask']}"}
    return told


def _viewed(row: Mapping[str, str]) -> Row:
    near = [word for word in row["note"].split() if word in VIEWS] if "near" in row["note"] else []
    return {
        "view": row["view"],
        "near": near[0] if near and near[0] != row["view"] else "",
        "sure": row["sure"],
        "facing": row["facing"],
        "overlay": row.get("overlay", ""),
    }


_OWN: dict[str, Row] = {}


def _own() -> dict[str, Row]:
    """Our own labels, by sha256; read once a process."""
    if not _OWN:
        for path in sorted(LABELS.glob("views*.csv")):
            for row in _rows(path):
                _OWN[row["sha256"]] = {**_viewed(row), "weight": 1.0}
    return _OWN


def _rows(*paths: Path) -> Iterator[dict[str, str]]:
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)


def main(
    out: Annotated[Path, typer.Option(help="Training folder to write.")],
    workers: Annotated[int, typer.Option(help="Processes.")] = os.cpu_count() or 1,
    drawn: Annotated[int, typer.Option(help="Drawn cars to add.")] = 600,
    relabel: Annotated[Path | None, typer.Option(help="Folder of better masks, SHA256.png.")] = None,
) -> None:
    """Gather the development photos into one training folder.

    Example: python -m carprep.carnet.collect --out heap/
    """
    typer.echo(f"{collect(photos_folder(), out, workers, drawn, relabel)} photos listed in {out / 'labels.csv'}")


if __name__ == "__main__":
    run(main)
