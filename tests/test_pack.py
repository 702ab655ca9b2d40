"""The zip, as real readers see it; the ledger; the holdout; the sheets."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from carprep.errors import UsageError
from carprep.pack import archive, ledger
from carprep.pack.sheets import Cell, evenly, write_sheet
from carprep.photo import CLASSES, Reason, View
from carprep.recipe import Recipe
from tests.pictures import blobs, car_on_white, encoded, fill


@pytest.fixture
def built(bench):
    fill(bench.raw, 12)
    bench.add("broken.jpg", b"\xff\xd8\xff")
    return bench, bench.build(split=0.3)


def test_members_are_stored_sorted_dated_alike_and_stay_inside(built):
    bench, _ = built
    with zipfile.ZipFile(bench.zip) as zip_:
        infos = zip_.infolist()

    assert [info.filename for info in infos] == sorted(info.filename for info in infos)
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert [info.filename for info in infos][-2:] == ["dataset.json", "metadata.jsonl"]
    assert infos[0].filename == "00000/img00000000.png"


def test_pictures_are_square_eight_bit_rgb_and_nothing_else_is_an_image(built):
    bench, report = built
    with zipfile.ZipFile(bench.zip) as zip_:
        pictures = [name for name in zip_.namelist() if name.endswith(".png")]
        opened = [Image.open(io.BytesIO(zip_.read(name))) for name in pictures]

    assert len(pictures) == report.kept == 12
    assert {(image.size, image.mode) for image in opened} == {((64, 64), "RGB")}


def test_dataset_json_follows_stylegan_to_the_letter():
    labels = [(archive.member_name(i), str(view)) for i, view in enumerate(CLASSES)]

    assert json.loads(archive.dataset_json(labels)) == {
        "labels": [[f"00000/img{i:08d}.png", i] for i in range(5)],
    }
    assert archive.dataset_json([("a.png", "")]) == '{"labels": null}'
    assert archive.member_name(1234567) == "01234/img01234567.png"


def test_stylegans_reader_finds_every_label(built):
    bench, _ = built
    with zipfile.ZipFile(bench.zip) as zip_:
        # as the reader does it: all members with an image's suffix, sorted; labels by name from dataset.json
        Image.init()
        names = sorted(n for n in zip_.namelist() if f".{n.rsplit('.')[-1]}".lower() in Image.EXTENSION)
        labels = json.loads(zip_.read("dataset.json"))["labels"]

    assert len(names) == 12
    assert labels is None


def test_hugging_face_reads_pictures_and_metadata(built, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    bench, report = built
    datasets.disable_progress_bars()
    loaded = datasets.load_dataset("imagefolder", data_files={"train": str(bench.zip)}, cache_dir=str(tmp_path / "hf"))[
        "train"
    ]

    assert loaded.num_rows == 12
    assert {"image", "view", "facing", "colour", "split", "key", "sha256", "source", "author", "licence"} <= set(
        loaded.column_names
    )
    by_key = {row["key"]: row for row in loaded}
    kept = [photo for photo in report.ledger if photo.reason is None]
    assert {photo.key: photo.facts["split"] for photo in kept} == {key: row["split"] for key, row in by_key.items()}
    assert set(loaded["split"]) == {"train", "holdout"}
    assert by_key["00001.jpg"]["image"].size == (64, 64)
    assert by_key["00001.jpg"]["sha256"] == hashlib.sha256((bench.raw / "00001.jpg").read_bytes()).hexdigest()


def test_torchvision_reads_the_pictures(built, tmp_path):
    torchvision = pytest.importorskip("torchvision")
    bench, _ = built
    with zipfile.ZipFile(bench.zip) as zip_:
        zip_.extractall(tmp_path / "unpacked")
    folder = torchvision.datasets.ImageFolder(tmp_path / "unpacked", torchvision.transforms.ToTensor())

    assert len(folder) == 12
    assert tuple(folder[0][0].shape) == (3, 64, 64)


def test_the_ledger_has_every_column_and_the_hash_of_every_member(built):
    bench, _ = built
    table = pq.read_table(ledger.path_of(bench.zip))
    wanted = """
        key sha256 kept reason detail view facing colour duplicate_of member member_sha256 split width height
        source author licence
    """

    assert set(wanted.split()) <= set(table.column_names)
    with zipfile.ZipFile(bench.zip) as zip_:
        for row in table.to_pylist():
            assert row["kept"] == (row["reason"] is None) == (row["member"] is not None)
            if row["kept"]:
                assert hashlib.sha256(zip_.read(row["member"])).hexdigest() == row["member_sha256"]


def test_versions_and_recipe_are_in_the_ledger_and_not_in_the_zip(built):
    bench, _ = built
    about = ledger.read(bench.zip).about

    assert Recipe.from_toml(about["recipe"]).split == 0.3
    assert {"carprep", "numpy", "pillow", "looker"} <= set(about["versions"])
    assert about["versions"]["pillow"].encode() not in bench.zip.read_bytes()


def test_the_ledger_is_found_by_the_zip_by_one_size_and_by_its_own_name(bench):
    fill(bench.raw, 3)
    bench.build(sizes=(64, 128))
    folder = bench.zip.parent

    for name in ("cars.zip", "cars-64.zip", "cars-128.zip", "cars.ledger.parquet"):
        assert len(ledger.read(folder / name)) == 3
    assert not bench.zip.exists()


def test_several_sizes_have_the_same_members_and_a_hash_each(bench):
    fill(bench.raw, 5)
    report = bench.build(sizes=(64, 128))
    with zipfile.ZipFile(report.zips[64]) as small, zipfile.ZipFile(report.zips[128]) as large:
        assert small.namelist() == large.namelist()
        row = report.ledger.row(0)
        assert hashlib.sha256(large.read(row["member"])).hexdigest() == row["member_sha256"]
        assert hashlib.sha256(small.read(row["member"])).hexdigest() == row["member_sha256_64"]


def test_held_out_pictures_go_to_a_zip_of_their_own(built):
    bench, whole = built
    apart = bench.build(split=0.3, holdout_zip=bench.zip.with_name("holdout.zip"))
    with zipfile.ZipFile(bench.zip) as train, zipfile.ZipFile(bench.zip.with_name("holdout.zip")) as holdout:
        lines = [json.loads(line) for zip_ in (train, holdout) for line in zip_.read("metadata.jsonl").splitlines()]
        assert all(line["split"] == "holdout" for line in map(json.loads, holdout.read("metadata.jsonl").splitlines()))

    assert len(lines) == whole.kept == apart.kept
    assert {photo.key for photo in apart.ledger if photo.facts["split"] == "holdout"} == {
        photo.key for photo in whole.ledger if photo.facts["split"] == "holdout"
    }


def test_a_holdout_zip_without_a_split_is_refused(bench):
    fill(bench.raw, 2)
    with pytest.raises(UsageError, match="--holdout-zip needs --split"):
        bench.build(holdout_zip=bench.zip.with_name("holdout.zip"))


def test_mirroring_flips_the_picture_and_says_so(bench):
    # the table is decided here as if a looker had told facings, so that the test knows them
    from carprep.decide.all import decide
    from carprep.decide.table import Known, gather
    from carprep.ingest.listing import Listing
    from carprep.pack.outputs import Outputs
    from carprep.pack.set import Set, _about_picture
    from tests.test_decide import FAR, GOOD, views

    facts = {**GOOD, **views(View.FRONT_SIDE), "p_left": 0.1}
    recipe = Recipe(face="left")
    table = decide(gather([Known("a.jpg", "0" * 64, 0, facts, None, "")]), recipe, FAR).table
    set_ = Set(table, recipe, Listing(b"", ()), None)
    row = set_._rows(Outputs.plan(bench.raw, bench.zip, None, recipe)).to_pylist()[0]

    assert (row["facing"], row["mirrored"]) == ("right", True)
    assert _about_picture(row)["facing"] == "left"
    assert set_._order(0).mirror


def test_a_file_that_is_no_ledger_is_one_clear_line(tmp_path):
    (tmp_path / "cars.ledger.parquet").write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(UsageError, match=r"is no ledger|is damaged"):
        ledger.read(tmp_path / "cars.zip")
    with pytest.raises(UsageError, match="there is no ledger"):
        ledger.read(tmp_path / "other.zip")


def test_sheets_show_evenly_spread_pictures_with_words_in_any_script(tmp_path):
    assert evenly(3, 10) == [0, 1, 2]
    assert evenly(1000, 4) == [0, 250, 500, 750]
    write_sheet(
        tmp_path / "sheet.jpg",
        "नमस्ते",
        [Cell(blobs(1), ("blurred", "a/very/long/" * 9)), Cell(None, ("unreadable", "車.jpg"))],
    )

    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert np.asarray(sheet).std() > 5


def test_both_sheets_lie_beside_the_zip(built):
    bench, report = built

    assert report.files["sheet"] == bench.zip.with_name("cars.sheet.jpg")
    with Image.open(report.files["sheet"]) as sheet, Image.open(report.files["left_out"]) as left_out:
        assert sheet.width > 500 and left_out.width > 400


def test_a_person_sees_a_reason_for_each_photo_left_out(built):
    assert built[1].ledger["broken.jpg"].reason is Reason.UNREADABLE


def test_keep_by_hand_of_a_photo_without_a_car_gives_the_whole_frame(bench):
    from carprep.recipe import Word

    bench.add("scene.jpg", encoded(blobs(3, 300, 200)))
    bench.add("car.jpg", encoded(car_on_white(1), quality=95))
    report = bench.build(look="border", words=(Word("scene.jpg", "keep"),), min_sharpness=0.0)
    with zipfile.ZipFile(bench.zip) as zip_:
        picture = np.asarray(Image.open(io.BytesIO(zip_.read(report.ledger["scene.jpg"].facts["member"]))))

    assert report.kept == 2
    assert "whole frame" in report.ledger["scene.jpg"].detail
    assert (picture[32] != 255).any(axis=1).sum() > 50  # it fills the square from side to side
