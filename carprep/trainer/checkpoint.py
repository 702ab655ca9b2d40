"""Checkpoints: one file each, whole or not there, with a digest; tensors and plain values only."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from carprep import files
from carprep.errors import UsageError

SCHEMA = 1  # goes up when what is in a checkpoint changes


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; the digest is over every name and every bit."""
    whole = {"schema": SCHEMA, **state}
    data = io.BytesIO()  # torch's own writer hides what the disk says
    torch.save({**whole, "sha256": digest(whole)}, data)
    with files.written(path) as file:
        file.write(data.getbuffer())


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint, onto the processor; nothing in it is run.

    Raises:
        UsageError: there is none, it is damaged, or another version of carprep made it.
    """
    try:
        found = dict(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError as error:
        raise UsageError(f"there is no checkpoint {path}") from error
    except Exception as error:  # torch raises whatever its unpickler meets
        raise UsageError(f"{path} is no checkpoint, or is damaged; take an older one from the same folder") from error
    if found.get("schema") != SCHEMA:
        raise UsageError(f"{path} has schema {found.get('schema')}; this carprep reads {SCHEMA}")
    told = found.pop("sha256", "")
    if told != digest(found):
        raise UsageError(f"{path} is damaged: its sha256 does not agree; take an older one from the same folder")
    return found


def digest(value: Any) -> str:
    """sha256 over a nest of dicts, lists, tensors and plain values."""
    whole = hashlib.sha256()
    for part in _parts(value, ""):
        whole.update(part)
    return whole.hexdigest()


def _parts(value: Any, name: str) -> Iterator[bytes]:
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _parts(value[key], f"{name}/{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _parts(item, f"{name}/{number}")
    elif isinstance(value, Tensor):
        yield f"{name}:{value.dtype}{tuple(value.shape)}".encode()
        yield value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    else:
        yield f"{name}={value!r}".encode()
