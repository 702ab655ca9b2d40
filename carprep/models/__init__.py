"""Who finds the car: lookers by name, loaded once per process and never at import.

carnet        our own bundled network: main car, view, facing
carnet:FILE   a network of one's own, of the same make
border        no weights; plain grounds only
rembg:NAME    a model of the rembg package; weights of its own
none          nobody: the whole frame
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from carprep.errors import UsageError
from carprep.models.looker import Looker

NAMES = ("carnet", "carnet:FILE.onnx", "border", "rembg:NAME", "none")
CARNET, REMBG = "carnet:", "rembg:"
DEVICES = ("cpu", "cuda")


def check_look(name: str, device: str = "cpu", fetch: bool = False) -> None:
    """Find out, before any work, whether a looker can be used; with `fetch` its weights may be downloaded.

    Raises:
        UsageError: there is no such looker, or something it needs is missing; says what to do.
    """
    if device not in DEVICES:
        raise UsageError(f"--device must be one of {', '.join(DEVICES)}")
    if is_carnet(name) and name != CARNET:
        from carprep.models import carnet

        carnet.check(_network(name), device)
        return
    if device != "cpu":
        raise UsageError(f"--device {device} is for --look carnet; {name} runs on the processor")
    if name.startswith(REMBG):
        from carprep.models import rembg

        rembg.check(name.removeprefix(REMBG), fetch)
    elif name not in NAMES:
        raise UsageError(f"there is no looker {name!r}; choose {', '.join(NAMES)}")


@lru_cache(maxsize=1)
def load(name: str, device: str = "cpu") -> Looker:
    """A looker, ready to look."""
    if is_carnet(name):
        from carprep.models.carnet import CarNet

        return CarNet(_network(name), device)
    check_look(name, device)
    if name.startswith(REMBG):
        from carprep.models.rembg import Rembg

        return Rembg(name.removeprefix(REMBG))
    if name == "border":
        from carprep.models.border import Border

        return Border()
    from carprep.models.whole import Whole

    return Whole()


def knows_views(name: str) -> bool:
    """Whether a looker tells views and facing."""
    return is_carnet(name)


def is_carnet(name: str) -> bool:
    """Whether a looker is our own network, the bundled one or another."""
    return name == "carnet" or name.startswith(CARNET)


def identity(name: str, device: str = "cpu") -> str:
    """What settles a looker's answers: its name with its version or weights; cheap, nothing is loaded."""
    if is_carnet(name):
        from carprep.models import carnet

        return carnet.identity(_network(name), device)
    if name.startswith(REMBG):
        from carprep.models import rembg

        return rembg.identity(name.removeprefix(REMBG))
    if name == "border":
        from carprep.models.border import IDENTITY

        return IDENTITY
    return f"{name}/1"


def _network(name: str) -> Path:
    from carprep.models.carnet import BUNDLED

    return BUNDLED if name == "carnet" else Path(name.removeprefix(CARNET)).expanduser().resolve()
