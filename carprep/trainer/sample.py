"""Pictures out of a trained generator: a grid, an interpolation, a folder or zip of single ones."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from carprep import files
from carprep.errors import UsageError
from carprep.pack.archive import EPOCH, member_name
from carprep.progress import Progress, silent
from carprep.trainer import checkpoint, pictures
from carprep.trainer.config import VIEWS, Config
from carprep.trainer.judge import generate, latents
from carprep.trainer.nets import networks
from carprep.trainer.run import find

MOST_IN_GRID = 1024
AT_ONCE = 512


@dataclass
class Trained:
    """A trained pair of networks, on the processor unless moved.

    Attributes:
        generator: the averaged one, in eval mode.
        about: what the training set said of itself: name, sha256, licences.
    """

    config: Config
    generator: nn.Module
    discriminator: nn.Module
    step: int
    about: dict[str, str]


def load(source: Path) -> Trained:
    """A run's folder (its latest checkpoint) or a checkpoint, ready to draw.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    saved = checkpoint.load(find(source))
    config = Config.from_toml(saved["config"])
    with torch.random.fork_rng(devices=[]):
        generator, discriminator = networks(config)
    generator.load_state_dict(saved["average"])
    discriminator.load_state_dict(saved["discriminator"])
    return Trained(config, generator.eval(), discriminator.eval(), int(saved["step"]), dict(saved["set"]))


def sample(
    trained: Trained,
    count: int,
    seed: int,
    out: Path,
    *,
    interpolate: int = 0,
    view: int | None = None,
    device: torch.device | None = None,
    progress: Progress = silent,
) -> int:
    """Draw, and write a PNG (a grid), a zip, or a folder of single pictures.

    Args:
        interpolate: steps between each two latents, a row of the grid each; 0 for none.
        view: draw only this one, where the run is conditional; None draws all in turn.

    Returns:
        How many pictures were drawn.

    Raises:
        UsageError: too many for a grid, interpolation into single pictures, a folder with pictures in it.
    """
    device = device or torch.device("cpu")
    network, config = trained.generator.to(device), trained.config
    single = out.suffix.lower() not in (".png", ".jpg", ".jpeg")
    if interpolate and single:
        raise UsageError("--interpolate makes a grid: --out FILE.png")
    if not single and count * max(1, interpolate) > MOST_IN_GRID:
        raise UsageError(f"a grid shows at most {MOST_IN_GRID}; for more name a folder or a zip with --out")
    z = latents(config, count, "sample", device, seed)
    if interpolate:
        z = between(z, interpolate)
    views = torch.arange(len(z), device=device) % VIEWS if view is None else torch.full((len(z),), view, device=device)
    if not single:
        sheet = pictures.grid(generate(network, z, views), interpolate or None)
        with files.written(out) as file:
            sheet.save(file, "PNG" if out.suffix.lower() == ".png" else "JPEG", quality=95)
        return len(z)
    write = _into_zip if out.suffix.lower() == ".zip" else _into_folder
    write(out, network, z, views, progress)
    return len(z)


def between(z: Tensor, steps: int) -> Tensor:
    """Walk from each latent to the next along the sphere (White 2016): (N, z) to (N * steps, z), a closed round."""
    rows = []
    for start, end in zip(z, z.roll(-1, 0), strict=True):
        cosine = torch.dot(start / start.norm(), end / end.norm()).clamp(-1, 1)
        angle = torch.arccos(cosine)
        for t in torch.linspace(0, 1, steps):
            if angle < 1e-4:
                rows.append(start)
                continue
            rows.append((torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle))
    return torch.stack(rows)


def _chunks(network: nn.Module, z: Tensor, views: Tensor, progress: Progress) -> Any:
    number = 0
    for start in range(0, len(z), AT_ONCE):
        for pixels in generate(network, z[start : start + AT_ONCE], views[start : start + AT_ONCE]):
            out = io.BytesIO()
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(out, "PNG")
            yield number, out.getvalue()
            number += 1
        progress("draw", number, len(z))


def _into_zip(out: Path, network: nn.Module, z: Tensor, views: Tensor, progress: Progress) -> None:
    with files.written(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, png in _chunks(network, z, views, progress):
            archive.writestr(zipfile.ZipInfo(member_name(number), EPOCH), png)
        archive.writestr(zipfile.ZipInfo("dataset.json", EPOCH), '{"labels": null}')


def _into_folder(out: Path, network: nn.Module, z: Tensor, views: Tensor, progress: Progress) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and not an empty folder; choose another --out")
    for number, png in _chunks(network, z, views, progress):
        path = out / member_name(number)
        with files.written(path) as file:
            file.write(png)
