"""What the verdict says of planted cases, and that its page stands alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from carprep.commands.options import INVALID as EXIT_INVALID
from carprep.draw.heap import draw_heap
from carprep.draw.key import HIDDEN
from carprep.errors import UsageError
from carprep.pack import ledger
from carprep.pipeline import build
from carprep.progress import silent
from carprep.recipe import Recipe
from carprep.verdict import page
from carprep.verdict.arms import ARMS, CURATED, RENDERED, RENDERED_K, Arms, Stack, make_arms
from carprep.verdict.judgement import INVALID, PASS, SAME, WORSE, judge
from carprep.verdict.rulers import rulers
from carprep.verdict.trainings import Trained
from carprep.verdict.validate import Settings, summary, validate

WIDTH, SEEDS = 12, 3
KINDS = {"view": ["front"] * 60 + ["rear"] * 60, "colour": ["red"] * 120}


def cloud(shift: float, seed: int, count: int = 120) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (count, WIDTH))


def case(shifts: dict[str, float], narrow: bool = False):
    """Trainings whose fakes lie so far from the held-out pictures; CURATED's may all be like 5 of those."""
    held = {"carnet": cloud(0, 1), "shapes": cloud(0, 2)}
    runs = []
    for number, (arm, shift) in enumerate(shifts.items()):
        for seed in range(SEEDS):
            features = {
                name: cloud(shift, 100 * number + 10 * seed + place, 300)
                for place, name in enumerate(("carnet", "shapes"))
            }
            if narrow and arm == CURATED:
                features = {name: held[name][np.arange(300) % 5] + 0.05 * own for name, own in features.items()}
            early = {name: {100: values[:50], 200: values} for name, values in features.items()}
            grid = np.full((36, 3, 32, 32), 200, np.uint8)
            runs.append(Trained(arm, seed, features, early, grid, "", ()))
    stacks = {arm: {"carnet": cloud(shift, 7), "shapes": cloud(shift, 8)} for arm, shift in shifts.items()}
    return runs, stacks, held


def verdict_of(shifts: dict[str, float], narrow: bool = False):
    runs, stacks, held = case(shifts, narrow)
    return judge(runs, stacks, held, KINDS, rulers())


def test_nearer_fakes_pass_farther_ones_are_worse_and_equal_ones_neither():
    assert verdict_of({CURATED: 0.1, RENDERED: 0.6, RENDERED_K: 0.6}).name == PASS
    assert verdict_of({CURATED: 0.6, RENDERED: 0.1, RENDERED_K: 0.1}).name == WORSE
    assert verdict_of({CURATED: 0.1, RENDERED: 0.1, RENDERED_K: 0.1}).name == SAME


def test_no_one_wins_by_narrowing():
    verdict = verdict_of({CURATED: 0.0, RENDERED: 0.7, RENDERED_K: 0.7}, narrow=True)

    assert verdict.arms[CURATED]["coverage"] < verdict.arms[RENDERED]["coverage"]
    assert verdict.name == SAME and any("covers less" in reason for reason in verdict.reasons)


def test_one_diverged_training_makes_it_invalid():
    runs, stacks, held = case({CURATED: 0.1, RENDERED: 0.6, RENDERED_K: 0.6})
    runs[4] = replace(runs[4], features={}, early={}, trouble="stopped at step 50 by the alarm nan")

    verdict = judge(runs, stacks, held, KINDS, rulers())

    assert verdict.name == INVALID and verdict.status == EXIT_INVALID
    assert verdict.reasons == (f"a training cannot be compared: {runs[4].arm}, seed {runs[4].seed}: {runs[4].trouble}",)


def test_the_page_stands_alone_and_shows_every_arm():
    shifts = dict(zip(ARMS, (0.9, 0.6, 0.6, 0.3, 0.1), strict=True))
    runs, stacks, held = case(shifts)
    verdict = judge(runs, stacks, held, KINDS, rulers())
    stack = Stack(torch.zeros(120, 3, 32, 32, dtype=torch.uint8), tuple(map(str, range(120))), ({},) * 120)
    made = Arms({CURATED: stack, RENDERED: stack}, stack, stack.keys, "the curation itself", {"duplicate": 3})
    told = json.loads(json.dumps(summary(verdict, Settings(), made, 61.0)))
    neighbours = dict.fromkeys(ARMS, (runs[0].grid[:12], runs[0].grid[12:24]))

    html = page.html(told, runs, neighbours)

    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)", html)
    assert "http" not in html.replace("http-equiv", "")
    assert all(html.count(arm) > 3 for arm in ARMS)
    assert html.count("<img") == 2 * len(ARMS) + 1


