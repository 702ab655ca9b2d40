"""Deciding: facts in, reasons out, no pixels."""

from __future__ import annotations

import numpy as np
import pytest

from carprep.decide import all as deciding
from carprep.decide.table import Known, Table, gather
from carprep.errors import UsageError
from carprep.photo import Reason, View
from carprep.recipe import Recipe, Word

GOOD = {
    "width": 800, "height": 600, "sharpness": 300.0, "uniform": 0.3, "found": "car", "found_detail": "",
    "car_left": 50.0, "car_top": 50.0, "car_width": 600.0, "car_height": 300.0, "car_share": 0.3,
    "car_touch": 0.0, "car_stray": 0.0, "car_soft": 0.05, "p_left": 0.9,
}  # fmt: skip


def decide(table: Table, recipe: Recipe, thumbs: np.ndarray, complete: bool = True) -> Table:
    return deciding.decide(table, recipe, thumbs, complete).table


FAR = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), dtype=np.uint8)


def views(view: View, p: float = 0.94) -> dict[str, float]:
    rest = (1 - p) / 6
    return {f"p_{v.replace('-', '_')}": p if v is view else rest for v in View}


def table(*rows: dict[str, object], reasons: dict[int, Reason] | None = None) -> Table:
    known = []
    for i, facts in enumerate(rows):
        reason = (reasons or {}).get(i)
        known.append(Known(f"{i}.jpg", f"{i:064x}", i, {**GOOD, **facts}, reason, "because" if reason else ""))
    return gather(known)


def reasons(decided: Table) -> list[Reason | None]:
    return decided.reasons.tolist()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, None),
        ({"uniform": 0.999}, Reason.EMPTY),
        ({"sharpness": 2.0}, Reason.BLURRED),
        ({"found": "no-car", "found_detail": "nothing"}, Reason.NO_CAR),
        ({"car_share": 0.001}, Reason.NO_CAR),
        (views(View.NONE), Reason.NO_CAR),
        (views(View.PARTIAL), Reason.CUT_OFF),
        (views(View.REAR), Reason.WRONG_VIEW),
        (views(View.SIDE), Reason.WRONG_VIEW),
        (views(View.FRONT), None),
        (views(View.FRONT_SIDE), None),
        ({"car_stray": 0.9}, Reason.SEVERAL_CARS),
        ({"found": "bad-cutout", "found_detail": "busy"}, Reason.BAD_CUTOUT),
        ({"car_share": 0.99}, Reason.BAD_CUTOUT),
        ({"car_soft": 0.9}, Reason.BAD_CUTOUT),
        ({"car_unsure": 0.2}, Reason.BAD_CUTOUT),
        ({"car_touch": 0.5}, Reason.CUT_OFF),
        ({"car_width": 40.0, "car_height": 30.0}, Reason.TOO_SMALL),
    ],
    ids=str,
)
def test_each_fault_has_its_own_reason_and_words(facts, reason):
    decided = decide(table(facts), Recipe(), FAR)

    assert reasons(decided) == [reason]
    assert bool(decided.details[0]) == (reason is not None)


def test_the_first_reason_counts():
    assert reasons(decide(table({"uniform": 1.0, "sharpness": 0.0, "car_touch": 1.0}), Recipe(), FAR)) == [Reason.EMPTY]


def test_as_many_rows_come_out_in_the_same_order():
    decided = decide(table({}, {"sharpness": 0.0}, {}), Recipe(), FAR)

    assert decided.keys == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize(("enlarge", "reason"), [(1.0, Reason.TOO_SMALL), (1.5, None)])
def test_a_small_car_is_kept_only_as_far_as_it_may_be_enlarged(enlarge, reason):
    # 64 px with 6 % of white on both sides are 57 px of car
    assert reasons(decide(table({"car_width": 45.0, "car_height": 30.0}), Recipe(enlarge=enlarge), FAR)) == [reason]


def test_the_largest_size_decides_who_is_too_small():
    row = {"car_width": 80.0, "car_height": 50.0}

    assert reasons(decide(table(row), Recipe(sizes=(64,)), FAR)) == [None]
    assert reasons(decide(table(row), Recipe(sizes=(64, 128)), FAR)) == [Reason.TOO_SMALL]


def test_without_a_looker_nothing_is_asked_about_cars():
    row = {"found": "frame", "car_stray": 0.9, "car_touch": 1.0, "car_share": 1.0}

    assert reasons(decide(table(row), Recipe(look="none"), FAR)) == [None]


