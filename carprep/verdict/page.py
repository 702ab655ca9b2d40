"""verdict.html: one file, nothing from outside."""

from __future__ import annotations

import html as escaping
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from carprep.trainer.page import PAGE, image
from carprep.trainer.pictures import grid, png_bytes
from carprep.verdict.trainings import Trained

SHOWN = 3  # px on the screen for one of a small picture
MEANING = {
    "PASS": "Training on the curated set draws better cars than training on the heap it came from.",
    "NO DIFFERENCE": "This run does not show that the curated set is better or worse than the heap it came from.",
    "WORSE": "Training on the curated set draws worse cars than training on the heap it came from.",
    "INVALID": "No comparison was possible.",
}
COLOURS = {"PASS": "#2f8f4e", "NO DIFFERENCE": "#8a6d1d", "WORSE": "#c0392b", "INVALID": "#c0392b"}
TABLE = ("pictures", "fid", "fid_floor", "precision", "recall", "density", "coverage")


def html(told: Mapping[str, Any], runs: Sequence[Trained], neighbours: Mapping[str, tuple[Any, Any]]) -> str:
    """The page.

    Args:
        told: what verdict.json says.
        runs: the trainings, for their pictures.
        neighbours: by arm, fakes and the training picture nearest to each.
    """
    name = told["verdict"]
    parts = [
        f'<h1 style="color:{COLOURS[name]}">{name}</h1><p>{MEANING[name]}</p>',
        "<ul>" + "".join(f"<li>{escaping.escape(reason)}</li>" for reason in told["reasons"]) + "</ul>",
        _held(told),
        *_sets(told),
        *_differences(told),
        *_pictures(runs),
        _curves(told),
        *_figures(told),
        *_near(neighbours),
        _settings(told),
    ]
    return PAGE.replace("TITLE", f"carprep: {name}").replace("BODY", STYLE + "\n".join(parts))


def _held(told: Mapping[str, Any]) -> str:
    held = told["held_out"]
    if not held:
        return ""
    left = ", ".join(f"{count:,} {reason}" for reason, count in sorted(told["left_out"].items())) or "nothing"
    return (
        f"<p>Compared with {held['pictures']} pictures that no arm was trained on, accepted by "
        f"{escaping.escape(held['accepted_by'])}. The curation left out: {escaping.escape(left)}.</p>"
    )


def _sets(told: Mapping[str, Any]) -> Iterable[str]:
    if told["sets"]:
        yield "<h2>The sets themselves, before any training</h2><p>KID of each arm's pictures to the held-out ones.</p>"
        rows = [
            [ruler, arm, f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"]
            for ruler, arms in told["sets"].items()
            for arm, value in arms.items()
        ]
        yield _table(("ruler", "arm", "KID"), rows)


def _differences(told: Mapping[str, Any]) -> Iterable[str]:
    if told["differences"]:
        yield (
            "<h2>KID of CURATED less that of each arm</h2><p>After training, paired by seed; negative: CURATED is "
            "better. The gap to RAW is expected, since the target is clean by construction; AUTO-k is the automatic "
            "rival.</p>"
        )
        rows = [
            [ruler, arm, f"{d['value']:+.3f}", f"[{d['low']:+.3f}, {d['high']:+.3f}]", f"{d['visible']:.3f}"]
            for ruler, arms in told["differences"].items()
            for arm, d in arms.items()
        ]
        yield _table(("ruler", "less", "difference", "95 % interval", "smallest visible"), rows)


def _pictures(runs: Sequence[Trained]) -> Iterable[str]:
    first = [run for run in runs if run.seed == 0 and len(run.grid)]
    if first:
        yield "<h2>What each arm's generator draws</h2><div class=row>"
        for run in first:
            yield f"<figure>{_image(run.grid)}<figcaption>{run.arm}</figcaption></figure>"
        yield "</div>"


def _near(neighbours: Mapping[str, tuple[Any, Any]]) -> Iterable[str]:
    if neighbours:
        yield "<h2>Fakes, and below each the training picture nearest to it</h2>"
        for arm, (fakes, near) in neighbours.items():
            yield f"<figure>{_image(np.concatenate([fakes, near]), len(fakes))}<figcaption>{arm}</figcaption></figure>"


def _figures(told: Mapping[str, Any]) -> Iterable[str]:
    if not told["arms"]:
        return
    yield "<h2>All figures</h2><p>FID at matched numbers, beside the FID of reals to other reals, its floor.</p>"
    kids = [name for name in next(iter(told["arms"].values())) if name.startswith("kid[")]
    columns = ("arm", *kids, *TABLE, "memorised", "alarms")
    rows = []
    for arm, values in told["arms"].items():
        numbers = [f"{values[name]:,}" if name == "pictures" else f"{values[name]:.3f}" for name in (*kids, *TABLE)]
        memory = values["memory"]
        known = (
            f"{'yes' if values['memorised'] else 'no'}: {memory['near']:.0%} near, "
            f"{memory['authentic']:.0%} authentic, z {memory['copying']:.1f}"
        )
        rows.append([arm, *numbers, known, ", ".join(values["alarms"]) or "none"])
    yield _table(columns, rows)
    yield "<h2>Share of the held-out pictures that a fake comes near, by view and by colour</h2>"
    for kind in next(iter(told["arms"].values()))["coverage_by"]:
        names = sorted({name for values in told["arms"].values() for name in values["coverage_by"][kind]})
        rows = [[arm, *(f"{values['coverage_by'][kind].get(name, 0):.0%}" for name in names)]
                for arm, values in told["arms"].items()]  # fmt: skip
        yield _table((kind, *names), rows)


def _curves(told: Mapping[str, Any]) -> str:
    if not told["arms"]:
        return ""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(next(iter(told["arms"].values()))["curve"])
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        for arm, values in told["arms"].items():
            curve = values["curve"][name]
            axis.plot(list(curve), list(curve.values()), marker="o", label=arm)
        axis.set_title(f"KID[{name}]", fontsize=10)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=90, metadata={"Software": None})
    return f"<h2>KID while training, mean over seeds</h2>{image(data.getvalue(), 'curves')}"


def _settings(told: Mapping[str, Any]) -> str:
    lines = [f"{name} = {value}" for name, value in told["settings"].items()]
    words = "\n".join([*lines, f"machine = {told['machine']}", f"seconds = {told['seconds']:,}"])
    return f"<h2>Settings</h2><pre>{escaping.escape(words)}</pre>"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<th>{escaping.escape(str(cell))}</th>" for cell in header)]
    lines += ["".join(f"<td>{escaping.escape(str(cell))}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _image(pixels: Any, columns: int | None = None) -> str:
    picture = grid(torch.from_numpy(np.ascontiguousarray(pixels)), columns)
    return image(
        png_bytes(picture), "pictures", f' style="width:{picture.width * SHOWN // 2}px; image-rendering:pixelated"'
    )


STYLE = """<style>
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; }
td, th { border: 1px solid #ddd; padding: .25em .6em; }
.row { display: flex; flex-wrap: wrap; gap: 1em; } figure { margin: 0 0 1em 0; }
</style>
"""
