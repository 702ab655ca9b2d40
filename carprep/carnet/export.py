"""A trained network as the ONNX file that carprep runs: calibrated probabilities, 16-bit weights, how it was made.

    python -m carprep.carnet.export run/checkpoint.pt heap/ --out carnet.onnx

The temperatures of the views and the facing (Guo et al. 2017) are fitted on the groups that training held back.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from carprep import files
from carprep.carnet.answers import Answered, answers
from carprep.carnet.command import run
from carprep.carnet.examples import VIEWS
from carprep.carnet.network import CarNet
from carprep.carnet.pack import pack
from carprep.carnet.quick import NOT_BY_HAND
from carprep.carnet.scores import temperature
from carprep.carnet.train import load, load_network
from carprep.errors import UsageError
from carprep.models.carnet import FORMAT, OUTPUTS
from carprep.models.letterbox import BLOCK, SIDE
from carprep.version import VERSION

OPSET = 17
SMALL = 64  # numbers; a smaller tensor stays as it is


class _Exported(nn.Module):
    """uint8 (N, h, w, 3) in, the five outputs of the format out."""

    def __init__(self, network: CarNet, views: float, left: float) -> None:
        super().__init__()
        self.network, self.views, self.left = network, views, left

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        found = self.network(pixels.permute(0, 3, 1, 2).float())
        return (
            torch.sigmoid(found.alpha),
            torch.softmax(found.views / self.views, 1),
            torch.sigmoid(found.left / self.left),
            torch.sigmoid(found.overlay),
            found.features,
        )


def export(checkpoint: Path, folder: Path, out: Path, figures: Path | None = None) -> dict[str, str]:
    """Write the ONNX file; returns the metadata in it.

    Args:
        figures: what `evaluate --figures` wrote about it, to be told in the file.

    Raises:
        UsageError: no checkpoint, or no training folder.
    """
    needs_onnx()
    saved, network = load(checkpoint), load_network(checkpoint)
    network = network.to(memory_format=torch.contiguous_format)
    held = answers(network, pack(folder))
    views, left = view_temperature(held), left_temperature(held)
    about = {
        "format": FORMAT,
        "version": VERSION,
        "views": " ".join(VIEWS),
        "outputs": " ".join(OUTPUTS),
        "features": str(network.shape.features),
        "side": str(SIDE),
        "block": str(BLOCK),
        "temperatures": json.dumps({"views": round(views, 4), "left": round(left, 4)}),
        "training_list_sha256": str(saved["labels"]),
        "training_pack_sha256": str(saved["pack"]),
        "git": str(saved["git"]),
        "shape": str(saved["shape"]),
        "config": str(saved["config"]),
        "steps": str(saved["step"]),
        "figures": json.dumps(_figures(figures)) if figures else "{}",
    }
    write(out, _onnx(network, views, left), about)
    return about


def write(out: Path, model: Any, about: dict[str, str]) -> None:
    """Write an ONNX model with its metadata, all of it or none of it."""
    del model.metadata_props[:]
    for key in sorted(about):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, about[key]
    with files.written(out) as file:
        file.write(model.SerializeToString(deterministic=True))


def _figures(path: Path) -> dict[str, str]:
    try:
        rows = json.loads(files.read_text(path, "figures"))
        return {
            f"{row['set']}: {row['what']}": f"{row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}] n={row['count']}"
            for row in rows
            if row["who"] == "carnet"
        }
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is not what evaluate --figures writes: {error}") from error


def view_temperature(held: Answered) -> float:
    """What the view logits must be divided by, so that what is said with 80 % is right in 80 %."""
    known = ~np.isnan(held.truth).any(1) & ~np.isin(held.sources, NOT_BY_HAND)
    truth = np.eye(held.truth.shape[1])[np.nan_to_num(held.truth[known]).argmax(1)]  # a close call counts as its label
    return temperature(held.views[known], truth)


def left_temperature(held: Answered) -> float:
    """The same for the facing."""
    known = ~np.isnan(held.left_truth)
    both = np.stack([held.left[known], np.zeros(known.sum())], 1)
    truth = np.stack([held.left_truth[known], 1 - held.left_truth[known]], 1)
    return temperature(both, truth)


def needs_onnx() -> None:
    """Find out before a training that its network can be written.

    Raises:
        UsageError: the package onnx is missing.
    """
    if find_spec("onnx") is None:
        raise UsageError('an export needs the package onnx: pip install "carprep[train]"')


def _onnx(network: CarNet, views: float, left: float) -> Any:
    import onnx

    example = torch.zeros((1, 192, 256, 3), dtype=torch.uint8)
    axes = {0: "n", 1: "h", 2: "w"}
    dynamic: dict[str, Any] = {"pixels": axes, "alpha": axes, **{name: {0: "n"} for name in OUTPUTS[1:]}}
    with io.BytesIO() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch wishes for its newer exporter, which needs one more package
        torch.onnx.export(
            _Exported(network, views, left).eval(), (example,), file, input_names=["pixels"],
            output_names=list(OUTPUTS), dynamic_axes=dynamic, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
        model = onnx.load_from_string(file.getvalue())
    _halve(model)
    onnx.checker.check_model(model)
    return model


def _halve(model: Any) -> None:
    """Keep large weights in 16 bits; a Cast brings them back once, when the file is loaded."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALL or np.abs(values).max() > 6e4:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes: Sequence[Any] = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])


def main(
    checkpoint: Annotated[Path, typer.Argument(help="Of a training.")],
    folder: Annotated[Path, typer.Argument(help="Its training folder.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    figures: Annotated[Path | None, typer.Option(help="What evaluate --figures wrote, to be told in the file.")] = None,
) -> None:
    """Export a trained network; use it with --look carnet:FILE.onnx.

    Example: python -m carprep.carnet.export run/checkpoint.pt heap/ --out carnet.onnx
    """
    about = export(checkpoint, folder, out, figures)
    typer.echo(f"{out}: {out.stat().st_size:,} bytes, temperatures {about['temperatures']}")


if __name__ == "__main__":
    run(main)
