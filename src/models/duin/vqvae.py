"""Du-IN's first stage: tokens -> codes of a learned codebook -> the signal again.

The time embedding enters twice, before the encoder and before the decoder, as in the original. The error is the mean
over time and over the channels that the subject has. A target of one band is ours. Source: Zheng et al., Du-IN,
NeurIPS 2024, 3.2, and its code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from torch import Tensor, nn

from src.errors import UserError
from src.models.duin.backbone import DuinBackbone, keyed_stack, quantizer
from src.models.duin.config import DuinConfig, QuantizerConfig, ReconstructionConfig
from src.models.duin.reconstruction import band_pass, signal_head
from src.models.duin.weights import PROGRESS, LoadReport
from src.models.layers.quantizers import Quantized
from src.models.layers.subject import SubjectBlock
from src.models.layers.transformer import EncoderConfig, TransformerStack


class DuinVqvae(DuinBackbone):
    """Signals (batch, channels, samples) and subjects -> the same signals, through one code per token."""

    @dataclass(frozen=True)
    class Config(DuinConfig):
        quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
        decoder: EncoderConfig = field(default_factory=lambda: EncoderConfig(n_blocks=4))
        reconstruction: ReconstructionConfig = field(default_factory=ReconstructionConfig)

    inputs = ("signal", "subject", "channel_mask")
    taken = (*DuinBackbone.taken, "vq_block")

    def __init__(self, config: Any, channels: int, samples: int, rate_hz: float = 1000.0):
        super().__init__(config, channels, samples, rate_hz)
        self.vq_block = quantizer(self.dim, config.quantizer, config.replica)
        self.decoder = keyed_stack(self.dim, config.decoder)
        self._add_reconstruction(config)

    def _add_reconstruction(self, config: Any) -> None:
        d_mixed = config.subject.d_output
        self.rgs_block = signal_head(config.reconstruction, self.dim, self.seg_len, d_mixed)
        self.desubj_block = SubjectBlock(config.n_subjects, d_mixed, self.channels)

    def forward(self, signal: Tensor, subject: Tensor, channel_mask: Tensor) -> Tensor:
        """(B, C, T) float32, (B,) int64 or (B, S) weights of the subjects, (B, C) True = has the channel -> (B, C, T).

        Channels that are not there come out as 0.
        """
        return self.losses(signal, subject, channel_mask)[0]

    def losses(self, signal: Tensor, subject: Tensor, channel_mask: Tensor, kmeans_init_idxs: Tensor | None = None
               ) -> tuple[Tensor, dict[str, Tensor], Quantized]:
        """As `forward` -> reconstruction, the losses rgs and vq (both of weight 1), and the codes.

        rgs is the mean of (x - x')^2 over time and the channels that are there, with x = `target(signal)`;
        `kmeans_init_idxs` (K,) replaces the random draw of the codebook's start.
        """
        quantized = self.vq_block(self.encode(signal, subject), kmeans_init_idxs)
        present = channel_mask.to(signal.dtype)
        reconstruction = self.reconstruct(quantized.tokens, subject) * present[..., None]
        errors = (self.target(signal) - reconstruction).square().mean(2) * present
        rgs = errors.sum() / (present.sum() + 1e-12)
        return reconstruction, {"rgs": rgs, "vq": quantized.loss}, quantized

    def target(self, signal: Tensor) -> Tensor:
        """(B, C, T) -> what is to be reconstructed of it: all, or the band `reconstruction.band_hz`.

        The error of all of it is dominated by the slow background (1 / f), which the codes then describe.
        """
        band = self.config.reconstruction.band_hz
        return signal if band is None else band_pass(signal, self.rate_hz, *band)

    def quantize(self, signal: Tensor, subject: Tensor) -> Quantized:
        """(B, C, T), (B,) or (B, S) -> tokens (B, N, D), commitment (scalar), codes (B, N) int64."""
        return self.vq_block(self.encode(signal, subject))

    def encoded(self, signal: Tensor, subject: Tensor) -> dict[str, Tensor]:
        """The same without the loss, and without a change of the codebook: tokens before they are quantised, codes."""
        tokens = self.encode(signal, subject)
        vectors = self.vq_block.project(tokens)
        codes = self.vq_block.codex.nearest(vectors.flatten(0, 1))
        return {"tokens": tokens, "codes": codes.unflatten(0, tokens.shape[:2])}

    def load_codes(self, state: Mapping[str, Tensor]) -> LoadReport:
        """What `quantize` runs, from a Du-IN checkpoint of this stage, as the original takes it to make targets.

        Raises UserError where some of it is missing or has another size.
        """
        report = self._load(state, self.taken)
        if missing := [name for name in report.missing if name.startswith(self.taken) and not name.endswith(PROGRESS)]:
            raise UserError(f"{len(missing)} tensors of the codes are missing, such as {missing[0]}",
                            f"it is not a {type(self).__name__}'s checkpoint")
        return report

    def exported(self) -> Callable[..., dict[str, Tensor]]:
        return self.encoded

    def reconstruct(self, tokens: Tensor, subject: Tensor) -> Tensor:
        """(B, N, D) quantised tokens -> (B, C, T)."""
        return self.desubj_block(self.rgs_block(self.decode(tokens)), subject)

    def decode(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        return cast(TransformerStack, self.decoder["1"])(self.emb_time(tokens))

    @property
    def codebook_size(self) -> int:
        return self.config.quantizer.codex_size

    def reset_counts(self) -> None:
        """Forget how often each code was used."""
        self.vq_block.reset_counts()

    @property
    def head(self) -> nn.Module:
        return self.desubj_block
