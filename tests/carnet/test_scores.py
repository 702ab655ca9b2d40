"""Scores, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from carprep.carnet.scores import boundary_f, calibration_error, figure, iou, mean_of, median_of


def square(left: int, side: int = 100, shape: tuple[int, int] = (256, 256)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[60 : 60 + side, left : left + side] = True
    return mask


def test_overlap():
    assert iou(square(50), square(50)) == 1
    assert iou(square(50), square(100)) == pytest.approx(50 / 150)
    assert iou(np.zeros((4, 4), bool), np.zeros((4, 4), bool)) == 1


def test_an_outline_may_be_off_by_two_pixels_and_no_more():
    assert boundary_f(square(50), square(52)) == 1
    assert boundary_f(square(50), square(60)) < 0.6
    assert boundary_f(square(50), np.zeros((256, 256), bool)) == 0


def test_calibration_error_is_the_gap_between_said_and_found():
    chances = np.full(1000, 0.8)
    right = np.arange(1000) % 10 < 6

    assert calibration_error(chances, right) == pytest.approx(0.2, abs=0.02)
    assert calibration_error(np.full(1000, 0.6), right) < 0.02


def test_an_interval_is_wider_where_photos_come_in_groups():
    values = np.repeat([0.0, 1.0] * 10, 10)
    alone = figure([str(n) for n in range(200)], mean_of(values))
    grouped = figure([str(n // 10) for n in range(200)], mean_of(values))

    assert alone.value == grouped.value == 0.5 and alone.count == 200
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_nothing_measured_is_no_figure():
    assert str(figure([], median_of([]))) == "-"
