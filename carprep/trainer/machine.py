"""Where a training runs: device, precision, threads, processes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import distributed, nn

from carprep.allocator import keep_memory
from carprep.errors import UsageError
from carprep.trainer.config import Config


def device_of(wish: str) -> torch.device:
    """The device to train on; `auto` is the GPU where there is one.

    Raises:
        UsageError: there is no such device.
    """
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    if wish not in ("cpu", "cuda") and not wish.startswith("cuda:"):
        raise UsageError(f"--device must be auto, cpu, cuda or cuda:N, not {wish!r}")
    if wish.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        number = int(wish[5:]) if wish[5:].isdigit() else int(os.environ.get("LOCAL_RANK", "0"))
        if number >= count:
            raise UsageError(f"--device {wish}: torch sees {count} GPUs; see carprep doctor, or take --device cpu")
        return torch.device("cuda", number)
    return torch.device("cpu")


def prepare(config: Config, device: torch.device) -> None:
    """Set what torch sets for the whole process."""
    if device.type == "cuda":
        tf32 = config.precision != "fp32"
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
    else:
        keep_memory()


def free_memory() -> int:
    """Bytes of memory that may still be taken: what Linux calls available, or what is left to the control group."""
    words = Path("/proc/meminfo").read_text().split() if Path("/proc/meminfo").exists() else []
    free = int(words[words.index("MemAvailable:") + 1]) * 1024 if words else _physical()
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free
    return free if limit == "max" else min(free, max(0, int(limit) - int(used)))


def _physical() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class Team:
    """The processes that train together: one, unless torchrun started more."""

    def __init__(self, config: Config, device: torch.device) -> None:
        """Join.

        Raises:
            UsageError: the batch cannot be shared evenly, or batch norm would see only its own share of it.
        """
        self.rank, self.size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        if self.size == 1:
            return
        if config.batch % self.size:
            raise UsageError(f"--batch {config.batch} cannot be shared by {self.size} processes; take a multiple")
        if device.type == "cpu" and config.preset != "best":
            raise UsageError(
                f"the preset {config.preset} has batch norm or dropout, which several processes can share only on GPUs "
                "(SyncBatchNorm); on processors run one process, or --preset best"
            )
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")

    def share(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average the gradients over all processes, as one vector."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        place = 0
        for gradient in gradients:
            gradient.copy_(flat[place : place + gradient.numel()].view_as(gradient))
            place += gradient.numel()

    def whole(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network with batch norm over all processes' shares."""
        if self.size > 1 and device.type == "cuda":
            synced: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return synced
        return network

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier()

    def leave(self) -> None:
        """Part, at the end of a run."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()