@pytest.fixture(scope="module")
def heap(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verdict")
    draw_heap(folder / "raw", 260, side=128)
    build(
        folder / "raw",
        folder / "cars.zip",
        Recipe(sizes=(32,), views=("front", "front-side", "side")),
        cache=folder / "cache",
    )
    return folder


TINY = Settings.quick(maps=4, batch=8, images=640, fakes=40, early=20)


def test_from_raw_to_a_verdict_and_on_where_it_was_cut_off(heap):
    out = heap / "verdict"
    first = validate(heap / "cars.zip", heap / "raw", out, TINY, cache=heap / "cache", say=lambda words: None)
    told = json.loads((out / "verdict.json").read_text())
    assert told["verdict"] == first.name
    assert set(told["sets"]["carnet"]) == {CURATED, RENDERED, RENDERED_K}
    assert 'src="data:image/png' in (out / "verdict.html").read_text() or first.name == INVALID

    again = validate(heap / "cars.zip", heap / "raw", out, TINY, cache=heap / "cache", say=lambda words: None)
    assert again.reasons == first.reasons  # nothing was trained anew, and nothing is drawn by chance

    with pytest.raises(UsageError, match="another verdict"):
        validate(heap / "cars.zip", heap / "raw", out, replace(TINY, images=320), cache=heap / "cache")


def test_another_raw_too_few_seeds_and_a_spoilt_set_are_told_before_anything_is_trained(heap, tmp_path):
    for path in sorted(path for path in (heap / "raw").rglob("*.*") if path.is_file() and HIDDEN not in path.parts)[
        :60
    ]:
        (tmp_path / path.relative_to(heap)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.relative_to(heap)).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match="was not built from"):
        validate(heap / "cars.zip", tmp_path / "raw", tmp_path / "out", TINY, cache=heap / "cache")
    with pytest.raises(UsageError, match="at least 3"):
        validate(heap / "cars.zip", heap / "raw", tmp_path / "out", replace(TINY, seeds=2))
    (tmp_path / "cars.ledger.parquet").write_bytes((heap / "cars.ledger.parquet").read_bytes())
    data = bytearray((heap / "cars.zip").read_bytes())
    data[data.index(b"IDAT") + 9] ^= 1  # within the first picture
    (tmp_path / "cars.zip").write_bytes(bytes(data))
    verdict = validate(tmp_path / "cars.zip", heap / "raw", tmp_path / "bad", TINY, cache=heap / "cache")
    assert verdict.name == INVALID and verdict.status == EXIT_INVALID
    assert json.loads((tmp_path / "bad" / "verdict.json").read_text())["verdict"] == INVALID


def made(heap, folder, **options):
    return make_arms(heap / "cars.zip", heap / "raw", 32, (CURATED,), folder, workers=None, cache=heap / "cache",
                     progress=silent, **{"accepted": None, **options})  # fmt: skip


def test_arms_share_no_photo_with_what_is_held_out_nor_any_related_to_it(heap, tmp_path):
    arms = made(heap, tmp_path)
    rows = {row["key"]: row for row in ledger.read(heap / "cars.zip").table.to_pylist()}
    held = {rows[key]["group"] or key for key in arms.held.keys}

    assert len(arms.held) >= 50
    for stack in arms.stacks.values():
        assert not held & {rows[key]["group"] or key for key in stack.keys}
    kept = {key for key, row in rows.items() if row["kept"]}
    assert set(arms.stacks[CURATED].keys) | set(arms.held.keys) == kept
    assert len(arms.stacks[RENDERED]) > arms.k


def test_a_persons_words_name_photos_by_key_or_by_sha256(heap, tmp_path):
    rows = [row for row in ledger.read(heap / "cars.zip").table.to_pylist() if row["kept"]][:104]
    words = [row["key"] if number % 2 else row["sha256"][:14] for number, row in enumerate(rows)]
    (tmp_path / "words.csv").write_text("photo,word\n" + "".join(f"{word},keep\n" for word in words))

    arms = made(heap, tmp_path / "arms", accepted=tmp_path / "words.csv")

    assert "a person" in arms.judge
    assert set(arms.held.keys) <= {row["key"] for row in rows}
    (tmp_path / "few.csv").write_text("photo,word\n" + f"{words[0]},keep\n")
    with pytest.raises(UsageError, match="keeps 1 photos that are there"):
        made(heap, tmp_path / "arms", accepted=tmp_path / "few.csv")
