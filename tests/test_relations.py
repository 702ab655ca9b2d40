"""compare, duplicates and check: what they say of a heap whose copies are known, and one line for every wrong call."""

from __future__ import annotations

import csv
import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import carprep
from carprep.check import check
from carprep.pack import ledger
from tests.conftest import Bench
from tests.decide.prints import picture
from tests.pictures import encoded
from tests.test_cli import build
from tests.test_cli import carprep as command


def jpeg(pixels: np.ndarray, quality: int = 92) -> bytes:
    return encoded(Image.fromarray(np.ascontiguousarray(pixels)), quality=quality)


@pytest.fixture
def heap(bench: Bench) -> Bench:
    """Six pictures, a copy of one, a mirrored copy of one, a recolour of one."""
    for seed in range(6):
        bench.add(f"{seed}.jpg", jpeg(picture(seed)))
    bench.add("again/copy.jpg", jpeg(picture(1), 50))
    bench.add("again/mirrored.jpg", jpeg(picture(2)[:, ::-1], 80))
    red = picture(3).copy()
    red[90:270, 120:400] = red[90:270, 120:400, ::-1]
    bench.add("again/recolour.jpg", jpeg(red))
    return bench


def read(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(table.read_text().splitlines()))


def compare(bench: Bench, *arguments: object):
    return command("compare", "--look", "none", "--cache", bench.cache, *arguments)


# --- compare -------------------------------------------------------------------------------------------------------


def test_compare_says_in_words_how_two_photos_relate_and_why(heap):
    said = compare(heap, heap.raw / "1.jpg", heap.raw / "again/copy.jpg").stdout

    assert said.startswith("copy, score 0.9")
    for words in ("so a build looks at the pair", "fine structure", "place", "colour", f"keeps {heap.raw / '1.jpg'}"):
        assert words in said


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("2.jpg", "again/mirrored.jpg", "mirrored copy"),
        ("again/recolour.jpg", "3.jpg", "recolour"),
        ("4.jpg", "5.jpg", "different"),
        ("4.jpg", "4.jpg", "copy"),
    ],
)
def test_compare_names_the_kind(heap, one, other, kind):
    told = json.loads(compare(heap, heap.raw / one, heap.raw / other, "--json").stdout)

    assert (told["kind"], told["candidate"]) == (kind, kind != "different")
    assert (told["score"] == 1) == (one == other) and told["why"]


def test_a_table_of_pairs_keeps_its_columns_and_order_and_gets_three_more(heap, tmp_path):
    table, out = tmp_path / "pairs.csv", tmp_path / "new" / "judged.csv"
    table.write_text(
        "label,file_a,file_b,note\nsame,1.jpg,again/copy.jpg,x\ndifferent,4.jpg,5.jpg,\nmirror,again/mirrored.jpg,2.jpg,y\n"
    )
    done = compare(heap, "--pairs", table, "--root", heap.raw, "--out", out)
    rows = read(out)

    assert done.returncode == 0 and "3 pairs: " in done.stdout
    assert list(rows[0]) == ["label", "file_a", "file_b", "note", "kind", "score", "candidate"]
    assert [(row["label"], row["note"], row["kind"], row["candidate"]) for row in rows] == [
        ("same", "x", "copy", "true"),
        ("different", "", "different", "false"),
        ("mirror", "y", "mirrored copy", "true"),
    ]
    assert 0.95 < float(rows[0]["score"]) < 1 and float(rows[1]["score"]) == 0


def test_a_table_judges_as_a_build_does(heap, tmp_path):
    heap.build()
    left = {photo.key: photo.facts for photo in ledger.read(heap.zip) if photo.reason}
    table, out = tmp_path / "pairs.csv", tmp_path / "judged.csv"
    lines = [f"{key},{facts['duplicate_of']}" for key, facts in left.items()]
    table.write_text("\n".join(["file_a,file_b", *lines]))
    compare(heap, "--pairs", table, "--root", heap.raw, "--out", out)

    assert len(lines) == 2
    for row in read(out):
        facts = left[row["file_a"]]
        assert (row["kind"], float(row["score"])) == (facts["relation"], facts["relation_score"])


