"""Masked prediction of codes: has a model learnt more than how often each code occurs?

A model that knows only how often each code occurs in each subject reaches a cross-entropy of the entropy of these
histograms, and the accuracy of the most frequent codes; one that copies the code of the token before looks better
where codes stay. On the simulated data weights whose loss lay 0.06, 0.14 and 0.20 nat under the entropy were all worth
loading into a classifier, and the more so the larger the distance (benchmarks/RESULTS.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.evaluation.codebook import entropy
from src.evaluation.words import percent

NOTHING = 0.05  # nat under it that a finite histogram gives by itself


@dataclass
class MaskedScores:
    """What was predicted of some tokens. Losses and entropies in nats."""

    tokens: int
    accuracy: float
    top5: float
    loss: float
    entropy: float  # of the true codes within a subject: the loss of one who knows their frequencies alone
    most_frequent: float  # share of each subject's most frequent code: the accuracy of the same
    copied: float  # share of tokens whose code is that of the token before
    codes: int  # that occur

    @property
    def gain(self) -> float:
        """Nats under the entropy."""
        return self.entropy - self.loss


def masked_scores(codes: np.ndarray, summaries: np.ndarray, subjects: np.ndarray) -> MaskedScores:
    """True `codes` (n, N), `summaries` (n, N, 6) of the logits as `summaries.summarize_tokens` gives them, each token's
    from the pass in which it was hidden, `subjects` (n,)."""
    first = summaries[..., 1:].astype(np.int64) == codes[..., None]
    counts = [np.bincount(codes[subjects == one].ravel()) for one in np.unique(subjects)]
    return MaskedScores(
        tokens=codes.size, accuracy=float(first[..., 0].mean()), top5=float(first.any(-1).mean()),
        loss=-float(summaries[..., 0].mean(dtype=np.float64)),
        entropy=sum(entropy(own) * int(own.sum()) for own in counts) / codes.size,
        most_frequent=sum(int(own.max()) for own in counts) / codes.size, codes=len(np.unique(codes)),
        copied=float((codes[:, 1:] == codes[:, :-1]).mean()) if codes.shape[1] > 1 else float("nan"))


def diagnosis(found: MaskedScores) -> str:
    """Whether it is worth loading these weights, and what to do where it is not."""
    under = f"{abs(found.gain):.2f} nat {'under' if found.gain >= 0 else 'over'} the entropy of the codes"
    said = f"The loss is {found.loss:.2f} nat, {under} ({found.entropy:.2f})"
    if found.codes < 2:
        return "All tokens have one code: there is nothing to predict. Train the first stage again, see its report."
    if found.gain < -NOTHING:
        return (f"{said}: it predicts worse than their frequencies alone. It is not trained, or was trained on other "
                "data.")
    if found.gain < NOTHING:
        return (f"{said}: it has learnt nothing beyond their frequencies. Do not load these weights into a classifier; "
                "train longer, or look at the codes first (the report of the first stage).")
    copy = "" if not found.copied > found.accuracy else (
        f" Copying the code of the token before would be right more often ({percent(found.copied, 1)} against "
        f"{percent(found.accuracy, 1)}): codes follow what is slow in the signal.")
    return (f"{said}: it predicts hidden tokens from the others. The larger this distance, the more the weights have "
            f"helped a classifier.{copy}")
