"""The codebook doctor: which codes a quantiser uses, for whom and for what, and what a code looks like.

A code is a cluster of 0.1 s segments. Its worth shows in three numbers: how many codes carry the tokens (perplexity,
exp of the entropy of their histogram), how much a code says about the class of its record (mutual information,
against labels shuffled between the records of a subject), and how much of the signal its mean segment explains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.evaluation.words import percent, plural

CARRIED = 0.95  # share of the tokens that "carry" counts
COLLAPSED, FEW = 2.0, 0.1  # perplexity under which nothing is told apart; share of the codes that are too few
TOKENS_PER_CODE = 5  # fewer tokens than this cannot tell a dead code from a rare one
GALLERY = 24  # codes shown


def entropy(counts: np.ndarray) -> float:
    """Of a histogram, in nats; 0 for an empty one."""
    share = counts[counts > 0] / max(1, counts.sum())
    return float(-(share * np.log(share)).sum())


def perplexity(counts: np.ndarray) -> float:
    return float(np.exp(entropy(counts)))


def carrying(counts: np.ndarray, share: float = CARRIED) -> int:
    """How many of the most frequent codes it takes to reach `share` of the tokens."""
    falling = np.sort(counts)[::-1].cumsum()
    return int(np.searchsorted(falling, share * falling[-1] * (1 - 1e-12)) + 1) if falling[-1] else 0


class CodeUse:
    """Gathers, batch by batch, the codes of all records and the mean segment of every code.

    Kept are the codes (4 bytes a token) and one sum per code and channel, never a signal.
    """

    def __init__(self, size: int):
        self.size = size
        self._codes: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []
        self._subjects: list[np.ndarray] = []
        self._sums: np.ndarray | None = None
        self._summed = np.zeros(size, np.int64)  # segments behind each sum
        self.power = 0.0  # sum of squares of all segments

    def add(self, codes: np.ndarray, label: np.ndarray, subject: np.ndarray) -> None:
        """`codes` (B, N) integers, `label` and `subject` (B,)."""
        self._codes.append(codes.astype(np.int32))
        self._labels.append(label)
        self._subjects.append(subject)

    def add_segments(self, codes: np.ndarray, signal: np.ndarray) -> None:
        """What the codes (B, N) stand for: `signal` (B, C, T), normalised as the model sees it. Of subjects whose
        channels differ, give those of one."""
        if len(codes):
            self._add_segments(codes, signal)

    def _add_segments(self, codes: np.ndarray, signal: np.ndarray) -> None:
        tokens = codes.shape[1]
        length = signal.shape[2] // tokens
        segments = signal[..., : tokens * length].reshape(*signal.shape[:2], tokens, length).swapaxes(1, 2)
        segments = segments.reshape(codes.size, signal.shape[1], length).astype(np.float64)
        if self._sums is None:
            self._sums = np.zeros((self.size, *segments.shape[1:]))
        order = np.argsort(codes.ravel(), kind="stable")
        found, starts = np.unique(codes.ravel()[order], return_index=True)
        self._sums[found] += np.add.reduceat(segments[order], starts)
        self._summed += np.bincount(codes.ravel(), minlength=self.size)
        self.power += float(np.square(segments).sum())

    @property
    def codes(self) -> np.ndarray:
        """(records, N)."""
        return np.concatenate(self._codes)

    @property
    def labels(self) -> np.ndarray:
        return np.concatenate(self._labels)

    @property
    def subjects(self) -> np.ndarray:
        return np.concatenate(self._subjects)

    def histogram(self, records: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(K,) tokens of each code, of all or of some records."""
        return np.bincount(self.codes[records].ravel(), minlength=self.size)

    def waveforms(self) -> np.ndarray:
        """(K, channels, samples): the mean segment of each code; 0 where it has none."""
        assert self._sums is not None
        return self._sums / np.maximum(self._summed, 1)[:, None, None]

    def explained(self) -> float:
        """Share of the power of the segments that is in the mean segment of their code."""
        carried = self._summed * np.square(self.waveforms()).sum((1, 2))
        return float(carried.sum() / self.power) if self.power else 0.0


