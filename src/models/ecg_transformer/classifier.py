"""The ECG transformer with a head: labels of records (linear or attentive), or whose record it is (ArcFace)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.models.checks import at_least, probability
from src.models.ecg_transformer.backbone import EcgBackbone
from src.models.ecg_transformer.config import BackboneConfig, TransformerConfig, fine_tuned
from src.models.layers.dropout import Dropout
from src.models.layers.lora import LoraConfig, add_lora
from src.models.layers.margin import cosine_logits
from src.models.layers.pooling import AttentiveClassifier, nonzero_mean


@dataclass(frozen=True)
class HeadConfig:
    """From the frames to the labels."""

    kind: Literal["linear", "attentive"] = "linear"  # of the mean frame, or of what a learnt query sees
    n_heads: int = 12  # of the attentive head
    dropout: float = 0.0

    def __post_init__(self) -> None:
        at_least("head.n_heads", self.n_heads)
        probability("head.dropout", self.dropout)


class EcgTransformer(EcgBackbone):
    """Signals (batch, channels, samples) -> logits (batch, K)."""

    @dataclass(frozen=True)
    class Config(BackboneConfig):
        encoder: TransformerConfig = field(default_factory=fine_tuned)
        head: HeadConfig = field(default_factory=HeadConfig)
        lora: LoraConfig = field(default_factory=LoraConfig)

    def __init__(self, config: Any, channels: int, outputs: int):
        super().__init__(config, channels)
        add_lora(self.encoder, config.lora)
        self.final_dropout = Dropout(config.head.dropout)
        self.proj = (nn.Linear(self.dim, outputs) if config.head.kind == "linear"
                     else AttentiveClassifier(self.dim, config.head.n_heads, outputs))

    @classmethod
    def from_spec(cls, config: Any, spec: SignalSpec, target: TargetSpec) -> EcgTransformer:
        return cls(config, len(spec.channels), target.outputs)

    @property
    def head(self) -> nn.Module:
        return self.proj

    def init_weights(self) -> None:
        super().init_weights()
        if isinstance(self.proj, nn.Linear):
            nn.init.xavier_uniform_(self.proj.weight)
            nn.init.zeros_(self.proj.bias)
        else:
            self.proj.reset_parameters()

    def forward(self, signal: Tensor, time_mask: Tensor | None = None, frozen: bool = False) -> Tensor:
        """(B, C, T) float32, (B, T) bool True = signal -> (B, K) logits. `frozen`: the head alone gets a gradient."""
        with torch.no_grad() if frozen else nullcontext():
            frames = self.encode(signal, time_mask)
        return self.classify(*frames)

    @property
    def has_plain_head(self) -> bool:
        """Whether the head needs no more of a record than its embedding."""
        return isinstance(self.proj, nn.Linear) and self.final_dropout.p == 0

    def judge(self, embedding: Tensor) -> Tensor:
        """`embed`'s (B, D) -> what `forward` gives, (B, K) logits, of a plain head."""
        return self.proj(embedding)

    def classify(self, tokens: Tensor, keep: Tensor | None = None) -> Tensor:
        """(B, N, D) frames of the encoder, (B, N) True = no padding -> (B, K) logits."""
        tokens = self.final_dropout(tokens)
        if isinstance(self.proj, nn.Linear):
            return self.proj(nonzero_mean(tokens, keep))
        return self.proj(tokens if keep is None else tokens.masked_fill(~keep[..., None], 0.0))


class ArcFace(EcgBackbone):
    """Signals (batch, channels, samples) -> `scale` * cosine to each known person (batch, K).

    Strangers are told apart by their embeddings, which are compared by their product.
    """

    @dataclass(frozen=True)
    class Config(BackboneConfig):
        encoder: TransformerConfig = field(default_factory=fine_tuned)
        final_dropout: float = 0.0
        scale: float = 32.0
        margin: float = 0.5  # radians that training adds to the angle to the own class
        lora: LoraConfig = field(default_factory=LoraConfig)

        def __post_init__(self) -> None:
            super().__post_init__()
            probability("final_dropout", self.final_dropout)

    def __init__(self, config: Any, channels: int, outputs: int):
        super().__init__(config, channels)
        add_lora(self.encoder, config.lora)
        self.final_dropout = Dropout(config.final_dropout)
        self.kernel = nn.Parameter(torch.empty(outputs, self.dim))
        nn.init.xavier_uniform_(self.kernel)

    @classmethod
    def from_spec(cls, config: Any, spec: SignalSpec, target: TargetSpec) -> ArcFace:
        return cls(config, len(spec.channels), target.outputs)

    @property
    def head(self) -> nn.Module:
        return nn.ParameterList([self.kernel])

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.xavier_uniform_(self.kernel)

    def forward(self, signal: Tensor, time_mask: Tensor | None = None, frozen: bool = False) -> Tensor:
        """(B, C, T) float32, (B, T) bool True = signal -> (B, K) logits. `frozen`: the head alone gets a gradient."""
        with torch.no_grad() if frozen else nullcontext():
            embedding = self.embed(signal, time_mask)
        return self.judge(embedding)

    @property
    def has_plain_head(self) -> bool:
        """Whether the head needs no more of a record than its embedding."""
        return self.final_dropout.p == 0

    def judge(self, embedding: Tensor) -> Tensor:
        """`embed`'s (B, D) -> (B, K) logits."""
        return cosine_logits(embedding, self.kernel, self.config.scale)

    def exported(self) -> Callable[..., dict[str, Tensor]]:
        return self.identified

    def identified(self, signal: Tensor, time_mask: Tensor | None = None) -> dict[str, Tensor]:
        """The same -> logits (B, K), and the embedding (B, D) by which strangers are compared."""
        embedding = self.embed(signal, time_mask)
        return {"logits": self.judge(embedding), "embedding": embedding}

    def embed(self, signal: Tensor, time_mask: Tensor | None = None) -> Tensor:
        """The same -> (B, D) of unit length. The original's mean is over padded frames too (`replica`)."""
        tokens, keep = self.encode(signal, time_mask)
        return F.normalize(nonzero_mean(self.final_dropout(tokens), None if self.config.replica else keep), dim=1)

    def backbone(self) -> list[nn.Module]:
        return list(self.children())
