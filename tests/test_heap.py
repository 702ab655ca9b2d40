"""Rows in = rows out, whatever lies in RAW."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

import carprep
from carprep.photo import Reason
from tests.broken import kinds
from tests.conftest import Bench
from tests.pictures import blobs, encoded, fill

KINDS = {name: (data, reason) for name, data, reason in kinds()}


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, carprep.Report]:
    bench = Bench(tmp_path_factory.mktemp("messy"))
    for name, (data, _) in KINDS.items():
        bench.add(name, data)
    return bench, bench.build(workers=2)


def test_there_are_more_than_forty_kinds():
    assert len(KINDS) > 40


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_is_a_row_with_the_right_reason(messy, name):
    _, report = messy

    assert report.ledger[name].reason is KINDS[name][1], report.ledger[name].detail


def test_as_many_rows_come_out_as_files_went_in(messy):
    _, report = messy

    assert len(report.ledger) == report.funnel.found == len(KINDS)
    assert report.kept + sum(report.funnel.left_out.values()) == len(KINDS)


def test_every_row_left_out_has_words_of_evidence(messy):
    _, report = messy

    assert [photo.key for photo in report.ledger if photo.reason and not photo.detail] == []


def test_the_odd_files_of_others_are_rows_too(bench, photos):
    report = bench.build(photos / "odd")

    assert len(report.ledger) == sum(len(files) for _, _, files in os.walk(photos / "odd"))
    assert report.ledger["LICENSE"].reason is Reason.UNSUPPORTED
    assert report.ledger["formats_images/giphy.gif"].reason is None


def test_links_to_files_are_rows_and_links_to_folders_are_counted(bench):
    real = bench.add("a/real.jpg", encoded(blobs(1)))
    (bench.raw / "link.jpg").symlink_to(real)
    (bench.raw / "nowhere.jpg").symlink_to(bench.raw / "missing.jpg")
    (bench.raw / "loop.jpg").symlink_to(bench.raw / "loop.jpg")
    (bench.raw / "folder").symlink_to(bench.raw / "a")
    (bench.raw / "b").mkdir()
    (bench.raw / "b" / "up").symlink_to(bench.raw)

    report = bench.build()

    assert [photo.key for photo in report.ledger] == ["a/real.jpg", "link.jpg", "loop.jpg", "nowhere.jpg"]
    assert report.ledger["link.jpg"].reason is Reason.DUPLICATE
    assert report.ledger["nowhere.jpg"].reason is report.ledger["loop.jpg"].reason is Reason.VANISHED
    assert report.funnel.folder_links == 2


def test_hidden_folders_are_passed_over_and_counted_but_hidden_files_are_rows(bench):
    bench.add("a.jpg", encoded(blobs(1)))
    bench.add(".carprep/journal.jpg", encoded(blobs(2)))
    bench.add("b/.cache/c.jpg", encoded(blobs(3)))
    bench.add(".hidden.jpg", encoded(blobs(4)))

    report = bench.build()

    assert [photo.key for photo in report.ledger] == [".hidden.jpg", "a.jpg"]
    assert report.funnel.hidden_folders == 2


def test_a_name_that_is_no_utf8_is_a_row(bench):
    bench.add("a.jpg", encoded(blobs(1)))
    try:
        (Path(os.fsdecode(os.fsencode(bench.raw) + b"/b\xff.jpg"))).write_bytes(encoded(blobs(2)))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")

    report = bench.build()

    assert [photo.key for photo in report.ledger] == ["a.jpg", "b\\xff.jpg"]
    assert report.kept == 2
    assert bench.build().unchanged


def test_a_pipe_is_a_row_and_never_waited_for(bench):
    bench.add("a.jpg", encoded(blobs(1)))
    os.mkfifo(bench.raw / "pipe.jpg")

    assert bench.build().ledger["pipe.jpg"].reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_gives_the_same_bytes_as_its_folder(bench, suffix):
    fill(bench.raw, 7)
    form = {"tar.gz": "gztar", "tar.bz2": "bztar", "tar.xz": "xztar"}.get(suffix, suffix)
    packed = shutil.make_archive(str(bench.root / "packed"), form, bench.raw)

    folder = bench.build(keep_cache=False)
    archive = bench.build(Path(packed), bench.root / "other" / "cars.zip", keep_cache=False)

    assert [photo.key for photo in archive.ledger] == [photo.key for photo in folder.ledger]
    assert archive.to_json()["sha256"] == folder.to_json()["sha256"]


def test_members_of_a_zip_that_would_leave_it_are_refused_as_rows(bench):
    packed = bench.root / "evil.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for number, name in enumerate(
            ["good.jpg", "/etc/absolute.jpg", "../up.jpg", "a/../../up.jpg", "C:\\windows.jpg"]
        ):
            archive.writestr(name, encoded(blobs(number)))
        archive.writestr("folder/", b"")
        archive.writestr("inner.zip", _zip_of("x.jpg"))

    report = bench.build(packed)

    assert report.kept == 1
    assert report.funnel.left_out == {"unsupported": 4, "nested-archive": 1}


def test_a_zip_with_one_name_twice_has_a_row_for_each(bench):
    packed = bench.root / "twice.zip"
    with zipfile.ZipFile(packed, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("a.jpg", encoded(blobs(1)))
        archive.writestr("a.jpg", encoded(blobs(2)))

    report = bench.build(packed)

    assert [photo.key for photo in report.ledger] == ["a.jpg", "a.jpg#2"]
    assert report.kept == 2


def test_damaged_members_cost_a_row_each(bench):
    packed = bench.root / "damaged.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.jpg", encoded(blobs(1)))
        archive.writestr("bad.jpg", encoded(blobs(2), "BMP"))
        offset = archive.infolist()[1].header_offset
    data = bytearray(packed.read_bytes())
    data[offset + 200 : offset + 260] = bytes(60)
    packed.write_bytes(data)

    report = bench.build(packed)

    assert report.ledger["bad.jpg"].reason is Reason.UNREADABLE
    assert report.kept == 1


def test_links_and_devices_in_a_tar_are_rows(bench):
    packed = bench.root / "links.tar"
    with tarfile.open(packed, "w") as archive:
        photo = encoded(blobs(1))
        info = tarfile.TarInfo("a.jpg")
        info.size = len(photo)
        archive.addfile(info, io.BytesIO(photo))
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    report = bench.build(packed)

    assert report.ledger["link.jpg"].reason is Reason.UNSUPPORTED
    assert report.kept == 1


def test_a_file_that_vanishes_between_listing_and_reading_is_a_row(bench):
    fill(bench.raw, 3)
    gone = bench.add("zz-gone.jpg", encoded(blobs(99)))

    from carprep import pipeline

    listing = pipeline.list_raw(bench.raw)
    gone.unlink()
    with pipeline.opened(bench.cache) as store, pipeline.LocalEngine(1) as engine:
        recipe = carprep.Recipe(look="none")
        table = pipeline.measured(listing, recipe, store, engine, verify=False, progress=pipeline.silent)

    assert table.reasons.tolist() == [None, None, None, Reason.VANISHED]


def test_more_bytes_than_the_recipe_allows_is_too_large(bench):
    bench.add("a.jpg", encoded(blobs(1)))
    bench.add("big.bmp", encoded(blobs(2), "BMP"))

    assert bench.build(max_bytes=50_000).ledger["big.bmp"].reason is Reason.TOO_LARGE


def _zip_of(name: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, encoded(blobs(7)))
    return data.getvalue()
