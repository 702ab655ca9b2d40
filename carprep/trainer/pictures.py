"""Grids, the collage of reals beside fakes, and the animation."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from carprep import files

GAP = 2  # px between pictures
MOST_FRAMES = 120  # of an animation; more make a file that nobody loads
LONGEST = 528  # px, an animation's side
FRAME = 120  # ms


def grid(pixels: Tensor, columns: int | None = None) -> Image.Image:
    """uint8 (N, 3, S, S) as one picture, on white, row by row."""
    count, _, side, _ = pixels.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (side + GAP) + GAP, columns * (side + GAP) + GAP, 3), 255, np.uint8)
    for number, picture in enumerate(pixels.permute(0, 2, 3, 1).cpu().numpy()):
        y, x = (place * (side + GAP) + GAP for place in divmod(number, columns))
        sheet[y : y + side, x : x + side] = picture
    return Image.fromarray(sheet)


def save_png(path: Path, picture: Image.Image) -> None:
    """Write a PNG, all of it or none of it."""
    with files.written(path) as file:
        picture.save(file, "PNG")


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures next to each other with a grey line between."""
    both = Image.new("RGB", (left.width + right.width + 8, max(left.height, right.height)), (200, 200, 200))
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 8, 0))
    return both


def animate(path: Path, frames: Sequence[Path]) -> None:
    """Write a GIF of some of the frames, and an mp4 beside it where ffmpeg is."""
    chosen = [frames[i * len(frames) // min(len(frames), MOST_FRAMES)] for i in range(min(len(frames), MOST_FRAMES))]
    pictures = [_fitted(frame) for frame in chosen]
    if not pictures:
        return
    with files.written(path) as file:
        pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=FRAME, loop=0)
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg:
        _film(ffmpeg, path.with_suffix(".mp4"), pictures)


def _fitted(frame: Path) -> Image.Image:
    with Image.open(frame) as picture:
        shown = picture.convert("RGB")
    shown.thumbnail((LONGEST, LONGEST))
    return shown


def _film(ffmpeg: str, path: Path, pictures: Sequence[Image.Image]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, picture in enumerate(pictures):
            even = picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))
            even.save(Path(folder) / f"{number:06d}.png")
        out = Path(folder) / "out.mp4"
        command = [ffmpeg, "-y", "-loglevel", "error", "-framerate", "8", "-i", f"{folder}/%06d.png"]
        done = subprocess.run([*command, "-pix_fmt", "yuv420p", str(out)], check=False)
        if done.returncode == 0:
            with files.written(path) as file:
                file.write(out.read_bytes())


def png_bytes(picture: Image.Image) -> bytes:
    """A picture as PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