def test_the_strict_view_keeps_only_fronts():
    decided = decide(table(views(View.FRONT), views(View.FRONT_SIDE)), Recipe(views=(View.FRONT,)), FAR)

    assert reasons(decided) == [None, Reason.WRONG_VIEW]


def test_what_counts_is_the_probability_of_all_wanted_views_together():
    halves = {**views(View.FRONT, 0.35), "p_front_side": 0.3, "p_partial": 0.3, "p_side": 0.05, "p_none": 0.0}
    halves |= {"p_rear_side": 0.0, "p_rear": 0.0}

    assert reasons(decide(table(halves), Recipe(), FAR)) == [None]
    assert reasons(decide(table(halves), Recipe(views=(View.FRONT,)), FAR)) == [Reason.WRONG_VIEW]


def test_a_photo_that_stays_is_named_by_a_wanted_view():
    close = {**views(View.PARTIAL, 0.42), "p_front": 0.1, "p_front_side": 0.41, "p_side": 0.07}

    decided = decide(table({**close, "p_rear_side": 0.0, "p_rear": 0.0, "p_none": 0.0}), Recipe(), FAR)

    assert (reasons(decided), decided.views.tolist()) == ([None], ["front-side"])


def test_a_view_below_the_least_probability_is_left_out():
    assert reasons(decide(table(views(View.FRONT, 0.5)), Recipe(min_view=0.8), FAR)) == [Reason.WRONG_VIEW]


def test_fronts_and_rears_face_nowhere_and_flanks_where_their_nose_points():
    decided = decide(table(views(View.FRONT), {**views(View.FRONT_SIDE), "p_left": 0.2}), Recipe(), FAR)

    assert decided.facings.tolist() == ["none", "right"]


# --- a person's words ---------------------------------------------------------------------------------------------


def by_hand(*words: tuple[str, str]) -> Recipe:
    return Recipe(words=tuple(Word(photo, word, "a note") for photo, word in words))


@pytest.mark.parametrize(
    "facts",
    [
        {"sharpness": 0.0},
        {"car_touch": 1.0},
        {"uniform": 1.0},
        views(View.REAR),
        {"car_width": 20.0, "car_height": 9.0},
    ],
)
def test_keep_beats_every_reason(facts):
    decided = decide(table(facts), by_hand(("0.jpg", "keep")), FAR)

    assert reasons(decided) == [None]
    assert decided.details[0].startswith("kept by hand; else ")
    assert decided.by_hand.tolist() == [True]


def test_keep_cannot_help_a_photo_that_cannot_be_read():
    decided = decide(table({}, reasons={0: Reason.UNREADABLE}), by_hand(("0.jpg", "keep")), FAR)

    assert reasons(decided) == [Reason.UNREADABLE]
    assert "kept by hand, but" in decided.details[0]


def test_keep_without_a_usable_cutout_uses_the_whole_frame_and_says_so():
    decided = decide(table({"found": "bad-cutout", "found_detail": "busy"}), by_hand(("0.jpg", "keep")), FAR)

    assert decided.whole_frame.tolist() == [True]
    assert "no usable cut-out, so the whole frame" in decided.details[0]


def test_what_is_kept_by_hand_gets_the_most_probable_of_the_five_classes():
    chances = {**views(View.PARTIAL, 0.6), "p_rear": 0.3}
    decided = decide(table(chances), by_hand(("0.jpg", "keep")), FAR)

    assert decided.views.tolist() == ["rear"]


def test_drop_by_key_or_by_hash():
    decided = decide(table({}, {}), by_hand(("0.jpg", "drop"), (f"{1:064x}", "drop")), FAR)

    assert reasons(decided) == [Reason.DROPPED_BY_HAND] * 2
    assert decided.details[0] == "a note"


def test_a_word_that_matches_nothing_is_a_mistake_of_the_caller():
    with pytest.raises(UsageError, match="no photo has that key"):
        decide(table({}), by_hand(("nobody.jpg", "keep")), FAR)


def test_two_opposite_words_on_one_photo_are_a_mistake_of_the_caller():
    with pytest.raises(UsageError, match="both keep and drop"):
        decide(table({}), by_hand(("0.jpg", "keep"), (f"{0:064x}", "drop")), FAR)
