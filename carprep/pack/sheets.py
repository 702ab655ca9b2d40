"""Contact sheets: what was kept, and what was left out with its reason below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from carprep import files

MOST_KEPT = 240  # pictures on the kept sheet: what one screen and a half shows
MOST_PER_REASON = 24  # photos per reason on the other
CELL = 128  # px
GAP = 8  # px
LINE = 14  # px
QUALITY = 90
INK, FAINT, PAPER, HOLE = (30, 30, 30), (120, 120, 120), (244, 244, 242), (214, 214, 210)


@dataclass(frozen=True)
class Cell:
    """One picture on a sheet; None where there is nothing to show."""

    picture: Image.Image | None
    words: tuple[str, ...] = ()


def evenly(count: int, most: int) -> list[int]:
    """At most so many of `count` indices, evenly spread; the same ones every time."""
    return list(range(count)) if count <= most else [i * count // most for i in range(most)]


def write_sheet(path: Path, title: str, cells: Sequence[Cell]) -> None:
    """Write a contact sheet as JPEG, all of it or none of it."""
    lines = max((len(cell.words) for cell in cells), default=0)
    columns = min(16, max(4, math.ceil(math.sqrt(len(cells) * 1.6))))
    step_x, step_y = CELL + GAP, CELL + GAP + lines * LINE + (4 if lines else 0)
    top = GAP * 2 + 22
    size = columns * step_x + GAP, top + max(1, math.ceil(len(cells) / columns)) * step_y
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), _plain(title, 400), INK, ImageFont.load_default(18))
    for number, cell in enumerate(cells):
        _draw(sheet, draw, cell, GAP + number % columns * step_x, top + number // columns * step_y)
    with files.written(path) as file:
        sheet.save(file, "JPEG", quality=QUALITY)


def _draw(sheet: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, x: int, y: int) -> None:
    if cell.picture is None:
        draw.rectangle((x, y, x + CELL - 1, y + CELL - 1), HOLE)
        draw.line((x + 44, y + 44, x + 84, y + 84), FAINT, 3)
        draw.line((x + 84, y + 44, x + 44, y + 84), FAINT, 3)
    else:
        how = Image.Resampling.NEAREST if cell.picture.width * 2 <= CELL else Image.Resampling.LANCZOS
        picture = cell.picture if cell.picture.size == (CELL, CELL) else cell.picture.resize((CELL, CELL), how)
        sheet.paste(picture, (x, y))
    font = ImageFont.load_default(12)
    for number, words in enumerate(cell.words):
        ink = FAINT if number else INK
        draw.text((x, y + CELL + 2 + number * LINE), _fitted(words, draw, font), ink, font)


def _fitted(words: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    words = _plain(words, 60)
    if draw.textlength(words, font) <= CELL:
        return words
    while words and draw.textlength("…" + words, font) > CELL:
        words = words[1:]  # a name's end tells more than its folders
    return "…" + words


def _plain(words: str, most: int) -> str:
    """Words in the letters that the built-in font has."""
    shown = "".join(letter if letter.isprintable() and ord(letter) < 0x250 else "?" for letter in words)
    return shown if len(shown) <= most else "…" + shown[-most + 1 :]
