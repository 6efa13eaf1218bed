"""What all Du-IN networks share: channels mixed per subject -> one token per 0.1 s -> transformer.

The multi-subject networks (`poms.py`) replace the stem, the map of the channels and the tokenizer; the rest is theirs
too. Source: Zheng et al., Du-IN, NeurIPS 2024, and its code; the state-dict keys are the original's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.models.base_models import BaseModel
from src.models.duin.config import BackboneConfig, DuinConfig, QuantizerConfig
from src.models.duin.weights import LoadReport, load_modules
from src.models.layers.positions import TimeEmbedding
from src.models.layers.quantizers import VectorQuantizer
from src.models.layers.subject import SubjectBlock
from src.models.layers.tokenizers import DEFAULT_SEGMENT, Convolution, PatchTokenizer, choose_segment, convolutions
from src.models.layers.transformer import EncoderConfig, TransformerStack

STEM = ("subj_block.", "tokenizer.", "tokenizers.", "emb_time.", "mask_emb")
NO_GRADIENT = {
    "*.mha.norm_k.bias": "adds the same number to all scores of a row, which the softmax takes out",
    "tokenizer*.conv_blocks.*.0.1.bias": "the batch norm behind it subtracts it again (rounding noise remains)",
}


class DuinBackbone(BaseModel):
    """Signals (batch, channels, samples) and subjects -> tokens (batch, N, D) by `encode`; subclasses add the rest."""

    inputs = ("signal", "subject")
    taken: tuple[str, ...] = ("subj_block", "tokenizer", "encoder")  # from a checkpoint of another stage
    unused: tuple[str, ...] = ()  # modules that reach no prediction: the replica alone has them

    def __init__(self, config: Any, channels: int, samples: int, rate_hz: float = 1000.0):
        super().__init__()
        self.seg_len = config.tokenizer.seg_len or choose_segment(samples, rate_hz)
        _check_segment(self.seg_len, samples)
        blocks = convolutions(config.tokenizer, self.seg_len)
        self.config, self.channels, self.samples, self.rate_hz = config, channels, samples, rate_hz
        self.notes = _notes(config, self.seg_len, blocks, rate_hz)  # for the person who trains: what was chosen
        self.no_gradient = dict(NO_GRADIENT)
        width = self._add_stem(config, blocks)
        self.emb_time = TimeEmbedding(width, samples // self.seg_len)
        self.encoder = keyed_stack(width, config.encoder)

    @classmethod
    def from_spec(cls, config: Any, spec: SignalSpec, target: TargetSpec) -> DuinBackbone:
        """The network for signals of `spec`; a segment is 100 samples, or near 0.1 s where 100 does not fit.

        Raises UserError where the segment that was asked for does not divide the window.
        """
        return cls(config, len(spec.channels), spec.samples, spec.rate_hz)

    def _add_stem(self, config: DuinConfig, blocks: Sequence[Convolution]) -> int:
        """The modules that `tokenize` runs; returns the width of a token."""
        subject = config.subject
        self.subj_block = SubjectBlock(config.n_subjects, self.channels, subject.d_output, subject.use_bias,
                                       subject.use_proj)
        self.tokenizer = PatchTokenizer(subject.d_output, self.seg_len, blocks)
        return self.tokenizer.width

    def tokenize(self, signal: Tensor, subject: Tensor) -> Tensor:
        """(B, C, T), (B,) int64 or (B, S) weights of the subjects -> (B, N, D), no token knowing of another."""
        self.check_input(signal, self.channels, self.samples)
        return self.tokenizer(self.subj_block(signal, subject))

    def encode(self, signal: Tensor, subject: Tensor) -> Tensor:
        """(B, C, T), (B,) or (B, S) -> (B, N, D) tokens."""
        return self.encode_tokens(self.tokenize(signal, subject))

    def encoded(self, signal: Tensor, subject: Tensor) -> dict[str, Tensor]:
        """The encoder as pretraining exports it: (B, C, T), (B,) or (B, S) -> tokens (B, N, D)."""
        return {"tokens": self.encode(signal, subject)}

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D): positions and the transformer."""
        return self.transformer(self.emb_time(tokens))

    @property
    def transformer(self) -> TransformerStack:
        return cast(TransformerStack, self.encoder["1"])

    @property
    def dim(self) -> int:
        return self.emb_time.time_encodings.shape[1]

    @property
    def n_tokens(self) -> int:
        return self.emb_time.time_encodings.shape[0]

    @torch.no_grad()
    def channel_weights(self) -> Tensor:
        """(S, C): how much of each channel enters, per subject; in the replica the published, mixed-up numbers."""
        return self.subj_block.channel_weights(self.config.replica)

    def init_weights(self) -> None:
        """Draw all weights anew: linear maps truncated normal 0.02 (smaller with depth), convolutions as torch's."""
        for child in self.children():
            _reset(child)

    def subject_parts(self) -> list[nn.Module]:
        return [self.subj_block.subj_layer]

    def layer_depths(self) -> dict[str, int]:
        """0 for what makes tokens, i + 1 for block i, one more for all that is behind the encoder."""
        last = self.config.encoder.n_blocks + 1

        def depth(name: str) -> int:
            if name.startswith("encoder."):
                return int(name.split(".")[3]) + 1
            return 0 if name.startswith(STEM) else last

        return {name: depth(name) for name, _ in self.named_parameters()}

    def load_original(self, state: Mapping[str, Tensor]) -> LoadReport:
        """Take the modules `taken` from a Du-IN checkpoint of any stage, as the original does.

        Raises UserError where sizes differ.
        """
        return self._load(state, self.taken)

    def load_complete(self, state: Mapping[str, Tensor]) -> LoadReport:
        """Take everything, the head too, from a state dict of the same stage.

        Without `replica`, modules that reach no prediction are ignored. Raises UserError where sizes differ or a
        tensor is missing.
        """
        modules = tuple(dict.fromkeys(name.split(".")[0] for name in self.state_dict()))
        report = self._load(state, (*modules, *self.unused), () if self.config.replica else self.unused)
        if report.missing:
            raise UserError(f"the state dict lacks {len(report.missing)} tensors, such as {report.missing[0]}",
                            f"it is not a {type(self).__name__}'s: load its encoder only")
        return report

    def _load(self, state: Mapping[str, Tensor], modules: tuple[str, ...], ignore: tuple[str, ...] = ()) -> LoadReport:
        report = load_modules(self, state, modules, ignore)
        self.weights_loaded = True
        return report


