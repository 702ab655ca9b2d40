"""Trainings of the tests run on one thread: two workers with two threads each would wait for each other."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    return one_thread
