"""Makes the steps of a run: launched from Python piece by piece, or, on one GPU, each as one replay of a CUDA graph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from carprep.trainer.chance import Draws, tensors_of
from carprep.trainer.steps import Share, State, body, penalised, step

Say = Callable[[str], None]
WARM = 3  # steps of each kind that are launched piece by piece before one is captured: Adam's and cuDNN's first times


@dataclass
class _Captured:
    """A step as a graph: what it reads lies in `inputs`, what it tells in `told`."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    told: Tensor

    def replay(self, inputs: list[Tensor]) -> Tensor:
        for own, new in zip(self.inputs, inputs, strict=True):
            own.copy_(new, non_blocking=True)
        self.graph.replay()
        return self.told


@dataclass
class Stepper:
    """Steps of one run. Random numbers come from outside or from the device's generator, whose seed a replay reads.

    Attributes:
        graphs: whether steps are captured; False off a GPU, and after a capture has failed.
    """

    state: State
    share: Share
    graphs: bool
    say: Say
    _warm: dict[bool, int] = field(default_factory=dict)
    _captured: dict[bool, _Captured] = field(default_factory=dict)
    _side: torch.cuda.Stream | None = None

    def __call__(self, reals: Tensor, views: Tensor, draws: Draws) -> Tensor:
        """Learn from one batch; as `carprep.trainer.steps.step`."""
        if not self.graphs:
            return step(self.state, reals, views, draws, self.share)
        kind = penalised(self.state)
        if self._warm.get(kind, 0) < WARM:
            self._warm[kind] = self._warm.get(kind, 0) + 1
            return self._aside(reals, views, draws)
        if kind not in self._captured:
            try:
                self._captured[kind] = self._capture(reals, views, draws)
            except RuntimeError as error:  # a capture runs nothing, so the step is still to be made
                self.graphs = False
                self.say(f"no CUDA graph ({str(error).splitlines()[0]}); steps are launched one by one")
                return step(self.state, reals, views, draws, self.share)
        self.state.average.reach(self.state.images)
        return self._captured[kind].replay([reals, views, *tensors_of(draws)])

    def _aside(self, reals: Tensor, views: Tensor, draws: Draws) -> Tensor:
        """A step on a stream of its own, as a capture demands of what comes before it."""
        current = torch.cuda.current_stream()
        self._side = self._side or torch.cuda.Stream()  # one for all: memory is kept for each stream apart
        self._side.wait_stream(current)
        with torch.cuda.stream(self._side):
            told = step(self.state, reals, views, draws, self.share)
        current.wait_stream(self._side)
        return told

    def _capture(self, reals: Tensor, views: Tensor, draws: Draws) -> _Captured:
        inputs = [tensor.clone() for tensor in (reals, views, *tensors_of(draws))]
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self._captured.values())).graph.pool() if self._captured else None
        for optimiser in (self.state.optimiser_g, self.state.optimiser_d):
            optimiser.zero_grad(set_to_none=True)  # so that gradients are made within the graph's own memory
        # what another thread does meanwhile, as pinning the next batch, is none of the capture's business
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            told = body(self.state, inputs[0], inputs[1], draws.of(inputs[2:]), self.share)
        return _Captured(graph, inputs, told)


def stepper(state: State, share: Share, ranks: int, say: Say) -> Stepper:
    """Steps as the settings want them; what cannot be had is said in one line, and done without."""
    if state.config.compile:
        _compile(state, say)
    return Stepper(state, share, state.config.graph and state.device.type == "cuda" and ranks == 1, say)


def _compile(state: State, say: Say) -> None:
    """Compile what can be compiled; a trial on copies finds out, so that the run itself is not touched by a failure."""
    networks = {"generator": state.generator}
    if state.config.penalty == 0:  # R1 and R2 differentiate twice, which compiled networks cannot
        networks["discriminator"] = state.discriminator
    else:
        say("--compile: the generator only, since R1 and R2 differentiate the discriminator twice")
    views = torch.zeros(state.config.batch, dtype=torch.int64, device=state.device)
    side = state.config.size
    shapes = {"generator": (state.config.z,), "discriminator": (3, side, side)}
    for name, network in networks.items():
        inputs = torch.zeros(state.config.batch, *shapes[name], device=state.device)
        try:
            _tried(copy.deepcopy(network), inputs, views, state)
        except Exception as error:  # torch names no class that covers what its compilers raise
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            say(f"torch.compile does not work here ({reason}); going on without it")
            return
        network.compile(dynamic=False)


def _tried(network: nn.Module, inputs: Tensor, views: Tensor, state: State) -> None:
    network.compile(dynamic=False)
    with torch.random.fork_rng(devices=[state.device] if state.device.type == "cuda" else []):
        with state.autocast():
            answer = network(inputs, views)
        parts = answer if isinstance(answer, tuple) else (answer,)
        torch.stack([part.float().sum() for part in parts]).sum().backward()
