"""--fast_dev_run: a few batches through training, validation, saving, resuming and testing, in seconds."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from typing import Any

import torch

from src.errors import OK, UserError
from src.trainer.checkpoint import LAST
from src.trainer.display import say


def run(args: Any, train_one: Callable[[Any], Any]) -> int:
    """Everything that a real run does, once, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {**vars(args), "save_dir": folder, "experiment_name": "dev", "use_wandb": False, "log_dir": None,
                    "epochs": 1, "max_steps": None, "warmup_epochs": min(args.warmup_epochs, 0.5), "warmup_steps": None}
        trainer = train_one(argparse.Namespace(**settings))
        if trainer is None:  # a dry run
            return OK
        _check_gradients(trainer)
        again = train_one(argparse.Namespace(**{**settings, "resume": str(trainer.folder / LAST)}))
        _check_same(trainer.model, again.model)
        scores = again.test() if again.test_loader is not None else {}
    tested = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    say(f"fast_dev_run: training, validation, saving, resuming{' and testing' if scores else ''} work"
        + (f" ({tested})" if tested else ""))
    return OK


def _check_gradients(trainer: Any) -> None:
    """Every trainable parameter must have been touched by the optimizer, but those that the model declares."""
    from fnmatch import fnmatch

    allowed = getattr(trainer.model, "no_gradient", {})
    idle = [name for name, parameter in trainer.model.named_parameters()
            if parameter.requires_grad and parameter not in trainer.optimizer.state
            and not any(fnmatch(name, pattern) for pattern in allowed)]
    if idle:
        raise UserError(f"{len(idle)} parameters got no gradient: {', '.join(idle[:5])}",
                        "use them in forward, or name them in the model's no_gradient with the reason")


def _check_same(first: torch.nn.Module, second: torch.nn.Module) -> None:
    state = second.state_dict()
    different = [name for name, value in first.state_dict().items() if not torch.equal(value, state[name])]
    if different:
        raise UserError(f"after saving and resuming these differ: {', '.join(different[:5])}",
                        "keep all of the model's state in parameters and buffers")
