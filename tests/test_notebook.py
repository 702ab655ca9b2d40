"""The notebook in examples/ runs from its first cell to its last, with fewer steps than a reader would take."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

CHECKOUT = Path(__file__).parents[1]
FEW = "COUNT, SIZE, MAPS, BATCH, STEPS = 120, 32, 4, 8, 6"


def test_the_notebook_runs_and_shows_pictures(tmp_path, monkeypatch):
    client = pytest.importorskip("nbclient")
    notebook = nbformat.read(CHECKOUT / "examples" / "indian_cars.ipynb", as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(FEW))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]))

    client.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    shown = [kind for cell in notebook.cells for output in cell.get("outputs", ()) for kind in output.get("data", ())]
    assert shown.count("image/png") + shown.count("image/jpeg") >= 6
    assert "image/gif" in shown
    assert (tmp_path / "runs" / "best" / "run.html").exists()
