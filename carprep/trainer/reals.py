"""The real pictures as a training sees them: checked, and where they lie while it runs."""

from __future__ import annotations

from collections.abc import Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from carprep import files
from carprep.errors import UsageError
from carprep.trainer.chance import Stream
from carprep.trainer.machine import free_memory
from torch_datasets.cars import in_range

RESIDENT = 0.4  # share of the free memory, of the device or of the machine, that the pictures may take
LOOKED_AT = 1000  # pictures of a dataset whose range is checked
ABOUT = ("set", "path", "sha256", "licences")
LEAST = 8  # pictures; below it there is nothing to learn from
IN_RANGE = (
    "reals must lie in [-1, 1] with white at exactly +1, since a generator ends in tanh; use "
    "transforms.Normalize((0.5,) * 3, (0.5,) * 3) behind ToTensor, or IndianCars without a transform"
)


@dataclass
class Reals:
    """The pictures of a run.

    Attributes:
        count, side: how many, and their side in px.
        pixels: uint8 (N, 3, S, S), on the device or the machine; None where items come from the dataset.
        labels: int64 (N,); empty where items come one by one.
        place: resident (on the device), prefetch (in the machine's memory), streamed (decoded while the step before
            runs), one by one (whatever the dataset does, in its turn: it may draw random numbers).
        about: what the set is: name, sha256, licences.
    """

    count: int
    side: int
    pixels: Tensor | None
    labels: Tensor
    dataset: Any
    device: torch.device
    place: str = "resident"
    about: dict[str, str] = field(default_factory=dict)
    _next: tuple[Tensor, Future[tuple[Tensor, Tensor]]] | None = None
    _helper: ThreadPoolExecutor | None = None

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """float32 (B, 3, S, S) in [-1, 1] and int64 (B,), on the device."""
        if self.place == "one by one":
            items = [self.dataset[int(index)] for index in indices]
            pictures = torch.stack([picture for picture, _ in items]).to(self.device)
            return pictures, torch.tensor([int(label) for _, label in items], device=self.device)
        if self.place == "resident":
            assert self.pixels is not None
            indices = indices.to(self.device)
            return in_range(self.pixels[indices]), self.labels[indices]
        asked, self._next = self._next, None
        ready = asked is not None and torch.equal(asked[0], indices)
        pixels, labels = asked[1].result() if asked and ready else self._fetched(indices)
        return in_range(pixels.to(self.device, non_blocking=True)), labels.to(self.device, non_blocking=True)

    def ahead(self, indices: Tensor) -> None:
        """Begin to fetch what `batch` will be asked for next; where pictures are resident there is nothing to fetch."""
        if self.place not in ("prefetch", "streamed"):
            return
        self._helper = self._helper or ThreadPoolExecutor(1)
        self._next = (indices, self._helper.submit(self._fetched, indices))

    def close(self) -> None:
        """Stop fetching."""
        if self._helper is not None:
            self._helper.shutdown(cancel_futures=True)
        self._helper = self._next = None

    def _fetched(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 pictures and labels of a batch on the machine, pinned where a GPU will take them."""
        pixels = self.dataset.pixels(indices.tolist()) if self.pixels is None else self.pixels[indices]
        labels = self.labels[indices]
        return (pixels.pin_memory(), labels.pin_memory()) if self.device.type == "cuda" else (pixels, labels)

    def stream(self, seed: int) -> Stream:
        """The order in which they are seen."""
        return Stream(self.count, seed)

    def some(self, count: int) -> Tensor:
        """Evenly spread pictures, uint8 (n, 3, S, S), on the processor."""
        count = min(count, self.count)
        indices = torch.tensor([i * self.count // count for i in range(count)])
        if self.pixels is not None:
            return self.pixels[indices.to(self.pixels.device)].cpu()
        return as_bytes(self.batch(indices)[0]).cpu()


def as_bytes(pictures: Tensor) -> Tensor:
    """float in [-1, 1] to uint8, rounded."""
    return ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def reals_of(dataset: Any, device: torch.device) -> Reals:
    """Look at a dataset, check its range, and put its pictures where they are quickest.

    Args:
        dataset: items (float32 (3, S, S) in [-1, 1], int). One with `tensor()` and no transforms is taken whole.

    Raises:
        UsageError: too few pictures, of another shape, or out of range.
    """
    if not isinstance(dataset, Sized) or len(dataset) < LEAST:
        raise UsageError(
            f"there are {len(dataset) if isinstance(dataset, Sized) else 'unknown'} pictures; {LEAST} are the least"
        )
    count = len(dataset)
    whole: Any = dataset
    if not hasattr(dataset, "tensor") or getattr(dataset, "transforms", None) is not None:
        side = _checked(dataset)
        return Reals(count, side, None, torch.empty(0), dataset, device, "one by one", dict.fromkeys(ABOUT, ""))
    labels = torch.tensor([int(target) for target in whole.targets])
    side = int(whole.side)
    place = where(count * 3 * side**2, device)
    pixels = None if place == "streamed" else dataset.tensor()
    if place == "resident":
        assert pixels is not None
        pixels, labels = pixels.to(device), labels.to(device)
    return Reals(count, side, pixels, labels, dataset, device, place, _about(dataset))


def where(size: int, device: torch.device) -> str:
    """Where so many bytes of pictures lie: resident, prefetch or streamed, as `Reals.place` says."""
    if device.type == "cuda" and size < RESIDENT * torch.cuda.mem_get_info(device)[0]:
        return "resident"
    if size >= RESIDENT * free_memory():
        return "streamed"
    return "prefetch" if device.type == "cuda" else "resident"


def _checked(dataset: Any) -> int:
    """The side of a dataset's pictures; refuses what a generator cannot reach."""
    count = len(dataset)
    looked = [i * count // min(count, LOOKED_AT) for i in range(min(count, LOOKED_AT))]
    low, high, shape = float("inf"), float("-inf"), None
    for index in looked:
        picture = dataset[index][0]
        if (
            not isinstance(picture, Tensor)
            or picture.ndim != 3
            or picture.shape[0] != 3
            or not picture.is_floating_point()
        ):
            raise UsageError(
                f"item {index} must be a float tensor (3, S, S); add ToTensor to its transform. {IN_RANGE}"
            )
        if picture.shape[1] != picture.shape[2] or (shape is not None and picture.shape != shape):
            raise UsageError(f"item {index} is {tuple(picture.shape)}; all pictures must be squares of one size")
        shape = picture.shape
        if not picture.isfinite().all():
            raise UsageError(f"item {index} holds values that are no numbers (NaN or infinite)")
        low, high = min(low, float(picture.min())), max(high, float(picture.max()))
    if low >= 0 and high > 2:
        raise UsageError(f"the pictures reach from {low:.0f} to {high:.0f}: they were not divided by 255; {IN_RANGE}")
    if not (low >= -1 - 1e-6 and high <= 1 + 1e-6):
        raise UsageError(
            f"the pictures reach from {low:.2f} to {high:.2f}: they look normalised by mean and deviation; {IN_RANGE}"
        )
    if low >= 0 and high > 0.5:
        raise UsageError(f"the pictures reach from {low:.2f} to {high:.2f}: they lie in [0, 1]; {IN_RANGE}")
    if high < 0.99:
        raise UsageError(f"no picture reaches white, the brightest value is {high:.2f}; {IN_RANGE}")
    assert shape is not None
    return int(shape[1])


def _about(dataset: Any) -> dict[str, str]:
    """What a set of ours says of itself; kept in checkpoints and exported files."""
    metadata = list(getattr(dataset, "metadata", ()))
    licences = sorted({str(row["licence"]) for row in metadata if row.get("licence")})
    root = Path(getattr(dataset, "root", ""))
    return {
        "set": root.name,
        "path": str(root.absolute()),
        "sha256": files.sha256_of(root) if root.is_file() else "",
        "licences": ", ".join(licences) or "unknown",
    }
