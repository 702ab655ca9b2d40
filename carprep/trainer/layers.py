"""The layers of both networks: what each gives, what it sees or reaches of the picture, how many weights it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from carprep.trainer.config import Config
from carprep.trainer.nets import networks

KINDS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
PLANES = (nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        network: G or D (of a VAE: the decoder and the encoder).
        maps, side: of what it gives; the side in px, 1 for a vector.
        field: px of the picture along one side that the middle place of its plane sees (D) or reaches (G), within the
            picture; 0 where it has no plane.
    """

    network: str
    name: str
    kind: str
    maps: int
    side: int
    field: int
    parameters: int


def layers_of(config: Config) -> Iterator[Layer]:
    """The layers with weights, in the order in which they work."""
    generator, discriminator = networks(config)
    narrow = dict(zip("GD", networks(replace(config, maps=1)), strict=True))  # as far-sighted, and quick to try
    inputs = {"G": torch.zeros(2, config.z), "D": torch.zeros(2, 3, config.size, config.size)}
    for name, network in (("G", generator), ("D", discriminator)):
        found = _found(network, inputs[name])
        total, own = sum(p.numel() for p in network.parameters()), 0
        fields = (_reached if name == "G" else _seen)(narrow[name], inputs[name][:1])
        for path, module, shape in found:
            count = sum(parameter.numel() for parameter in module.parameters())
            own += count
            kind, side = type(module).__name__.removeprefix("Parametrized"), shape[2] if len(shape) == 4 else 1
            yield Layer(name, path, kind, shape[1], side, fields.get(path, 0), count)
        if total > own:
            yield Layer(name, "norms and scales", "", 0, 0, 0, total - own)


Found = list[tuple[str, nn.Module, tuple[int, ...]]]


def _found(network: nn.Module, inputs: Tensor) -> Found:
    found: Found = []

    def hook(path: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, given, answer: found.append((path, module, tuple(answer.shape)))

    hooks = [
        module.register_forward_hook(hook(path))
        for path, module in network.named_modules()
        if isinstance(module, KINDS)
    ]
    with torch.no_grad():
        network(inputs, torch.zeros(len(inputs), dtype=torch.int64))
    for each in hooks:
        each.remove()
    return found


def _seen(network: nn.Module, picture: Tensor) -> dict[str, int]:
    """Of each plane of a discriminator: how far its middle looks, found by gradients through positive weights."""
    planes: dict[str, Tensor] = {}

    def hook(path: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, given, answer: planes.update({path: answer})

    hooks = [module.register_forward_hook(hook(path)) for path, module in _planes(_open(network))]
    picture = picture.double().fill_(1.0).requires_grad_()
    network(picture, torch.zeros(1, dtype=torch.int64))
    for each in hooks:
        each.remove()
    fields = {}
    for path, plane in planes.items():
        middle = plane.shape[2] // 2
        (gradient,) = torch.autograd.grad(plane[0, :, middle, middle].sum(), picture, retain_graph=True)
        fields[path] = _extent(gradient)
    return fields


@torch.no_grad()  # type: ignore[untyped-decorator]
def _reached(network: nn.Module, z: Tensor) -> dict[str, int]:
    """Of each plane of a generator: how far a change of its middle spreads in the picture."""
    network, z, views = _open(network), z.double().fill_(1.0), torch.zeros(1, dtype=torch.int64)
    plain: Tensor = network(z, views)

    def changed(module: nn.Module, given: Any, answer: Tensor) -> Tensor:
        middle = answer.shape[2] // 2
        answer = answer.clone()
        answer[:, :, middle, middle] += 1
        return answer

    fields = {}
    for path, module in _planes(network):
        hook = module.register_forward_hook(changed)
        fields[path] = _extent(network(z, views) - plain)
        hook.remove()
    return fields


def _planes(network: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(path, module) for path, module in network.named_modules() if isinstance(module, PLANES)]


def _open(network: nn.Module) -> nn.Module:
    """The network with small positive weights, so that nothing is cut off, cancelled or saturated."""
    network.double().eval()
    for module in list(network.modules()):
        if parametrize.is_parametrized(module):  # spectral norm may turn the signs
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
    with torch.no_grad():
        for parameter in network.parameters():
            fan = max(1, parameter[0].numel()) if parameter.ndim > 1 else 1
            parameter.fill_(0.5 / fan)
    return network


def _extent(change: Tensor) -> int:
    """Columns of (1, C, S, S) from the first to the last that is not zero."""
    columns = (change[0].abs().amax((0, 1)) > 0).nonzero()
    return int(columns[-1] - columns[0]) + 1 if len(columns) else 0
