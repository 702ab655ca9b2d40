"""curves.png and run.html: a run at a glance, in files that need nothing from outside."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from carprep import files
from carprep.errors import UsageError
from carprep.trainer.alarms import first_of_each
from carprep.trainer.config import Config
from carprep.trainer.metrics import Estimate
from carprep.trainer.record import NAME, best_score, read
from carprep.trainer.run import CONFIG, samples

SMOOTH = 0.05  # share of the points that a smoothed line averages over
COLOURS = {"d_loss": "#1f6fb2", "g_loss": "#d9722c", "d_real": "#2f8f4e", "d_fake": "#a83a5b", "kid": "#444444",
           "reconstruction": "#1f6fb2", "kld": "#d9722c"}  # fmt: skip


def write_page(folder: Path) -> None:
    """Draw curves.png and run.html from what lies in a run's folder."""
    lines = read(folder / NAME)
    write_curves(folder / "curves.png", lines, Config.read(folder / CONFIG))
    files.write_text(folder / "run.html", _html(folder, lines))


def write_curves(path: Path, lines: Sequence[dict[str, Any]], config: Config, first: int = 0, last: int = 0) -> None:
    """Draw losses raw and smoothed, D(x) and D(G(z)), and the score; `last` 0 is the end.

    Raises:
        UsageError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError('curves need matplotlib: pip install "carprep[train]"') from error
    lines = [line for line in lines if first <= line["step"] <= (last or line["step"])]
    scores = [line for line in lines if "kid" in line]
    panels = 3 if scores else 2
    figure = Figure(figsize=(9, 3 * panels), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(panels, 1, sharex=True)
    _draw(axes[0], lines, ("d_loss", "g_loss"), smooth=True)
    axes[0].set_ylabel("loss")
    _draw(axes[1], lines, ("d_real", "d_fake") if config.preset != "vae" else ("reconstruction", "kld"), smooth=True)
    axes[1].set_ylabel("D, probability" if config.preset in ("dcgan", "dcgan-joint") else "D, raw answer")
    if config.preset == "vae":
        axes[1].set_ylabel("parts of the loss")
    if scores:
        _draw(axes[2], scores, ("kid",), smooth=False)
        axes[2].set_ylabel(f"KID [{config.features}] against the holdout")
    axes[-1].set_xlabel("step")
    with files.written(path) as file:
        figure.savefig(file, format="png", dpi=90, metadata={"Software": None})


def _draw(axis: Any, lines: Iterable[dict[str, Any]], names: Sequence[str], smooth: bool) -> None:
    lines = list(lines)
    for name in names:
        points = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
        if not points:
            continue
        steps, values = zip(*points, strict=True)
        colour = COLOURS.get(name, "#666666")
        axis.plot(steps, values, color=colour, alpha=0.25 if smooth else 1.0, linewidth=1, marker="" if smooth else "o")
        if smooth:
            axis.plot(steps, smoothed(values), color=colour, linewidth=1.8, label=name)
    axis.grid(alpha=0.3)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="upper right")


def smoothed(values: Sequence[float]) -> list[float]:
    """A centred moving mean over a twentieth of the points."""
    reach = max(1, round(len(values) * SMOOTH / 2))
    means = []
    for place in range(len(values)):
        near = values[max(0, place - reach) : place + reach + 1]
        means.append(sum(near) / len(near))
    return means


def _html(folder: Path, lines: list[dict[str, Any]]) -> str:
    scores = [line for line in lines if "kid" in line]
    alarms = first_of_each([line for line in lines if "alarm" in line])
    last = samples(folder)[-1:]
    step = max((line["step"] for line in lines), default=0)
    parts = [
        f"<h1>{html.escape(folder.name)}</h1>",
        f"<p>step {step:,}. {html.escape(_best_words(best_score(lines), scores))}</p>",
        *(f"<p class=alarm>step {a['step']:,}, {a['alarm']}: {html.escape(a['reason'])}</p>" for a in alarms),
        _picture("Curves", folder / "curves.png"),
        *(_picture(f"Samples at step {int(path.stem):,}", path) for path in last),
        _picture("Reals beside samples", folder / "collage.png"),
        _picture("Originals, and below each its reconstruction", folder / "reconstructions.png"),
        f"<h2>Settings</h2><pre>{html.escape((folder / CONFIG).read_text(encoding='utf-8'))}</pre>",
    ]
    return PAGE.replace("TITLE", html.escape(folder.name)).replace("BODY", "\n".join(parts))


def _best_words(best: dict[str, Any] | None, scores: Sequence[dict[str, Any]]) -> str:
    if not scores:
        return "No score: there is no holdout, or no score was due yet."
    told = best or scores[-1]
    estimate = Estimate(told["kid"], told["kid_low"], told["kid_high"])
    name = "Best" if best else "Last"
    return f"{name} KID[{told['features']}] {estimate.words} at step {told['step']:,}."


def _picture(title: str, path: Path) -> str:
    if not path.exists():
        return ""
    return f"<h2>{html.escape(title)}</h2>{image(path.read_bytes(), title)}"


def image(png: bytes, words: str, more: str = "") -> str:
    """A picture within the page; `more` are further attributes."""
    return f'<img alt="{html.escape(words)}"{more} src="data:image/png;base64,{base64.b64encode(png).decode()}">'


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>TITLE</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222; }
img { max-width: 100%; border: 1px solid #ddd; }
.alarm { background: #fdecea; border-left: 4px solid #c0392b; padding: .4em .8em; }
pre { background: #f4f4f2; padding: 1em; overflow: auto; }
</style></head><body>
BODY
</body></html>
"""
