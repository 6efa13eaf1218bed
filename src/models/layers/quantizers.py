"""Vector quantiser with unit-length codes, moved by exponential averages. Du-IN's, after LaBraM (ICLR 2024).

The codebook starts by k-means on the first batch. The average of a code is the plain direction of its batch mean:
counts are kept for the log and weigh nothing, and codes without samples stay where they are. Two options that the
original has not: a warm-up in which nothing is quantised, so that k-means finds vectors that mean something, and the
restart of codes that no sample chooses. Sums are over all processes; under autocast the codebook keeps its precision.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.layers.init import init_linears


class Quantized(NamedTuple):
    """`tokens` (B, N, D), `loss` the commitment (scalar), `codes` (B, N) int64."""

    tokens: Tensor
    loss: Tensor
    codes: Tensor


def kmeans(samples: Tensor, k: int, init_idxs: Tensor | None = None, iterations: int = 10) -> tuple[Tensor, Tensor]:
    """Spherical k-means of unit vectors (n, d) -> means (k, d) of unit length and sizes (k,) int64.

    The first means are `samples[init_idxs]`, drawn at random by default, with repeats where n < k. Empty clusters
    keep their mean.
    """
    init_idxs = _draw_rows(samples, k) if init_idxs is None else init_idxs
    means, sizes = samples[init_idxs], torch.zeros(k, dtype=torch.int64, device=samples.device)
    for _ in range(iterations):
        nearest = (samples @ means.T).argmax(1)
        sums, sizes = _sums_per_code(samples, nearest, k)
        means = _mean_directions(sums, sizes, means)
    return means, sizes


def _draw_rows(samples: Tensor, k: int) -> Tensor:
    """(k,) rows of `samples`, each at most once where there are enough."""
    n = len(samples)
    return torch.randint(0, n, (k,), device=samples.device) if n < k else torch.randperm(n, device=samples.device)[:k]


def _sums_per_code(samples: Tensor, codes: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Sum (k, d) and number (k,) of the samples of each code."""
    sums = samples.new_zeros(k, samples.shape[1]).index_add_(0, codes, samples)
    return sums, torch.bincount(codes, minlength=k)


def _mean_directions(sums: Tensor, sizes: Tensor, otherwise: Tensor) -> Tensor:
    """Unit means of the codes; rows of `otherwise` where a code has no sample."""
    means = F.normalize(sums / sizes.clamp(min=1)[:, None], dim=1)
    return torch.where((sizes > 0)[:, None], means, otherwise)


class Codebook(nn.Module):
    """K unit vectors and whether they have been started. Fixed to the optimiser, but in the state dict."""

    def __init__(self, codex_size: int, d_codex: int, init_kmeans: bool):
        super().__init__()
        self.embeddings = nn.Parameter(torch.empty(codex_size, d_codex), requires_grad=False)
        self.initted = nn.Parameter(torch.tensor([0.0 if init_kmeans else 1.0]), requires_grad=False)
        self.init_kmeans = init_kmeans
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        self.embeddings.copy_(F.normalize(torch.randn_like(self.embeddings), dim=1))
        self.initted.fill_(0.0 if self.init_kmeans else 1.0)

    @torch.no_grad()
    def start(self, samples: Tensor, init_idxs: Tensor | None = None) -> None:
        """K-means on `samples` (n, d_codex); every process takes over the first one's result."""
        with torch.autocast(samples.device.type, enabled=False):
            means, _ = kmeans(samples, len(self.embeddings), init_idxs)
        if _is_distributed():
            dist.broadcast(means, 0)
        self.embeddings.copy_(F.normalize(means, dim=1))
        self.initted.fill_(1.0)

    def nearest(self, samples: Tensor) -> Tensor:
        """(n, d_codex) -> (n,) int64: the code at the smallest squared distance, the lowest index among equals."""
        with torch.autocast(samples.device.type, enabled=False):
            squares = samples.square().sum(1, keepdim=True) + self.embeddings.square().sum(1)
            return (squares - 2 * samples @ self.embeddings.T).argmin(1)


