from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from src.data.signal import TargetSpec
from src.evaluation import metrics
from src.evaluation.summaries import IGNORED, TOP, summarize_signal, summarize_tokens


def tokens(classes: int, records: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(classes)
    labels = torch.randint(0, classes, (records, 9), generator=generator)
    labels[0, :4] = IGNORED
    return torch.randn(records, 9, classes, generator=generator), labels


@pytest.mark.parametrize("classes", [3, 5, 40])
def test_scores_of_tokens_are_those_of_the_whole_logits(classes):
    logits, labels = tokens(classes)
    counted = labels != IGNORED
    found = metrics.compute(TargetSpec("tokens", tuple(f"c{k}" for k in range(classes))), labels.numpy(),
                            summarize_tokens(logits, labels).numpy())
    assert found["accuracy"] == pytest.approx(float((logits.argmax(-1) == labels)[counted].float().mean()))
    assert found["cross_entropy"] == pytest.approx(float(F.cross_entropy(logits[counted], labels[counted])), rel=1e-5)
    assert found["perplexity"] == pytest.approx(np.exp(found["cross_entropy"]))
    best = logits.topk(min(TOP, classes)).indices
    assert found["top5"] == pytest.approx(float((best == labels[..., None]).any(-1)[counted].float().mean()))
    assert tuple(sorted(found)) == tuple(sorted(metrics.names(TargetSpec("tokens", ("a",)))))


def test_a_codebook_has_no_scores_by_class():
    logits, labels = tokens(20)
    target = TargetSpec("tokens", tuple(f"c{k}" for k in range(20)))
    assert metrics.per_class(target, labels.numpy(), summarize_tokens(logits, labels).numpy()) == []


def signals() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    signal = 3 + torch.randn(5, 3, 200, generator=generator)
    reconstruction = 0.8 * signal + 0.1 * torch.randn(5, 3, 200, generator=generator)
    mask = torch.ones(5, 3, dtype=torch.bool)
    mask[:2, 2] = False  # two subjects lack the last channel
    return signal, reconstruction, mask


def test_scores_of_signals_are_those_of_all_samples_that_count():
    signal, reconstruction, mask = signals()
    target = TargetSpec("signal", ("A1", "A2", "A3"))
    summaries = summarize_signal(signal, reconstruction, mask).numpy()
    found, channels = (of(target, np.zeros(5), summaries) for of in (metrics.compute, metrics.per_class))
    error = (reconstruction - signal)[mask]
    assert found["mse"] == pytest.approx(float(error.square().mean()), rel=1e-5)
    kept = [slice(None), slice(None), slice(2, None)]
    explained = [1 - float((reconstruction - signal)[rows, c].var(correction=0) / signal[rows, c].var(correction=0))
                 for c, rows in enumerate(kept)]
    assert [row["explained_variance"] for row in channels] == pytest.approx(explained, rel=1e-3)
    assert found["explained_variance"] == pytest.approx(np.mean(explained), rel=1e-3)


def test_a_channel_that_nobody_has_is_left_out():
    signal, reconstruction, mask = signals()
    mask[:, 2] = False
    summaries = summarize_signal(signal, reconstruction, mask).numpy()
    found = metrics.compute(TargetSpec("signal", ("A1", "A2", "A3")), np.zeros(5), summaries)
    two = metrics.compute(TargetSpec("signal", ("A1", "A2")), np.zeros(5), summaries[:, :2])
    assert found == pytest.approx(two)
