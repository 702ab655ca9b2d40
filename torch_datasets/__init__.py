"""Torch datasets over the sets that carprep builds.

from torch_datasets import IndianCars
cars = IndianCars("cars.zip")
image, view = cars[0]
"""

from torch_datasets.cars import IndianCars
from torch_datasets.storage import BadSet

__all__ = ["BadSet", "IndianCars"]
