"""Du-IN's first stage: a codebook learnt by reconstructing the signal."""

from __future__ import annotations

from typing import Any

import torch

from src.evaluation.codebook import perplexity
from src.evaluation.summaries import summarize_signal
from src.trainer.display import say
from src.trainer.duin_sections import vqvae_sections
from src.trainer.duin_trainer import DuinTrainer


class DuinVqvaeTrainer(DuinTrainer):
    """Losses `rgs` and `vq`. Of the codebook, training logs the running use of this epoch, validation its own use.

    While nothing is quantised yet (`quantizer.warmup_steps`), validation gives no loss: such weights have no codes and
    are never the best.
    """

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, **more)
        self.histogram = torch.zeros(self.model.codebook_size, dtype=torch.float64)
        if self.train_loader is not None:
            self._keep_time_for_codes()

    def _keep_time_for_codes(self) -> None:
        quantizer = self.model.vq_block
        if quantizer.warmup_steps > self.total_updates // 2:
            if self.world.is_main:
                say(f"note      quantizer.warmup_steps={quantizer.warmup_steps} is more than half of "
                    f"{self.total_updates} updates: {self.total_updates // 2} instead")
            quantizer.warmup_steps = self.total_updates // 2

    def forward_pass(self, batch: Any) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """(losses, reconstruction (B, C, T)); in evaluation, what `summarize_signal` keeps of it (B, C, 5)."""
        batch = self.on_device(batch)
        reconstruction, losses, quantized = self.model.losses(*self.inputs(batch))
        if self.model.training:
            return losses, reconstruction
        self.histogram += torch.bincount(quantized.codes.flatten(), minlength=len(self.histogram)).cpu()
        return losses, summarize_signal(self.model.target(batch.signal), reconstruction, batch.channel_mask)

    def train_epoch(self, train_loader: Any) -> dict[str, float]:
        if self.feed.place == 0:
            self.model.reset_counts()
        return super().train_epoch(train_loader)

    def _read_meter(self) -> dict[str, float]:
        return super()._read_meter() | _use(self.model.vq_block.counts.double())

    def validate_epoch(self, val_loader: Any) -> dict[str, float]:
        self.histogram.zero_()
        values = super().validate_epoch(val_loader)
        if not self.model.vq_block.has_started:
            return {name: value for name, value in values.items() if name != "val_loss"}
        counts = torch.tensor(self.world.sum(*self.histogram.tolist()), dtype=torch.float64)
        return values | {f"val_{name}": value for name, value in _use(counts).items()}

    def report_sections(self, loader: Any) -> list:
        return [*vqvae_sections(self, loader), *super().report_sections(loader)]



def _use(counts: torch.Tensor) -> dict[str, float]:
    """How evenly codes are used, and how many are not; nothing where none was."""
    if not counts.sum():
        return {}
    return {"code_perplexity": float(perplexity(counts.cpu().numpy())), "unused_codes": float((counts == 0).sum())}