def test_a_photo_that_cannot_be_read_has_no_kind_and_the_others_have(heap, tmp_path):
    heap.add("broken.jpg", b"\xff\xd8\xff nothing")
    table, out = tmp_path / "pairs.csv", tmp_path / "judged.csv"
    table.write_text("file_a,file_b\nbroken.jpg,1.jpg\n1.jpg,again/copy.jpg\n")
    done = compare(heap, "--pairs", table, "--root", heap.raw, "--out", out)

    assert [row["kind"] for row in read(out)] == ["", "copy"]
    assert done.returncode == 0 and "not compared, first of 1:" in done.stderr
    alone = compare(heap, heap.raw / "broken.jpg", heap.raw / "1.jpg")
    assert alone.returncode == 2 and "cannot compare" in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give two photos"),
        (["1.jpg"], "give two photos"),
        (["1.jpg", "nowhere.jpg"], "cannot read the photo"),
        (["1.jpg", "again"], "is no file"),
        (["1.jpg", "2.jpg", "--out", "x.csv"], "--root and --out go with --pairs"),
        (["--pairs", "nowhere.csv", "--out", "x.csv"], "cannot read the table of pairs"),
        (["--pairs", "bad.csv", "--out", "x.csv"], "has no column file_a, file_b"),
        (["--pairs", "gap.csv", "--out", "x.csv"], "line 2: a photo is not named"),
        (["--pairs", "none.csv", "--out", "x.csv"], "has no pairs"),
        (["--pairs", "none.csv"], "--pairs needs --out"),
        (["--pairs", "own.csv", "--out", "x.csv"], "has a column kind of its own"),
        (["--pairs", "own.csv", "--out", "own.csv"], "would write over the table"),
        (["--pairs", "none.csv", "--out", "x.csv", "--root", "nowhere"], "there is no folder"),
        (["1.jpg", "2.jpg", "--look", "nobody"], "nobody"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_of_compare_is_one_clear_line(heap, arguments, message):
    for name, text in (
        ("bad.csv", "a,b\n1,2\n"),
        ("gap.csv", "file_a,file_b\n1.jpg,\n"),
        ("none.csv", "file_a,file_b\n"),
        ("own.csv", "file_a,file_b,kind\n1.jpg,2.jpg,x\n"),
    ):
        heap.add(name, text.encode())
    named = [a if a.startswith("-") or a == "nobody" else heap.raw / a for a in arguments]
    done = compare(heap, *named)

    assert done.returncode == 2
    assert message in done.stderr and len(done.stderr.splitlines()) == 1


# --- duplicates ----------------------------------------------------------------------------------------------------


def test_duplicates_lists_the_groups(heap):
    build(heap)
    said = command("duplicates", heap.zip).stdout

    assert said.splitlines()[0] == "3 groups of 6 related photos; 2 of them left out as duplicates"
    assert re.search(r"\n1.jpg  kept\n  again/copy.jpg  left out for 1.jpg: copy, score 0.9\d\d\n", said)
    assert re.search(r"recolour.jpg  kept|3.jpg  kept: recolour of", said)


def test_duplicates_shows_them_side_by_side_on_one_self_contained_page(heap, tmp_path):
    build(heap)
    page = tmp_path / "new" / "duplicates.html"
    done = command("duplicates", heap.zip, "--html", page, "--cache", heap.cache)
    text = page.read_text()

    assert done.returncode == 0 and str(page) in done.stdout
    assert text.count("<section>") == 3 and text.count("data:image/jpeg;base64,") == 6
    assert not re.search(r"(src|href)=\"(?!data:)", text)


def test_a_page_without_the_cache_takes_the_photos_themselves_or_says_that_there_is_no_picture(heap, tmp_path):
    build(heap)
    page, away = tmp_path / "d.html", tmp_path / "nothing"
    assert "there is no folder" in command("duplicates", heap.zip, "--html", page, "--cache", away).stderr
    away.mkdir()
    done = command("duplicates", heap.zip, "--html", page, "--cache", away)
    assert page.read_text().count("no picture") == 6 and "6 pictures are missing" in done.stderr

    command("duplicates", heap.zip, "--html", page, "--cache", away, "--raw", heap.raw)
    assert page.read_text().count("data:image/jpeg;base64,") == 6


def test_names_cannot_break_the_page(bench, tmp_path):
    bench.add('<b onload="x">.jpg', jpeg(picture(1)))
    bench.add("b.jpg", jpeg(picture(1), 60))
    build(bench)
    page = tmp_path / "d.html"
    command("duplicates", bench.zip, "--html", page, "--cache", bench.cache)

    assert "<b onload" not in page.read_text() and "&lt;b onload" in page.read_text()


# --- check ---------------------------------------------------------------------------------------------------------


def states(zip: Path) -> dict[str, str]:
    return {one.name.split()[0] + " " + one.name.split()[1]: one.state for one in check(zip)}


def test_a_built_set_passes_its_checks_with_and_without_a_zip_for_what_is_held_out(heap):
    assert command("check", build(heap) and heap.zip).returncode == 0
    heap.zip = heap.zip.with_name("again.zip")
    heap.build(split=0.5, holdout_zip=heap.zip.with_name("rest.zip"), sizes=(64, 128))

    done = command("check", heap.zip)
    skipped = [line for line in done.stdout.splitlines() if line.startswith("skipped")]
    assert done.returncode == 0 and len(done.stdout.splitlines()) - len(skipped) >= 20
    assert all("--look none" in line or "no source is known" in line for line in skipped)  # each says why
    assert "failed" not in done.stdout


def test_a_group_in_two_splits_fails_the_check(heap):
    heap.build(split=0.5)
    read = ledger.read(heap.zip)
    rows = read.table.to_pylist()
    for number, row in enumerate(row for row in rows if row["group"] and row["kept"] and row["relation"] != "copy"):
        row["split"] = ("train", "holdout")[number % 2]
    ledger.write(
        heap.zip.with_name("cars.ledger.parquet"), type(read.table).from_pylist(rows, read.table.schema), read.about
    )

    done = command("check", heap.zip)
    assert done.returncode == 4
    assert "failed  no group of related photos is in two splits: 1 are" in done.stdout


def test_a_picture_that_was_changed_afterwards_fails_the_check(heap):
    heap.build()
    with zipfile.ZipFile(heap.zip) as old:
        members = {name: old.read(name) for name in old.namelist()}
    victim = next(name for name in members if name.endswith(".png"))
    with zipfile.ZipFile(heap.zip, "w") as new:
        for name, data in members.items():
            new.writestr(name, encoded(Image.new("RGB", (64, 64)), "PNG") if name == victim else data)

    assert [one.state for one in check(heap.zip)].count("failed") == 1


def test_a_zip_with_another_name_is_checked_itself(heap):
    heap.build()
    ledger_path, copy = heap.zip.with_name("cars.ledger.parquet"), heap.zip.with_name("mine.zip")
    shutil.copy(ledger_path, heap.zip.with_name("mine.ledger.parquet"))
    assert "there is no zip" in command("check", copy).stderr

    shutil.copy(heap.zip, copy)
    assert "passed  mine.zip agrees" in command("check", copy).stdout
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr("00000/img00009999.png", encoded(Image.new("RGB", (64, 64)), "PNG"))
    assert "failed  mine.zip agrees" in command("check", copy).stdout


def test_check_says_what_is_missing_in_one_line(heap, tmp_path):
    assert "there is no zip" in command("check", tmp_path / "nothing.zip").stderr
    heap.build()
    heap.zip.unlink()
    done = command("check", heap.zip)

    assert done.returncode == 2 and "there is no zip" in done.stderr and len(done.stderr.splitlines()) == 1


def test_explain_names_what_a_kept_photo_is_related_to(heap):
    heap.build()
    key = next(photo.key for photo in ledger.read(heap.zip) if photo.facts["relation"] == "recolour")
    said = command("explain", heap.zip, key).stdout

    assert "was kept" in said and re.search(r"Related: recolour of \S+, score 0\.\d", said)


# --- builds --------------------------------------------------------------------------------------------------------


def test_strict_refuses_a_split_that_one_group_decides(bench):
    for number in range(3):
        bench.add(f"again-{number}.jpg", jpeg(picture(1), 90 - number))
        bench.add(f"{number}.jpg", jpeg(picture(10 + number)))
    report = bench.build(split=0.3, same="none")
    assert report.funnel.largest_group == 0.5
    assert any("50% of the set: no split can part it" in line for line in report.lines())

    with pytest.raises(carprep.RunError, match="one group of related photos, which a split cannot part"):
        bench.build(split=0.3, same="none", strict=True, margin=0.1)
    assert bench.build(same="none", strict=True).kept == 6  # nothing is split, so nothing is refused


def test_what_second_looks_measured_is_kept_and_a_damaged_file_of_it_costs_only_time(heap):
    first = heap.build().to_json()["sha256"]
    kept = next(heap.cache.glob("looks-*.npz"))
    heap.add("new.jpg", jpeg(picture(4), 60))
    warm = heap.build().to_json()["sha256"]
    kept.write_bytes(b"scribble")
    damaged = heap.build(None, heap.zip.with_name("again.zip"))
    cold = heap.build(None, heap.zip.with_name("cold.zip"), keep_cache=False)

    assert [*warm.values()] == [*damaged.to_json()["sha256"].values()] == [*cold.to_json()["sha256"].values()]
    assert first["cars.zip"] != warm["cars.zip"] or cold.funnel.left_out == {"duplicate": 3}


def test_pair_words_in_the_overrides_file(heap, tmp_path):
    said = tmp_path / "said.csv"
    said.write_text("photo,word,other\n1.jpg,different,again/copy.jpg\n4.jpg,same,5.jpg\n0.jpg,drop,\n")
    done = build(heap, "--overrides", said, "--json")

    assert json.loads(done.stdout)["left_out"] == {"duplicate": 2, "dropped-by-hand": 1}, done.stderr
    rows = {photo.key: photo for photo in ledger.read(heap.zip)}
    assert rows["again/copy.jpg"].reason is None
    assert {rows["4.jpg"].facts["duplicate_of"], rows["5.jpg"].facts["duplicate_of"]} in (
        {None, "5.jpg"},
        {None, "4.jpg"},
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1.jpg,same,", "needs a second photo"),
        ("1.jpg,keep,2.jpg", "is for one photo"),
        ("1.jpg,perhaps,2.jpg", "must be keep or drop, or same or different"),
        ("1.jpg,same,nobody.jpg", "no photo has that key"),
    ],
)
def test_a_pair_word_that_makes_no_sense_is_one_line(heap, tmp_path, row, message):
    said = tmp_path / "said.csv"
    said.write_text(f"photo,word,other\n{row}\n")
    done = build(heap, "--overrides", said)

    assert done.returncode == 2
    assert [message in line for line in done.stderr.splitlines() if not line.startswith("measure")] == [True]
