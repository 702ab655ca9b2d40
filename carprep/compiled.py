"""Loops over numbers, compiled to machine code by numba when they are first called, and kept on the disk after that."""

from __future__ import annotations

import hashlib
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """Call what compiles, or loads what was compiled before; the machine code on the disk may be missing or damaged.

    Where it cannot be kept, the disk being full, the functions work all the same. An interrupt waits until the end: the
    compiler does not survive one.
    """
    with _uninterrupted():
        for attempt in range(MOST_FUNCTIONS):
            try:
                call()
            except OSError:
                pass  # from keeping it: each function is compiled by then, and the next call goes on
            except Exception:  # whatever a damaged file raises; what is wrong with the call itself comes again
                if attempt:
                    raise
                shutil.rmtree(machine_code(), ignore_errors=True)
            else:
                break


@contextmanager
def _uninterrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in before:
        signal.signal(each, lambda number, frame: asked.append(number))
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in asked[:1]:
            signal.raise_signal(number)


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
