"""What a step costs, counted in Python calls: the same number on a busy machine."""

from __future__ import annotations

import sys
from argparse import Namespace
from itertools import pairwise

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from src.trainer.main_trainer import MainTrainer

MOST_CALLS = 480  # a step, forward pass, optimizer and loader included
STEPS = 120  # all in one epoch
FROM, TO = 50, 100  # one whole interval between two log lines lies between them


class Rows(TensorDataset):
    """Gathers a whole batch at once, so that calls are those of the step and not of collating."""

    def __getitems__(self, indices: list[int]) -> tuple[torch.Tensor, ...]:
        return tuple(tensor[indices] for tensor in self.tensors)


class Counted(nn.Module):
    """A network of four layers that counts the calls between two of its forward passes."""

    def __init__(self):
        super().__init__()
        widths = [32, 64, 64, 64]
        layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.GELU())]
        self.net = nn.Sequential(*layers, nn.Linear(64, 10))
        self.passes = self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        if self.passes == FROM:
            sys.setprofile(self._count)
        if self.passes == TO:
            sys.setprofile(None)
        return self.net(x)

    def _count(self, frame, event: str, argument) -> None:
        self.calls += event == "call"


def loader() -> DataLoader:
    data = Rows(torch.randn(64 * STEPS, 32), torch.randint(10, (64 * STEPS,)))
    return DataLoader(data, batch_size=64, shuffle=True, collate_fn=lambda rows: rows)


def calls_per_step(train) -> float:
    before, model = sys.getprofile(), Counted()
    try:
        train(model)
    finally:
        sys.setprofile(before)
    assert model.passes >= TO
    return model.calls / (TO - FROM)


def ours(tmp_path, **more):
    args = {"max_steps": STEPS, "lr": 1e-3, "scheduler": "cosine", "grad_clip": 1.0, "print_freq": 50, "device": "cpu",
            "save_dir": str(tmp_path), "use_tensorboard": False, **more}
    return lambda model: MainTrainer(model, Namespace(**args), loader()).train()


def bare(model: nn.Module) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    for signal, label in loader():
        nn.functional.cross_entropy(model(signal), label).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_a_step_takes_few_python_calls(tmp_path):
    found = calls_per_step(ours(tmp_path))
    assert found <= MOST_CALLS


def test_the_counter_counts(tmp_path):
    """A bare loop needs calls too, and the trainer, which does more, needs more, but not much."""
    alone = calls_per_step(bare)
    assert 30 < alone < calls_per_step(ours(tmp_path)) < alone + 100


def test_an_average_of_the_weights_and_accumulation_cost_a_handful_of_calls_more(tmp_path):
    plain = calls_per_step(ours(tmp_path))
    assert calls_per_step(ours(tmp_path, ema=0.99)) < plain + 60
    assert calls_per_step(ours(tmp_path, grad_accum_steps=2)) < plain