def keyed_stack(width: int, config: EncoderConfig) -> nn.ModuleDict:
    """A transformer under the original's key `1`: there it stands between the time embedding and a selection."""
    return nn.ModuleDict({"1": TransformerStack(width, config)})


def quantizer(width: int, codes: QuantizerConfig, replica: bool) -> VectorQuantizer:
    """The codebook of `codes`; the replica's moves in eval mode too."""
    return VectorQuantizer(width, codes.codex_size, codes.d_codex, codes.beta, codes.decay, codes.init_kmeans,
                           frozen_in_eval=not replica, restart_after=codes.restart_after,
                           warmup_steps=codes.warmup_steps)


def _reset(module: nn.Module) -> None:
    if hasattr(module, "reset_parameters"):
        cast(Any, module).reset_parameters()
        return
    for child in module.children():
        _reset(child)


def _check_segment(seg_len: int, samples: int) -> None:
    if samples % seg_len:
        divisors = [n for n in range(5, samples // 2 + 1) if samples % n == 0]
        near = sorted(sorted(divisors, key=lambda n: abs(n - seg_len))[:5])
        raise UserError(f"tokenizer.seg_len={seg_len} does not divide the window of {samples} samples",
                        f"use {', '.join(map(str, near))}" if near else "crop the window to a rounder length")


def _notes(config: BackboneConfig, seg_len: int, blocks: Sequence[Convolution], rate_hz: float) -> tuple[str, ...]:
    if config.tokenizer.seg_len or seg_len == DEFAULT_SEGMENT:
        return ()
    return (f"one token per {seg_len} samples ({1000 * seg_len / rate_hz:g} ms): Du-IN's {DEFAULT_SEGMENT} do not "
            f"divide the window; strides {', '.join(str(block.stride) for block in blocks)}, "
            f"kernels {', '.join(str(block.kernel) for block in blocks)}",)
