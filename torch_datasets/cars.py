"""`IndianCars`: a set that `carprep build` made, as a torchvision dataset, straight from its zip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

try:
    import torch
    from torch import Tensor
    from torchvision.datasets import VisionDataset
except ImportError as error:
    raise ImportError("torch_datasets needs torch and torchvision: pip install torch torchvision") from error

from torch_datasets.labels import classes_of, labels_of, metadata_of
from torch_datasets.pictures import picture_of, pixels_of, side_of
from torch_datasets.storage import BadSet, Storage

SPLITS = ("train", "holdout", "all")
MEMORY = 1 << 31  # bytes of decoded pictures that are kept: 170,000 of 64 px
THREADS = 4  # decoding leaves Python's lock


class IndianCars(VisionDataset):
    """Square car pictures with the view as target.

    Reads the zip of `carprep build` without unpacking it; also any zip or folder of equal square pictures, with or
    without `dataset.json`. A picture is float32 (3, S, S) in [-1, 1], white exactly +1; with a `transform` that one
    gets the PIL picture, as in torchvision, and its answer is the item. Decoded pictures stay in memory up to `memory`
    bytes, so that only the first epoch decodes.

    Attributes:
        classes: front, front-side, side, rear-side, rear; or `["unknown"]` where the set knows no views.
        class_to_idx: class to number.
        targets: number of the class of each picture.
        metadata: what metadata.jsonl says of each picture (view, facing, colour, key, sha256, licence …).
        members: path of each picture in the zip.
        splits: how many pictures each split has, also those that were not asked for.
        side: of the pictures, px.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        transforms: Callable[[Any, Any], Any] | None = None,
        memory: int = MEMORY,
    ) -> None:
        """Look at the set; pictures are decoded when they are first needed.

        Args:
            root: the zip or folder.
            split: train, holdout or all; a set without splits is all train.
            transform, target_transform, transforms: as torchvision's datasets take them.
            memory: bytes of decoded pictures to keep; 0 decodes every time.

        Raises:
            BadSet: no such set, no picture of that split, pictures of several sizes, not square or of more than 8
                bits, members missing, labels that are none; the member is named.
        """
        super().__init__(root, transforms, transform, target_transform)
        if split not in SPLITS:
            raise BadSet(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
        self._storage = Storage(Path(root))
        every = self._storage.pictures
        if not every:
            raise BadSet(f"there is no picture in {root}")
        labels, metadata = labels_of(self._storage, every), metadata_of(self._storage, every)
        of = {name: metadata[name].get("split") or "train" for name in every}
        self.split = split
        self.splits = dict(Counter(of.values()))
        self.members = [name for name in every if split in ("all", of[name])]
        if not self.members:
            has = ", ".join(f"{count} of {name}" for name, count in self.splits.items())
            raise BadSet(
                f"{root} has no picture of the split {split}, but {has}; carprep build --split 0.1 holds some out"
            )
        self.side = _common_side(self._storage, self.members)
        self.classes = classes_of(labels)
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self.targets = [labels[name] if labels else 0 for name in self.members]
        self.metadata = [metadata[name] for name in self.members]
        self._keep = len(self.members) * 3 * self.side**2 <= memory
        self._forget()

    def __len__(self) -> int:
        """How many pictures the split has."""
        return len(self.members)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """A picture and its target; float32 (3, S, S) in [-1, 1] and a number unless transforms say otherwise."""
        if self.transforms is None:
            return self.__getitems__([index])[0]
        image, target = picture_of(self._storage, self.members[index]), self.targets[index]
        image, target = self.transforms(image, target)
        return image, target

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, Any]]:
        """Several at once, as a DataLoader asks for a batch."""
        if self.transforms is not None:
            return [self[index] for index in indices]
        images = in_range(self._bytes([range(len(self))[index] for index in indices]))
        return [(image, self.targets[index]) for image, index in zip(images.unbind(), indices, strict=True)]

    @property
    def facing(self) -> str:
        """The side that all cars face, left or right, as `carprep build --face` makes them; empty where they differ."""
        facings = {row.get("facing") for row in self.metadata} - {None, "none", ""}
        return str(facings.pop()) if len(facings) == 1 else ""

    def pixels(self, indices: Sequence[int]) -> Tensor:
        """Some pictures, uint8 (B, 3, S, S); a copy.

        Raises:
            BadSet: a picture is broken; it is named.
        """
        return self._bytes(indices)

    def tensor(self) -> Tensor:
        """The whole split, uint8 (N, 3, S, S); a copy.

        Raises:
            BadSet: a picture is broken; it is named.
        """
        return self._bytes(range(len(self))).clone()

    def extra_repr(self) -> str:
        """What `repr` says beyond count and root."""
        counts = Counter(self.targets)
        each = ", ".join(f"{name} {counts[number]}" for number, name in enumerate(self.classes) if counts[number])
        return f"Split: {self.split} (of {self.splits})\nSide: {self.side} px\nClasses: {each}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pixels": None, "_known": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._pixels = torch.empty(0, dtype=torch.uint8)
        self._known = torch.zeros(len(self), dtype=torch.bool)

    def _bytes(self, indices: Sequence[int]) -> Tensor:
        """uint8 (B, 3, S, S), from memory where they are there."""
        if not self._keep:
            return self._decoded(indices)
        if not len(self._pixels):
            self._pixels = torch.empty((len(self), 3, self.side, self.side), dtype=torch.uint8)
        asked = torch.as_tensor(indices)
        missing = asked[~self._known[asked]].unique()
        if len(missing):
            self._pixels[missing] = self._decoded(missing.tolist())
            self._known[missing] = True
        return self._pixels[asked]

    def _decoded(self, indices: Sequence[int]) -> Tensor:
        names = [self.members[index] for index in indices]
        out = torch.empty((len(names), 3, self.side, self.side), dtype=torch.uint8)
        with ThreadPoolExecutor(THREADS) as pool:
            pictures = pool.map(lambda name: pixels_of(self._storage, name, self.side), names)
            for number, picture in enumerate(pictures):
                out[number] = torch.tensor(picture).permute(2, 0, 1)
        return out


def in_range(pixels: Tensor) -> Tensor:
    """uint8 to float32 in [-1, 1], where 255 is exactly +1 and 0 exactly -1: what a generator's tanh can reach."""
    return pixels.to(torch.float32).div_(127.5).sub_(1)


def _common_side(storage: Storage, members: Sequence[str]) -> int:
    side = side_of(storage, members[0])
    for name in members[1:]:
        other = side_of(storage, name)
        if other != side:
            raise BadSet(
                f"{name} in {storage.root} is {other} x {other} px, {members[0]} {side} x {side}: one size in a set"
            )
    return side
