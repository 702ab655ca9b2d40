"""Loops over numbers, compiled to machine code by numba when they are first called, and kept on the disk after that."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from carprep.cache import machine_code

MOST_FUNCTIONS = 100  # that one call may compile
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


def first_call(call: Callable[[], object]) -> None:
    """Call what compiles; where its machine code cannot be kept, the disk being full, it works all the same."""
    for _ in range(MOST_FUNCTIONS):
        try:
            call()
        except OSError:  # from keeping it: each function is compiled by then, and the next call goes on
            continue
        return


def forget_others() -> None:
    """Remove machine code of other versions of this package."""
    for folder in machine_code().glob("*"):
        if folder.name != source_digest().decode():
            shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def source_digest() -> bytes:
    """Of all code that may be compiled, 16 hex digits; numba itself looks only at the file a function is in."""
    sources = sorted((Path(__file__).parent / "decide").glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16].encode()