class VectorQuantizer(nn.Module):
    """Tokens -> unit vectors -> nearest code -> tokens.

    - `frozen_in_eval`: the codebook and the counts change in training mode only. The original (False) counts codes
      in eval mode too, and starts the codebook by whatever batch comes first.
    - `restart_after`: a code that was not chosen for so many training steps becomes a vector of the batch; 0 = never.
    - `warmup_steps`: for the first so many training steps the unit vectors pass as they are, without commitment; the
      k-means start follows.
    The state dict has `idle` (steps since each code was chosen) and `steps` where these two options are used.
    """

    idle: Tensor | None
    steps: Tensor | None

    def __init__(self, d_model: int, codex_size: int, d_codex: int, beta: float = 1.0, decay: float = 0.99,
                 init_kmeans: bool = True, frozen_in_eval: bool = False, restart_after: int = 0,
                 warmup_steps: int = 0):
        super().__init__()
        self.beta, self.decay, self.frozen_in_eval = beta, decay, frozen_in_eval
        self.restart_after, self.warmup_steps = restart_after, warmup_steps
        self.counts = nn.Parameter(torch.zeros(codex_size), requires_grad=False)
        self.pre_proj = nn.Sequential(nn.Linear(d_model, d_model), nn.Tanh(), nn.Linear(d_model, d_codex))
        self.codex = Codebook(codex_size, d_codex, init_kmeans)
        self.layernorm = nn.LayerNorm(d_codex)
        self.post_proj = nn.Sequential(nn.Linear(d_codex, d_model))
        self.register_buffer("idle", torch.zeros(codex_size, dtype=torch.int64) if restart_after else None)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64) if warmup_steps else None)
        init_linears(self)

    def reset_parameters(self) -> None:
        init_linears(self)
        self.layernorm.reset_parameters()
        self.codex.reset_parameters()
        for state in (self.counts, self.idle, self.steps):
            if state is not None:
                nn.init.zeros_(state)

    @torch.no_grad()
    def reset_counts(self) -> None:
        """Forget how often each code was used."""
        self.counts.zero_()

    def forward(self, tokens: Tensor, kmeans_init_idxs: Tensor | None = None,
                restart_idxs: Tensor | None = None) -> Quantized:
        """(B, N, D) -> Quantized. `kmeans_init_idxs` and `restart_idxs`, both (K,) rows of the B * N vectors, replace
        the draws of the codebook's start and of what dead codes become."""
        vectors = self.project(tokens)
        flat = vectors.detach().flatten(0, 1)
        if self._warms_up():
            codes = self.codex.nearest(flat).view(tokens.shape[:2])
            return Quantized(self._widen(vectors), vectors.new_zeros(()), codes)
        changes = self.training or not self.frozen_in_eval
        if changes and not self.has_started:
            self.codex.start(flat, kmeans_init_idxs)
        codes = self.codex.nearest(flat)
        chosen = self.codex.embeddings[codes].view_as(vectors)
        if changes:
            self._follow(flat, codes, restart_idxs)
        loss = self.beta * F.mse_loss(vectors, chosen)
        passed = vectors + (chosen - vectors).detach()  # straight through: the code forward, the vector backward
        return Quantized(self._widen(passed), loss, codes.view(tokens.shape[:2]))

    @property
    def has_started(self) -> bool:
        """Whether there is a codebook to quantise with: before k-means has made one, or in a warm-up, there is none."""
        return bool(self.codex.initted.item())

    def project(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, d_codex) of unit length, in the precision of the codebook."""
        return F.normalize(self.pre_proj(tokens).to(self.codex.embeddings.dtype), dim=-1)

    def _widen(self, vectors: Tensor) -> Tensor:
        return self.post_proj(self.layernorm(vectors))

    def _warms_up(self) -> bool:
        """Whether this call is one of the warm-up's; training steps are counted, evaluation passes as they do."""
        if self.steps is None or self.has_started:
            return False
        if self.training:
            if int(self.steps) >= self.warmup_steps:
                return False
            self.steps += 1
        return True

    @torch.no_grad()
    def _follow(self, samples: Tensor, codes: Tensor, restart_idxs: Tensor | None) -> None:
        """Counts move in every mode, codes in training mode only, over all processes."""
        sums, sizes = _sums_per_code(samples, codes, len(self.counts))
        if self.training and _is_distributed():  # in eval mode the processes need not have equally many batches
            dist.all_reduce(sums)
            dist.all_reduce(sizes)
        self.counts.mul_(self.decay).add_(sizes, alpha=1 - self.decay)
        if self.training:
            means = _mean_directions(sums, sizes, self.codex.embeddings)
            self.codex.embeddings.copy_(F.normalize(self.codex.embeddings.lerp(means, 1 - self.decay), dim=1))
            if self.idle is not None:
                self._restart(samples, sizes, self.idle, restart_idxs)

    def _restart(self, samples: Tensor, sizes: Tensor, idle: Tensor, restart_idxs: Tensor | None) -> None:
        """Codes that were idle for too long become vectors of the first process's batch."""
        idle.add_(1).masked_fill_(sizes > 0, 0)
        dead = idle >= self.restart_after
        if not dead.any():
            return
        fresh = samples[_draw_rows(samples, len(dead)) if restart_idxs is None else restart_idxs]
        if _is_distributed():
            dist.broadcast(fresh, 0)
        self.codex.embeddings.copy_(torch.where(dead[:, None], fresh, self.codex.embeddings))
        idle.masked_fill_(dead, 0)


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()
