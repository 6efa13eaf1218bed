"""Invented evaluations: small, seeded, with names that try to break the page."""

import numpy as np

from src.data.dataset import Records
from src.data.signal import SignalSpec, TargetSpec
from src.evaluation.evaluate import evaluate
from src.evaluation.predictions import Predictions
from src.evaluation.report import Section, Story

EVIL = "<script>alert(1)</script>"


def records(labels, subjects=8):
    n = len(labels)
    names, people = [f"rec{i:03d}" for i in range(n)], [f"p{i % subjects}" for i in range(n)]
    return Records(np.array(names), np.array(people), labels, np.array(["test"] * n), np.full(n, 100))


def invented(kind, classes, n, seed=0, strength=2.0):
    """Labels and raw outputs that know something about them."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, classes))
    if kind == "classes":
        labels = rng.permutation(np.arange(n) % classes)
        return labels, (noise + strength * np.eye(classes)[labels]).astype(np.float32)
    if kind == "multilabel":
        labels = (rng.random((n, classes)) < 0.3).astype(np.float32)
        return labels, (noise + strength * (labels - 0.5)).astype(np.float32)
    labels = rng.normal(size=(n, classes)).astype(np.float32)
    return labels, (labels + 0.5 * noise).astype(np.float32)


def invented_evaluation(kind="classes", classes=4, n=80, names=None):
    target = TargetSpec(kind, names or (*[f"word {k}" for k in range(classes - 1)], EVIL))
    labels, scores = invented(kind, classes, n)
    table = records(labels)
    return evaluate(Predictions(np.arange(n), scores, labels, 0.5), target, table)


def invented_story():
    spec = SignalSpec(("I", "II", f"V1{EVIL}"), 100.0, "mV", 100, (f"high-pass 0.5 Hz {EVIL}",))
    epochs = [{"event": "epoch", "epoch": k, "train": {"loss": 1 / (k + 1)}, "val": {"loss": 1.2 / (k + 1)},
               "monitor": {"name": "accuracy", "value": k / 5, "best": k / 5, "is_best": True}} for k in range(4)]
    return Story(
        f"cnn{EVIL}", f"invented data {EVIL}", "test", f"best_model.pth{EVIL}", spec, notes=(EVIL,),
        splits=[{"name": "train", "records": 160, "subjects": 16, "tested": False},
                {"name": "test", "records": 80, "subjects": 8, "tested": True}],
        overlap="No subject of this part is in the training part.", commands={"Training": f"python train.py {EVIL}"},
        seeds={"training seed": 42}, versions={"torch": EVIL}, settings={"lr": EVIL}, epochs=epochs,
        read=lambda row: np.random.default_rng(row).normal(size=(3, 100)).astype(np.float32),
        sections=[Section("Codebook", f"text {EVIL}")],
    )
