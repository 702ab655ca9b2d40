"""Evaluation, end to end on a small folder with a small network: every row, and peers only where they can be had."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")

from carprep.carnet.evaluate import evaluate, table  # noqa: E402
from carprep.carnet.export import export  # noqa: E402


def test_a_table_has_masks_views_calibration_and_speed(heap, checkpoint, tmp_path):
    export(checkpoint, heap, tmp_path / "own.onnx")
    rows = evaluate(tmp_path / "own.onnx", heap, 4, alone=True)
    told = {(where, what): value for where, _, what, value in rows}

    for key in (
        ("own", "mean IoU"), ("own", "boundary F"), ("composites", "mean IoU"), ("views", "accuracy, strict"),
        ("views", "facing"), ("views", "calibration error"), ("speed", "ms a photo (median)"),
    ):  # fmt: skip
        assert told[key].count > 0, key
        assert told[key].low <= told[key].value <= told[key].high, key
    assert "mean IoU" in table(rows)


def test_figures_go_into_the_exported_file(heap, checkpoint, tmp_path):
    row = {"set": "views", "who": "carnet", "what": "facing", "value": 0.5, "low": 0.4, "high": 0.6, "count": 9}
    (tmp_path / "figures.json").write_text(json.dumps([row, {**row, "who": "border"}]))
    about = export(checkpoint, heap, tmp_path / "own.onnx", tmp_path / "figures.json")

    assert json.loads(about["figures"]) == {"views: facing": "0.5000 [0.4000, 0.6000] n=9"}
