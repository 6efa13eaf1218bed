"""wav2vec 2.0 on ECG: which of many is the true code of a hidden frame? And with CMSC beside it, as in ECG-FM.

Baevski et al. 2020; Oh et al. 2022 (CMSC and random lead masking); McKeen et al. 2024. What is random is drawn from
one seed, and each draw can be given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import UserError
from src.models.checks import probability
from src.models.ecg_transformer.backbone import EcgBackbone, Frames
from src.models.ecg_transformer.config import BackboneConfig, CodesConfig, ContrastConfig, SpanConfig
from src.models.layers.dropout import Dropout
from src.models.layers.gumbel_quantizer import GumbelQuantizer
from src.models.layers.negatives import draw_negatives, fingerprints, hide_equal, right_share, similarities
from src.models.layers.span_masks import span_masks

MIN_SPANS = 2  # per record


@dataclass
class Draws:
    """What is random in a pass of pretraining; what is None is drawn from the seed."""

    mask: Tensor | None = None  # (B, N) bool, True = hidden; equally many in each record
    feature_mask: Tensor | None = None  # (B, D) bool, True = set to 0 in all frames
    noise: Tensor | None = None  # (B * M * groups, codes), Gumbel
    negatives: Tensor | None = None  # (B, M, n_negatives + n_cross_negatives) rows of the flat targets
    code_negatives: Tensor | None = None  # (n_code_negatives, B, M) combinations of codes
    layers: Tensor | None = None  # (layers,) in 0..1


@dataclass
class Pretrained:
    """What a pass gives: `logits` (B, M, 1 + N), the true target first; `penalty` mean square of the features; of the
    codes their `diversity` loss and two perplexities, None without codes; `frames` of the hidden signal."""

    logits: Tensor
    penalty: Tensor
    frames: Frames
    diversity: Tensor | None = None
    code_perplexity: Tensor | None = None
    prob_perplexity: Tensor | None = None

    def info_nce(self) -> Tensor:
        """Mean cross-entropy of the true targets."""
        return -self.logits.log_softmax(-1)[..., 0].mean()

    def accuracy(self) -> Tensor:
        return right_share(self.logits)

    @property
    def hidden(self) -> int:
        """Hidden frames of all records: what the means are over."""
        return self.logits.shape[0] * self.logits.shape[1]


class Wav2vec2(EcgBackbone):
    """Signals (batch, channels, samples) -> embeddings (batch, D); `pretrain` gives what its objective needs."""

    @dataclass(frozen=True)
    class Config(BackboneConfig):
        mask: SpanConfig = field(default_factory=SpanConfig)
        feature_mask: SpanConfig = field(default_factory=lambda: SpanConfig(ratio=0.0))  # spans of features, not time
        quantizer: CodesConfig = field(default_factory=CodesConfig)
        contrast: ContrastConfig = field(default_factory=ContrastConfig)
        features_dropout: float = 0.0  # of the features that targets are made of
        diversity_weight: float = 0.1
        penalty_weight: float = 10.0

        def __post_init__(self) -> None:
            super().__post_init__()
            probability("features_dropout", self.features_dropout)

    def __init__(self, config: Any, channels: int):
        super().__init__(config, channels)
        d_features, contrast, codes = config.features.n_filters[-1], config.contrast, config.quantizer
        self.mask_emb = nn.Parameter(torch.rand(self.dim))
        self.features_dropout = Dropout(config.features_dropout)
        d_target = (codes.d_output or contrast.d_output) if codes.enabled else d_features
        self.quantizer = (GumbelQuantizer(d_features, d_target, codes.n_codes, codes.n_groups) if codes.enabled
                          else None)
        self.project_q = nn.Linear(d_target, contrast.d_output)
        self.target_glu = (nn.Sequential(nn.Linear(contrast.d_output, 2 * contrast.d_output), nn.GLU())
                           if contrast.target_glu else None)
        self.final_proj = nn.Linear(self.dim, contrast.d_output)

    @property
    def head(self) -> nn.Module:
        """What pretraining alone needs."""
        parts = (self.quantizer, self.project_q, self.target_glu, self.final_proj)
        return nn.ModuleList([part for part in parts if part is not None])

    def backbone(self) -> list[nn.Module]:
        head = {id(part) for part in self.head.children()}
        return [*(part for part in self.children() if id(part) not in head), nn.ParameterList([self.mask_emb])]

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.uniform_(self.mask_emb)
        if self.quantizer is not None:
            self.quantizer.reset_parameters()
        for part in self.head.modules():
            if isinstance(part, nn.Linear) and (self.quantizer is None or part is not self.quantizer.weight_proj):
                part.reset_parameters()

    def forward(self, signal: Tensor, time_mask: Tensor | None = None) -> Tensor:
        """(B, C, T) float32, (B, T) bool True = signal -> (B, D): the mean frame, nothing hidden."""
        return self.embed(signal, time_mask)

    def exported(self) -> Callable[..., dict[str, Tensor]]:
        return self.encoded

    def compile(self, *arguments: Any, **options: Any) -> None:
        """The parts that compute: between them `pretrain`, which is not this module's call, draws on the host."""
        for part in (self.feature_extractor, self.conv_pos, self.encoder):
            part.compile(*arguments, **options)

    # -------------------------------------------------------------------------------------------------- pretraining
    def pretrain(self, signal: Tensor, time_mask: Tensor | None = None, *, seed: int = 0, updates: int = 0,
                 draws: Draws | None = None) -> Pretrained:
        """(B, C, T), (B, T) -> Pretrained. `seed` is of the mask, the noise and the negatives; `updates` so far decide
        the quantiser's temperature."""
        draws = draws or Draws()
        generator = torch.Generator(signal.device).manual_seed(seed)
        keep = self.frame_mask(signal, time_mask)
        features = self.extract(signal)
        penalty = features.float().square().mean()
        features = self.layer_norm(features.mT)                                     # (B, N, D0)
        places = self._hidden(features.shape[:2], keep, seed, draws, signal.device)  # (B, M)
        tokens = self._hide(self.project(features), places, seed, draws)
        tokens = self.contextualize(tokens, keep, layer_draws=draws.layers).tokens
        asked = self.final_proj(_take(tokens, places))                              # (B, M, E)
        found = Pretrained(asked, penalty, Frames(tokens, keep))
        with torch.autocast(signal.device.type, enabled=False):
            self._compare(found, asked.float(), self.features_dropout(features.float()), places, updates, generator,
                          draws)
        return found

    def temperature(self, updates: int) -> float:
        """Of the quantiser after so many updates."""
        start, floor, factor = self.config.quantizer.temperature
        return max(start * factor**updates, floor)

    def _hidden(self, shape: tuple[int, ...], keep: Tensor | None, seed: int, draws: Draws,
                device: torch.device) -> Tensor:
        """(B, M) numbers of the hidden frames."""
        if draws.mask is not None:
            mask = draws.mask.cpu().numpy()
        else:
            lengths = None if keep is None else keep.sum(1).tolist()
            mask = self._spans(self.config.mask, shape, seed, lengths, MIN_SPANS)
        places = torch.from_numpy(np.nonzero(mask)[1].reshape(len(mask), -1))
        if not places.shape[1]:
            raise UserError(f"records of {shape[1]} frames are too short to hide spans of {self.config.mask.length}",
                            "longer windows, or --model_args mask.length=N")
        return places.to(device, non_blocking=True)

    @staticmethod
    def _spans(config: SpanConfig, shape: tuple[int, ...], seed: int, lengths: list[int] | None,
               least: int) -> np.ndarray:
        return span_masks((shape[0], shape[1]), config.ratio, config.length, np.random.RandomState(seed % 2**32),
                          lengths=lengths, kind=config.kind, other=config.other, min_masks=least,
                          no_overlap=config.no_overlap, min_space=config.min_space)

    def _hide(self, tokens: Tensor, places: Tensor, seed: int, draws: Draws) -> Tensor:
        """(B, N, D) with the learnt vector in the hidden frames, and with hidden features at 0."""
        where = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device).scatter_(1, places, True)
        tokens = torch.where(where[..., None], self.mask_emb.to(tokens.dtype), tokens)
        features = draws.feature_mask
        if features is None and self.config.feature_mask.ratio:
            shape = (len(tokens), tokens.shape[2])
            features = torch.from_numpy(self._spans(self.config.feature_mask, shape, seed + 1, None, 0))
        return tokens if features is None else tokens.masked_fill(features.to(tokens.device)[:, None], 0.0)

    def _compare(self, found: Pretrained, asked: Tensor, features: Tensor, places: Tensor, updates: int,
                 generator: torch.Generator, draws: Draws) -> None:
        """Targets, negatives and the logits."""
        config, is_all = self.config.contrast, self.config.contrast.from_everywhere
        sources = features if is_all else _take(features, places)
        targets, codes = self._targets(sources, found, updates, generator, draws)   # (B, M', E)
        names = fingerprints(targets) if codes is None else self._number(codes)     # (B, M')
        targets = targets if self.target_glu is None else self.target_glu(targets)
        own, own_names = (_take(targets, places), names.gather(1, places)) if is_all else (targets, names)
        negatives = draws.negatives
        if negatives is None:
            negatives = self._draw_negatives(targets.shape[:2], places if is_all else None, generator)
        scores = similarities(asked, own, targets, negatives, within=not config.n_cross_negatives)
        scores = hide_equal(scores, names.flatten()[negatives] == own_names[..., None])
        if config.n_code_negatives:
            scores = torch.cat([scores, self._code_scores(asked, own_names, generator, draws)], -1)
        found.logits = scores / config.temperature

    def _targets(self, features: Tensor, found: Pretrained, updates: int, generator: torch.Generator,
                 draws: Draws) -> tuple[Tensor, Tensor | None]:
        """Features (B, M, D0) -> targets (B, M, E) and their codes (B, M, groups)."""
        if self.quantizer is None:
            return self.project_q(features), None
        chosen = self.quantizer(features, self.temperature(updates), draws.noise, generator)
        total = self.quantizer.total
        found.diversity = (total - chosen.prob_perplexity) / total
        found.code_perplexity, found.prob_perplexity = chosen.code_perplexity, chosen.prob_perplexity
        return self.project_q(chosen.tokens), chosen.codes

    def _number(self, codes: Tensor) -> Tensor:
        """(..., groups) -> (...,): equal for equal codes."""
        steps = self.config.quantizer.n_codes ** torch.arange(codes.shape[-1] - 1, -1, -1, device=codes.device)
        return (codes * steps).sum(-1)

    def _draw_negatives(self, shape: tuple[int, ...], places: Tensor | None, generator: torch.Generator) -> Tensor:
        config = self.config.contrast
        drawn = draw_negatives(shape[0], shape[1], config.n_negatives, config.n_cross_negatives, generator,
                               self.config.replica)
        if places is None:
            return drawn
        return drawn.gather(1, places[..., None].expand(-1, -1, drawn.shape[2]))

    def _code_scores(self, asked: Tensor, own: Tensor, generator: torch.Generator, draws: Draws) -> Tensor:
        """(B, M, n_code_negatives) similarities with codes drawn at random."""
        if self.quantizer is None:
            raise UserError("contrast.n_code_negatives: there are no codes", "quantizer.enabled=true")
        count, combinations = self.config.contrast.n_code_negatives, self.quantizer.n_codes ** self.quantizer.n_groups
        numbers = draws.code_negatives
        if numbers is None:
            numbers = torch.randint(combinations, (count, *asked.shape[:2]), generator=generator, device=asked.device)
        vectors = self.project_q(self.quantizer.look_up(self.quantizer.codes_of(numbers)))
        vectors = vectors if self.target_glu is None else self.target_glu(vectors)
        scores = F.cosine_similarity(asked, vectors, dim=-1).masked_fill(numbers == own, float("-inf"))
        return scores.permute(1, 2, 0)


def _take(tokens: Tensor, places: Tensor) -> Tensor:
    """(B, N, D), (B, M) -> (B, M, D)."""
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))
