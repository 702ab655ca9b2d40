"""metrics.jsonl: a line for each window of steps, which a stop and a resume leave as if nothing had been."""

from __future__ import annotations

import json
import math
import resource
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from carprep import files
from carprep.trainer.steps import ABSENT, MEASURED

CLOCK = ("images_per_second", "memory", "time")  # fields that differ from run to run
NAME = "metrics.jsonl"


class Record:
    """The lines of a run, and the sums of the window that is open."""

    def __init__(self, folder: Path, window: int, batch: int, device: torch.device) -> None:
        self.path, self.window, self.batch, self.device = folder / NAME, window, batch, device
        self.sums = torch.zeros(len(MEASURED), device=device)
        self.counts = torch.zeros(len(MEASURED), device=device)
        self._since, self._steps = time.monotonic(), 0

    def add(self, told: Tensor) -> None:
        """Add a step's figures, without waiting for them."""
        known = told != ABSENT
        self.sums += torch.where(known, told, 0)
        self.counts += known
        self._steps += 1

    def close(self, step: int) -> dict[str, Any]:
        """The line of the window that ends here; the sums stay, for a stop within it, until `reset`."""
        sums, counts = self.sums.tolist(), self.counts.tolist()
        means = {n: s / c for n, s, c in zip(MEASURED, sums, counts, strict=True) if c}
        seconds = max(time.monotonic() - self._since, 1e-9)
        line = {
            "step": step,
            "images_seen": step * self.batch,
            **{name: value if math.isfinite(value) else None for name, value in means.items()},
            "images_per_second": round(self._steps * self.batch / seconds, 1),
            "memory": memory(self.device),
            "time": round(time.time(), 3),
        }
        self._since, self._steps = time.monotonic(), 0
        return line

    def reset(self) -> None:
        """Begin a new window."""
        self.sums.zero_()
        self.counts.zero_()

    def write(self, line: dict[str, Any]) -> None:
        """Append a line."""
        files.append_text(self.path, json.dumps(line) + "\n")

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps of the open window."""
        return {"sums": self.sums.cpu(), "counts": self.counts.cpu()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take the open window's sums back."""
        self.sums.copy_(state["sums"])
        self.counts.copy_(state["counts"])

    def cut(self, step: int) -> None:
        """Cut what a run that goes on from a step will write again."""
        whole = step - step % self.window
        kept = [line for line in read(self.path) if _stays(line, step, whole)]
        files.write_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))


def _stays(line: dict[str, Any], step: int, whole: int) -> bool:
    if line.get("final"):
        return False
    return bool(line["step"] <= (whole if "images_seen" in line else step))


def read(path: Path) -> list[dict[str, Any]]:
    """All lines; one that a kill cut short is left out.

    Raises:
        OSError: it cannot be read.
    """
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break  # only the last can be half
    return lines


def best_score(lines: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The score with the lowest KID of those that were due; one taken because the run ended does not count."""
    due = (line for line in lines if "kid" in line and not line.get("final"))
    return min(due, key=lambda line: float(line["kid"]), default=None)


def without_clock(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines without the fields that differ from run to run."""
    return [{name: value for name, value in line.items() if name not in CLOCK} for line in lines]


def memory(device: torch.device) -> int:
    """The most memory that was used so far, bytes: of the device, or of the process on the processor."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
