"""Every setting of a build, in one frozen value, each with its reason beside it; TOML in and out."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from carprep import files
from carprep.errors import UsageError
from carprep.photo import CLASSES, View
from carprep.toml import toml_value

FACES = ("keep", "left", "right")
BACKGROUNDS = ("white", "keep")
SAMES = ("copy", "burst", "recolour", "none")
SHORTEST_HASH = 12  # hex digits of a sha256 that name a photo: 48 bits, no accidental twins below 10 million


@dataclass(frozen=True)
class Word:
    """A person's word on one photo, or on a pair; it stands above every automatic decision."""

    photo: str  # a key, or at least 12 hex digits of the sha256
    word: str  # keep or drop; of a pair same or different
    note: str = ""
    other: str = ""  # the second photo of a pair


@dataclass(frozen=True)
class Recipe:
    """What a build does to its photos. The same photos and the same recipe give the same zip.

    The first group are a user's wishes; the second are limits against hostile or hopeless files; the third are
    thresholds on measured facts (see `carprep.measure.facts`), found on the photos named beside them.
    """

    sizes: tuple[int, ...] = (64,)  # px; 64 is what the field's small GANs train on
    views: tuple[View, ...] = (View.FRONT, View.FRONT_SIDE)  # front alone would empty most sets
    face: str = "keep"  # keep, left or right: mirror so that every car looks the same way
    background: str = "white"  # white or keep
    look: str = "carnet"  # carnet, carnet:FILE, border, rembg:NAME or none; carnet alone tells a front from a rear
    device: str = "cpu"  # cpu or cuda: a setting of the result, since a GPU rounds in another way
    # copy, burst, recolour or none: what counts as one picture; a recolour is another one, since a generator learns
    # paints from it, and so is a burst's second shot
    same: str = "copy"
    margin: float = 0.06  # white round the car's box, share of its longer side; wheels must not touch the edge
    enlarge: float = 1.0  # how far a small car may be enlarged; 1 = never, since enlarging invents no detail
    split: float = 0.0  # share held out, chosen by hash so that it is the same photos every time
    detail: int = 512  # px, longest side of a cutout; 4x the usual output, so that it can be resized well

    max_bytes: int = 200_000_000  # a photo is under 50 MB; a larger file is something else
    max_pixels: int = 120_000_000  # the largest cameras make 100 megapixels
    max_frames: int = 1_000  # only the first frame is used; more than this is a film

    min_sharpness: float = 20.0  # variance of the Laplacian at 256 px; below it edges are invisible at 64 px
    max_uniform: float = 0.985  # share of the picture in one colour; above it there is nothing to see
    min_car_share: float = 0.02  # car's share of the photo; a smaller blob is a logo or a far-off car
    max_touch: float = 0.12  # share of the car's outline that lies on the photo's edge; more is a cut-off car
    max_stray: float = 0.35  # next-largest blob over the car's; above it there are several cars
    max_soft: float = 0.30  # share of the cut-out that is neither car nor ground; above it the mask is a guess
    max_unsure: float = 0.016  # area beside and above the car where the looker was unsure, over the car's; set by eye
    # on 200 cut-outs: above it most carry a piece of a neighbour, and a photo left out costs less than half a car
    min_view: float = 0.5  # least probability that the view is a wanted one; calibrated, so half is as good as not
    copy_distance: int = 4  # bits of 64 by which codes may differ to be worth a second look: 99 % of copies have such

    words: tuple[Word, ...] = ()  # a person's words (--overrides)

    def __post_init__(self) -> None:
        """Raise UsageError where a value is outside what a build can do."""
        _check(self)

    @property
    def largest(self) -> int:
        """The size at which all decisions are made, px."""
        return max(self.sizes)

    def with_words(self, path: Path) -> Recipe:
        """The same recipe with a person's words read from a CSV with the columns photo,word,note,other."""
        return replace(self, words=read_words(path))

    def to_toml(self) -> str:
        """This recipe as TOML that `from_toml` reads back to an equal value."""
        plain = [f"{f.name} = {toml_value(getattr(self, f.name))}" for f in fields(self) if f.name != "words"]
        words = [_toml_word(word) for word in self.words]
        return "\n".join([*plain, *words]) + "\n"

    @classmethod
    def from_toml(cls, text: str, name: str = "the recipe") -> Recipe:
        """Read a recipe; settings it does not name keep their defaults.

        Raises:
            UsageError: no TOML, an unknown setting, or a value that does not fit.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{name} is no TOML: {error}") from error
        return cls(**_settings(table, name))

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe from a TOML file."""
        return cls.from_toml(files.read_text(path, "recipe"), str(path))


