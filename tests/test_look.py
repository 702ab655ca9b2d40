"""carprep look: what a looker sees, one row and two pictures a photo, whatever the photo."""

from __future__ import annotations

import csv
import fcntl
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from carprep.errors import UsageError
from carprep.look import look
from carprep.photo import View
from carprep.show import COLUMNS
from tests.pictures import blobs, car_on_white, encoded
from tests.test_cli import carprep

NUMBERS = ["p_front", "p_front_side", "p_side", "p_rear_side", "p_rear", "p_partial", "p_none"]


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "look.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def opened(path: Path) -> tuple[str | None, str, tuple[int, int]]:
    with Image.open(path) as image:
        return image.format, image.mode, image.size


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    raw = tmp_path / "raw"
    (raw / "more").mkdir(parents=True)
    car_on_white(1, 240, 180).save(raw / "car.jpg")
    car_on_white(2, 180, 320).save(raw / "more" / "car.png")
    blobs(3).save(raw / "scene.jpg")
    (raw / "broken.jpg").write_bytes(encoded(blobs(4))[:200])
    (raw / "words.txt").write_text("not a photo")
    return raw


def test_every_photo_gets_an_alpha_of_its_size_a_picture_and_a_row(folder, tmp_path):
    out = tmp_path / "some" / "new" / "folder"
    looked = look([folder], out, workers=1)
    found = rows(out)

    assert found == list(looked.rows) and len(found) == 5
    assert tuple(found[0]) == COLUMNS == ("file", "view", *NUMBERS, "facing", "p_left", "box", "milliseconds", "error")
    for name, size in (("car", (240, 180)), ("car-2", (180, 320)), ("scene", (200, 150))):
        assert opened(out / f"{name}.alpha.png") == ("PNG", "L", size)
        assert opened(out / f"{name}.jpg")[:2] == ("JPEG", "RGB")


def test_a_row_holds_a_view_its_probabilities_and_a_box(folder, tmp_path):
    look([folder / "car.jpg"], tmp_path / "out", workers=1)
    (row,) = rows(tmp_path / "out")
    chances = [float(row[name]) for name in NUMBERS]

    assert row["view"] == list(View)[int(np.argmax(chances))]
    assert sum(chances) == pytest.approx(1, abs=1e-3)
    assert 0 <= float(row["p_left"]) <= 1 and float(row["milliseconds"]) > 0
    assert row["facing"] in ("left", "right", "none") and row["error"] == ""


def test_an_unreadable_photo_is_a_row_with_its_error_and_the_others_are_looked_at(folder, tmp_path):
    done = carprep("look", folder, "--out", tmp_path / "out", "--workers", 1)
    errors = {Path(row["file"]).name: row["error"] for row in rows(tmp_path / "out")}

    assert done.returncode == 0, done.stderr
    assert [name for name, error in errors.items() if error] == ["broken.jpg", "words.txt"]
    assert "5 photos, 2 of them with an error" in done.stdout


def test_photos_and_folders_may_be_mixed_and_names_that_clash_get_a_number(folder, tmp_path):
    look([folder / "car.jpg", folder], tmp_path / "out", workers=1)

    assert {path.name for path in (tmp_path / "out").glob("car*.alpha.png")} == {
        "car.alpha.png", "car-2.alpha.png", "car-3.alpha.png",
    }  # fmt: skip


def test_a_rotated_photo_is_answered_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    car_on_white(1, 240, 180).save(tmp_path / "turned.jpg", exif=exif)
    look([tmp_path / "turned.jpg"], tmp_path / "out", workers=1)

    assert opened(tmp_path / "out" / "turned.alpha.png") == ("PNG", "L", (180, 240))


def test_a_looker_without_views_leaves_them_empty(folder, tmp_path):
    look([folder / "car.jpg"], tmp_path / "out", "border", workers=1)
    (row,) = rows(tmp_path / "out")

    assert row["view"] == row["p_front"] == row["p_left"] == row["facing"] == ""
    assert row["box"]


def test_the_result_does_not_depend_on_the_number_of_workers(folder, tmp_path):
    for workers in (1, 3):
        look([folder], tmp_path / str(workers), workers=workers)
    one, three = rows(tmp_path / "1"), rows(tmp_path / "3")

    assert [{**row, "milliseconds": ""} for row in one] == [{**row, "milliseconds": ""} for row in three]
    assert (tmp_path / "1" / "car.alpha.png").read_bytes() == (tmp_path / "3" / "car.alpha.png").read_bytes()


