"""A trained network for others: ONNX, a torch file, torch.export, TorchScript."""

from __future__ import annotations

import io
import json
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from carprep import files
from carprep.errors import UsageError
from carprep.trainer import checkpoint
from carprep.trainer.nets import networks
from carprep.trainer.sample import Trained
from carprep.version import VERSION

KINDS = ("onnx", "torch", "exported", "torchscript")
WHATS = ("generator", "discriminator", "both")
OPSET = 17


class _Plain(nn.Module):
    """A network of a run that is told no view: one input."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Any:
        return self.network(inputs, torch.zeros(inputs.shape[0], dtype=torch.int64))


def export(trained: Trained, kind: str, what: str, out: Path, say: Callable[[str], None]) -> list[Path]:
    """Write the generator, the discriminator, or both (then -generator and -discriminator go into the names).

    The generator's input is `z` float32 (N, z), its output `image` float32 (N, 3, S, S) in [-1, 1], N free; a run with
    `--conditional view` has a second input `view` int64 (N,). The discriminator's are `image` and `logit`; a VAE's
    encoder gives `mean` and `log_variance`.

    Raises:
        UsageError: an unknown kind, or a package is missing.
    """
    if kind not in KINDS or what not in WHATS:
        raise UsageError(f"--to must be one of {', '.join(KINDS)}, --what one of {', '.join(WHATS)}")
    if kind == "onnx" and find_spec("onnx") is None:
        raise UsageError('exporting to ONNX needs onnx: pip install "carprep[train]"')
    if kind == "exported" and out.suffix != ".pt2":
        say("torch.export.load wants the name to end in .pt2")
    names = WHATS[:2] if what == "both" else (what,)
    written = []
    for name in names:
        path = out.with_stem(f"{out.stem}-{name}") if what == "both" else out
        data = _bytes_of(trained, kind, name, say)
        with files.written(path) as file:
            file.write(data)
        written.append(path)
    return written


def metadata(trained: Trained, name: str) -> dict[str, str]:
    """What goes into the file: how it was made, and from what."""
    config, about = trained.config, trained.about
    return {
        "carprep": VERSION,
        "network": name,
        "preset": config.preset,
        "size": str(config.size),
        "z": str(config.z),
        "step": str(trained.step),
        "range": "[-1, 1], white is +1",
        "training_zip": about["set"],
        "training_zip_sha256": about["sha256"],
        "licences": about["licences"],
    }


def _bytes_of(trained: Trained, kind: str, name: str, say: Callable[[str], None]) -> bytes:
    network = _baked(trained, name)
    conditional = trained.config.conditional == "view"
    ready = network if conditional else _Plain(network).eval()
    size, z = trained.config.size, trained.config.z
    first = torch.zeros(2, z) if name == "generator" else torch.zeros(2, 3, size, size)
    inputs = (first, torch.zeros(2, dtype=torch.int64)) if conditional else (first,)
    about = metadata(trained, name)
    out = io.BytesIO()
    match kind:
        case "torch":
            state = {"config": trained.config.to_toml(), "metadata": about, "weights": network.state_dict()}
            whole = {"schema": checkpoint.SCHEMA, **state}
            torch.save({**whole, "sha256": checkpoint.digest(whole)}, out)
        case "exported":
            batch = torch.export.Dim("N", min=1)
            shapes = tuple({0: batch} for _ in inputs)
            program = torch.export.export(ready, inputs, dynamic_shapes=shapes)
            torch.export.save(program, out, extra_files={"carprep.json": json.dumps(about)})
        case "torchscript":
            say("TorchScript is deprecated in torch; take --to onnx or --to exported where you can")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(ready, inputs)
                torch.jit.save(traced, out, _extra_files={"carprep.json": json.dumps(about)})
        case _:
            return _onnx(ready, inputs, name, trained, about)
    return out.getvalue()


def _onnx(ready: nn.Module, inputs: tuple[Tensor, ...], name: str, trained: Trained, about: dict[str, str]) -> bytes:
    import onnx

    vae = trained.config.preset == "vae"
    given = ("z" if name == "generator" else "image", "view")[: len(inputs)]
    told = ("image",) if name == "generator" else ("mean", "log_variance") if vae else ("logit",)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without onnxscript is deprecated; it needs no package more
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            ready, inputs, str(path), opset_version=OPSET, dynamo=False,
            input_names=list(given), output_names=list(told),
            dynamic_axes={axis: {0: "N"} for axis in (*given, *told)},
        )  # fmt: skip
        model = onnx.load(str(path))
    onnx.checker.check_model(model)
    onnx.helper.set_model_props(model, about)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _baked(trained: Trained, name: str) -> nn.Module:
    """The network with its spectral norms made plain weights."""
    # built anew: a deep copy shares its original's class, and taking a parametrization off would break both
    with torch.random.fork_rng(devices=[]):
        twin = networks(trained.config)[WHATS.index(name)]
    twin.load_state_dict((trained.generator if name == "generator" else trained.discriminator).state_dict())
    twin.eval()
    for module in twin.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    return twin
