"""Du-IN's word classifier: the tokens of a trial, flattened -> logits.

- Without `replica`, the head gives plain logits; the original squashes them by a sigmoid before its cross-entropy.
- The original also runs a vector quantiser and a contrastive loss of weight 0, neither of which reaches the
  prediction. Only the replica has them; elsewhere their keys in a state dict are ignored and listed.
Source: Zheng et al., Du-IN, NeurIPS 2024, and its code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.models.duin.backbone import DuinBackbone, quantizer
from src.models.duin.config import ContrastConfig, DuinConfig, HeadConfig, QuantizerConfig
from src.models.layers.contrastive import ContrastiveBlock
from src.models.layers.heads import LabelHead

NO_GRADIENT_REPLICA = {
    "vq_block.*": "the quantiser's output is not used",
    "contra_block.proj_z.*": "the contrastive loss has weight 0",
    "contra_block.proj_y.*": "the original uses proj_z for both sides",
}


class DuinClassifier(DuinBackbone):
    """Signals (batch, channels, samples) and subjects -> logits (batch, classes)."""

    @dataclass(frozen=True)
    class Config(DuinConfig):
        head: HeadConfig = field(default_factory=HeadConfig)
        quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
        contrast: ContrastConfig = field(default_factory=ContrastConfig)

    unused = ("vq_block", "contra_block")  # computed by the original without effect on its predictions

    def __init__(self, config: Any, channels: int, samples: int, n_labels: int, rate_hz: float = 1000.0):
        super().__init__(config, channels, samples, rate_hz)
        replica = config.replica
        self.no_gradient |= NO_GRADIENT_REPLICA if replica else {}
        self.vq_block = quantizer(self.dim, config.quantizer, replica) if replica else None
        self.contra_block = ContrastiveBlock(self.dim, config.contrast.d_contra, config.contrast.loss_mode) \
            if replica else None
        self.cls_block = LabelHead(self.dim * self.n_tokens, n_labels, config.head.d_hidden, config.head.dropout,
                                   sigmoid=replica)

    @classmethod
    def from_spec(cls, config: Any, spec: SignalSpec, target: TargetSpec) -> DuinClassifier:
        """As the backbone's, with one output per name of `target`."""
        return cls(config, len(spec.channels), spec.samples, target.outputs, spec.rate_hz)

    def forward(self, signal: Tensor, subject: Tensor, kmeans_init_idxs: Tensor | None = None) -> Tensor:
        """(B, C, T) float32, (B,) int64 or (B, S) weights of the subjects -> (B, K) logits.

        In the replica the result went through a sigmoid, and the quantiser runs for its state's sake;
        `kmeans_init_idxs` replaces the random draw of its start.
        """
        tokens = self.encode(signal, subject)
        if self.vq_block is not None:
            self.vq_block(tokens, kmeans_init_idxs)
        return self.cls_block(tokens)

    def replica_losses(self, signal: Tensor, subject: Tensor, label: Tensor,
                       kmeans_init_idxs: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """As `forward`, with one-hot float labels (B, K) -> predictions (B, K), losses total, cls and contra.

        The contrastive loss enters the total with weight 0: its map then has gradients of zero and decays.
        """
        if self.vq_block is None or self.contra_block is None:
            raise UserError("the original's losses need its unused branches", "set --model_args replica=true")
        tokens = self.encode(signal, subject)
        self.vq_block(tokens, kmeans_init_idxs)
        predictions = self.cls_block(tokens)
        contra, _ = self.contra_block(tokens, tokens, label, label)
        cls = F.cross_entropy(predictions, label)
        return predictions, {"total": cls + 0.0 * contra, "cls": cls, "contra": contra}

    @property
    def head(self) -> nn.Module:
        return self.cls_block