@dataclass
class Information:
    """What codes say about classes, in nats per token: `per_code` (K,) parts that add up to `total`; `permuted` (R,)
    totals with labels shuffled between the records of each subject."""

    per_code: np.ndarray
    permuted: np.ndarray

    @property
    def total(self) -> float:
        return float(self.per_code.sum())

    @property
    def stands_out(self) -> bool:
        """More than with any of the shuffled labels."""
        return bool(self.total > self.permuted.max())


def joint_counts(codes: np.ndarray, labels: np.ndarray, size: int, classes: int) -> np.ndarray:
    """(records, N) codes and (records,) classes -> (classes, K) tokens; records of a negative class are left out."""
    known = labels >= 0
    flat = labels[known, None].astype(np.int64) * size + codes[known]
    return np.bincount(flat.ravel(), minlength=classes * size).reshape(classes, size)


def information_per_code(joint: np.ndarray) -> np.ndarray:
    """(classes, K) counts -> (K,) p(k) KL(p(class | k) || p(class)) in nats; their sum is the mutual information."""
    share = joint / max(1, joint.sum())
    apart = share.sum(1, keepdims=True) * share.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(share > 0, share * np.log(share / apart), 0.0).sum(0)


def information(use: CodeUse, classes: int, permutations: int = 20, seed: int = 0) -> Information:
    """Mutual information of code and class, and what shuffled labels give: counts alone make it positive."""
    codes, labels, subjects = use.codes, use.labels, use.subjects
    rng = np.random.default_rng(seed)
    permuted = [information_per_code(joint_counts(codes, shuffled(labels, subjects, rng), use.size, classes)).sum()
                for _ in range(permutations)]
    return Information(information_per_code(joint_counts(codes, labels, use.size, classes)), np.array(permuted))


def shuffled(labels: np.ndarray, subjects: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels exchanged between the records of each subject."""
    exchanged = labels.copy()
    for subject in np.unique(subjects):
        rows = np.flatnonzero(subjects == subject)
        exchanged[rows] = labels[rng.permutation(rows)]
    return exchanged


def diagnosis(counts: np.ndarray) -> str:
    """Counts (K,) of all codes -> what is wrong with the codebook, if anything, and what to do."""
    size, tokens = len(counts), int(counts.sum())
    carried, used = carrying(counts), perplexity(counts)
    carry = "carries" if carried == 1 else "carry"
    found = (f"{carried:,} of {plural(size, 'code')} {carry} {percent(CARRIED)} of the tokens, "
             f"perplexity {used:.3g}")
    again = ("let the bottleneck be continuous for the first updates, about as many as the learning rate warms up "
             "(--model_args quantizer.warmup_steps=N), or restart dead codes (quantizer.restart_after=N updates)")
    if used < COLLAPSED:
        return (f"The codebook has collapsed: {found}. Such codes tell nothing apart and cannot teach a second stage. "
                f"Train again: {again}.")
    if tokens < TOKENS_PER_CODE * size:
        return (f"{found[0].upper()}{found[1:]}, in {tokens:,} tokens only: too few to tell dead codes from rare ones. "
                "Judge by more records (--subset train).")
    if carried < FEW * size:
        return (f"Most of the codebook is idle: {found}. Take a smaller one (--model_args "
                f"quantizer.codex_size={power_of_two(2 * carried)}), or {again}.")
    return f"The codebook is in use: {found}."


def power_of_two(number: int) -> int:
    """The smallest power of two that is at least `number`, from 16 on."""
    return max(16, 1 << (number - 1).bit_length())


def meaning(found: Information, classes: int) -> str:
    """Whether codes know the classes, in a sentence."""
    said = (f"A code tells {found.total:.3f} nat about the class of its record; with labels shuffled between records "
            f"it is {found.permuted.mean():.3f} (at most {found.permuted.max():.3f})")
    if found.stands_out:
        return f"{said}: codes differ between the {classes} classes."
    return f"{said}: codes do not differ between the {classes} classes more than chance makes them."
