"""Networks that are built in milliseconds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from src.models.duin.align import DuinAlign
from src.models.duin.backbone import DuinBackbone
from src.models.duin.classifier import DuinClassifier
from src.models.duin.config import CodesConfig, ContrastConfig, HeadConfig, QuantizerConfig, ReconstructionConfig
from src.models.duin.llm import DuinLlm
from src.models.duin.mae import DuinMae
from src.models.duin.poms import PomsClassifier, PomsMae, PomsVqvae
from src.models.duin.vqvae import DuinVqvae
from src.models.layers.tokenizers import TokenizerConfig
from src.models.layers.transformer import EncoderConfig

CHANNELS, SAMPLES, LABELS = 5, 120, 7
ENCODER = EncoderConfig(n_blocks=2, n_heads=2, d_head=8, attn_dropout=0.0, ff_dropout=(0.0, 0.0))
SMALL = {"encoder": ENCODER, "tokenizer": TokenizerConfig(20, n_filters=(8, 8, 4))}
CODES = {"quantizer": QuantizerConfig(12, 8)}
VQVAE = {**CODES, "decoder": ENCODER, "reconstruction": ReconstructionConfig((8, 8, 4))}
MAE = {"quantizer": CodesConfig(12)}
CLS = {**CODES, "head": HeadConfig((16,)), "contrast": ContrastConfig(8)}
PARTS: dict[type, dict[str, Any]] = {
    DuinVqvae: VQVAE, PomsVqvae: VQVAE, DuinMae: MAE, PomsMae: MAE, DuinClassifier: CLS, PomsClassifier: CLS,
    DuinLlm: {**CODES, "head": HeadConfig((16,))}, DuinAlign: {"contrast": ContrastConfig(8)},
}
EVERY = tuple(PARTS)


def make_model(model_class: type, seed: int = 0, samples: int = SAMPLES, **options: Any) -> Any:
    """Five channels, segments of 20 samples, two blocks, 12 codes."""
    torch.manual_seed(seed)
    outputs = (LABELS,) if issubclass(model_class, (DuinClassifier, DuinLlm)) else ()
    config = model_class.Config(**{**SMALL, **PARTS[model_class], **options})  # pyright: ignore
    return model_class(config, CHANNELS, samples, *outputs)


def make(channels: int = CHANNELS, samples: int = SAMPLES, n_labels: int = LABELS, seed: int = 0,
         **options: Any) -> DuinClassifier:
    torch.manual_seed(seed)
    return DuinClassifier(DuinClassifier.Config(**{**SMALL, **CLS, **options}), channels, samples, n_labels)


def inputs_of(model: DuinBackbone, size: int = 4, subjects: int = 1, seed: int = 0) -> list[Tensor]:
    """What `forward` takes: noise of `subjects` in turn, all channels there."""
    signal = torch.randn(size, CHANNELS, SAMPLES, generator=torch.Generator().manual_seed(seed))
    fields = {"signal": signal, "subject": torch.arange(size) % subjects,
              "channel_mask": torch.ones(size, CHANNELS, dtype=torch.bool)}
    return [fields[name] for name in model.inputs]
