"""What scripts of the training template call beside the life of a run: the rate, a summary, metrics, checkpoints."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn

from src.trainer import run_state
from src.trainer.early_stopping import Progress
from src.trainer.reporter import Reporter


class TemplateMethods:
    """The template's public methods; `BaseTrainer` gives what they work on."""

    model: nn.Module
    args: Any
    optimizer: Any
    progress: Progress
    reporter: Reporter | None

    def clip_gradients(self) -> torch.Tensor:
        """Clip what `.grad` holds to --grad_clip; returns the norm before. (The trainer's own steps do it.)"""
        return nn.utils.clip_grad_norm_(self.model.parameters(), self.args.grad_clip or math.inf)

    def get_lr(self) -> float:
        return max(group["lr"] for group in self.optimizer.param_groups)

    def model_summary(self) -> str:
        """One line per child with its parameters, and the total."""
        rows = [(name, sum(p.numel() for p in child.parameters())) for name, child in self.model.named_children()]
        trainable = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        total = sum(p.numel() for p in self.model.parameters())
        lines = [f"{name:<20} {count:>12,}" for name, count in rows]
        return "\n".join([*lines, f"{'total':<20} {total:>12,}", f"{'trainable':<20} {trainable:>12,}"])

    def log_metrics(self, values: dict[str, dict[str, float]], epoch: int | None = None) -> None:
        """{"train": {..}, "val": {..}} to metrics.jsonl, TensorBoard and W&B."""
        if self.reporter is not None:
            self.reporter.write("metrics", **({} if epoch is None else {"epoch": epoch}), **values)

    def save_checkpoint(self, filepath: str | Path, is_best: bool = False, additional_info: dict | None = None) -> None:
        """Write the whole state to `filepath`; `is_best` also makes it best_model.pth of the same folder."""
        run_state.save_to(self, Path(filepath), is_best, additional_info)

    def load_checkpoint(self, filepath: str | Path, load_optimizer: bool = True) -> dict[str, Any]:
        """Load weights and, with `load_optimizer`, everything that resuming needs; returns the loaded dict."""
        return run_state.load_from(self, Path(filepath), load_optimizer)

    @property
    def best_metric(self) -> float | None:
        return self.progress.best
