"""The original Du-IN's networks and optimiser, from a checkout of it, for `duin_speed.py` to time."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from src.errors import UserError


def original(stage: str, folder: Path, signal: Tensor, label: Tensor,
             weight_decay: float) -> tuple[Callable[[], object], Callable[[], object]]:
    """A training step and an evaluation forward, as its scripts make them, with data already on the device.

    `signal` is (B, C, T), `label` (B,) classes. Raises UserError where `folder` is no checkout, or its imports fail.
    """
    networks, params, optimizers = _modules(folder)
    device = signal.device
    inputs = signal.mT.contiguous()
    subject = torch.ones(len(signal), 1, device=device)
    channels = torch.ones(len(signal), signal.shape[1], dtype=torch.bool, device=device)
    targets = F.one_hot(label, 61).float()

    def build(name: str) -> Any:
        settings = getattr(params, f"duin_{name}_params")().model
        _fit(settings, inputs.shape[1], inputs.shape[2], init_kmeans=name == stage)
        return getattr(networks, f"duin_{name}")(settings).to(device)

    model = build(stage)
    teacher = build("vqvae").eval() if stage == "mae" else None
    with redirect_stdout(io.StringIO()):
        optimizer = optimizers.create_optimizer(
            cfg={"name": "adamw", "lr": 3e-4, "weight_decay": weight_decay}, model=model)

    def arguments() -> list[Tensor]:
        if stage == "vqvae":
            return [inputs, subject, channels]
        if teacher is None:
            return [inputs, targets, subject]
        with torch.no_grad():
            return [inputs, teacher.quantize([inputs, subject])[-1], subject]

    def train() -> None:
        model.train()
        batch = arguments()
        loss = model(batch)[1]
        optimizer.zero_grad()
        loss["total"].backward()
        optimizer.step()

    def evaluate() -> None:
        model.eval()
        with torch.no_grad():
            model(arguments())

    return train, evaluate


def _modules(folder: Path) -> tuple[Any, Any, Any]:
    if not (folder / "models" / "duin").is_dir():
        raise UserError(f"{folder} has no models/duin", "give --upstream a checkout of the original Du-IN repository")
    sys.path.insert(0, str(folder))
    try:
        names = ("models.duin", "params.duin_params", "utils.model.torch")
        networks, params, optimizers = (importlib.import_module(name) for name in names)
    except ImportError as error:
        raise UserError(f"the original cannot be imported: {error}",
                        "install what it asks for, such as: uv run --with einops python benchmarks/duin_speed.py ..."
                        ) from error
    return networks, params, optimizers


def _fit(settings: Any, samples: int, channels: int, init_kmeans: bool) -> None:
    """One subject with its channels and window, in the places where its training scripts write them."""
    tokens = samples // settings.seg_len
    settings.n_subjects = settings.subj.n_subjects = 1
    settings.n_channels = settings.subj.d_input = channels
    settings.seq_len, settings.tokenizer.token_len, settings.encoder.emb_len = samples, tokens, tokens
    settings.vq.init_kmeans = init_kmeans
    if "decoder" in settings:
        settings.decoder.emb_len = tokens
        settings.desubj.n_subjects, settings.desubj.d_output = 1, channels
        settings.rgs.emb_len = tokens
    if "d_feature" in settings.get("cls", {}):
        settings.cls.d_feature = settings.encoder.d_model * tokens
