"""Look at one photo at its full size, and write down and draw what was seen; runs in a worker."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carprep import files, models
from carprep.errors import BadPhoto
from carprep.measure.task import Limits
from carprep.photo import View

if TYPE_CHECKING:
    import numpy as np

    from carprep.models.looker import Seen
    from carprep.photo import RGB

VIEWS = tuple(f"p_{view.replace('-', '_')}" for view in View)
COLUMNS = ("file", "view", *VIEWS, "facing", "p_left", "box", "milliseconds", "error")
Row = dict[str, str]
FLANKLESS = (View.FRONT, View.REAR, View.NONE)  # their nose points nowhere
EDGE = 0.1  # alpha below it is no part of the box
PANEL = 384  # px, longest side of each half of the side-by-side picture
FOOT = 22  # px, the line of words below


@dataclass(frozen=True)
class Shown:
    """One photo to look at.

    Attributes:
        file: its name in the table.
        path: where it lies.
        out: the folder to write to.
        stem: of the files to write.
        error: why it need not be opened at all; empty where it should be.
    """

    file: str
    path: bytes
    out: Path
    stem: str = ""
    error: str = ""


@dataclass(frozen=True)
class Show:
    """Looks at photos in a worker process."""

    look: str
    device: str
    limits: Limits

    def __call__(self, task: Shown) -> Row:
        """Look at one photo and write its pictures; a photo's own faults come back in its row.

        Raises:
            RunError: the disk is full.
        """
        try:
            data = None if task.error else files.read_bytes(task.path, self.limits.bytes)
        except OSError as error:
            return Row(file=task.file, error=f"the file cannot be read: {files.reason_of(error)}")
        if data is None:
            return Row(file=task.file, error=task.error or f"more than {self.limits.bytes:,} bytes")
        from carprep.measure.decode import decode  # pulls OpenCV, which the asking process can do without

        try:
            pixels = decode(data, FULL, self.limits).pixels
        except BadPhoto as bad:
            return Row(file=task.file, error=bad.detail)
        looker = models.load(self.look, self.device)
        began = time.perf_counter()
        seen = looker(pixels)
        row = Row(file=task.file, milliseconds=f"{1e3 * (time.perf_counter() - began):.1f}", **_told(seen))
        _write(task, pixels, seen, row)
        return row


def _told(seen: Seen) -> Row:
    row = Row(box=_box(seen), error=seen.detail if seen.alpha is None else "")
    if seen.views is not None:
        view = max(seen.views, key=seen.views.__getitem__)
        row |= {"view": str(view), **{column: f"{seen.views[v]:.5f}" for column, v in zip(VIEWS, View, strict=True)}}
        if seen.p_left is not None:
            nose = "left" if seen.p_left >= 0.5 else "right"
            row |= {"facing": "none" if view in FLANKLESS else nose, "p_left": f"{seen.p_left:.5f}"}
    return row


def _box(seen: Seen) -> str:
    """left top width height, px; empty where no car is."""
    if seen.alpha is None:
        return ""
    import numpy as np

    across, down = (np.flatnonzero((seen.alpha > EDGE).any(axis=axis)) for axis in (0, 1))
    if not len(across):
        return ""
    return f"{across[0]} {down[0]} {across[-1] - across[0] + 1} {down[-1] - down[0] + 1}"


def _write(task: Shown, pixels: RGB, seen: Seen, row: Row) -> None:
    import cv2
    import numpy as np

    alpha = np.zeros(pixels.shape[:2], np.float32) if seen.alpha is None else seen.alpha
    plane = (alpha * 255 + 0.5).astype(np.uint8)
    with files.written(task.out / f"{task.stem}.alpha.png") as file:
        file.write(cv2.imencode(".png", plane)[1].tobytes())
    with files.written(task.out / f"{task.stem}.jpg") as file:
        file.write(_side_by_side(pixels, alpha, row))


def _side_by_side(pixels: RGB, alpha: np.ndarray, row: Row) -> bytes:
    """The photo with its car's box, the car on white, and below what was seen; a JPEG."""
    import cv2
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    scale = min(1.0, PANEL / max(pixels.shape[:2]))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    photo = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None]
    car = (photo * weight + 255 * (1 - weight) + 0.5).astype(np.uint8)
    width = max(size[0], PANEL // 2)
    sheet = Image.new("RGB", (2 * width + 4, size[1] + FOOT), "white")
    sheet.paste(Image.fromarray(photo), (0, 0))
    sheet.paste(Image.fromarray(car), (width + 4, 0))
    draw = ImageDraw.Draw(sheet)
    if row.get("box"):
        left, top, wide, tall = (round(int(number) * scale) for number in row["box"].split())
        draw.rectangle((left, top, left + wide - 1, top + tall - 1), outline=(255, 0, 120), width=2)
    draw.text((4, size[1] + 3), _words(row), (30, 30, 30), ImageFont.load_default(14))
    with io.BytesIO() as file:
        sheet.save(file, "JPEG", quality=90)
        return file.getvalue()


def _words(row: Row) -> str:
    if not row.get("view"):
        return row.get("error") or "no view told"
    chance = float(row[f"p_{row['view'].replace('-', '_')}"])
    facing = f", nose {row['facing']}" if row.get("facing", "none") != "none" else ""
    return f"{row['view']} {chance:.0%}{facing}"


FULL = 1 << 20  # px: no photo is longer, so that it is decoded at its full size
