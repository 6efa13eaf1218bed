"""--use_multigpu: this command again under torchrun, one process per GPU."""

from __future__ import annotations

from typing import Any

from src.trainer import distributed
from src.trainer.display import say


def is_needed(args: Any) -> bool:
    """Whether to start further processes; says why not where --use_multigpu finds no second GPU."""
    if not args.use_multigpu or distributed.was_launched():
        return False
    gpus = count_gpus()
    if gpus < 2:
        say(f"--use_multigpu: {'one GPU' if gpus else 'no GPU'} here, training on what there is")
    return gpus > 1


def count_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def on_every_gpu(script: str, argv: list[str]) -> int:
    return distributed.launch(script, argv, count_gpus())
