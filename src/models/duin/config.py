"""Hyperparameters of the Du-IN networks, grouped as in the original, whose values for sEEG are the defaults."""

from __future__ import annotations

from dataclasses import dataclass

from src.models.checks import at_least, probability
from src.models.layers.contrastive import LossMode


@dataclass(frozen=True)
class SubjectConfig:
    """The linear map of the channels that each subject has for itself."""

    d_output: int = 16  # channels behind it, the same for all subjects
    use_bias: bool = True
    use_proj: bool = False  # one more linear map that all subjects share

    def __post_init__(self) -> None:
        at_least("subject.d_output", self.d_output)


@dataclass(frozen=True)
class HeadConfig:
    """From all tokens of a record to the logits."""

    d_hidden: tuple[int, ...] = (128,)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        probability("head.dropout", self.dropout)
        for width in self.d_hidden:
            at_least("head.d_hidden", width)


@dataclass(frozen=True)
class QuantizerConfig:
    """The codebook; the classifier has one in the replica only."""

    codex_size: int = 2048
    d_codex: int = 64
    beta: float = 1.0  # weight of the commitment
    decay: float = 0.99  # of the codes' running means and counts
    init_kmeans: bool = True


@dataclass(frozen=True)
class ContrastConfig:
    """The contrastive branch; the classifier has one in the replica only, where its loss weighs nothing."""

    d_contra: int = 32
    loss_mode: LossMode = "unicl"
