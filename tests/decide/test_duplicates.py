"""Copies: the best is kept, no chains, a person's words, what counts as one picture, and nothing depends on chance."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from carprep.decide import crowds
from carprep.decide.prints import prints_of
from carprep.decide.related import Related, Seen, relate
from carprep.errors import UsageError
from carprep.photo import Reason
from carprep.recipe import Recipe, Word
from tests.decide.prints import Heap, picture
from tests.decide.test_second_look import cropped, jpeg


@pytest.fixture
def heap() -> Heap:
    return Heap()


def smaller(pixels: np.ndarray, scale: float = 0.6) -> np.ndarray:
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def recoloured(pixels: np.ndarray) -> np.ndarray:
    out = pixels.copy()
    out[90:270, 120:400] = pixels[90:270, 120:400, ::-1]
    return out


def words(*said: tuple[str, str, str]) -> Recipe:
    return Recipe(words=tuple(Word(photo, word, "", other) for photo, word, other in said))


def test_of_copies_the_largest_is_kept_and_named_with_kind_and_score(heap):
    heap.add("small.jpg", smaller(picture(1)))
    heap.add("large.jpg", picture(1))
    heap.add("other.jpg", picture(2))
    table = heap.decide().table

    assert table.reasons.tolist() == [None, None, Reason.DUPLICATE]
    assert table.duplicate_of.tolist() == [-1, -1, 0]
    assert table.relations.tolist() == ["", "", "copy"]
    assert 0.95 < table.relation_scores[2] < 1
    assert table.details[2] == "copy, score 0.999"  # cut, not rounded: 1 is for the same pixels


def test_a_mirrored_copy_is_a_duplicate_and_says_so(heap):
    heap.add("a.jpg", picture(1))
    heap.add("b.jpg", smaller(picture(1))[:, ::-1])

    assert heap.outcome() == {"b.jpg": "a.jpg"}
    assert heap.decide().table.relations[1] == "mirrored copy"


def test_the_same_bytes_and_the_same_pixels_are_copies_whatever_they_show(heap):
    white = np.full((300, 400, 3), 255, np.uint8)
    heap.add("a.png", white, sha256="1" * 64)
    heap.add("b.png", white, sha256="1" * 64)
    heap.add("c.png", white, sha256="2" * 64)
    table = heap.decide(Recipe(max_uniform=1.0)).table

    assert table.duplicate_of.tolist() == [-1, 0, 0]
    assert table.details[1:].tolist() == ["same bytes", "same pixels"]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"coloured": 0.2, "car_width": 200.0}, {"coloured": 0.0, "car_width": 500.0}),
        ({"car_width": 500.0}, {"car_width": 300.0, "sharpness_inside": 9.0}),
        ({"sharpness_inside": 0.9, "checkerboard": 0.4}, {"sharpness_inside": 0.2, "checkerboard": 0.0}),
        ({"bar_top": 0.0}, {"bar_top": 0.2}),
        ({"car_touch": 0.0}, {"car_touch": 0.05}),
        ({"trim_left": 0.0}, {"trim_left": 0.1, "border_white": 0.0}),
        ({"format": "PNG"}, {"format": "JPEG"}),
        ({"bytes": 9000}, {"bytes": 5000}),
    ],
    ids=["colour", "size", "sharpness", "overlay", "cut off", "frame", "format", "bytes"],
)
def test_the_best_copy_is_kept_by_size_sharpness_overlay_wholeness_and_format(heap, better, worse):
    heap.add("z.jpg", picture(1), **better)
    heap.add("a.jpg", jpeg(picture(1), 80), **worse)

    assert heap.outcome() == {"a.jpg": "z.jpg"}


def test_at_last_the_key_decides(heap):
    heap.add("b.jpg", picture(1), car_width=300.0)
    heap.add("a.jpg", jpeg(picture(1), 90), car_width=301.0)  # a pixel more must not decide

    assert heap.outcome() == {"b.jpg": "a.jpg"}


def test_chains_do_not_grow(heap):
    # each is cropped a little more than the one before, until the last has too little of the first
    for number, share in enumerate((0.0, 0.1, 0.19, 0.27)):
        heap.add(f"{number}.jpg", picture(4, 960, 720) if not share else cropped(picture(4, 960, 720), share))
    table = heap.decide().table
    kept = {row for row in range(4) if table.duplicate_of[row] < 0}

    assert len(kept) >= 2
    assert all(int(other) in kept for other in table.duplicate_of if other >= 0)


def test_a_photo_that_is_left_out_shadows_nobody(heap):
    heap.add("a.jpg", picture(1), car_touch=0.9)
    heap.add("b.jpg", smaller(picture(1)))

    assert heap.decide().table.reasons.tolist() == [Reason.CUT_OFF, None]


@pytest.mark.parametrize(("same", "left"), [("copy", 1), ("burst", 1), ("recolour", 2), ("none", 0)])
def test_the_recipe_says_what_counts_as_one_picture(heap, same, left):
    heap.add("a.jpg", picture(1))
    heap.add("copy.jpg", smaller(picture(1)))
    heap.add("recolour.jpg", recoloured(picture(1)))

    assert len(heap.outcome(Recipe(same=same))) == left


def test_a_recolour_that_is_kept_names_what_it_is_one_of(heap):
    heap.add("a.jpg", picture(1))
    heap.add("b.jpg", recoloured(picture(1)))
    table = heap.decide().table

    assert table.reasons.tolist() == [None, None]
    assert table.relations.tolist() == ["", "recolour"] and table.related_to.tolist() == [-1, 0]


# --- groups and splits ---------------------------------------------------------------------------------------------


def test_a_group_is_all_that_is_related_also_through_what_was_left_out(heap):
    heap.add("a.jpg", picture(1))
    heap.add("b.jpg", smaller(picture(1)))
    heap.add("c.jpg", recoloured(picture(1)))
    heap.add("d.jpg", picture(2))
    table = heap.decide().table

    assert table.groups.tolist() == [0, 0, 0, -1]


def test_a_split_never_parts_a_group(heap):
    for seed in range(12):
        heap.add(f"{seed}-a.jpg", picture(seed))
        heap.add(f"{seed}-b.jpg", recoloured(picture(seed)))
    table = heap.decide(Recipe(split=0.5)).table
    splits = dict(zip(table.keys, table.splits.tolist(), strict=True))

    assert {"train", "holdout"} == set(splits.values())
    assert all(splits[f"{seed}-a.jpg"] == splits[f"{seed}-b.jpg"] for seed in range(12))


def test_a_photo_that_is_alone_is_held_out_by_its_hash_whatever_else_is_in_the_heap():
    def splits(seeds: list[int]) -> dict[str, str]:
        heap = Heap()
        for place, seed in enumerate(seeds):
            heap.add(f"{place:03d}.jpg", picture(seed, 96, 72), sha256=f"{seed * 0x9E3779B97F4A7C15 % 2**64:064x}")
        table = heap.decide(Recipe(split=0.3, enlarge=16)).table
        return dict(zip(table.hashes, table.splits.tolist(), strict=True))

    whole, part = splits(list(range(1, 41))), splits(list(range(40, 20, -1)))

    assert 4 < list(whole.values()).count("holdout") < 22
    assert all(whole[sha256] == split for sha256, split in part.items())


# --- a person's words ----------------------------------------------------------------------------------------------


def test_keep_leads_its_copies(heap):
    heap.add("large.jpg", picture(1))
    heap.add("small.jpg", smaller(picture(1)))

    assert heap.outcome(Recipe(words=(Word("small.jpg", "keep"),))) == {"large.jpg": "small.jpg"}


def test_different_parts_a_pair_that_would_be_copies(heap):
    heap.add("a.jpg", picture(1))
    heap.add("b.jpg", smaller(picture(1)))

    assert heap.outcome(words(("b.jpg", "different", "a.jpg"))) == {}


def test_different_parts_even_the_same_bytes(heap):
    heap.add("a.jpg", picture(1), sha256="1" * 64)
    heap.add("b.jpg", picture(1), sha256="1" * 64)

    assert heap.outcome(words(("a.jpg", "different", "b.jpg"))) == {}


def test_different_from_one_of_many_with_the_same_bytes_keeps_one_of_the_others(heap):
    for key in "abcd":
        heap.add(f"{key}.jpg", picture(1), sha256="1" * 64)
    said = words(*((f"{key}.jpg", "different", "a.jpg") for key in "bcd"))

    assert heap.outcome(said) == {"c.jpg": "b.jpg", "d.jpg": "b.jpg"}


def test_same_joins_a_pair_that_nobody_would_have_looked_at(heap):
    heap.add("a.jpg", picture(1), car_width=300.0)
    heap.add("b.jpg", picture(2), car_width=400.0)
    recipe = words(("a.jpg", "same", "b.jpg"))

    assert heap.outcome(recipe) == {"a.jpg": "b.jpg"}
    assert heap.decide(recipe).table.details[0] == "a person said that they are one picture"


def test_a_word_may_name_photos_by_their_hash(heap):
    heap.add("a.jpg", picture(1), sha256="ab" * 32)
    heap.add("b.jpg", smaller(picture(1)), sha256="cd" * 32)

    assert heap.outcome(words(("ab" * 6, "different", "CD" * 6))) == {}


def test_a_word_on_a_photo_that_is_left_out_for_something_else_changes_nothing(heap):
    heap.add("a.jpg", picture(1), car_touch=0.9)
    heap.add("b.jpg", picture(2))
    heap.add("c.jpg", picture(3))
    table = heap.decide(words(("b.jpg", "same", "a.jpg"), ("c.jpg", "different", "a.jpg"))).table

    assert table.reasons.tolist() == [Reason.CUT_OFF, None, None]
    assert table.groups.tolist() == [-1, -1, -1]


def test_a_hash_that_two_files_share_means_both(heap):
    for key in ("a.jpg", "b.jpg"):
        heap.add(key, picture(1), sha256="1" * 64)
    heap.add("c.jpg", smaller(picture(1)))

    assert heap.outcome(words(("1" * 12, "different", "c.jpg"))) == {"b.jpg": "a.jpg"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([("a.jpg", "same", "nobody.jpg")], "no photo has that key"),
        ([("a.jpg", "same", "a.jpg")], "a photo and itself"),
        ([("a.jpg", "same", "b.jpg"), ("b.jpg", "different", "a.jpg")], "both same and different"),
    ],
    ids=["nobody", "itself", "both"],
)
def test_a_word_on_a_pair_that_cannot_be_is_a_mistake_of_the_caller(heap, said, message):
    heap.add("a.jpg", picture(1))
    heap.add("b.jpg", picture(2))

    with pytest.raises(UsageError, match=message):
        heap.decide(words(*said))


# --- the same whatever the order, and whatever is known ------------------------------------------------------------


def filled(count: int) -> Heap:
    heap = Heap()
    for seed in range(count):
        heap.add(f"{seed:02d}-a.jpg", picture(seed))
        heap.add(f"{seed:02d}-b.jpg", smaller(picture(seed), 0.5 + 0.03 * seed))
        if seed % 2:
            heap.add(f"{seed:02d}-c.jpg", cropped(picture(seed), 0.05)[:, ::-1])
    return heap


def test_names_and_the_order_of_input_change_no_pair():
    straight, turned = filled(8), Heap()
    for key in straight.pixels:
        turned.add("z" + key[::-1], straight.pixels[key], sha256=straight.hashes[key])
    one, other = straight.decide().table, turned.decide().table

    def pairs(table):
        rows = enumerate(table.duplicate_of.tolist())
        return {(table.hashes[row], table.hashes[kept]) for row, kept in rows if kept >= 0}

    assert pairs(one) == pairs(other) and len(pairs(one)) == 12


def test_what_was_seen_before_changes_nothing_and_is_not_looked_at_again():
    part, whole = filled(5), filled(8)
    known = part.decide().seen
    cold, warm = whole.decide(), whole.decide(known=known)
    again = whole.decide(known=warm.seen)

    for name in ("duplicate_of", "relations", "relation_scores", "groups"):
        assert np.array_equal(*(np.asarray(getattr(found.table, name)).astype(str) for found in (cold, warm)))
    assert [array.tolist() for array in vars(warm.seen).values()] == [a.tolist() for a in vars(cold.seen).values()]
    assert warm.looked < cold.looked and again.looked <= warm.looked


def test_a_group_of_copies_costs_one_look_each_and_pairs_are_not_looked_at_again():
    heap = Heap()
    for number in range(12):
        heap.add(f"{number:02d}.jpg", jpeg(picture(1), 95 - 3 * number))
    for seed in range(2, 6):
        heap.add(f"x{seed}-a.jpg", picture(seed))
        heap.add(f"x{seed}-b.jpg", smaller(picture(seed)))
    cold = heap.decide()

    assert cold.looked == 11 + 4
    assert heap.decide(known=cold.seen).looked == 11  # the pairs are known whole, of the group not every two


def test_what_was_seen_of_photos_that_are_gone_does_no_harm():
    whole, part = filled(8), filled(5)
    warm, cold = part.decide(known=whole.decide().seen), part.decide()

    assert warm.table.duplicate_of.tolist() == cold.table.duplicate_of.tolist()
    assert isinstance(warm.seen, Seen) and warm.looked < cold.looked


def crowded(pictures: list[np.ndarray], size: crowds.Size) -> tuple[Related, Heap]:
    """Relate pictures that all have the same codes: nothing but the second look tells them apart."""
    heap = Heap()
    for number, pixels in enumerate(pictures):
        heap.add(f"{number:02d}.jpg", pixels, sha256=f"{number:02d}" + "0" * 62)
        heap.facts[f"{number:02d}.jpg"] = {**heap.facts[f"{number:02d}.jpg"], "codes": heap.facts["00.jpg"]["codes"]}
    rows = np.arange(len(pictures))
    prints = prints_of(heap.table(), rows)
    return relate(prints, heap.thumbs, 4, rows, Seen.nothing(), crowd_size=size), heap


def test_a_code_that_many_share_is_compared_with_leaders_only_and_copies_are_still_found():
    copies = [jpeg(picture(1), 60 + 3 * number) for number in range(10)]
    found, _ = crowded([*copies, picture(2)], crowds.Size(most=6))

    assert found.looked < 10 * 9 / 2
    assert found.pairs.tolist() == [[0, number] for number in range(1, 10)]
    assert found.waiting == 0


def test_more_different_pictures_than_leaders_under_one_code_are_reported():
    found, _ = crowded([picture(seed) for seed in range(8)], crowds.Size(most=4, leaders=2))

    assert found.waiting == 6
    assert not len(found.seen.names)  # depends on who else is there, so it is not kept


def test_a_copy_of_a_recolour_is_left_out_too_where_recolours_count_as_one(heap):
    heap.add("a.jpg", picture(1))
    heap.add("b.jpg", recoloured(picture(1)), car_width=300.0)
    heap.add("c.jpg", smaller(recoloured(picture(1))), car_width=200.0)

    assert heap.outcome(Recipe(same="recolour")) == {"b.jpg": "a.jpg", "c.jpg": "a.jpg"}
    assert heap.outcome(Recipe(same="copy")) == {"c.jpg": "b.jpg"}
