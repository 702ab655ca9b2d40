"""Trainings of the tests run on one thread: two workers with two threads each would wait for each other."""

from __future__ import annotations

import os

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    before, told = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that a test starts
    yield
    torch.set_num_threads(before)
    if told is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = told
