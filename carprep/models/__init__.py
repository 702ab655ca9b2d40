"""Who finds the car: lookers by name, loaded once per process and never at import.

border      no weights; plain grounds only
rembg:NAME  a model of the rembg package; weights of its own
none        nobody: the whole frame
"""

from __future__ import annotations

from functools import lru_cache

from carprep.errors import UsageError
from carprep.models.looker import Looker

NAMES = ("border", "none", "rembg:NAME")
REMBG = "rembg:"


def check_look(name: str, fetch: bool = False) -> None:
    """Find out, before any work, whether a looker can be used; with `fetch` its weights may be downloaded.

    Raises:
        UsageError: there is no such looker, or something it needs is missing; says what to do.
    """
    if name.startswith(REMBG):
        from carprep.models import rembg

        rembg.check(name.removeprefix(REMBG), fetch)
    elif name not in NAMES:
        raise UsageError(f"there is no looker {name!r}; choose {', '.join(NAMES)}")


@lru_cache(maxsize=1)
def load(name: str) -> Looker:
    """A looker, ready to look."""
    check_look(name)
    if name.startswith(REMBG):
        from carprep.models.rembg import Rembg

        return Rembg(name.removeprefix(REMBG))
    if name == "border":
        from carprep.models.border import Border

        return Border()
    from carprep.models.whole import Whole

    return Whole()


def knows_views(name: str) -> bool:
    """Whether a looker tells views and facing; none of today's does."""
    return False


def identity(name: str) -> str:
    """What settles a looker's answers: its name with its version or weights; cheap, nothing is loaded."""
    if name.startswith(REMBG):
        from carprep.models import rembg

        return rembg.identity(name.removeprefix(REMBG))
    if name == "border":
        from carprep.models.border import IDENTITY

        return IDENTITY
    return f"{name}/1"
