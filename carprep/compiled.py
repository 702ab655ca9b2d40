"""Loops over numbers, compiled to machine code by numba when they are first called, and kept on the disk after that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from carprep.cache import machine_code

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The same function in machine code: strict arithmetic, and free of Python's lock while it runs.

    numba is imported with the first compiled function, so only modules that need one import this.
    """
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, str(machine_code() / source_digest().decode())
    try:
        made: Callable[P, R] = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # the folder cannot be written to
        made = numba.njit(**options)(function)
    finally:
        config.CACHE_DIR = before
    return made


@lru_cache(maxsize=1)
def source_digest() -> bytes:
    """Of all code that may be compiled, 16 hex digits; numba itself looks only at the file a function is in."""
    sources = sorted((Path(__file__).parent / "decide").glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16].encode()
