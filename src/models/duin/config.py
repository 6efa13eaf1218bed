"""Hyperparameters of the Du-IN networks, grouped as in the original; the defaults are its values for sEEG at 1000 Hz."""

from __future__ import annotations

from dataclasses import dataclass, field

from src.models.layers.tokenizers import TokenizerConfig
from src.models.layers.transformer import EncoderConfig


@dataclass(frozen=True)
class SubjectConfig:
    """The linear map of the channels that each subject has for itself."""

    d_output: int = 16  # channels behind it, the same for all subjects
    use_bias: bool = True
    use_proj: bool = False  # one more linear map that all subjects share


@dataclass(frozen=True)
class HeadConfig:
    """From all tokens of a record to the logits."""

    d_hidden: tuple[int, ...] = (128,)
    dropout: float = 0.0


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
    loss_mode: str = "unicl"  # unicl, clip_orig or clip


@dataclass(frozen=True)
class ClassifierConfig:
    """Du-IN's word classifier."""

    n_subjects: int = 1  # input projections; 1 = one for all subjects of the data
    subject: SubjectConfig = field(default_factory=SubjectConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    replica: bool = False  # as published: sigmoid before the cross-entropy, and the branches that have no effect
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
    contrast: ContrastConfig = field(default_factory=ContrastConfig)
