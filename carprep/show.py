"""Look at one photo as a build does, and write down and draw what was seen; runs in a worker."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carprep import files, models
from carprep.errors import BadPhoto
from carprep.measure.task import Settings
from carprep.photo import View, facing_of

if TYPE_CHECKING:
    import numpy as np

    from carprep.measure.decode import Decoded
    from carprep.models.looker import Seen
    from carprep.photo import RGB, Alpha

COLUMNS = ("file", "view", *(view.column for view in View), "facing", "p_left", "box", "milliseconds", "error")
Row = dict[str, str]
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

    settings: Settings

    def __call__(self, task: Shown) -> Row:
        """Look at one photo and write its pictures; a photo's own faults come back in its row.

        Raises:
            RunError: the disk is full.
        """
        most = self.settings.limits.bytes
        try:
            data = None if task.error else files.read_bytes(task.path, most)
        except OSError as error:
            return Row(file=task.file, error=f"the file cannot be read: {files.reason_of(error)}")
        if data is None:
            return Row(file=task.file, error=task.error or f"more than {most:,} bytes")
        from carprep.measure.decode import decode  # pulls OpenCV, which the asking process can do without

        try:
            decoded = decode(data, self.settings.detail, self.settings.limits)
        except BadPhoto as bad:
            return Row(file=task.file, error=bad.detail)
        models.load(self.settings.look, self.settings.device)  # the first photo must not be charged for it
        began = time.perf_counter()
        seen = self._look(decoded)
        took = 1e3 * (time.perf_counter() - began)
        row = Row(file=task.file, milliseconds=f"{took:.1f}", **_told(seen, decoded))
        _write(task, decoded, seen, row)
        return row

    def _look(self, decoded: Decoded) -> Seen:
        from carprep.measure.fingerprint import thumbnail
        from carprep.measure.inspect import inspect, scaled
        from carprep.measure.photo import seen_in

        small = scaled(decoded.pixels)
        return seen_in(decoded, inspect(small, thumbnail(small)), self.settings)


def _told(seen: Seen, decoded: Decoded) -> Row:
    row = Row(box=_box(seen, decoded), error=seen.detail if seen.alpha is None else "")
    if seen.views is not None:
        view = max(seen.views, key=seen.views.__getitem__)
        row |= {"view": str(view), **{view.column: f"{p:.5f}" for view, p in seen.views.items()}}
        if seen.p_left is not None:
            row |= {"facing": facing_of(view, seen.p_left), "p_left": f"{seen.p_left:.5f}"}
    return row


def _box(seen: Seen, decoded: Decoded) -> str:
    """left top width height of the main car in the upright photo, px; empty where no car is."""
    from carprep.measure.cutout import main_car

    main = None if seen.alpha is None else main_car(seen.alpha)
    if main is None:
        return ""
    scale = decoded.width / decoded.pixels.shape[1]
    sides = (main.box.left, main.box.top, main.box.width, main.box.height)
    return " ".join(str(round(side * scale)) for side in sides)


def _write(task: Shown, decoded: Decoded, seen: Seen, row: Row) -> None:
    import cv2
    import numpy as np

    alpha = np.zeros(decoded.pixels.shape[:2], np.float32) if seen.alpha is None else seen.alpha
    whole = cv2.resize((alpha * 255 + 0.5).astype(np.uint8), (decoded.width, decoded.height))
    with files.written(task.out / f"{task.stem}.alpha.png") as file:
        file.write(cv2.imencode(".png", whole)[1].tobytes())
    with files.written(task.out / f"{task.stem}.jpg") as file:
        file.write(_side_by_side(decoded.pixels, alpha, row, decoded.width))


def _side_by_side(pixels: RGB, alpha: Alpha, row: Row, full_width: int) -> bytes:
    """The photo with its car's box, the car on white, and below what was seen; a JPEG."""
    from PIL import Image, ImageDraw, ImageFont

    photo, car = _panels(pixels, alpha)
    height, width = photo.shape[:2]
    column = max(width, PANEL // 2)
    sheet = Image.new("RGB", (2 * column + 4, height + FOOT), "white")
    sheet.paste(Image.fromarray(photo), (0, 0))
    sheet.paste(Image.fromarray(car), (column + 4, 0))
    draw = ImageDraw.Draw(sheet)
    if row.get("box"):
        left, top, wide, tall = (round(int(number) * width / full_width) for number in row["box"].split())
        draw.rectangle((left, top, left + wide - 1, top + tall - 1), outline=(255, 0, 120), width=2)
    draw.text((4, height + 3), _words(row), (30, 30, 30), ImageFont.load_default(14))
    with io.BytesIO() as file:
        sheet.save(file, "JPEG", quality=90)
        return file.getvalue()


def _panels(pixels: RGB, alpha: Alpha) -> tuple[np.ndarray, np.ndarray]:
    import cv2
    import numpy as np

    scale = min(1.0, PANEL / max(pixels.shape[:2]))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    photo = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    weight = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None]
    return photo, (photo * weight + 255 * (1 - weight) + 0.5).astype(np.uint8)


def _words(row: Row) -> str:
    if not row.get("view"):
        return row.get("error") or "no view told"
    chance = float(row[View(row["view"]).column])
    facing = f", nose {row['facing']}" if row.get("facing", "none") != "none" else ""
    return f"{row['view']} {chance:.0%}{facing}"
