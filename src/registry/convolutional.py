"""Convolutional networks: the tutorial model, ResNets, the U-Net."""

from __future__ import annotations

from src.registry.rows import ModelRow

_OF_CLASSES = ("layout=tensor_pipeline",)

CONVOLUTIONAL: dict[str, ModelRow] = {
    "cnn": ModelRow(
        model="src.models.model:Model",
        about="the tutorial model: a small 1-D CNN that a student understands; edit it",
        dataset="simulated_ecg",
        has=_OF_CLASSES,
        recipe={"epochs": 8, "batch_size": 32, "lr": 5e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 8}, "small": {"width": 16}, "base": {"width": 32}},
    ),
    "resnet1d": ModelRow(
        model="src.models.resnet.resnet1d:ResNet1d",
        about="1-D ResNet of the ECG tensor pipeline: 4 stages, GELU, 1.5 M parameters at width 40",
        dataset="simulated_ecg",
        has=_OF_CLASSES,
        recipe={"epochs": 50, "batch_size": 32, "lr": 1e-3, "min_lr": 1e-6, "weight_decay": 1e-4,
                "scheduler": "cosine", "normalize": "scale"},
        recipes={"simulated_ecg": {"epochs": 7, "scheduler": "onecycle", "lr": 2e-3, "weight_decay": 0.01}},
        presets={"tiny": {"width": 8}, "small": {"width": 24}, "base": {"width": 64}},
    ),
    "resnet18": ModelRow(
        model="src.models.resnet.vanilla:ResNet18",
        about="torchvision's ResNet-18 with 1-D operations",
        dataset="simulated_ecg",
        has=_OF_CLASSES,
        recipe={"epochs": 6, "batch_size": 32, "lr": 3e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 8}, "small": {"width": 24}, "base": {}},
    ),
    "resnet50": ModelRow(
        model="src.models.resnet.vanilla:ResNet50",
        about="torchvision's ResNet-50 with 1-D operations",
        dataset="simulated_ecg",
        has=_OF_CLASSES,
        recipe={"epochs": 4, "batch_size": 32, "lr": 1e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 8}, "small": {"width": 24}, "base": {}},
    ),
    "unet": ModelRow(
        model="src.models.unet:UNet",
        about="symmetric 1-D U-Net with skips; pooled head for record labels, the same body per sample",
        dataset="simulated_ecg",
        kinds=("classes", "multilabel", "samples"),
        recipe={"epochs": 6, "batch_size": 32, "lr": 5e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 4}, "small": {"width": 8}, "base": {"width": 32}},
    ),
}
