"""The promises in bold: the same bytes whatever the workers, cache and place; nothing half written or redone."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import carprep
import carprep.pack.ledger
from carprep import cache as memory
from carprep.photo import Reason
from tests.conftest import Bench
from tests.pictures import blobs, encoded, fill

CHECKOUT = Path(__file__).parents[1]


def command(bench: Bench, *options: str) -> list[str]:
    where = ("--zip", str(bench.zip), "--cache", str(bench.cache), "--look", "none", "--enlarge", "4")
    return [sys.executable, "-m", "carprep", "build", str(bench.raw), *where, *options]


def run(bench: Bench, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(bench, *options), capture_output=True, text=True, cwd=CHECKOUT, check=False)


def sha(bench: Bench) -> str:
    return memory.files.sha256_of(bench.zip)


@pytest.fixture
def heap(bench: Bench) -> Bench:
    fill(bench.raw, 24)
    bench.add("copy.jpg", encoded(blobs(3), quality=60))
    bench.add("broken.jpg", encoded(blobs(30))[:800])
    return bench


def test_the_zip_is_the_same_for_any_number_of_workers(heap):
    heap.build(workers=1, keep_cache=False)
    one = sha(heap)
    heap.zip.unlink()
    heap.build(workers=3, keep_cache=False)

    assert sha(heap) == one


def test_the_zip_is_the_same_for_a_cold_cache_a_warm_one_and_one_filled_by_another_size(heap):
    heap.build(keep_cache=False)
    cold = sha(heap)
    heap.build(sizes=(128,))
    heap.build(sizes=(64,))
    filled_by_another = sha(heap)
    heap.zip.unlink()
    heap.build()

    assert sha(heap) == filled_by_another == cold


def test_the_zip_is_the_same_for_a_copy_of_the_folder_elsewhere_and_names_neither(heap, tmp_path):
    heap.build()
    here = sha(heap)
    shutil.copytree(heap.raw, tmp_path / "elsewhere")
    report = heap.build(tmp_path / "elsewhere", tmp_path / "new" / "cars.zip", keep_cache=False)

    assert report.to_json()["sha256"]["cars.zip"] == here
    for path in (heap.zip, report.files["ledger"]):
        assert str(tmp_path).encode() not in path.read_bytes()


def test_the_order_of_files_on_the_disk_changes_nothing(heap, tmp_path):
    heap.build()
    files = sorted(path for path in heap.raw.rglob("*") if path.is_file())
    random.Random(7).shuffle(files)
    for path in files:
        target = tmp_path / "shuffled" / path.relative_to(heap.raw)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)

    report = heap.build(tmp_path / "shuffled", tmp_path / "other" / "cars.zip", keep_cache=False)

    assert report.to_json()["sha256"]["cars.zip"] == sha(heap)


def test_one_size_beside_another_is_the_same_as_alone(heap):
    heap.build(sizes=(64,))
    alone = sha(heap)
    report = heap.build(sizes=(64, 128))

    assert report.to_json()["sha256"]["cars-64.zip"] == alone
    assert report.ledger.about["zips"].keys() == {"cars-64.zip", "cars-128.zip"}


def test_a_second_run_leaves_everything_alone(heap):
    heap.build()
    before = {path: path.stat().st_mtime_ns for path in heap.zip.parent.iterdir()}

    assert heap.build().unchanged
    assert {path: path.stat().st_mtime_ns for path in heap.zip.parent.iterdir()} == before


def test_a_second_run_opens_no_photo(heap):
    heap.build()
    for path in heap.raw.rglob("*.jpg"):
        before = path.stat()
        data = bytearray(path.read_bytes())
        with path.open("r+b") as file:  # other bytes under the same stamp can only be seen by reading
            file.write(bytes(len(data)))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    # the change time cannot be set back, so the cache is told that it was this one
    with memory.opened(heap.cache) as store:
        for path in heap.raw.rglob("*.jpg"):
            name = os.fsencode(path)
            _, sha256 = store.stamps(os.fsencode(heap.raw))[name]
            store.remember(name, memory.files.Stamp.of(path.stat()), sha256)
        store.flush()

    assert heap.build().unchanged
    assert heap.build(verify=True, dry_run=True).funnel.left_out == {"unsupported": 26}


@pytest.mark.parametrize(
    "setting",
    [
        {"margin": 0.2},
        {"sizes": (48,)},
        {"background": "keep"},
        {"min_sharpness": 90.0},
        {"same": "none"},
        {"split": 0.3},
    ],
    ids=str,
)
def test_another_threshold_size_margin_or_background_decodes_no_photo_again(heap, setting):
    heap.build()
    with memory.opened(heap.cache) as store:
        before = store.thumbs().shape
    for path in heap.raw.rglob("*.jpg"):
        path.chmod(0)  # no help against root, so the count of measured rows is asked too

    heap.build(**setting)

    assert memory.size_of(heap.cache).photos == 26
    with memory.opened(heap.cache) as store:
        assert store.thumbs().shape == before


def test_a_changed_file_is_measured_again(heap):
    heap.build()
    heap.add("00001.jpg", encoded(blobs(555)))

    assert not heap.build().unchanged
    assert memory.size_of(heap.cache).photos == 27


def test_a_zip_that_somebody_changed_is_made_again(heap):
    heap.build()
    good = sha(heap)
    heap.zip.write_bytes(b"scribble")

    assert not heap.build().unchanged
    assert sha(heap) == good


def test_killed_at_any_moment_the_next_run_gives_the_same_zip_and_there_is_never_half_a_zip(heap):
    fill(heap.raw, 60, first=100)
    heap.build(keep_cache=False)
    good = sha(heap)
    heap.zip.unlink()
    chance = random.Random(1)
    for _ in range(6):
        process = subprocess.Popen(
            command(heap, "--workers", "2"), cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.3, 1.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not heap.zip.exists() or sha(heap) == good
    done = run(heap, "--workers", "2")

    assert done.returncode == 0, done.stderr
    assert sha(heap) == good


def test_what_a_killed_run_left_half_written_is_swept_away(heap):
    heap.build()
    part = heap.zip.with_name(".cars.zip.dead.part")
    part.write_bytes(b"half a zip")
    os.utime(part, (time.time() - 60,) * 2)
    assert heap.build().unchanged

    assert not part.exists()


def test_two_builds_at_once_on_one_cache_are_both_right(heap, tmp_path):
    heap.build(keep_cache=False)
    reports: list[carprep.Report] = []

    def work(number: int) -> None:
        reports.append(heap.build(None, tmp_path / f"at-once-{number}" / "cars.zip", workers=2))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [report.to_json()["sha256"]["cars.zip"] for report in reports] == [sha(heap)] * 2


def test_ctrl_c_is_one_line_and_130_and_the_next_run_goes_on(heap):
    fill(heap.raw, 400, first=200)
    process = subprocess.Popen(command(heap), cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(heap.cache.glob("*.sqlite")):  # it is at work, and has much to do yet
        time.sleep(0.01)
    time.sleep(0.3)  # its workers have started, and hundreds of photos are left
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()

    assert process.returncode == 130
    assert [line for line in said.splitlines() if not line.startswith(("measure", "render"))] == [
        "carprep: interrupted; what was measured is kept, run the same command again to go on"
    ]
    assert not heap.zip.exists()
    assert run(heap).returncode == 0


def test_ctrl_c_while_loops_are_compiled_is_one_line_and_130(heap, tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "new")}
    process = subprocess.Popen(
        command(heap), cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    while process.poll() is None and not list(
        (tmp_path / "new").rglob("*.nbi")
    ):  # the compiler has begun to keep things
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()

    assert process.returncode == 130, said
    assert "Traceback" not in said and said.splitlines()[-1].startswith("carprep: interrupted")


def test_nothing_kept_is_exit_1_with_the_funnel_and_no_zip(bench):
    bench.add("a.txt", b"words")
    done = run(bench)

    assert done.returncode == 1
    assert "1  unsupported" in done.stdout
    assert "no photo was kept" in done.stderr
    assert not bench.zip.exists()


def test_nothing_kept_leaves_an_earlier_zip_with_its_ledger(heap):
    heap.build()
    before = sha(heap), len(carprep.pack.ledger.read(heap.zip))
    with pytest.raises(carprep.RunError, match="no photo was kept"):
        heap.build(min_sharpness=1e9)

    assert (sha(heap), len(carprep.pack.ledger.read(heap.zip))) == before


def test_a_full_disk_is_one_line_and_the_earlier_zip_stays(heap):
    heap.build()
    good = sha(heap)
    limited = (
        f"ulimit -f 40; exec {' '.join(command(heap, '--margin', '0.3'))}"  # a file size limit stands in for the disk
    )
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, cwd=CHECKOUT, check=False)

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "carprep: cannot write" in done.stderr, done.stderr
    assert sha(heap) == good


def test_a_broken_photo_costs_one_row_and_never_the_run(heap):
    report = heap.build()

    assert report.ledger["broken.jpg"].reason is Reason.UNREADABLE
    assert report.ledger["copy.jpg"].facts["duplicate_of"] == "sub1/00003.jpg"
    assert report.kept == 24
