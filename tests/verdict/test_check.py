"""Static checks of a zip: what a real build passes, and what each planted fault fails."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from carprep.check import check
from carprep.draw.heap import draw_heap
from carprep.pipeline import build
from carprep.recipe import Recipe

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("check")
    draw_heap(folder / "raw", 30)
    build(folder / "raw", folder / "cars.zip", Recipe(sizes=(32,)), cache=folder / "cache")
    return folder / "cars.zip"


def failed(path: Path) -> list[str]:
    return [one.name for one in check(path) if one.state == "failed"]


def test_a_build_at_32_px_passes_all(built):
    assert not failed(built)


def test_without_its_ledger_a_zip_is_warned_of_and_checked_as_far_as_it_goes(built, tmp_path):
    alone = tmp_path / "alone.zip"
    alone.write_bytes(built.read_bytes())
    states = {one.name: one.state for one in check(alone)}

    assert states["the set has its ledger"] == "warning"
    assert states["in alone.zip the border is exactly white"] == "skipped"
    assert "failed" not in states.values()


def png(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        out = io.BytesIO()
        Image.fromarray(change(np.array(Image.open(io.BytesIO(data))))).save(out, "PNG")
        return out.getvalue()

    return changed


def dirty(pixels: np.ndarray) -> np.ndarray:
    pixels[0, 5] = 250
    return pixels


def moved(pixels: np.ndarray) -> np.ndarray:
    return np.roll(pixels, 4, 0)


FAULTS = {
    "the border is exactly white": png(dirty),
    "cars are in the middle": png(moved),
    "squares of one size": png(lambda pixels: pixels[:30]),
    "8-bit RGB": png(lambda pixels: pixels[..., 0]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_spoilt_picture_fails_the_check_that_is_for_it(name, built, tmp_path):
    spoilt = rewritten(
        built, tmp_path, lambda members: members.update({first(members): FAULTS[name](members[first(members)])})
    )

    assert any(name in told for told in failed(spoilt))
    assert any("agrees with the ledger" in told for told in failed(spoilt))  # the member's sha256 is another


def test_two_pictures_that_changed_places_fail_and_so_do_copies_and_flipped_bits(built, tmp_path):
    def swap(members: Members) -> None:
        one, other = [name for name in members if name.endswith(".png")][:2]
        members[one], members[other] = members[other], members[one]

    def double(members: Members) -> None:
        one, other = [name for name in members if name.endswith(".png")][:2]
        members[one] = members[other]

    assert any("agrees with the ledger" in name for name in failed(rewritten(built, tmp_path, swap)))
    assert any("twice" in name for name in failed(rewritten(built, tmp_path, double)))
    data = bytearray(built.read_bytes())
    data[data.index(b"IDAT") + 9] ^= 1
    (tmp_path / "cars.zip").write_bytes(bytes(data))
    assert any("open and are squares" in name for name in failed(tmp_path / "cars.zip"))


def test_a_label_or_a_line_too_many_fails_the_layouts(built, tmp_path):
    def spoil(members: Members) -> None:
        labels = json.loads(members["dataset.json"])["labels"]
        members["dataset.json"] = json.dumps({"labels": [*labels, ["00000/gone.png", 1]]}).encode()
        members["metadata.jsonl"] += members["metadata.jsonl"].splitlines(keepends=True)[0]

    told = failed(rewritten(built, tmp_path, spoil))

    assert any("StyleGAN" in name for name in told) and any("Hugging Face" in name for name in told)


def test_a_known_source_without_a_licence_fails(built, tmp_path):
    def spoil(members: Members) -> None:
        lines = [json.loads(line) for line in members["metadata.jsonl"].splitlines()]
        lines[0]["source"] = "https://example.org/car"
        members["metadata.jsonl"] = "".join(json.dumps(line) + "\n" for line in lines).encode()

    assert any("licence" in name for name in failed(rewritten(built, tmp_path, spoil)))


def first(members: Members) -> str:
    return next(name for name in members if name.endswith(".png"))


def rewritten(built: Path, folder: Path, spoil: Callable[[Members], None]) -> Path:
    with zipfile.ZipFile(built) as old:
        members = {name: old.read(name) for name in old.namelist()}
    spoil(members)
    with zipfile.ZipFile(folder / "cars.zip", "w") as new:
        for name, data in members.items():
            new.writestr(name, data)
    (folder / "cars.ledger.parquet").write_bytes(built.with_name("cars.ledger.parquet").read_bytes())
    return folder / "cars.zip"
