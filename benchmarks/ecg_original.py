"""The original ECG transformer's networks and optimiser, from a checkout of fairseq-signals, for `ecg_speed.py`.

Its packages import hydra, omegaconf and each other whole, and refuse Pythons from 3.11 on. So only the files with the
networks and Adam are imported, and what they merely mention gets a stand-in.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from src.errors import UserError
from src.models.ecg_transformer.weights import original_names

PACKAGES = ("data", "dataclass", "distributed", "logging", "models", "optim", "tasks", "utils")  # not run, but entered


class _BaseModel(nn.Module):
    """In place of a base class that adds reading of checkpoints and arguments."""


@dataclass
class _Dataclass:
    """In place of the base of its options."""


def original_classifier(folder: Path, model: nn.Module, labels: int, device: Any) -> nn.Module:
    """Its fine-tuned model at its base size, with the weights of our `EcgTransformer`.

    Dropouts are those of ours. Raises UserError where `folder` is no checkout, or the weights do not fit.
    """
    networks, _ = _modules(folder)
    classifier = networks["models.classification.ecg_transformer_classifier"]
    settings = classifier.ECGTransformerClassificationConfig(
        num_labels=labels, **_encoder_settings(model))
    encoder = networks["models.ecg_transformer"].ECGTransformerModel(settings)
    return _loaded(classifier.ECGTransformerClassificationModel(settings, encoder), model, True).to(device)


def original_pretraining(folder: Path, model: nn.Module, device: Any) -> nn.Module:
    """Its wav2vec2_cmsc at its base size, with the weights of ours; the same errors."""
    networks, _ = _modules(folder)
    config: Any = model.config
    cmsc = networks["models.wav2vec2.wav2vec2_cmsc"]
    settings = cmsc.Wav2Vec2CMSCConfig(
        apply_mask=True, mask_prob=config.mask.ratio, mask_length=config.mask.length, quantize_targets=True,
        final_dim=config.contrast.d_output, latent_vars=config.quantizer.n_codes,
        num_negatives=config.contrast.n_negatives, **_encoder_settings(model))
    return _loaded(cmsc.Wav2Vec2CMSCModel(settings), model, False).to(device)


def original_adam(folder: Path, model: nn.Module, **options: Any) -> Any:
    """The optimiser inside its `adam`; `options` as torch's AdamW has them."""
    _, adam = _modules(folder)
    return adam.Adam(model.parameters(), **options)


def _encoder_settings(model: nn.Module) -> dict[str, Any]:
    config: Any = model.config
    features, encoder = config.features, config.encoder
    layers = list(zip(features.n_filters, features.kernel_sizes, features.n_strides, strict=True))
    return {"conv_feature_layers": repr(layers), "feature_grad_mult": features.grad_scale,
            "encoder_layers": encoder.n_blocks,
            "encoder_embed_dim": encoder.d_model, "encoder_ffn_embed_dim": encoder.d_ff,
            "encoder_attention_heads": encoder.n_heads, "dropout": encoder.dropout,
            "attention_dropout": encoder.attn_dropout, "activation_dropout": encoder.ff_dropout,
            "conv_pos": config.positions.kernel_size, "conv_pos_groups": config.positions.n_groups}


def _loaded(theirs: nn.Module, ours: nn.Module, fine_tuned: bool) -> nn.Module:
    style = "parametrizations" if any("parametrizations" in name for name in theirs.state_dict()) else "weight_g"
    state: dict[str, Tensor] = original_names(ours.state_dict(), fine_tuned, style)
    try:
        theirs.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"our weights do not fit the original's network: {error}",
                        "give --upstream a checkout of fairseq-signals from 2023 to 2025") from error
    return theirs


# -------------------------------------------------------------------------------------------------------- imports
def _modules(folder: Path) -> tuple[dict[str, Any], Any]:
    if not (folder / "fairseq_signals" / "models" / "ecg_transformer.py").is_file():
        raise UserError(f"{folder} has no fairseq_signals/models/ecg_transformer.py",
                        "give --upstream a checkout of the original fairseq-signals repository")
    if "fairseq_signals" not in sys.modules:
        _stand_in(folder / "fairseq_signals")
    names = ("models.ecg_transformer", "models.classification.ecg_transformer_classifier",
             "models.wav2vec2.wav2vec2", "models.wav2vec2.wav2vec2_cmsc")
    try:
        networks = {name: importlib.import_module(f"fairseq_signals.{name}") for name in names}
        return networks, importlib.import_module("fairseq_signals.optim.adam")
    except (ImportError, AttributeError) as error:
        raise UserError(f"the original cannot be imported: {error}",
                        "give --upstream a checkout of fairseq-signals from 2023 to 2025") from error


def _stand_in(package: Path) -> None:
    """Packages without their `__init__`, with the few names that the networks take from them."""
    def passed_on(*_: Any, **__: Any) -> Any:
        return lambda cls: cls

    nothing = type("Nothing", (), {})
    root = _module("fairseq_signals", package)
    for name in PACKAGES:
        setattr(root, name, _module(f"fairseq_signals.{name}", package / name))
    for name in ("classification", "wav2vec2"):
        _module(f"fairseq_signals.models.{name}", package / "models" / name)
    _module("omegaconf", II=lambda name: name, MISSING="???", OmegaConf=nothing)
    _module("fairseq_signals.dataclass", package / "dataclass", Dataclass=_Dataclass, ChoiceEnum=lambda choices: str)
    _module("fairseq_signals.dataclass.utils", convert_namespace_to_omegaconf=None)
    _module("fairseq_signals.models", package / "models", BaseModel=_BaseModel, register_model=passed_on)
    _module("fairseq_signals.tasks", package / "tasks", Task=nothing)
    _module("fairseq_signals.optim", package / "optim", Optimizer=nothing, register_optimizer=passed_on)
    root.utils.checkpoint_utils = _module("fairseq_signals.utils.checkpoint_utils")
    root.utils.file_io = _module("fairseq_signals.utils.file_io", PathManager=nothing)
    root.distributed.utils = _module("fairseq_signals.distributed.utils", get_data_parallel_world_size=lambda: 1)
    wav2vec2 = sys.modules["fairseq_signals.models.wav2vec2"]
    inner = importlib.import_module("fairseq_signals.models.wav2vec2.wav2vec2")
    vars(wav2vec2).update(Wav2Vec2Config=inner.Wav2Vec2Config, Wav2Vec2Model=inner.Wav2Vec2Model)


def _module(name: str, path: Path | None = None, **contents: Any) -> Any:
    module = sys.modules.setdefault(name, ModuleType(name))
    if path is not None:
        module.__path__ = [str(path)]
    vars(module).update(contents)
    return module
