"""Hyperparameters of the Du-IN networks, grouped as in the original, whose values for sEEG are the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from src.errors import UserError
from src.models.checks import at_least, probability
from src.models.layers.contrastive import LossMode
from src.models.layers.tokenizers import TokenizerConfig
from src.models.layers.transformer import EncoderConfig


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
    """From the tokens to the logits."""

    d_hidden: tuple[int, ...] = (128,)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        probability("head.dropout", self.dropout)
        for width in self.d_hidden:
            at_least("head.d_hidden", width)


@dataclass(frozen=True)
class CodesConfig:
    """The codebook that a model predicts, as far as it must know it."""

    codex_size: int = 2048  # codes

    def __post_init__(self) -> None:
        at_least("quantizer.codex_size", self.codex_size)


@dataclass(frozen=True)
class QuantizerConfig(CodesConfig):
    """The codebook; the classifier has one in the replica only."""

    d_codex: int = 64
    beta: float = 1.0  # weight of the commitment
    decay: float = 0.99  # of the codes' running means and counts
    init_kmeans: bool = True
    restart_after: int = 0  # a code unused for so many training steps becomes a vector of the batch; 0 = never
    warmup_steps: int = 0  # training steps before the k-means start, during which nothing is quantised

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("quantizer.d_codex", self.d_codex)
        probability("quantizer.decay", self.decay)
        at_least("quantizer.restart_after", self.restart_after, 0)
        at_least("quantizer.warmup_steps", self.warmup_steps, 0)
        if self.warmup_steps and not self.init_kmeans:
            raise UserError("quantizer.warmup_steps ends with the k-means start, which quantizer.init_kmeans=false "
                            "leaves out", "leave out one of the two")


@dataclass(frozen=True)
class ContrastConfig:
    """The contrastive branch; the classifier has one in the replica only, where its loss weighs nothing."""

    d_contra: int = 32
    loss_mode: LossMode = "unicl"

    def __post_init__(self) -> None:
        at_least("contrast.d_contra", self.d_contra)


@dataclass(frozen=True)
class ReconstructionConfig:
    """From the tokens back to the signal: one value per transposed convolution. Strides and kernels of None follow
    from the segment; the strides multiply to the samples per token."""

    n_filters: tuple[int, ...] = (128, 128, 128, 128, 16)
    kernel_sizes: tuple[int, ...] | None = None
    n_strides: tuple[int, ...] | None = None
    dilation_rates: tuple[int, ...] | None = None  # None = 1
    d_hidden: tuple[int, ...] = ()  # linear layers behind the convolutions
    band_hz: tuple[float, float] | None = None  # reconstruct this band of the input alone; None = all, as published

    def __post_init__(self) -> None:
        for name in ("n_filters", "kernel_sizes", "n_strides", "dilation_rates", "d_hidden"):
            for value in getattr(self, name) or ():
                at_least(f"reconstruction.{name}", value)
        if self.band_hz is not None and not 0 <= self.band_hz[0] < self.band_hz[1]:
            raise UserError(f"reconstruction.band_hz={self.band_hz}: the band must rise from 0 Hz or more",
                            "for instance reconstruction.band_hz=2.5,10")
        at_least("the number of reconstruction.n_filters", len(self.n_filters))


@dataclass(frozen=True)
class BackboneConfig:
    """What every Du-IN network has."""

    n_subjects: int = 1  # subjects with parameters of their own; 1 = one set for all subjects of the data
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    replica: bool = False  # the original's exact behaviour, unused branches and all

    def __post_init__(self) -> None:
        at_least("n_subjects", self.n_subjects)


@dataclass(frozen=True)
class DuinConfig(BackboneConfig):
    """What the networks with one tokenizer behind a linear map per subject have."""

    subject: SubjectConfig = field(default_factory=SubjectConfig)
