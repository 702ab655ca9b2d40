"""The looker none: it gives the whole frame."""

from __future__ import annotations

import numpy as np

from carprep import models


def test_none_gives_the_whole_frame():
    seen = models.load("none")(np.zeros((20, 30, 3), np.uint8))

    assert seen.alpha.dtype == np.float32 and (seen.alpha == np.ones((20, 30))).all()


def test_its_identity_is_known_without_loading_it():
    assert models.identity("none") == models.load("none").identity
