"""What happened to one photo, in plain words, and on what evidence."""

from __future__ import annotations

from typing import Any

from carprep.decide.relation import shown
from carprep.errors import UsageError
from carprep.pack.ledger import Ledger
from carprep.photo import Reason, View
from carprep.recipe import Recipe, is_hash

WORDS = {
    Reason.UNREADABLE: "its bytes are a broken picture, or could not be read",
    Reason.UNSUPPORTED: "it is no picture of a kind that carprep reads",
    Reason.TOO_LARGE: "it is larger than the recipe allows",
    Reason.NESTED_ARCHIVE: "it is an archive; unpack it into RAW, or build it by itself",
    Reason.VANISHED: "it was gone before it could be read",
    Reason.TOO_SMALL: "the car in it is too small for the size asked",
    Reason.BLURRED: "it is not sharp enough",
    Reason.EMPTY: "it shows nothing: it is one colour all over",
    Reason.NO_CAR: "no car was found in it",
    Reason.SEVERAL_CARS: "it shows several cars",
    Reason.CUT_OFF: "the car leaves the frame, or it is a close-up",
    Reason.WRONG_VIEW: "the car is seen from a side that was not wanted",
    Reason.BAD_CUTOUT: "the car could not be told from its ground",
    Reason.DUPLICATE: "a better copy of the same picture is kept",
    Reason.DROPPED_BY_HAND: "a person said so",
}


def find(ledger: Ledger, photo: str) -> int:
    """The row of a photo named by its key, its path in the zip, or at least 12 hex digits of its sha256.

    Raises:
        UsageError: no photo of the ledger is meant.
    """
    for column in ("key", "member"):
        row = ledger.find(column, photo)
        if row is not None:
            return row
    if is_hash(photo):
        hashes = ledger.table["sha256"].to_pylist()
        found = [row for row, sha256 in enumerate(hashes) if (sha256 or "").startswith(photo.lower())]
        if found:
            return found[0]
    raise UsageError(f"the ledger has no photo {photo!r}{_like(ledger, photo)}")


def in_words(ledger: Ledger, row: int) -> list[str]:
    """Lines of plain words about one row."""
    facts = ledger.row(row)
    return [_verdict(facts), *_evidence(facts), *_looks(facts, Recipe.from_toml(ledger.about["recipe"]))]


def _like(ledger: Ledger, photo: str) -> str:
    """A hint: users often give a path on the disk, or only a file's name."""
    name = photo.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    keys = [key for key in ledger.table["key"].to_pylist() if key.rsplit("/", 1)[-1] == name]
    return f"; did you mean {' or '.join(map(repr, keys[:3]))}?" if keys else ""


def _verdict(facts: dict[str, Any]) -> str:
    if facts["reason"]:
        return f"{facts['key']} was left out ({facts['reason']}): {WORDS[Reason(facts['reason'])]}."
    return f"{facts['key']} was kept: {facts['member']} in the zip, split {facts['split']}."


def _evidence(facts: dict[str, Any]) -> list[str]:
    lines = []
    if facts["detail"]:
        lines.append(f"Evidence: {facts['detail']}.")
    if facts["duplicate_of"]:
        lines.append(f"Kept instead: {facts['duplicate_of']}.")
    elif facts["relation"]:
        lines.append(f"Related: {facts['relation']} of {facts['related_to']}, score {shown(facts['relation_score'])}.")
    if facts["by_hand"]:
        lines.append("A person's word decided, above every measurement.")
    return lines


def _looks(facts: dict[str, Any], recipe: Recipe) -> list[str]:
    lines = []
    if facts["width"]:
        shape = f"{facts['width']} x {facts['height']} px"
        lines.append(f"Photo: {shape}, {facts['format']} ({facts['mode']}), {facts['bytes']:,} bytes.")
    if facts["sharpness"] is not None:
        sharp = f"sharpness {facts['sharpness']:.0f} (at least {recipe.min_sharpness:g})"
        plain = f"{facts['uniform']:.0%} of it in one colour, {facts['border_plain']:.0%} of the border plain"
        lines.append(f"Scores: {sharp}, {plain}.")
    if facts["car_width"] and facts["found"] == "car":
        size = f"{facts['car_width']:.0f} x {facts['car_height']:.0f} px, {facts['car_share']:.0%} of the photo"
        edge = f"{facts['car_touch']:.0%} of its outline on the edge, next blob {facts['car_stray']:.0%} of it"
        lines.append(f"Car: {facts['colour'] or 'no paint told'}, {size}, {edge}.")
    if facts["view"]:
        chances = ", ".join(f"{view} {facts[view.column]:.0%}" for view in View)
        lines.append(f"View: {facts['view']}, nose {facts['facing'] or 'unknown'} ({chances}).")
    elif facts["found"]:
        lines.append(f"View: not told; the looker {recipe.look} knows none.")
    return lines
