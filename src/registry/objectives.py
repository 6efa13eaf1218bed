"""Flags that an objective of its own makes meaningless: flag -> why."""

from __future__ import annotations

_OF_LOSS = ("loss", "loss_args", "pos_weight", "sample_size=positives", "label_smoothing", "class_weights")
OWN_LOSS: dict[str, str] = dict.fromkeys(_OF_LOSS, "its objective is its own")
UNLABELLED: dict[str, str] = dict.fromkeys(
    (*_OF_LOSS, "balanced_sampling", "control=permute_labels"), "it is trained without labels")