def test_wrong_paths_are_one_line_and_make_nothing(folder, tmp_path):
    with pytest.raises(UsageError, match=r"cannot look at .*nowhere: no such file"):
        look([folder, tmp_path / "nowhere"], tmp_path / "out")
    with pytest.raises(UsageError, match="would lie in"):
        look([folder], folder / "seen")

    assert not (tmp_path / "out").exists() and not (folder / "seen").exists()


def test_a_photo_is_never_written_over(folder, tmp_path):
    before = (folder / "car.jpg").read_bytes()
    with pytest.raises(UsageError, match="might write over it"):
        look([folder / "car.jpg"], folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "car.jpg").write_bytes(before)
    with pytest.raises(UsageError, match="holds other files"):
        look([folder], tmp_path / "mine")

    assert (folder / "car.jpg").read_bytes() == (tmp_path / "mine" / "car.jpg").read_bytes() == before
    assert not (folder / "look.csv").exists()


def test_a_table_of_somebody_else_and_a_photo_behind_a_link_are_never_written_over(folder, tmp_path):
    mine, linked = tmp_path / "mine", tmp_path / "linked"
    mine.mkdir()
    (mine / "look.csv").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        look([folder], mine)
    linked.mkdir()
    (linked / "a.jpg").symlink_to(folder / "car.jpg")
    with pytest.raises(UsageError, match="might write over it"):
        look([linked], folder)

    assert (mine / "look.csv").read_text() == "mine"


def test_two_looks_do_not_mix_in_one_folder(folder, tmp_path):
    look([folder / "car.jpg"], tmp_path / "out", workers=1)
    with (tmp_path / "out" / ".look.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another carprep look is writing"):
            look([folder], tmp_path / "out", workers=1)

    assert len(rows(tmp_path / "out")) == 1


def test_a_long_name_is_cut_and_the_others_are_looked_at(folder, tmp_path):
    (folder / f"{'å' * 120}.jpg").write_bytes((folder / "car.jpg").read_bytes())
    looked = look([folder], tmp_path / "out", workers=1)

    assert len(looked.rows) == 6
    assert len(list((tmp_path / "out").glob("*.alpha.png"))) == 4


def test_what_is_looked_at_is_what_a_build_sees(tmp_path, bench):
    bench.add("car.jpg", encoded(car_on_white(1)))
    (row,) = bench.build(look="carnet", dry_run=True).ledger.table.to_pylist()
    look([bench.raw], tmp_path / "out", workers=1)
    (seen,) = rows(tmp_path / "out")

    assert [float(seen[name]) for name in NUMBERS] == pytest.approx([row[name] for name in NUMBERS], abs=1e-5)
    assert seen["box"].split()[:2] == [str(round(row["car_left"])), str(round(row["car_top"]))]


def test_json_is_one_object_with_the_rows(folder, tmp_path):
    done = carprep("look", folder / "car.jpg", "--out", tmp_path / "out", "--json", "--workers", 1)

    (told,), (row,) = json.loads(done.stdout)["rows"], rows(tmp_path / "out")
    assert told["p_front"] == float(row["p_front"]) and told["view"] == row["view"]
    assert told["box"] == [int(number) for number in row["box"].split()] and told["error"] is None


def test_real_photos_all_get_their_alpha(photos, tmp_path):
    names = sorted((photos / "carmask").iterdir())[:6] + sorted((photos / "nocar").iterdir())[:4]
    looked = look(names, tmp_path / "out")

    assert looked.errors == 0
    for name in names:
        with Image.open(name) as photo:
            assert opened(tmp_path / "out" / f"{name.stem}.alpha.png") == ("PNG", "L", photo.size)


def test_a_car_is_cut_out_whatever_its_view(photos, tmp_path):
    with (photos / "labels" / "views.csv").open() as file:
        labels = list(csv.DictReader(file))
    names = {}
    for label in labels:
        if label["sure"] == "1" and not label["note"] and label["file"].startswith("yard"):
            names.setdefault(label["view"], photos / label["file"])
    look(list(names.values()), tmp_path / "out")

    assert {"side", "rear-side", "rear", "partial"} <= set(names)
    for view, name in names.items():
        with Image.open(tmp_path / "out" / f"{name.stem}.alpha.png") as alpha:
            assert view == "none" or np.asarray(alpha).mean() > 0.1 * 255, view
