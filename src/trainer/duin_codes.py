"""The frozen VQ-VAE whose codes masked prediction learns: where it is read from, and what must agree with it.

Its description travels with its weights, so a checkpoint of the second stage needs nothing of the first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from src import options, registry
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError, naming
from src.interop.duin_checkpoints import find_params, model_config, read_params
from src.interop.weights import read_state_dict
from src.trainer import checkpoint

RATE_HZ = 1000.0  # of the original's recordings, which its parameters do not state


class FrozenCodes(nn.Module):
    """Signals (batch, channels, samples) and subjects -> codes (batch, N) of a VQ-VAE that does not learn.

    `used` (K,) counts the codes of a training epoch.
    """

    used: Tensor

    def __init__(self, vqvae: Any, name: str, spec: SignalSpec):
        super().__init__()
        self.vqvae, self.name, self.spec = vqvae, name, spec
        self.notes: tuple[str, ...] = ()  # for the person who trains: what was loaded
        self.register_buffer("used", torch.zeros(vqvae.codebook_size, dtype=torch.float64))
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, signal: Tensor, subject: Tensor) -> Tensor:
        return self.vqvae.quantize(signal, subject).codes

    @property
    def size(self) -> int:
        """How many codes there are."""
        return self.vqvae.codebook_size

    @property
    def seg_len(self) -> int:
        """Samples per code."""
        return self.vqvae.seg_len

    @property
    def target(self) -> TargetSpec:
        return TargetSpec("tokens", tuple(f"c{code}" for code in range(self.size)))

    def get_extra_state(self) -> dict[str, Any]:
        return {"model_name": self.name, "model_config": options.to_dict(self.vqvae.config),
                "signal_spec": self.spec.to_dict()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """What it says was needed to build this module."""


def build(name: str, settings: dict[str, Any], spec: SignalSpec) -> FrozenCodes:
    """The registered VQ-VAE `name` with hyperparameters as nested dicts or dotted names, its weights still to come."""
    model_class = registry.load(registry.model_row(name).model)
    config = options.from_dict(model_class.Config, settings, "hyperparameter")
    return FrozenCodes(model_class.from_spec(config, spec, TargetSpec("signal")), name, spec)


def from_checkpoint(state: dict[str, Any]) -> FrozenCodes:
    """What a checkpoint of masked prediction carries."""
    weights = state["companions"]["vqvae"]
    described = weights["_extra_state"]
    codes = build(described["model_name"], described["model_config"], SignalSpec.from_dict(described["signal_spec"]))
    codes.load_state_dict(weights)
    return codes


def read(where: str, name: str) -> FrozenCodes:
    """--vqkd_ckpt: a run folder or a file of ours, or the original's checkpoint with its parameter file.

    Raises UserError where it is another model's, and for files that hold more than tensors and plain values.
    """
    path = checkpoint.find_weights(where)
    weights = read_state_dict(path)
    own = _ours(path, where, name)
    codes = own or _original(path, name)
    with naming(f"--vqkd_ckpt {where}"):
        report = codes.vqvae.load_complete(weights) if own else codes.vqvae.load_codes(weights)
        if not codes.vqvae.vq_block.has_started:
            raise UserError("its codebook was never started", f"train it on: python train.py --model {name}")
    codes.notes = (f"--vqkd_ckpt {where}: {report}",)
    return codes


def _ours(path: Path, where: str, name: str) -> FrozenCodes | None:
    try:
        state = checkpoint.read(path)
    except UserError:  # read as weights already, so it is a torch file of somebody else's
        return None
    if state.get("model_name") != name:
        raise UserError(f"--vqkd_ckpt {where}: a {state.get('model_name')}, the codes of a {name} are expected",
                        f"python train.py --model {name}, then --vqkd_ckpt and its run folder")
    return build(name, state["model_config"], SignalSpec.from_dict(state["signal_spec"]))


def _original(path: Path, name: str) -> FrozenCodes:
    params = find_params(path)
    if params is None:
        raise UserError(f"{path}: no checkpoint of ours, and no parameter file of the original beside it",
                        "the original keeps <run>/model/checkpoint-<epoch>.pth and <run>/save/params")
    found = read_params(params)
    sizes = [found["model"].get(size) for size in ("n_channels", "seq_len")]
    if not all(isinstance(size, int) and 0 < size < 1_000_000 for size in sizes):
        raise UserError(f"{params}: n_channels and seq_len are {sizes[0]} and {sizes[1]}", "two sizes are expected")
    channels, samples = sizes
    spec = SignalSpec(tuple(f"channel {number + 1}" for number in range(channels)), RATE_HZ, "", samples)
    with naming(str(params)):
        try:
            return build(name, model_config(found, name.removeprefix("duin_")), spec)
        except (MemoryError, RuntimeError, TypeError) as error:  # sizes that no memory holds
            raise UserError(f"no network can be built of it: {str(error).splitlines()[0]}") from None


def check_fits(codes: FrozenCodes, spec: SignalSpec, subjects: int) -> None:
    """Raise UserError where the codes were learnt of other signals or subjects, with both values."""
    pairs = [("channels", len(codes.spec.channels), len(spec.channels)),
             ("samples", codes.spec.samples, spec.samples),
             ("sampling rate", codes.spec.rate_hz, spec.rate_hz)]
    if codes.vqvae.config.n_subjects > 1:
        pairs.append(("subjects", codes.vqvae.config.n_subjects, subjects))
    for what, theirs, ours in pairs:
        if theirs != ours:
            raise UserError(f"--vqkd_ckpt: its {what}: {theirs:g}; those of these data: {ours:g}",
                            "give the data and --dataset_args that it was trained with")