def read_words(path: Path) -> tuple[Word, ...]:
    """Read a person's words: a CSV with the columns photo,word and, if wished, other,note.

    Raises:
        UsageError: no such file, a missing column, an unknown word; the line is named.
    """
    rows = csv.DictReader(io.StringIO(files.read_text(path, "overrides file")))
    missing = {"photo", "word"} - set(rows.fieldnames or ())
    if missing:
        raise UsageError(
            f"{path} has no column {', '.join(sorted(missing))}; "
            "it needs photo,word and, if wished, other,note, separated by commas"
        )
    return tuple(_word(row, f"{path}, line {rows.line_num}") for row in rows)


def _word(row: Mapping[str, str | None], where: str) -> Word:
    photo, word = (row["photo"] or "").strip(), (row["word"] or "").strip().lower()
    other = (row.get("other") or "").strip()
    if word not in ("keep", "drop", "same", "different"):
        raise UsageError(f"{where}: the word is {word!r}; it must be keep or drop, or same or different for a pair")
    if not photo:
        raise UsageError(f"{where}: no photo is named")
    if bool(other) != (word in ("same", "different")):
        needs = (
            "needs a second photo in the column other" if not other else "is for one photo, but other names a second"
        )
        raise UsageError(f"{where}: {word!r} {needs}")
    return Word(photo, word, (row.get("note") or "").strip(), other)


def is_hash(text: str) -> bool:
    """Whether a text can name a photo by its sha256: 12 to 64 hex digits."""
    return re.fullmatch(rf"[0-9a-fA-F]{{{SHORTEST_HASH},64}}", text) is not None


def views_from(words: Iterable[str]) -> tuple[View, ...]:
    """The views that a user named, in the order of the classes; `any` is all five.

    Raises:
        UsageError: a word is none of the five.
    """
    wanted = {word.strip() for word in words if word.strip()}
    if "any" in wanted:
        return CLASSES
    unknown = sorted(wanted - set(CLASSES))
    if unknown or not wanted:
        named = ", ".join(unknown) or "nothing"
        raise UsageError(f"no such view: {named}; choose from {', '.join(CLASSES)}, or any")
    return tuple(view for view in CLASSES if view in wanted)


def _settings(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    known = {f.name: type(f.default) for f in fields(Recipe)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise UsageError(f"{name} has no setting {', '.join(unknown)}; it knows {', '.join(known)}")
    return {key: _typed(key, value, known[key], name) for key, value in table.items()}


def _typed(key: str, value: Any, kind: type, name: str) -> Any:
    try:
        if key == "words":
            return tuple(_word({**entry}, f"{name}, words") for entry in value)
        if key == "views":
            return views_from(value)
        if key == "sizes":
            return tuple(int(size) for size in value)
        if isinstance(value, bool) or (kind is str) != isinstance(value, str):
            raise TypeError
        if kind is int and value != int(value):
            raise TypeError
        return kind(value)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UsageError(f"{name}: {key} = {value!r} does not fit; see the README's table of options") from error


def _toml_word(word: Word) -> str:
    return (
        f"\n[[words]]\nphoto = {toml_value(word.photo)}\nword = {toml_value(word.word)}\nnote = {toml_value(word.note)}"
        + (f"\nother = {toml_value(word.other)}" if word.other else "")
    )


def _check(recipe: Recipe) -> None:
    sizes, smallest_detail = recipe.sizes, 64
    checks = [
        (sizes and all(16 <= size <= 1024 for size in sizes), "--size must be 16 to 1024 px"),
        (len(set(sizes)) == len(sizes), "--size names the same size twice"),
        (recipe.views, "--views names no view"),
        (recipe.face in FACES, f"--face must be one of {', '.join(FACES)}"),
        (recipe.background in BACKGROUNDS, f"--background must be one of {', '.join(BACKGROUNDS)}"),
        (recipe.same in SAMES, f"--same must be one of {', '.join(SAMES)}"),
        (0 <= recipe.min_view <= 1, "min_view must be 0 to 1"),
        (0 <= recipe.margin <= MAX_MARGIN, f"--margin must be 0 to {MAX_MARGIN}"),
        (1 <= recipe.enlarge <= 16, "--enlarge must be 1 to 16"),
        (0 <= recipe.split < 1, "--split must be at least 0 and less than 1"),
        (smallest_detail <= recipe.detail <= 4096, f"--detail must be {smallest_detail} to 4096 px"),
        (not sizes or max(sizes) <= recipe.detail, f"--size {max(sizes, default=0)} needs --detail as large"),
        (0 <= recipe.copy_distance <= MOST_DISTANCE, f"copy_distance must be 0 to {MOST_DISTANCE} bits"),
        (min(recipe.max_bytes, recipe.max_pixels, recipe.max_frames) > 0, "the limits must be above 0"),
    ]
    for holds, message in checks:
        if not holds:
            raise UsageError(message)


MOST_DISTANCE = 10  # bits; beyond it random codes are near, and the search is no longer near-linear
LARGE_GROUP = 0.2  # share of the set; a split cannot part a group, so one above it decides the split alone
MAX_MARGIN = 1.0  # twice the car's width of white on either side; more is a mistake
