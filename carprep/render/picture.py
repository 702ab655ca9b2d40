"""Render one kept photo in every size that was asked for; runs in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carprep.cache import Pictures, reader


@dataclass(frozen=True)
class Order:
    """What to render.

    Attributes:
        key: whose picture, for messages.
        slot: where its pictures lie in the cache.
        mirror: flip left and right.
        box: the car's left, top, width and height as shares of the photo's width and height; None shows the whole
            photo, since there is no usable cut-out.
    """

    key: str
    slot: int
    mirror: bool = False
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Renderer:
    """Renders orders out of the cache.

    Attributes:
        sizes: px, one picture each.
        margin: white round the car's box, share of its longer side.
        background: white or keep.
        cache: the cache's folder.
    """

    sizes: tuple[int, ...]
    margin: float
    background: str
    cache: Path

    def __call__(self, order: Order) -> tuple[bytes, ...]:
        """One PNG a size: 8-bit RGB, square."""
        pictures = reader(self.cache).pictures(order.slot)
        return tuple(self._render(pictures, order, size) for size in self.sizes)

    def _render(self, pictures: Pictures, order: Order, size: int) -> bytes:
        from carprep.render.square import Frame, in_context, on_white, png

        frame = Frame(size, self.margin, order.mirror)
        if order.box is None:
            return png(in_context(pictures, None, frame))
        if self.background == "keep":
            return png(in_context(pictures, order.box, frame))
        return png(on_white(pictures, frame))
