"""A classifier that is built in milliseconds."""

from __future__ import annotations

import torch

from src.models.duin.classifier import DuinClassifier
from src.models.duin.config import HeadConfig
from src.models.layers.tokenizers import TokenizerConfig
from src.models.layers.transformer import EncoderConfig

SMALL = {"encoder": EncoderConfig(n_blocks=2, n_heads=2, d_head=8, attn_dropout=0.0, ff_dropout=(0.0, 0.0)),
         "tokenizer": TokenizerConfig(20, n_filters=(8, 8, 4)), "head": HeadConfig((16,))}


def make(channels: int = 5, samples: int = 120, n_labels: int = 7, seed: int = 0, **options) -> DuinClassifier:
    torch.manual_seed(seed)
    return DuinClassifier(DuinClassifier.Config(**{**SMALL, **options}), channels, samples, n_labels)
