"""A decided table becomes files: zips, ledger, contact sheets."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from carprep import files, models
from carprep.cache import Reader
from carprep.decide.splits import largest_group
from carprep.decide.table import Table
from carprep.engines.local import LocalEngine
from carprep.errors import RunError, UsageError
from carprep.ingest.listing import Listing
from carprep.pack import archive, ledger
from carprep.pack.ledger import Ledger
from carprep.pack.outputs import HOLDOUT, TRAIN, Outputs
from carprep.pack.sheets import CELL, MOST_KEPT, MOST_PER_REASON, Cell, evenly, write_sheet
from carprep.photo import Reason
from carprep.progress import Progress
from carprep.recipe import Recipe
from carprep.render.picture import Order, Renderer
from carprep.render.square import Frame, in_context
from carprep.report import Funnel, Report
from carprep.versions import of, versions

OTHER = {"left": "right", "right": "left", "none": "none", "": ""}
IN_METADATA = ("split", "group", "key", "sha256", "source", "author", "licence")  # beside view, facing and colour


@dataclass(frozen=True)
class Set:
    """A decided table on its way to the disk."""

    table: Table
    recipe: Recipe
    listing: Listing
    limit: int | None
    waiting: int = 0  # photos that were not compared with all that look like them

    def report(self) -> Report:
        """What would be written, for a dry run."""
        rows = self._rows(None)
        return Report(self._funnel(rows), Ledger(rows, self._about(rows)))

    def record(self, outputs: Outputs, cache: Path) -> Report:
        """Nothing was kept: write the ledger and the sheet of what was left out, unless an earlier set lies there."""
        rows = self._rows(outputs)
        about = {**self._about(rows), "zips": {}, "digest": ""}
        written = {}
        if not any(path.exists() for path in outputs.zips.values()):
            ledger.write(outputs.ledger, rows, about)
            self._left_out_sheet(outputs.left_out, cache)
            written = {"ledger": outputs.ledger, "left_out": outputs.left_out}
        return Report(self._funnel(rows), Ledger(rows, about), files=written)

    def unchanged(self, outputs: Outputs) -> Report | None:
        """The report of the set that lies there already, where it is this very one, to the byte; else None."""
        try:
            about = ledger.about(outputs.ledger)
        except UsageError:
            return None
        rows = self._rows(outputs)
        if about.get("digest") != self._digest(rows, outputs) or not all(path.is_file() for path in outputs.all):
            return None
        if any(files.sha256_of(path) != about["zips"].get(path.name) for path in outputs.zips.values()):
            return None
        return self._done(outputs, ledger.read(outputs.ledger), unchanged=True)

    def write(self, outputs: Outputs, cache: Path, engine: LocalEngine, progress: Progress) -> Report:
        """Render and write everything."""
        rows = self._rows(outputs)
        with archive.writing(outputs.zips) as archives:
            hashes, shown = self._pictures(rows, outputs, archives, cache, engine, progress)
        rows = _with_hashes(rows, hashes, self.recipe)
        zips = {path.name: files.sha256_of(path) for path in outputs.zips.values()}
        about = {**self._about(rows), "zips": zips, "digest": self._digest(rows, outputs)}
        ledger.write(outputs.ledger, rows, about)
        title = f"{self._funnel(rows).kept} kept of {len(self.table)}"
        write_sheet(outputs.sheet, title, [Cell(picture) for picture in shown])
        self._left_out_sheet(outputs.left_out, cache)
        return self._done(outputs, Ledger(rows, about))

    def _pictures(
        self,
        rows: pa.Table,
        outputs: Outputs,
        archives: archive.Archives,
        cache: Path,
        engine: LocalEngine,
        progress: Progress,
    ) -> tuple[dict[int, list[str]], list[Image.Image]]:
        """Render the kept photos into the zips: hashes of the members by size, and some pictures for the sheet."""
        recipe, kept = self.recipe, self._kept
        renderer = Renderer(recipe.sizes, recipe.margin, recipe.background, cache)
        hashes: dict[int, list[str]] = {size: [] for size in recipe.sizes}
        showing, shown = set(evenly(len(kept), MOST_KEPT)), []
        about = rows.take(kept).to_batches(max_chunksize=1024)
        lines = (line for batch in about for line in batch.to_pylist())
        orders = (self._order(int(row)) for row in kept)
        for number, (answer, line) in enumerate(zip(engine.map(renderer, orders), lines, strict=True)):
            if answer.result is None:
                raise RunError(f"rendering {line['key']} crashed a worker, twice")
            part = outputs.part(line["split"])
            for size, png in zip(recipe.sizes, answer.result, strict=True):
                hashes[size].append(archives.add(size, part, line["member"], png, _about_picture(line)))
            if number in showing:
                largest = answer.result[recipe.sizes.index(recipe.largest)]
                shown.append(Image.open(io.BytesIO(largest)).resize((CELL, CELL), Image.Resampling.LANCZOS))
            progress("render", number + 1, len(kept))
        return hashes, shown

    @cached_property
    def _kept(self) -> np.ndarray:
        return np.flatnonzero(self.table.wanted)

    @cached_property
    def _mirrored(self) -> np.ndarray:
        face, facings = self.recipe.face, self.table.facings
        return np.asarray(self.table.wanted & (face != "keep") & (facings == OTHER.get(face)), bool)

    def _order(self, row: int) -> Order:
        table = self.table
        box = None
        if not table.whole_frame[row]:
            width, height = table.numbers_at(row, ("width", "height"))
            left, top, wide, high = table.numbers_at(row, ("car_left", "car_top", "car_width", "car_height"))
            box = (left / width, top / height, wide / width, high / height)
        return Order(table.keys[row], int(table.slots[row]), bool(self._mirrored[row]), box)

    def _rows(self, outputs: Outputs | None) -> pa.Table:
        """The ledger's rows; the members' hashes are still missing. Without outputs all are numbered as in one zip."""
        table = self.table
        columns = {
            "key": table.keys,
            "sha256": [sha256 or None for sha256 in table.hashes],
            "kept": table.wanted,
            "reason": [None if reason is None else str(reason) for reason in table.reasons],
            "detail": table.details,
            "by_hand": table.by_hand,
            "view": [view or None for view in table.views],
            "facing": [facing or None for facing in table.facings],
            "mirrored": self._mirrored,
            "colour": table.texts("colour"),
            "duplicate_of": [None if row < 0 else table.keys[row] for row in table.duplicate_of],
            "related_to": [None if row < 0 else table.keys[row] for row in table.related_to],
            "relation": [relation or None for relation in table.relations],
            "relation_score": [None if np.isnan(score) else score for score in table.relation_scores],
            "group": [None if row < 0 else table.keys[row] for row in table.groups],
            "member": self._members(outputs),
            "split": [split or None for split in table.splits],
        }
        arrays = []
        for column in ledger.SCHEMA:
            if column.name in columns:
                arrays.append(pa.array(columns[column.name], column.type))
            elif column.name in table.facts.column_names:
                arrays.append(table.facts[column.name].combine_chunks())
            else:
                arrays.append(pa.nulls(len(table), column.type))
        return pa.Table.from_arrays(arrays, schema=ledger.SCHEMA)

    def _members(self, outputs: Outputs | None) -> list[str | None]:
        numbers = {TRAIN: 0, HOLDOUT: 0}
        members: list[str | None] = [None] * len(self.table)
        for row in self._kept:
            part = outputs.part(self.table.splits[row]) if outputs else TRAIN
            members[row] = archive.member_name(numbers[part])
            numbers[part] += 1
        return members

    def _funnel(self, rows: pa.Table) -> Funnel:
        return Funnel.count(
            rows,
            folder_links=self.listing.folder_links,
            hidden_folders=self.listing.hidden_folders,
            looker=self.recipe.look,
            knows_views=models.knows_views(self.recipe.look),
            limit=self.limit,
            waiting=self.waiting,
            largest_group=round(largest_group(self.table)[1], 4) if self.recipe.split else 0.0,
        )

    def _about(self, rows: pa.Table) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_toml(),
            "versions": {
                **versions(),
                "numba": of("numba"),
                "looker": models.identity(self.recipe.look, self.recipe.device),
            },
            "funnel": self._funnel(rows).to_json(),
        }

    def _digest(self, rows: pa.Table, outputs: Outputs) -> str:
        """One hash over everything that the files depend on."""
        digest = hashlib.sha256(json.dumps(self._about(rows), sort_keys=True).encode())
        digest.update(json.dumps(sorted(path.name for path in outputs.all)).encode())
        for name in rows.column_names:
            if not name.startswith("member_sha256"):
                for value in (pa.array([name]), rows[name].combine_chunks()):
                    for buffer in value.buffers():
                        digest.update(buffer or b"-")
        return digest.hexdigest()

    def _left_out_sheet(self, path: Path, cache: Path) -> None:
        left = len(self.table) - len(self._kept)
        with closing(Reader(cache)) as reader:
            cells = [self._left_out_cell(row, reader) for row in self._left_out_rows()]
        shown = "" if len(cells) == left else f", {len(cells)} of them shown"
        write_sheet(path, f"{left} left out of {len(self.table)}{shown}", cells)

    def _left_out_rows(self) -> Iterator[int]:
        for reason in Reason:
            rows = np.flatnonzero(self.table.reasons == reason)
            yield from (int(rows[i]) for i in evenly(len(rows), MOST_PER_REASON))

    def _left_out_cell(self, row: int, reader: Reader) -> Cell:
        words = (str(self.table.reasons[row]), self.table.keys[row])
        if self.table.slots[row] < 0:
            return Cell(None, words)
        pictures = reader.pictures(int(self.table.slots[row]))
        if pictures.context is None and pictures.colour is None:
            return Cell(None, words)
        return Cell(Image.fromarray(in_context(pictures, None, Frame(CELL, 0, False))), words)

    def _done(self, outputs: Outputs, written: Ledger, unchanged: bool = False) -> Report:
        def zips(part: str) -> dict[int, Path]:
            return {size: path for (size, own), path in outputs.zips.items() if own == part}

        beside = {"ledger": outputs.ledger, "sheet": outputs.sheet, "left_out": outputs.left_out}
        return Report(self._funnel(written.table), written, zips(TRAIN), zips(HOLDOUT), beside, unchanged)


def _about_picture(line: dict[str, Any]) -> dict[str, Any]:
    """A picture's line in metadata.jsonl; the facing is the picture's own, after mirroring."""
    facing = line["facing"] and (OTHER[line["facing"]] if line["mirrored"] else line["facing"])
    seen = {"view": line["view"], "facing": facing, "colour": line["colour"]}
    return {**seen, **{name: line[name] for name in IN_METADATA}}


def _with_hashes(rows: pa.Table, hashes: dict[int, list[str]], recipe: Recipe) -> pa.Table:
    """Fill in the members' hashes: the largest size's in `member_sha256`, others in a column of their own."""
    kept = np.flatnonzero(rows["kept"].to_numpy())
    for size in sorted(hashes, reverse=True):
        values: list[str | None] = [None] * rows.num_rows
        for row, sha256 in zip(kept, hashes[size], strict=True):
            values[row] = sha256
        column = pa.array(values, pa.string())
        if size == recipe.largest:
            rows = rows.set_column(rows.column_names.index("member_sha256"), "member_sha256", column)
        else:
            rows = rows.append_column(f"member_sha256_{size}", column)
    return rows
