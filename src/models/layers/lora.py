"""Low-rank updates of frozen linear maps: W x + (alpha / rank) B A x, of which A and B learn (LoRA, Hu et al. 2021)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import UserError
from src.models.checks import at_least

DOWN, UP, SCALE = "lora_down", "lora_up", "lora_scale"


@dataclass(frozen=True)
class LoraConfig:
    """Updates of rank `rank`, 0 = none (`--freeze lora` makes it 8), multiplied by alpha / rank."""

    rank: int = 0
    alpha: float = 16.0

    def __post_init__(self) -> None:
        at_least("lora.rank", self.rank, 0)
        if self.alpha <= 0:
            raise UserError(f"lora.alpha is {self.alpha:g}, expected more than 0", "--model_args lora.alpha=16")


class LoraLinear(nn.Linear):
    """A linear map whose weight is that of `nn.Linear`, by name too, with an update that begins as nothing.

    In evaluation the update is merged into the weight, so that it costs what the plain map costs.
    """

    lora_scale: Tensor

    def __init__(self, d_in: int, d_out: int, rank: int, alpha: float):
        super().__init__(d_in, d_out)
        self.lora_down = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(rank, d_in), a=5**0.5))
        self.lora_up = nn.Parameter(torch.zeros(d_out, rank))
        self.register_buffer(SCALE, torch.tensor(alpha / rank))

    def forward(self, input: Tensor) -> Tensor:
        """(..., d_in) -> (..., d_out)."""
        if not self.training:
            return F.linear(input, merged(self.weight, self.lora_down, self.lora_up, self.lora_scale), self.bias)
        return super().forward(input) + F.linear(F.linear(input, self.lora_down), self.lora_up) * self.lora_scale


def merged(weight: Tensor, down: Tensor, up: Tensor, scale: Tensor) -> Tensor:
    return torch.addmm(weight, up, down * scale)


def add_lora(network: nn.Module, config: LoraConfig) -> None:
    """Every linear map of `network` gets an update; nothing where the rank is 0."""
    if not config.rank:
        return
    for owner in list(network.modules()):
        for name, part in list(owner.named_children()):
            if type(part) is nn.Linear:
                setattr(owner, name, LoraLinear(part.in_features, part.out_features, config.rank, config.alpha))


def lora_parameters(network: nn.Module) -> Iterable[nn.Parameter]:
    for part in network.modules():
        if isinstance(part, LoraLinear):
            yield from (part.lora_down, part.lora_up)


def without_lora(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of the plain network that computes the same; one without updates as it is."""
    state = dict(state)
    for key in [key for key in state if key.endswith(f".{UP}")]:
        owner = key.removesuffix(UP)
        up, down, scale = state.pop(key), state.pop(owner + DOWN), state.pop(owner + SCALE)
        state[f"{owner}weight"] = merged(state[f"{owner}weight"], down, up, scale)
    return state
