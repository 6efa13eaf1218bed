"""Initial weights that several layers share."""

from __future__ import annotations

from torch import nn

STD = 0.02  # every linear map of BERT, ViT and Du-IN starts with it


def init_linears(module: nn.Module, std: float = STD) -> None:
    """Truncated normal weights (cut at +-2 absolute, which is no cut in practice) and zero biases, in every Linear."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def init_as_bert(module: nn.Module, std: float = STD) -> None:
    """Normal weights and zero biases in every Linear, norms that change nothing, as fairseq's `init_bert_params`."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=std)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LayerNorm):
            part.reset_parameters()
