"""Several processes as one: torch's own engine (torchrun, DDP). gloo on CPUs, NCCL on GPUs.

Numbers that every rank must agree on travel over a gloo group on the CPU, so no GPU has to wait for them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

TIMEOUT = timedelta(minutes=10)


@dataclass
class World:
    """This process among its equals: `rank` of `size`; `local_rank` picks the GPU."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    control: Any = None  # gloo group for small numbers

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """Sums over ranks. Every rank must call it equally often."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(numbers, group=self.control)
        return numbers.tolist()

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, in rank order, on every rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self.control)
        return values

    def from_main(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.control)
        return box[0]

    def barrier(self) -> None:
        if self.size > 1:
            dist.barrier(group=self.control)


_joined: World | None = None


def join(device: str | None = None) -> World:
    """The world that torchrun's environment describes, or a world of one. Joined once per process."""
    global _joined
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return World()
    if _joined is not None:
        return _joined
    on_gpu = torch.cuda.is_available() and (device or "cuda").startswith("cuda")
    if not dist.is_initialized():
        os.environ.setdefault("TORCH_FR_BUFFER_SIZE", "2000")  # a hang then names the collective
        if on_gpu:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if on_gpu else "gloo", timeout=TIMEOUT)
    control = dist.new_group(backend="gloo", timeout=TIMEOUT)
    _joined = World(dist.get_rank(), dist.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")), control)
    return _joined


def leave() -> None:
    """Part from the other processes; harmless for a world of one."""
    global _joined
    _joined = None
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def was_launched() -> bool:
    return "LOCAL_RANK" in os.environ


def launch(script: str, argv: list[str], processes: int) -> int:
    """Run `script argv` under torchrun on this machine, on a free port; returns its exit code."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", script]
    child = subprocess.Popen([*command, *argv])
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the terminal sends ctrl-C to torchrun and the ranks too; wait for them to save


def restarted() -> bool:
    """True in a process that torchrun started again after a failure."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def choose_device(name: str | None, world: World) -> torch.device:
    """The device of this process; the best there is when none is named."""
    from src.errors import UserError

    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"--device {name}: unknown device", "cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"--device {name}: no NVIDIA GPU is usable here", "leave --device out, or --device cpu")
    if device.type == "cuda" and device.index is not None and device.index >= torch.cuda.device_count():
        raise UserError(f"--device {name}: this machine has {torch.cuda.device_count()} GPU(s), numbered from 0")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError(f"--device {name}: not available on this machine")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UserError(f"--device {name}: not supported", "cpu, cuda, cuda:1 or mps")
    if device.type == "cuda" and world.size > 1:
        return torch.device("cuda", world.local_rank)
    return device
