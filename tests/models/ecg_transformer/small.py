"""Small ECG transformers that the tests share."""

from __future__ import annotations

from typing import Any

import torch

from src.options import build

SIZES: dict[str, Any] = {
    "features.n_filters": (8, 8), "features.kernel_sizes": (4, 2), "features.n_strides": (4, 2),
    "positions.kernel_size": 8, "positions.n_groups": 4, "encoder.n_blocks": 2, "encoder.n_heads": 2,
    "encoder.d_model": 16, "encoder.d_ff": 32}
CODES = {"quantizer.n_codes": 5, "contrast.d_output": 8, "contrast.n_negatives": 6, "mask.length": 3}
CHANNELS, SAMPLES, FRAMES = 3, 160, 20


def make(model_class: type, *arguments: Any, **more: Any):
    torch.manual_seed(0)
    values = {key.replace("__", "."): value for key, value in more.items()}
    model = model_class(build(model_class.Config, SIZES | values), CHANNELS, *arguments)
    model.init_weights()
    return model


def signals(records: int = 4, samples: int = SAMPLES) -> torch.Tensor:
    return torch.randn(records, CHANNELS, samples, generator=torch.Generator().manual_seed(1))
