"""The settings of a training that takes a second."""

from __future__ import annotations

from carprep.carnet.network import Shape
from carprep.carnet.train import Config

TINY = Shape(widths=(4, 8, 8, 8, 8), depths=(1, 1, 1, 1), features=16)
CONFIG = Config(steps=4, batch=4, warm=2, small_until=0.5, shape=TINY)
