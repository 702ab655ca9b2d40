"""The cache: whole rows or none, one clear line when something is wrong with it."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from carprep import cache as memory
from carprep.cache import Cache, Measured, Pictures, Reader
from carprep.errors import CarprepError, RunError, UsageError
from carprep.files import Stamp
from carprep.photo import Reason
from tests.pictures import fill

KEY = b"settings"


def test_pruning_removes_what_older_layouts_left_and_old_second_looks(tmp_path):
    with memory.opened(tmp_path) as cache:
        cache.keep_second_looks("abc", {"names": np.zeros(1)})
    (tmp_path / "cache-1.sqlite").write_bytes(b"old")
    (tmp_path / "thumbs-1.u8").write_bytes(b"old")
    memory.prune(tmp_path, 30)
    assert [path.name for path in tmp_path.glob("*-1.*")] == [] and list(tmp_path.glob("looks-*"))

    memory.prune(tmp_path, 0)
    assert not list(tmp_path.glob("looks-*"))


def measured(number: int) -> Measured:
    return Measured(f"{number:064x}", {"sharpness": 1.5 * number}, bytes([number]) * 3072, Pictures(b"c", None, b"x"))


def test_what_goes_in_comes_out(tmp_path):
    with memory.opened(tmp_path / "c") as cache:
        cache.add(measured(1), KEY)
        cache.add(Measured("f" * 64, {}, b"", Pictures(None, None, None), Reason.UNREADABLE, "why"), KEY)
        rows = list(cache.rows([f"{1:064x}", None, "f" * 64, "e" * 64], KEY))

        assert rows[0].facts == {"sharpness": 1.5}
        assert (rows[1], rows[3]) == (None, None)
        assert (rows[2].reason, rows[2].detail) == (Reason.UNREADABLE, "why")
        assert cache.thumbs()[rows[0].slot].max() == 1
        with closing(Reader(tmp_path / "c")) as reader:
            assert reader.pictures(rows[0].slot) == Pictures(b"c", None, b"x")


def test_other_settings_are_other_measurements(tmp_path):
    with memory.opened(tmp_path / "c") as cache:
        cache.add(measured(1), KEY)

        assert list(cache.rows([f"{1:064x}"], b"others")) == [None]


def test_stamps_are_found_below_a_folder_and_not_beside_it(tmp_path):
    stamp = Stamp(1, 2, 3)
    with memory.opened(tmp_path / "c") as cache:
        for path in (b"/a/b/c.jpg", b"/a/b2/d.jpg", b"/a/b/\xff.jpg"):
            cache.remember(path, stamp, "0" * 64)
        cache.flush()

        assert set(cache.stamps(b"/a/b")) == {b"/a/b/c.jpg", b"/a/b/\xff.jpg"}


def test_a_cache_that_is_not_kept_is_gone_afterwards():
    with memory.opened(None, keep=False) as cache:
        folder = cache.folder
        cache.add(measured(1), KEY)

    assert not folder.exists()


def test_pruning_waits_for_no_build_and_no_build_for_pruning(tmp_path):
    with memory.opened(tmp_path / "c"), pytest.raises(RunError, match="a build is using"):
        memory.prune(tmp_path / "c", 0)


def test_pruning_spares_what_was_used_and_frees_the_rest(tmp_path):
    with memory.opened(tmp_path / "c") as cache:
        for number in range(20):
            cache.add(measured(number), KEY)

    assert memory.prune(tmp_path / "c", 1) == 0
    assert memory.prune(tmp_path / "c", 0) == 20
    assert memory.size_of(tmp_path / "c").photos == 0


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b""])
def test_a_damaged_cache_is_one_clear_line_or_made_anew(tmp_path, damage):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / memory.database_name()).write_bytes(damage)
    try:
        Cache(tmp_path / "c").close()
    except CarprepError as error:
        assert isinstance(error, UsageError) and "remove it" in str(error)


def test_a_build_on_a_damaged_cache_says_what_to_do_and_keeps_the_zip(bench):
    fill(bench.raw, 4)
    bench.build()
    good = bench.zip.read_bytes()
    database = bench.cache / memory.database_name()
    data = bytearray(database.read_bytes())
    data[200:] = bytes(len(data) - 200)
    database.write_bytes(data)
    with pytest.raises(CarprepError, match="cache"):
        bench.build(margin=0.3)

    assert bench.zip.read_bytes() == good
