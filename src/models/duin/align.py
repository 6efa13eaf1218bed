"""Alignment of subjects: trials of the same word come close to one another, or to the word's embedding.

Ours: Du-IN's guide names an alignment stage, of which its public code has nothing. The loss is the contrastive block
of its classifier, whose weight is zero there, with two changes. A trial is not its own partner, which would teach
nothing. And where a batch has several subjects, only trials of different subjects are compared, since who is
recorded is far easier to tell than what is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import UserError
from src.models.checks import at_least
from src.models.duin.backbone import DuinBackbone
from src.models.duin.config import ContrastConfig, DuinConfig
from src.models.layers.contrastive import ContrastiveBlock, unit
from src.models.layers.init import init_linears


class DuinAlign(DuinBackbone):
    """Signals (batch, channels, samples) and subjects -> embeddings of unit length (batch, N * d_contra)."""

    @dataclass(frozen=True)
    class Config(DuinConfig):
        contrast: ContrastConfig = field(default_factory=ContrastConfig)
        d_vector: int = 0  # width of the word embeddings on the other side; 0 = trials are compared with trials

        def __post_init__(self) -> None:
            super().__post_init__()
            at_least("d_vector", self.d_vector, 0)

    def __init__(self, config: Any, channels: int, samples: int, rate_hz: float = 1000.0):
        super().__init__(config, channels, samples, rate_hz)
        d_contra = config.contrast.d_contra
        self.word_proj = nn.Linear(config.d_vector, self.n_tokens * d_contra) if config.d_vector else None
        self.contra_block = ContrastiveBlock(self.dim, d_contra, config.contrast.loss_mode, unused=False)

    def forward(self, signal: Tensor, subject: Tensor) -> Tensor:
        """(B, C, T) float32, (B,) int64 or (B, S) weights of the subjects -> (B, N * d_contra) of unit length."""
        return self.contra_block.embed(self.encode(signal, subject))

    def losses(self, signal: Tensor, subject: Tensor, label: Tensor, vectors: Tensor | None = None
               ) -> dict[str, Tensor]:
        """As `forward`, with labels (B,) int64 and, instead of other trials, word embeddings (K, V) -> {"contra"}."""
        return {"contra": self.contrast(self(signal, subject), subject, label, vectors)}

    def contrast(self, embeddings: Tensor, subject: Tensor, label: Tensor, vectors: Tensor | None = None) -> Tensor:
        """The loss of embeddings (B, E) that `forward` gave; the other arguments as in `losses`."""
        if (vectors is None) != (self.word_proj is None):
            found = "no word embeddings" if vectors is None else f"word embeddings of width {vectors.shape[1]}"
            raise UserError(f"the alignment was built for d_vector={self.config.d_vector} and got {found}",
                            "--word_vectors FILE sets it; leave d_vector out")
        by_row = self.config.contrast.loss_mode != "unicl"
        if vectors is not None:
            words = self.embed_words(vectors)
            same = F.one_hot(label, len(words)).to(words.dtype)
            return self.contra_block.contrast(embeddings, words[label] if by_row else words, same)[0]
        same, compared = label[:, None] == label, compared_pairs(subject)
        if not by_row:
            return self.contra_block.contrast(embeddings, embeddings, same.to(embeddings.dtype), compared)[0]
        rows, partners = partners_of(same & compared)
        if not len(rows):
            return 0.0 * embeddings.sum()
        return self.contra_block.contrast(embeddings[rows], embeddings[partners], same)[0]

    def embed_words(self, vectors: Tensor) -> Tensor:
        """(K, V) -> (K, N * d_contra) of unit length."""
        if self.word_proj is None:
            raise UserError("the alignment was built without word embeddings", "--word_vectors FILE")
        return unit(self.word_proj(vectors))

    def init_weights(self) -> None:
        super().init_weights()
        if self.word_proj is not None:
            init_linears(self.word_proj)

    @property
    def head(self) -> nn.Module:
        return self.contra_block


def compared_pairs(subject: Tensor) -> Tensor:
    """(B,) subjects, or (B, S) weights -> (B, B) bool: of different subjects; of different trials if all are one's."""
    owner = subject.argmax(1) if subject.is_floating_point() else subject
    others = owner[:, None] != owner
    return torch.where(others.any(), others, ~torch.eye(len(owner), dtype=torch.bool, device=owner.device))


def partners_of(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """(B, B) bool -> rows that have a partner, and for each the next one behind it, counted round: hardly ever two
    rows share one."""
    n = len(pairs)
    places = torch.arange(n, device=pairs.device)
    distance = (places - places[:, None] - 1) % n
    partner = torch.where(pairs, distance, n).argmin(1)
    rows = pairs.any(1).nonzero().flatten()
    return rows, partner[rows]
