"""What every ECG transformer has: convolutions to frames, positions from a convolution, the encoder.

After wav2vec 2.0 (Baevski et al. 2020) with all leads as input channels (ECG-FM, McKeen et al. 2024). Deviations: the
padding of a record is one mask, not one per lead; a record shorter than one frame keeps its first frame instead of
having none to look at.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from src.data.signal import SignalSpec
from src.errors import UserError
from src.models.base_models import BaseModel
from src.models.ecg_transformer.config import BackboneConfig
from src.models.ecg_transformer.weights import own_names, stored_sizes
from src.models.layers.conv_features import ConvFeatures
from src.models.layers.dropout import Dropout
from src.models.layers.encoder import Encoded, Encoder
from src.models.layers.gradients import scale_gradient
from src.models.layers.lora import without_lora
from src.models.layers.pooling import nonzero_mean
from src.models.layers.positional_conv import PositionalConvolution
from src.options import leaves


class Frames(NamedTuple):
    """`tokens` (B, N, D) and which of them are no padding, `keep` (B, N) bool; None = all."""

    tokens: Tensor
    keep: Tensor | None


class EcgBackbone(BaseModel):
    """Signals (batch, channels, samples) in any unit -> frames. Subclasses add what is made of them."""

    inputs = ("signal", "time_mask")

    def __init__(self, config: BackboneConfig, channels: int):
        super().__init__()
        features, encoder = config.features, config.encoder
        self.config: Any = config
        self.channels = channels
        self.feature_extractor = ConvFeatures(channels, features.n_filters, features.kernel_sizes, features.n_strides,
                                              features.norm, features.bias)
        d_features = features.n_filters[-1]
        self.layer_norm = nn.LayerNorm(d_features)
        self.post_extract_proj = (nn.Linear(d_features, encoder.d_model) if d_features != encoder.d_model
                                  else nn.Identity())
        self.input_dropout = Dropout(config.input_dropout)
        self.conv_pos = PositionalConvolution(encoder.d_model, config.positions.kernel_size, config.positions.n_groups)
        self.encoder = Encoder(encoder.n_blocks, encoder.d_model, encoder.n_heads, encoder.d_ff, encoder.norm_first,
                               encoder.dropout, encoder.attn_dropout, encoder.ff_dropout, encoder.layerdrop)

    @classmethod
    def from_spec(cls, config: Any, spec: SignalSpec, target: Any) -> EcgBackbone:
        return cls(config, len(spec.channels))

    @property
    def dim(self) -> int:
        return self.config.encoder.d_model

    def init_weights(self) -> None:
        """As the original's: Kaiming for convolutions, normal with std 0.02 in the encoder, torch's own elsewhere."""
        for part in (self.feature_extractor, self.layer_norm, self.post_extract_proj, self.conv_pos, self.encoder):
            if not isinstance(part, nn.Identity):
                part.reset_parameters()

    # ------------------------------------------------------------------------------------------ the way of a signal
    def encode(self, signal: Tensor, time_mask: Tensor | None = None) -> Frames:
        """(B, C, T) float32, (B, T) bool True = signal (padding is at the end) -> Frames of the encoder's output."""
        keep = self.frame_mask(signal, time_mask)
        tokens = self.project(self.layer_norm(self.extract(signal).mT))
        return Frames(self.contextualize(tokens, keep).tokens, keep)

    def attention_maps(self, signal: Tensor, time_mask: Tensor | None = None) -> Tensor:
        """The same -> (B, layers, N, N): how much each frame looks at each other, mean over the heads."""
        keep = self.frame_mask(signal, time_mask)
        tokens = self.project(self.layer_norm(self.extract(signal).mT))
        maps = self.contextualize(tokens, keep, need_weights=True).weights
        assert maps is not None
        return maps

    def extract(self, signal: Tensor) -> Tensor:
        """(B, C, T) -> (B, D0, N), with the scaled gradient of `features.grad_scale`."""
        scale = self.config.features.grad_scale
        with torch.no_grad() if scale == 0 else nullcontext():
            features = self.feature_extractor(signal)
        return scale_gradient(features, scale) if scale else features

    def project(self, features: Tensor) -> Tensor:
        """(B, N, D0) normalised features -> (B, N, D)."""
        return self.input_dropout(self.post_extract_proj(features))

    def contextualize(self, tokens: Tensor, keep: Tensor | None, need_weights: bool = False,
                      layer_draws: Tensor | None = None) -> Encoded:
        """(B, N, D) tokens and which are no padding -> Encoded."""
        tokens = tokens + self.conv_pos(tokens)
        if keep is None:
            return self.encoder(tokens, None, need_weights, layer_draws)
        return self.encoder(tokens.masked_fill(~keep[..., None], 0.0), keep[:, None, None], need_weights, layer_draws)

    def frame_mask(self, signal: Tensor, time_mask: Tensor | None) -> Tensor | None:
        """(B, N) bool, True = of signal, or None where nothing is padding; checks the shapes on its way."""
        self.check_input(signal, self.channels)
        samples, shortest = signal.shape[2], self.feature_extractor.shortest
        if samples < shortest:
            raise UserError(f"{type(self).__name__} needs {shortest} samples for a frame, found {samples}",
                            "longer windows, or fewer layers: --model_args features.n_filters=...")
        if time_mask is None:
            return None
        if time_mask.shape != (signal.shape[0], samples):
            raise UserError(f"time_mask has the shape {tuple(time_mask.shape)}, the signal {tuple(signal.shape)}",
                            "a mask of (batch, samples), True where there is signal")
        # a look at a GPU's mask would wait for it: there whoever calls leaves out a mask without padding
        if time_mask.device.type == "cpu" and not torch.compiler.is_compiling() and bool(time_mask.all()):
            return None
        frames = self.feature_extractor.frames(time_mask.sum(1))
        total = self.feature_extractor.frames(samples)
        return torch.arange(total, device=signal.device) < frames.clamp(min=1)[:, None]  # type: ignore

    def embed(self, signal: Tensor, time_mask: Tensor | None = None) -> Tensor:
        """One vector per record: (B, C, T) -> (B, D), the mean over its frames."""
        return nonzero_mean(*self.encode(signal, time_mask))

    def encoded(self, signal: Tensor, time_mask: Tensor | None = None) -> dict[str, Tensor]:
        """The encoder as pretraining exports it: the same -> embedding (B, D), the mean of the tokens (B, N, D)."""
        frames = self.encode(signal, time_mask)
        return {"embedding": nonzero_mean(*frames), "tokens": frames.tokens}

    # --------------------------------------------------------------------------------------------- for the trainer
    def layer_depths(self) -> dict[str, int]:
        """0 what is before the encoder, then its layers, then the heads."""
        return {name: self._depth(name) for name, _ in self.named_parameters()}

    def _depth(self, name: str) -> int:
        group, _, rest = name.partition(".")
        last = self.config.encoder.n_blocks
        if group == "encoder":
            if rest.startswith("layers."):
                return int(rest.split(".")[1]) + 1
            return last if self.config.encoder.norm_first else 0
        of_backbone = ("feature_extractor", "layer_norm", "post_extract_proj", "conv_pos", "mask_emb")
        return 0 if group in of_backbone else last + 1

    @classmethod
    def sizes_of(cls, content: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The options that weights in a file ask for, and notes on what was assumed; see `weights.stored_sizes`."""
        known, (sizes, notes) = leaves(cls.Config), stored_sizes(content)
        return {name: value for name, value in sizes.items() if name in known}, notes

    def own_names(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict of fairseq-signals under our names; ours as it is. Codes and projections of pretraining go
        along: what a model has not is reported by whoever loads. Low-rank updates are merged into what they update."""
        return without_lora(own_names(state))
