"""carprep turns a heap of car photos into a small clean training set.

    import carprep
    report = carprep.build("raw/", "cars.zip", carprep.Recipe(sizes=(64,)))

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from carprep.version import VERSION as __version__

if TYPE_CHECKING:
    from carprep.errors import BadPhoto, CarprepError, RunError, UsageError
    from carprep.photo import Photo, Reason, View
    from carprep.pipeline import NothingKept, build
    from carprep.recipe import Recipe, Word
    from carprep.report import Funnel, Report

__all__ = [
    "BadPhoto", "CarprepError", "Funnel", "NothingKept", "Photo", "Reason", "Recipe", "Report", "RunError",
    "UsageError", "View", "Word", "__version__", "build",
]  # fmt: skip

_HOMES = {
    **dict.fromkeys(("BadPhoto", "CarprepError", "RunError", "UsageError"), "carprep.errors"),
    **dict.fromkeys(("Photo", "Reason", "View"), "carprep.photo"),
    **dict.fromkeys(("Recipe", "Word"), "carprep.recipe"),
    **dict.fromkeys(("Funnel", "Report"), "carprep.report"),
    **dict.fromkeys(("NothingKept", "build"), "carprep.pipeline"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'carprep' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
