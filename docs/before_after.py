"""Draws docs/before-after.jpg: some photos of the demo's heap, and what a build makes of them.

make demo && .venv/bin/python docs/before_after.py
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from PIL import Image

from carprep.draw.key import Kind, read_key
from carprep.pack import ledger

HERE = Path(__file__).parent
DEMO = HERE.parent / "demo"
CELL, GAP = 150, 6
KINDS = (Kind.GOOD, Kind.CHECKERBOARD, Kind.BARS, Kind.PALETTE, Kind.ROTATED, Kind.GOOD, Kind.TRANSPARENT, Kind.WEBP)


def main() -> None:
    """Put each photo above its picture."""
    kept = {photo.key: photo for photo in ledger.read(DEMO / "cars.zip") if photo.reason is None}
    chosen = []
    for kind in KINDS:
        keys = [key for key, one in read_key(DEMO / "raw").items() if one.kind is kind and key in kept]
        keys.sort(key=lambda key: kept[key].facts["colour"] in ("white", "grey", "silver"))  # bright ones first
        chosen += [key for key in keys if key not in chosen][:1]
    sheet = Image.new("RGB", (len(chosen) * (CELL + GAP) + GAP, 2 * CELL + 3 * GAP), (225, 228, 235))
    with zipfile.ZipFile(DEMO / "cars.zip") as archive:
        for number, key in enumerate(chosen):
            left = GAP + number * (CELL + GAP)
            with Image.open(DEMO / "raw" / key) as photo:
                before = photo.convert("RGBA" if photo.has_transparency_data else "RGB").convert("RGB")
            before.thumbnail((CELL, CELL))
            sheet.paste(before, (left, GAP + (CELL - before.height) // 2))
            after = Image.open(io.BytesIO(archive.read(kept[key].facts["member"])))
            sheet.paste(after.resize((CELL, CELL), Image.Resampling.LANCZOS), (left, 2 * GAP + CELL))
    sheet.save(HERE / "before-after.jpg", quality=88)


if __name__ == "__main__":
    main()
