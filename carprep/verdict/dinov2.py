"""DINOv2's small vision transformer (Oquab et al. 2023) from its published state dict; no torch.hub, no download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from carprep import files
from carprep.errors import UsageError
from carprep.trainer.metrics import Features

SIDE, CHUNK = 224, 32
HEAD = 64  # width of one head in all of its sizes
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load(path: Path) -> Callable[[Tensor], Features]:
    """The network as a measure: uint8 (N, 3, S, S) to float64 (N, width), the class token.

    Any of the sizes without registers (dinov2_vits14, vitb14, vitl14), told by the shapes in the file.

    Raises:
        UsageError: no such file, or not such a state dict.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        network = Transformer.of(state)
        network.load_state_dict(state)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {files.reason_of(error)}") from error
    except Exception as error:  # torch's loader raises whatever the bytes lead it to
        raise UsageError(
            f"{path} is no state dict of DINOv2 (dinov2_vits14_pretrain.pth); weights only are read"
        ) from error
    network.eval()

    def measure(pixels: Tensor) -> Features:
        with torch.inference_mode():
            return np.concatenate(
                [network(pixels[i : i + CHUNK]).double().numpy() for i in range(0, len(pixels), CHUNK)]
            )

    return measure


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.qkv, self.proj = nn.Linear(width, width * 3), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, HEAD)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return out


class _Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.ls1, self.ls2 = _Attention(width), _Scale(width), _Scale(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, width * 4), "fc2": nn.Linear(width * 4, width)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp["fc2"](functional.gelu(self.mlp["fc1"](self.norm2(x)))))


class Transformer(nn.Module):
    """The network; names of its weights are the published ones."""

    def __init__(self, width: int, depth: int, patch: int, tokens: int) -> None:
        super().__init__()
        self.patch = patch
        self.cls_token, self.mask_token = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.zeros(1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    @classmethod
    def of(cls, state: dict[str, Any]) -> Transformer:
        """A network of the size that a state dict has."""
        width, _, patch, _ = state["patch_embed.proj.weight"].shape
        depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
        return cls(width, depth, patch, state["pos_embed"].shape[1])

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 (N, 3, S, S) to float32 (N, width)."""
        pictures = functional.interpolate(pixels.float() / 255, size=(SIDE, SIDE), mode="bicubic", antialias=True)
        mean, deviation = (torch.tensor(numbers)[:, None, None] for numbers in (MEAN, DEVIATION))
        x = self.patch_embed["proj"]((pictures - mean) / deviation).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self._places()
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)[:, 0]
        return out

    def _places(self) -> Tensor:
        """Positions, stretched from the grid that they were learnt on (518 px) to this one."""
        first, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        side, wanted = round(grid.shape[1] ** 0.5), SIDE // self.patch
        if side == wanted:
            return self.pos_embed
        plane = grid.unflatten(1, (side, side)).permute(0, 3, 1, 2)
        plane = functional.interpolate(plane, size=(wanted, wanted), mode="bicubic", antialias=True)
        return torch.cat([first, plane.flatten(2).transpose(1, 2)], 1)
