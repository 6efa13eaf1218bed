"""The start of a residual network's weights (He et al. 2015, 'Delving deep into rectifiers', section 2.2)."""

from __future__ import annotations

from torch import nn


def init_convolutions(module: nn.Module) -> None:
    """Kaiming normal by fan out for convolutions; 1 and 0 for batch norms; other layers are left as they are."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm1d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
