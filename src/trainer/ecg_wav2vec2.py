"""Pretraining by wav2vec 2.0, alone and with CMSC; see `src/models/ecg_transformer/wav2vec2.py`."""

from __future__ import annotations

from typing import Any

import torch

from src.data.signal import Batch
from src.models.ecg_transformer.wav2vec2 import Pretrained
from src.models.layers.pooling import nonzero_mean
from src.trainer.ecg_contrastive import check_subjects, contrast
from src.trainer.ecg_trainer import EcgPretrainer


class Wav2vec2Trainer(EcgPretrainer):
    """InfoNCE of the hidden frames, the diversity of the codes, the size of the features; weighted by hidden frames.

    `accuracy`: how often the true target is the likeliest. `temperature` is the quantiser's.
    """

    def __init__(self, *arguments: Any, **more: Any):
        model = arguments[0]
        codes = ("prob_perplexity", "code_perplexity") if model.config.quantizer.enabled else ()
        self.watched = ("accuracy", *codes)
        super().__init__(*arguments, **more)

    def forward_pass(self, batch: Any) -> tuple[dict[str, torch.Tensor], torch.Tensor, float]:
        """(losses, embeddings (B, D), hidden frames)."""
        inputs = self.inputs(batch)
        found = self.model.pretrain(*inputs, seed=self.seed_of(batch), updates=self.global_step)
        self.watch(found.hidden, accuracy=found.accuracy())
        if found.diversity is not None:
            self.watch(found.hidden, prob_perplexity=found.prob_perplexity, code_perplexity=found.code_perplexity)
            if self.model.training:
                self.log("temperature", self.model.temperature(self.global_step))
        losses, hidden = self.losses(found, batch), float(found.hidden)
        embeddings = found.frames.tokens.detach().mean(1) if self.model.training else self.model(*inputs)
        return losses, embeddings, hidden

    def losses(self, found: Pretrained, batch: Batch) -> dict[str, torch.Tensor]:
        """By name; their sum is minimised."""
        config = self.model.config
        losses = {"infonce": found.info_nce(), "features": config.penalty_weight * found.penalty}
        if found.diversity is not None:
            losses["diversity"] = config.diversity_weight * found.diversity
        return losses


class Wav2vec2CmscTrainer(Wav2vec2Trainer):
    """With the contrast of the two segments of a record beside it. Their hidden signals are compared."""

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, **more)
        self.watched = (*self.watched, "cmsc_accuracy")
        check_subjects(self, self.model.config.owner)

    def losses(self, found: Pretrained, batch: Batch) -> dict[str, torch.Tensor]:
        compared = contrast(self, nonzero_mean(*found.frames), batch)
        self.watch(len(batch), cmsc_accuracy=compared.right)
        return super().losses(found, batch) | {"cmsc": self.model.config.cmsc_weight * compared.loss}
