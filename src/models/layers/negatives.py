"""A frame's true target against others: which ones, and how alike (wav2vec 2.0, 2.2 and equation 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def draw_negatives(records: int, frames: int, within: int, across: int, generator: torch.Generator,
                   replica: bool = False) -> Tensor:
    """Rows of the flat (records * frames) targets: (B, M, within + across) int64, on the generator's device.

    `within` come from other frames of the same record, `across` from any other frame of the batch. In the `replica`,
    as in the original, a batch that has both deals them out to the wrong frames and may draw the frame itself.
    """
    def draw(high: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(high, shape, generator=generator, device=generator.device)

    frame = torch.arange(frames, device=generator.device)[:, None]
    record = torch.arange(records, device=generator.device)[:, None, None] * frames
    own = draw(max(frames - 1, 1), (records, frames, within))
    own = own + (own >= frame) * (frames > 1) + record
    if not across:
        return own
    others = draw(max(records * frames - 1, 1), (records, frames, across))
    if replica:
        others = others + (others >= frame)
        return torch.cat([own.flatten(1), others.flatten(1)], 1).view(records, frames, -1)
    others = others + (others >= frame + record) * (records * frames > 1)
    return torch.cat([own, others], 2)


def similarities(x: Tensor, own: Tensor, y: Tensor, negatives: Tensor, within: bool) -> Tensor:
    """Cosines (B, M, 1 + N) of x (B, M, E) with its `own` (B, M, E), then with the rows `negatives` (B, M, N) of the
    flat y (B, M', E); `within`: all of them are of the same record. One product, then a gather."""
    x, own, y = (F.normalize(vectors.float(), dim=-1, eps=1e-8) for vectors in (x, own, y))
    own = (x * own).sum(-1, keepdim=True)
    if within:
        records, frames = y.shape[:2]
        first = torch.arange(records, device=y.device)[:, None, None] * frames
        others = (x @ y.mT).gather(2, negatives - first)
    else:
        others = (x.flatten(0, 1) @ y.flatten(0, 1).mT).gather(1, negatives.flatten(0, 1)).unflatten(0, x.shape[:2])
    return torch.cat([own, others], -1)


def hide_equal(logits: Tensor, is_equal: Tensor) -> Tensor:
    """Logits (B, M, 1 + N) with -inf where a negative (B, M, N) is the target itself."""
    return torch.cat([logits[..., :1], logits[..., 1:].masked_fill(is_equal, float("-inf"))], -1)


def fingerprints(y: Tensor) -> Tensor:
    """(..., E) -> (...,): equal for equal vectors and, but for a coincidence of 53 bits, for no others."""
    weights = torch.arange(1, y.shape[-1] + 1, device=y.device, dtype=torch.float64).sqrt()
    return (y.detach().double() * weights).sum(-1)


def right_share(logits: Tensor) -> Tensor:
    """The share of rows whose first logit is the largest and not also the smallest; (..., K) -> scalar."""
    return ((logits.argmax(-1) == 0) & (logits.argmin(-1) != 0)).float().mean()
