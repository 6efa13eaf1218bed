"""What the contract tests expect of each model (the default where it is not named), and the small data they use.

`SIGNALS` is by the model's default data set, `EXPECTED` by its name in the registry and the target's kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from src import registry
from src.data.signal import Batch, SignalSpec, TargetSpec
from src.models.base_models import BaseModel
from src.options import build

OUTPUTS = 3
TOKEN = 100  # samples
VOCABULARIES = {"duin_mae": 2048, "poms_mae": 1024, "duin_llm": 22 + OUTPUTS}  # of models that have their own


@dataclass(frozen=True)
class Expected:
    """`loss`: reached by AdamW at `lr` within `steps` on one batch of eight; `smallest_batch` can be trained on."""

    steps: int = 60
    lr: float = 3e-3
    loss: float = 0.1
    smallest_batch: int = 1
    unmoved: tuple[str, ...] = ()  # parameters that forward's output does not depend on, beside `no_gradient`


KEY_BIAS = "encoder.layers.*.self_attn.k_proj.bias"  # shifts all scores of a query alike, which a softmax forgets

# By model, or by "model/kind" where one kind of target differs.
EXPECTED: dict[str, Expected] = {
    # Noise of power 1, a code for 100 samples of ten channels; 0.875, the mean of the records, needs no codes.
    "duin_vqvae": Expected(steps=100, lr=1e-2, loss=0.85),
    "poms_vqvae": Expected(steps=120, lr=1e-2, loss=0.86),
    "duin_mae": Expected(steps=80, loss=1.0),  # each of four tokens from two others, of noise; chance is 1.10
    "poms_mae": Expected(steps=80, loss=1.0),
    "duin_align": Expected(smallest_batch=2),  # a trial alone has nothing to be compared with
    **dict.fromkeys(("ecg_transformer", "arcface"), Expected(unmoved=(KEY_BIAS,))),
    **dict.fromkeys(("cmsc", "clocs", "simclr", "3kg"), Expected(smallest_batch=2, unmoved=(KEY_BIAS,))),
    **dict.fromkeys(("wav2vec2", "wav2vec2_cmsc"), Expected(smallest_batch=2, unmoved=(  # their objective needs these
        KEY_BIAS, "mask_emb", "quantizer.*", "project_q.*", "final_proj.*"))),
    "unet/samples": Expected(steps=100, lr=3e-2, loss=0.6),  # 1,600 labels of noise, four channels; chance is 1.04
}

ECG = SignalSpec(("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"), 100.0, "mV", 200)
SEEG = SignalSpec(tuple(f"A{contact}" for contact in range(1, 11)), 1000.0, "uV", 400)
SIGNALS = {"simulated_ecg": ECG, "simulated_identity": ECG, "simulated_seeg": SEEG}


def expected(name: str, kind: str) -> Expected:
    return EXPECTED.get(f"{name}/{kind}") or EXPECTED.get(name) or Expected()


def signal_spec(name: str) -> SignalSpec:
    """Small signals of the kind that the model is made for."""
    return SIGNALS[registry.model_row(name).dataset]


def make_model(name: str, kind: str, preset: str | None = "tiny", seed: int = 0) -> BaseModel:
    """The registered model as a run builds it, with its first weights drawn."""
    row = registry.model_row(name)
    model_class = registry.load(row.model)
    config = build(model_class.Config, row.presets[preset] if preset else {})
    torch.manual_seed(seed)
    model = model_class.from_spec(config, signal_spec(name), target_spec(kind))
    model.init_weights()
    return model


def target_spec(kind: str) -> TargetSpec:
    return TargetSpec(kind, tuple(f"class {k}" for k in range(OUTPUTS)))  # pyright: ignore[reportArgumentType]


def make_batch(name: str, kind: str, size: int = 4, seed: int = 0) -> Batch:
    """Noise, with labels of records that can only be learned by heart."""
    spec = signal_spec(name)
    channels, samples = len(spec.channels), spec.samples
    signal = torch.randn(size, channels, samples, generator=torch.Generator().manual_seed(seed))
    rows = torch.arange(size)
    return Batch(
        signal=signal,
        label=make_label(kind, signal),
        channel_mask=torch.ones(size, channels, dtype=torch.bool),
        time_mask=torch.ones(size, samples, dtype=torch.bool),
        subject=torch.zeros(size, dtype=torch.int64),
        index=rows,
        group=rows,
    )


def make_label(kind: str, signal: Tensor) -> Tensor:
    """Balanced labels of the records; per sample, in how many of two channels the mean of nine samples is positive."""
    classes = torch.arange(len(signal)) % OUTPUTS
    if kind == "multilabel":
        return F.one_hot(classes, OUTPUTS).float()
    if kind == "signal":
        return signal
    if kind == "tokens":
        return (classes[:, None] + torch.arange(signal.shape[2] // TOKEN)) % OUTPUTS
    if kind == "samples":
        return (F.avg_pool1d(signal[:, :2], 9, stride=1, padding=4) > 0).sum(dim=1)
    return classes


def is_pooled(name: str) -> bool:
    """Whether the embedding is the mean over a record, of whatever length."""
    return registry.model_row(name).model.startswith("src.models.ecg_transformer.")


def output_shape(name: str, kind: str, size: int, samples: int, dim: int) -> tuple[int, ...]:
    tokens = samples // TOKEN
    return {
        "classes": (size, OUTPUTS),
        "multilabel": (size, OUTPUTS),
        "samples": (size, OUTPUTS, samples),
        "signal": (size, len(signal_spec(name).channels), samples),
        "tokens": (size, tokens, VOCABULARIES.get(name, OUTPUTS)),
        "embedding": (size, dim if is_pooled(name) else 32 * tokens),
    }[kind]


def predict(model: BaseModel, batch: Batch) -> Tensor:
    """The model on the fields of the batch that it asks for; several outputs side by side."""
    output = model(*(batch.field(name) for name in model.inputs))
    return torch.cat(tuple(output.values()), dim=-1) if isinstance(output, dict) else output


def loss(kind: str, output: Tensor, label: Tensor) -> Tensor:
    if kind == "multilabel":
        return F.binary_cross_entropy_with_logits(output, label.to(output.dtype))
    if kind == "signal":
        return F.mse_loss(output, label.to(output.dtype))
    if kind == "tokens":
        return F.cross_entropy(output.flatten(0, 1), label.flatten())
    if kind == "embedding":  # equal directions for equal labels, right angles else
        output = F.normalize(output, dim=1)
        return F.mse_loss(output @ output.T, (label[:, None] == label).to(output.dtype))
    return F.cross_entropy(output, label)
