"""Du-IN's word classifier: channels mixed per subject -> one token per 0.1 s -> transformer -> logits.

- Without `replica`, the head gives plain logits; the original squashes them by a sigmoid before its cross-entropy.
- The original also runs a vector quantiser and a contrastive loss of weight 0, neither of which reaches the
  prediction. Only the replica has them; elsewhere their keys in a state dict are ignored and listed.
Source: Zheng et al., Du-IN, NeurIPS 2024, and its code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.models.base_models import BaseModel
from src.models.checks import at_least
from src.models.duin.config import ContrastConfig, HeadConfig, QuantizerConfig, SubjectConfig
from src.models.duin.weights import BACKBONE, LoadReport, load_modules
from src.models.layers.contrastive import ContrastiveBlock
from src.models.layers.heads import LabelHead
from src.models.layers.positions import TimeEmbedding
from src.models.layers.quantizers import VectorQuantizer
from src.models.layers.subject import SubjectBlock
from src.models.layers.tokenizers import (
    DEFAULT_SEGMENT,
    Convolution,
    PatchTokenizer,
    TokenizerConfig,
    choose_segment,
    convolutions,
)
from src.models.layers.transformer import EncoderConfig, TransformerStack

UNUSED = ("vq_block", "contra_block")  # computed by the original without effect on its predictions
NO_GRADIENT = {
    "*.mha.norm_k.bias": "adds the same number to all scores of a row, which the softmax takes out",
    "tokenizer.conv_blocks.*.0.1.bias": "the batch norm behind it subtracts it again (rounding noise remains)",
}
NO_GRADIENT_REPLICA = {
    "vq_block.*": "the quantiser's output is not used",
    "contra_block.proj_z.*": "the contrastive loss has weight 0",
    "contra_block.proj_y.*": "the original uses proj_z for both sides",
}


class DuinClassifier(BaseModel):
    """Signals (batch, channels, samples) and subjects -> logits (batch, classes)."""

    @dataclass(frozen=True)
    class Config:
        n_subjects: int = 1  # input projections; 1 = one for all subjects of the data
        subject: SubjectConfig = field(default_factory=SubjectConfig)
        tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
        encoder: EncoderConfig = field(default_factory=EncoderConfig)
        head: HeadConfig = field(default_factory=HeadConfig)
        replica: bool = False  # as published: sigmoid before the cross-entropy, and the branches that have no effect
        quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
        contrast: ContrastConfig = field(default_factory=ContrastConfig)

        def __post_init__(self) -> None:
            at_least("n_subjects", self.n_subjects)

    inputs = ("signal", "subject")

    def __init__(self, config: Config, channels: int, samples: int, n_labels: int, rate_hz: float = 1000.0):
        super().__init__()
        seg_len = config.tokenizer.seg_len or choose_segment(samples, rate_hz)
        _check_segment(seg_len, samples)
        blocks = convolutions(config.tokenizer, seg_len)
        self.config, self.channels, self.samples = config, channels, samples
        self.notes = _notes(config, seg_len, blocks, rate_hz)  # for the person who trains: what was chosen for them
        self.no_gradient = {**NO_GRADIENT, **(NO_GRADIENT_REPLICA if config.replica else {})}
        self.subj_block = SubjectBlock(config.n_subjects, channels, config.subject.d_output,
                                       config.subject.use_bias, config.subject.use_proj)
        self.tokenizer = PatchTokenizer(config.subject.d_output, seg_len, blocks)
        length, width = self.tokenizer.length(samples), self.tokenizer.width
        self.emb_time = TimeEmbedding(width, length)
        self.encoder = nn.ModuleDict({"1": TransformerStack(width, config.encoder)})  # the original's key
        self.vq_block = _quantizer(config, width) if config.replica else None
        self.contra_block = ContrastiveBlock(width, config.contrast.d_contra, config.contrast.loss_mode) \
            if config.replica else None
        self.cls_block = LabelHead(width * length, n_labels, config.head.d_hidden, config.head.dropout,
                                   sigmoid=config.replica)

    @classmethod
    def from_spec(cls, config: Config, spec: SignalSpec, target: TargetSpec) -> DuinClassifier:
        """The network for signals of `spec`; a segment is 100 samples, or near 0.1 s where 100 does not fit.

        Raises UserError where the segment that was asked for does not divide the window.
        """
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

    def encode(self, signal: Tensor, subject: Tensor) -> Tensor:
        """(B, C, T), (B,) or (B, S) -> (B, N, D) tokens."""
        self.check_input(signal, self.channels, self.samples)
        tokens = self.tokenizer(self.subj_block(signal, subject))
        return self.transformer(self.emb_time(tokens))

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
    def transformer(self) -> TransformerStack:
        return cast(TransformerStack, self.encoder["1"])

    @property
    def dim(self) -> int:
        return self.tokenizer.width

    @property
    def head(self) -> nn.Module:
        return self.cls_block

    def init_weights(self) -> None:
        """Draw all weights anew: linear maps truncated normal 0.02 (smaller with depth), convolutions as torch's."""
        for part in (self.subj_block, self.tokenizer, self.transformer, self.vq_block, self.contra_block,
                     self.cls_block):
            if part is not None:
                part.reset_parameters()

    def layer_depths(self) -> dict[str, int]:
        """0 for what makes tokens, i + 1 for block i, one more for the head (and the replica's branches)."""
        last = self.config.encoder.n_blocks + 1

        def depth(name: str) -> int:
            if name.startswith("encoder."):
                return int(name.split(".")[3]) + 1
            return last if name.startswith(("cls_block.", *UNUSED)) else 0

        return {name: depth(name) for name, _ in self.named_parameters()}

    def load_original(self, state: Mapping[str, Tensor]) -> LoadReport:
        """Take the input projection, tokenizer and encoder from a Du-IN checkpoint of any stage, as the original does.

        Raises UserError where sizes differ.
        """
        return self._load(state, BACKBONE)

    def load_complete(self, state: Mapping[str, Tensor]) -> LoadReport:
        """Take everything, the head too, from a classifier's state dict.

        Without `replica` the quantiser and the contrastive block are ignored. Raises UserError where sizes differ or
        a tensor is missing.
        """
        modules = tuple(dict.fromkeys(name.split(".")[0] for name in self.state_dict()))
        report = self._load(state, (*modules, *UNUSED), () if self.config.replica else UNUSED)
        if report.missing:
            raise UserError(f"the state dict lacks {len(report.missing)} tensors, such as {report.missing[0]}",
                            "it is not a classifier's: load its encoder only")
        return report

    def _load(self, state: Mapping[str, Tensor], modules: tuple[str, ...], ignore: tuple[str, ...] = ()) -> LoadReport:
        report = load_modules(self, state, modules, ignore)
        self.weights_loaded = True
        return report


def _quantizer(config: DuinClassifier.Config, width: int) -> VectorQuantizer:
    codes = config.quantizer
    return VectorQuantizer(width, codes.codex_size, codes.d_codex, codes.beta, codes.decay, codes.init_kmeans)


def _check_segment(seg_len: int, samples: int) -> None:
    if samples % seg_len:
        divisors = [n for n in range(5, samples // 2 + 1) if samples % n == 0]
        near = sorted(sorted(divisors, key=lambda n: abs(n - seg_len))[:5])
        raise UserError(f"tokenizer.seg_len={seg_len} does not divide the window of {samples} samples",
                        f"use {', '.join(map(str, near))}" if near else "crop the window to a rounder length")


def _notes(config: DuinClassifier.Config, seg_len: int, blocks: Sequence[Convolution],
           rate_hz: float) -> tuple[str, ...]:
    if config.tokenizer.seg_len or seg_len == DEFAULT_SEGMENT:
        return ()
    return (f"one token per {seg_len} samples ({1000 * seg_len / rate_hz:g} ms): Du-IN's {DEFAULT_SEGMENT} do not "
            f"divide the window; strides {', '.join(str(block.stride) for block in blocks)}, "
            f"kernels {', '.join(str(block.kernel) for block in blocks)}",)
