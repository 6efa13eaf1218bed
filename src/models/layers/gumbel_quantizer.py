"""Quantiser with codes chosen by Gumbel softmax (Jang et al. 2017; wav2vec 2.0, 2). State-dict keys are fairseq's."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GumbelQuantized(NamedTuple):
    """`tokens` (B, N, D), `codes` (B, N, G) int64, and how many codes are in use: `code_perplexity` of those that are
    likeliest, `prob_perplexity` of the mean probabilities, which has a gradient; both summed over the groups."""

    tokens: Tensor
    codes: Tensor
    code_perplexity: Tensor
    prob_perplexity: Tensor


class _StraightThrough(torch.autograd.Function):
    """Rows of a table by number; backward as if they had been mixed by their probabilities."""

    @staticmethod
    def forward(ctx: Any, probabilities: Tensor, table: Tensor, codes: Tensor) -> Tensor:
        """(R, G, V), (G, V, d), (R, G) -> (R, G, d)."""
        ctx.save_for_backward(table, codes)
        return table[torch.arange(len(table), device=table.device), codes]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        table, codes = ctx.saved_tensors
        gradient = gradients[0]
        rows = (codes + torch.arange(len(table), device=codes.device) * table.shape[1]).flatten()
        of_table = torch.zeros_like(table).flatten(0, 1).index_add_(0, rows, gradient.flatten(0, 1).to(table.dtype))
        of_probabilities = torch.einsum("rgd,gvd->rgv", gradient.to(table.dtype), table)
        return of_probabilities, of_table.view_as(table), None


class GumbelQuantizer(nn.Module):
    """G groups of V codes each, whose vectors stand side by side; `shared` groups have one table.

    In training the code is the likeliest one after Gumbel noise, with the gradient of the softmax at `temperature`;
    in evaluation the likeliest. Codes are looked up: no product with one-hot vectors is made.
    """

    def __init__(self, d_input: int, d_output: int, n_codes: int = 320, n_groups: int = 2, shared: bool = False):
        super().__init__()
        if d_output % n_groups:
            raise ValueError(f"{n_groups} groups cannot share {d_output} features equally")
        self.n_codes, self.n_groups = n_codes, n_groups
        self.vars = nn.Parameter(torch.empty(1, n_codes * (1 if shared else n_groups), d_output // n_groups))
        self.weight_proj = nn.Linear(d_input, n_groups * n_codes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.vars)
        nn.init.normal_(self.weight_proj.weight)
        nn.init.zeros_(self.weight_proj.bias)

    @property
    def total(self) -> int:
        """Codes of all groups."""
        return self.n_groups * self.n_codes

    def table(self) -> Tensor:
        """(G, V, d)."""
        return self.vars.view(-1, self.n_codes, self.vars.shape[2]).expand(self.n_groups, -1, -1)

    def forward(self, tokens: Tensor, temperature: float = 1.0, noise: Tensor | None = None,
                generator: torch.Generator | None = None) -> GumbelQuantized:
        """(B, N, D) -> GumbelQuantized. `noise` (B * N * G, V) replaces the Gumbel draws of training."""
        logits = self.weight_proj(tokens).float().flatten(0, 1).unflatten(1, (self.n_groups, -1))  # (R, G, V)
        likeliest = logits.argmax(-1)
        if not self.training:
            found, codes = self.look_up(likeliest), likeliest
        else:
            noise = _gumbel(logits, generator) if noise is None else noise.view_as(logits)
            soft = ((logits + noise) / temperature).softmax(-1)
            codes = soft.argmax(-1)
            found: Tensor = _StraightThrough.apply(soft, self.table().contiguous(), codes)  # type: ignore[assignment]
            found = found.flatten(1)
        chosen = F.one_hot(likeliest, self.n_codes).float().mean(0)
        shape = tokens.shape[:2]
        return GumbelQuantized(found.view(*shape, -1), codes.view(*shape, -1), _perplexity(chosen),
                               _perplexity(logits.softmax(-1).mean(0)))

    def look_up(self, codes: Tensor) -> Tensor:
        """(..., G) int64 -> (..., G * d)."""
        return self.table()[torch.arange(self.n_groups, device=codes.device), codes].flatten(-2)

    def codes_of(self, numbers: Tensor) -> Tensor:
        """The combinations of codes counted through, the last group fastest: (...,) below V ** G -> (..., G)."""
        steps = self.n_codes ** torch.arange(self.n_groups - 1, -1, -1, device=numbers.device)
        return numbers[..., None] // steps % self.n_codes


def _gumbel(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return -torch.empty_like(like, requires_grad=False).exponential_(generator=generator).log()


def _perplexity(p: Tensor) -> Tensor:
    """(G, V) probabilities -> sum over groups of exp(entropy)."""
    return (-(p * (p + 1e-7).log()).sum(-1)).exp().sum()
