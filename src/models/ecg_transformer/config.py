"""Hyperparameters of the ECG transformers; the defaults are the base size of ECG-FM.

`docs/ecg_transformer.md` has the name that each one bears in fairseq-signals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from src.errors import UserError
from src.models.checks import at_least, probability

SpanKind = Literal["static", "uniform", "normal", "poisson"]


@dataclass(frozen=True)
class FeaturesConfig:
    """The convolutions from the signal to frames: one value per layer, no padding."""

    n_filters: tuple[int, ...] = (256, 256, 256, 256)
    kernel_sizes: tuple[int, ...] = (2, 2, 2, 2)
    n_strides: tuple[int, ...] = (2, 2, 2, 2)
    norm: Literal["group", "layer"] = "group"  # over time in the first layer alone, or over channels in every layer
    bias: bool = False
    grad_scale: float = 1.0  # of the gradient that reaches the convolutions; 0 = they are not trained

    def __post_init__(self) -> None:
        for name in ("n_filters", "kernel_sizes", "n_strides"):
            for value in getattr(self, name):
                at_least(f"features.{name}", value)
        if not len(self.n_filters) == len(self.kernel_sizes) == len(self.n_strides) > 0:
            raise UserError(f"features: {len(self.n_filters)} n_filters, {len(self.kernel_sizes)} kernel_sizes and "
                            f"{len(self.n_strides)} n_strides", "one value per layer in each of them")
        if self.grad_scale < 0:
            raise UserError(f"features.grad_scale is {self.grad_scale}, expected 0 or more")


@dataclass(frozen=True)
class PositionsConfig:
    """The convolution that tells frames where they stand."""

    kernel_size: int = 128
    n_groups: int = 16

    def __post_init__(self) -> None:
        at_least("positions.kernel_size", self.kernel_size)
        at_least("positions.n_groups", self.n_groups)


@dataclass(frozen=True)
class TransformerConfig:
    """The encoder."""

    n_blocks: int = 12
    n_heads: int = 12
    d_model: int = 768
    d_ff: int = 3072
    norm_first: bool = False
    dropout: float = 0.1  # of what attention and the feed-forward part add, and of the input
    attn_dropout: float = 0.1  # of the attention weights
    ff_dropout: float = 0.0  # inside the feed-forward part
    layerdrop: float = 0.0  # probability that training skips a layer

    def __post_init__(self) -> None:
        for name in ("n_blocks", "n_heads", "d_model", "d_ff"):
            at_least(f"encoder.{name}", getattr(self, name))
        for name in ("dropout", "attn_dropout", "ff_dropout", "layerdrop"):
            probability(f"encoder.{name}", getattr(self, name))
        if self.d_model % self.n_heads:
            raise UserError(f"encoder.d_model={self.d_model} is no multiple of encoder.n_heads={self.n_heads}")


@dataclass(frozen=True)
class BackboneConfig:
    """What every ECG transformer has."""

    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    positions: PositionsConfig = field(default_factory=PositionsConfig)
    encoder: TransformerConfig = field(default_factory=TransformerConfig)
    input_dropout: float = 0.0  # of the frames before positions are added
    replica: bool = False  # the original's behaviour where ours differs

    def __post_init__(self) -> None:
        probability("input_dropout", self.input_dropout)
        if self.encoder.d_model % self.positions.n_groups:
            raise UserError(f"encoder.d_model={self.encoder.d_model} is no multiple of "
                            f"positions.n_groups={self.positions.n_groups}", "--model_args positions.n_groups=N")


def fine_tuned() -> TransformerConfig:
    """The encoder with the dropouts of fine-tuning."""
    return TransformerConfig(dropout=0.0, attn_dropout=0.0, ff_dropout=0.1)


@dataclass(frozen=True)
class SpanConfig:
    """What is hidden: spans of `length`, as many as cover `ratio` if none overlapped (wav2vec 2.0, 3.1)."""

    ratio: float = 0.65
    length: int = 10
    kind: SpanKind = "static"  # how the lengths are drawn
    other: float = 0.0  # uniform: the shortest; normal: the deviation
    no_overlap: bool = False
    min_space: int = 1  # frames between two spans that may not overlap

    def __post_init__(self) -> None:
        probability("mask.ratio", self.ratio)
        at_least("mask.length", self.length)
        at_least("mask.min_space", self.min_space, 0)


@dataclass(frozen=True)
class CodesConfig:
    """The quantiser of the targets: groups of so many codes each, chosen by Gumbel softmax."""

    enabled: bool = True
    n_codes: int = 320
    n_groups: int = 2
    d_output: int = 0  # width of all groups together; 0 = that of the contrast
    temperature: tuple[float, float, float] = (2.0, 0.5, 0.999995)  # start, floor, factor of each update

    def __post_init__(self) -> None:
        at_least("quantizer.n_codes", self.n_codes)
        at_least("quantizer.n_groups", self.n_groups)
        at_least("quantizer.d_output", self.d_output, 0)


@dataclass(frozen=True)
class ContrastConfig:
    """The true target of a hidden frame against others."""

    d_output: int = 256
    n_negatives: int = 100  # hidden frames of the same record
    n_cross_negatives: int = 0  # hidden frames of any record of the batch
    n_code_negatives: int = 0  # codes drawn at random
    from_everywhere: bool = False  # negatives may be frames that are not hidden
    temperature: float = 0.1
    target_glu: bool = False  # a gated linear unit over the targets

    def __post_init__(self) -> None:
        at_least("contrast.d_output", self.d_output)
        for name in ("n_negatives", "n_cross_negatives", "n_code_negatives"):
            at_least(f"contrast.{name}", getattr(self, name), 0)
        if not self.n_negatives + self.n_cross_negatives + self.n_code_negatives:
            raise UserError("contrast: without any negative there is nothing to learn", "contrast.n_negatives=100")
        if self.temperature <= 0:
            raise UserError(f"contrast.temperature is {self.temperature}, expected more than 0")
