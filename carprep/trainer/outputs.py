"""What a run shows as it goes: samples from one fixed z, reals, collage, curves, page, animation."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from carprep.errors import UsageError
from carprep.trainer import pictures
from carprep.trainer.judge import SHOWN, generate, latents, views_like
from carprep.trainer.page import write_page
from carprep.trainer.reals import Reals, as_bytes
from carprep.trainer.run import Run, samples
from carprep.trainer.steps import MEASURED

PAUSE = 30.0  # seconds between two drawings of the page


@dataclass
class Show:
    """Draws a run's pictures."""

    run: Run
    reals: Tensor  # uint8 (n, 3, S, S)
    z: Tensor
    views: Tensor
    originals: Tensor | None
    board: Any
    drawn: float = 0.0

    @classmethod
    def of(cls, run: Run, reals: Reals, tensorboard: bool) -> Show:
        """Take the fixed latents and reals; write reals.png."""
        device, config = run.state.device, run.config
        shown = reals.some(SHOWN)
        pictures.save_png(run.folder / "reals.png", pictures.grid(shown))
        originals = reals.batch(torch.arange(min(SHOWN // 2, reals.count)))[0] if config.preset == "vae" else None
        z = latents(config, SHOWN, "shown", device)
        return cls(run, shown, z, views_like(reals.labels, SHOWN, device), originals, _board(run, tensorboard))

    def sample(self) -> Tensor:
        """Draw from the fixed latents, and write the grid and the collage."""
        run = self.run
        fakes = generate(run.state.average.network, self.z, self.views)
        sheet = pictures.grid(fakes)
        pictures.save_png(run.folder / "samples" / f"{run.state.step:06d}.png", sheet)
        pictures.save_png(run.folder / "collage.png", pictures.beside(pictures.grid(self.reals), sheet))
        if self.originals is not None:
            self._reconstruct(self.originals)
        return fakes

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _reconstruct(self, originals: Tensor) -> None:
        """For the VAE: originals, and below each what the network makes of it."""
        state = self.run.state
        views = torch.zeros(len(originals), dtype=torch.int64, device=state.device)
        state.discriminator.eval()
        mean, _ = state.discriminator(originals, views)
        state.discriminator.train()
        drawn = generate(state.average.network, mean.float(), views)
        rows = zip(as_bytes(originals).cpu().split(8), drawn.split(8), strict=True)
        both = torch.cat([part for pair in rows for part in pair])
        pictures.save_png(self.run.folder / "reconstructions.png", pictures.grid(both, 8))

    def figures(self, line: dict[str, Any]) -> None:
        """Send a window's figures to tensorboard, where that is wanted."""
        if self.board is not None:
            for name in MEASURED:
                if line.get(name) is not None:
                    self.board.add_scalar(name, line[name], line["step"])

    def page(self, now: bool = False) -> None:
        """Draw curves.png and run.html, not oftener than every half minute."""
        if now or time.monotonic() - self.drawn > PAUSE:
            write_page(self.run.folder)
            self.drawn = time.monotonic()

    def finish(self) -> None:
        """The animation, the page, and the end of tensorboard."""
        pictures.animate(self.run.folder / "animation.gif", samples(self.run.folder))
        self.page(now=True)
        if self.board is not None:
            self.board.close()


def check_board(wanted: bool) -> None:
    """Find out before anything is written whether tensorboard is there, where it is wanted.

    Raises:
        UsageError: it is not.
    """
    if wanted and find_spec("tensorboard") is None:
        raise UsageError('--tensorboard needs its package: pip install "carprep[tensorboard]"')


def _board(run: Run, wanted: bool) -> Any:
    if not wanted:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(run.folder / "tensorboard"))
