"""Groups of related photos of a finished set: as lines for the terminal, and side by side on a page of their own."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carprep import cache as memory
from carprep import files
from carprep.decide.relation import shown
from carprep.pack.ledger import Ledger

SIDE = 200  # px, of the pictures on the page
QUALITY = 80
COLUMNS = (
    "key",
    "detail",
    "sha256",
    "kept",
    "duplicate_of",
    "related_to",
    "relation",
    "relation_score",
    "group",
    "split",
)

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; color: #222; background: #fafaf8 }
section { display: flex; flex-wrap: wrap; gap: 1rem; padding: 1rem 0; border-top: 1px solid #ddd }
figure { margin: 0; width: 200px } img, .none { width: 200px; height: 150px; object-fit: contain; background: #fff;
border: 3px solid #ddd; border-radius: 4px; box-sizing: border-box } .kept img, .kept .none { border-color: #2a7a3a }
.none { display: grid; place-items: center; color: #888 } figcaption { overflow-wrap: anywhere; font-size: 13px }
"""


@dataclass(frozen=True)
class Family:
    """A group of related photos: the best first, the others by relation and key."""

    members: tuple[Mapping[str, Any], ...]  # rows of the ledger, the columns above

    @property
    def duplicates(self) -> int:
        """How many of them were left out as duplicates."""
        return sum(row["duplicate_of"] is not None for row in self.members)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {"group": self.members[0]["group"], "members": [dict(row) for row in self.members]}


def families(ledger: Ledger) -> list[Family]:
    """All groups of a ledger, those with most duplicates first."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    if "group" not in ledger.table.column_names:
        return []
    for batch in ledger.table.select(COLUMNS).to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            if row["group"] is not None:
                rows.setdefault(row["group"], []).append(row)
    found = [Family(tuple(sorted(some, key=_place))) for some in rows.values()]
    return sorted(found, key=lambda family: (-family.duplicates, -len(family.members), family.members[0]["key"]))


def _place(row: Mapping[str, Any]) -> tuple[bool, bool, str, float, str]:
    score = -(row["relation_score"] or 0.0)
    return row["key"] != row["group"], not row["kept"], row["relation"] or "", score, row["key"]


def summary(found: Sequence[Family]) -> str:
    """One line: how many groups, and how many duplicates."""
    duplicates = sum(family.duplicates for family in found)
    members = sum(len(family.members) for family in found)
    groups = f"{len(found):,} group{'s' if len(found) != 1 else ''}"
    return f"{groups} of {members:,} related photos; {duplicates:,} of them left out as duplicates"


def in_lines(found: Sequence[Family]) -> Iterator[str]:
    """The groups, a photo a line."""
    for family in found:
        yield ""
        for number, row in enumerate(family.members):
            yield ("  " if number else "") + f"{row['key']}  {_words(row)}"


def _words(row: Mapping[str, Any]) -> str:
    if row["duplicate_of"] is not None:
        return f"left out for {row['duplicate_of']}: {row['detail']}"
    state = "kept" if row["kept"] else "left out"
    if row["relation"] is not None:
        return f"{state}: {row['relation']} of {row['related_to']}, score {shown(row['relation_score'])}"
    return state if row["key"] == row["group"] else f"{state}: related through another one"


def write_page(path: Path, title: str, found: Sequence[Family], shown: int, cache: Path, raw: Path | None) -> int:
    """Write a self-contained page with the groups side by side; how many pictures were not found.

    Args:
        title: in words.
        shown: of how many groups; the rest is counted.
        cache: where pictures are looked up by the photos' sha256.
        raw: the folder that was built from, for photos that the cache has forgotten.
    """
    with closing(_Pictures(cache, raw)) as pictures:
        sections = [_section(family, pictures) for family in found[:shown]]
        missing = pictures.missing
    more = f"<p>{len(found) - shown:,} more groups are not shown; raise --limit.</p>" if len(found) > shown else ""
    head = f'<!doctype html><meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    body = f"<h1>{html.escape(title)}</h1><p>{summary(found)}. Green: kept.</p>{''.join(sections)}{more}"
    files.write_text(path, head + body + "\n")
    return missing


def _section(family: Family, pictures: _Pictures) -> str:
    cells = []
    for row in family.members:
        data = pictures.of(row["sha256"], row["key"])
        pictures.missing += not data
        shown = f'<img alt="" src="data:image/jpeg;base64,{data}">' if data else '<div class="none">no picture</div>'
        kind = "kept" if row["kept"] else "left"
        words = f"{html.escape(row['key'])}<br>{html.escape(_words(row))}"
        cells.append(f'<figure class="{kind}">{shown}<figcaption>{words}</figcaption></figure>')
    return f"<section>{''.join(cells)}</section>"


class _Pictures:
    """Finds photos' pictures: in the cache by their sha256, else in the folder they came from."""

    def __init__(self, cache: Path, raw: Path | None) -> None:
        self.raw, self.missing = raw, 0
        self._reader = memory.Reader(cache) if (cache / memory.database_name()).exists() else None

    def close(self) -> None:
        """Let go of the cache."""
        if self._reader is not None:
            self._reader.close()

    def of(self, sha256: str | None, key: str) -> str:
        """A small JPEG, base64; empty where there is none."""
        data = self._reader.context(sha256) if self._reader is not None and sha256 else None
        if data is None and self.raw is not None:
            try:
                data = (self.raw / key).read_bytes()
            except OSError:
                return ""
        return _small(data) if data else ""


def _small(data: bytes) -> str:
    from carprep.errors import BadPhoto
    from carprep.measure.decode import decode
    from carprep.measure.task import Settings
    from carprep.recipe import Recipe

    try:
        pixels = decode(data, SIDE, Settings.of(Recipe()).limits).pixels
    except BadPhoto:
        return ""
    from PIL import Image

    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
        return base64.b64encode(file.getvalue()).decode()
