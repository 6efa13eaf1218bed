"""The ECG transformer and what pretrains it."""

from __future__ import annotations

from src.registry.objectives import OWN_LOSS, UNLABELLED
from src.registry.rows import ModelRow

_ECG_TINY = {"features.n_filters": (32, 32, 32, 32), "positions.kernel_size": 16, "positions.n_groups": 4,
             "encoder.n_blocks": 2, "encoder.n_heads": 4, "encoder.d_model": 64, "encoder.d_ff": 128}
_ECG_SMALL = {"features.n_filters": (128, 128, 128, 128), "positions.kernel_size": 64, "encoder.n_blocks": 4,
              "encoder.n_heads": 4, "encoder.d_model": 256, "encoder.d_ff": 1024}
_CODES_TINY = {"quantizer.n_codes": 32, "contrast.d_output": 32, "contrast.n_negatives": 20}
_ECG_HAS = ("replica", "freeze_finetune_updates")
# ECG-FM's pretraining: constant rate, Adam's decay on all weights, the convolutions at a tenth of the gradient.
_ECG_PRETRAINING = {"epochs": 200, "batch_size": 64, "lr": 5e-5, "weight_decay": 0.01, "betas": [0.9, 0.98],
                    "eps": 1e-6, "scheduler": "constant", "normalize": "scale"}
_ECG_WAV2VEC2_ARGS = ["features.grad_scale=0.1", "input_dropout=0.1", "features_dropout=0.1"]
_SIMULATED_ECG_PRETRAINING = {"epochs": 20, "lr": 5e-4, "scheduler": "onecycle"}
_ECG_CONTRASTIVE = {**_ECG_PRETRAINING, "model_args": ["features.grad_scale=0.1"]}
_TWO_CHANGES = ["channel_dropout=0.5", "noise=0.1", "scale=0.2"]
_3KG_CHANGES = ["vcg_rotation=45", "vcg_scaling=1.5", "lead_time_mask=0.5"]  # of the original

ECG_TRANSFORMERS: dict[str, ModelRow] = {
    "ecg_transformer": ModelRow(
        model="src.models.ecg_transformer.classifier:EcgTransformer",
        trainer="src.trainer.ecg_trainer:EcgClassifierTrainer",
        about="the transformer of ECG-FM and DeepECG-SSL with a linear or attentive head; reads their weights",
        dataset="simulated_ecg",
        has=_ECG_HAS, replica_of_data="fairseq",
        recipe={"epochs": 100, "batch_size": 128, "lr": 5e-5, "weight_decay": 0.0, "betas": [0.9, 0.98],
                "scheduler": "constant", "normalize": "scale"},
        recipes={"simulated_ecg": {"epochs": 8, "batch_size": 32, "lr": 1e-3, "weight_decay": 0.01,
                                   "scheduler": "onecycle"}},
        presets={"tiny": {**_ECG_TINY, "head.n_heads": 4}, "small": {**_ECG_SMALL, "head.n_heads": 4}, "base": {}},
    ),
    "arcface": ModelRow(
        model="src.models.ecg_transformer.classifier:ArcFace",
        trainer="src.trainer.ecg_arcface:EcgArcFaceTrainer",
        about="the same, told whose ECG it is: a direction per person and a margin between them",
        dataset="simulated_identity",
        kinds=("classes",), has=_ECG_HAS, replica_of_data="fairseq", lacks=OWN_LOSS,
        recipe={"epochs": 100, "batch_size": 128, "lr": 3e-5, "weight_decay": 0.0, "betas": [0.9, 0.98],
                "normalize": "scale"},
        recipes={"simulated_identity": {"epochs": 40, "batch_size": 32, "lr": 1e-3, "scheduler": "onecycle"}},
        presets={"tiny": _ECG_TINY, "small": _ECG_SMALL, "base": {}},
    ),
    "wav2vec2": ModelRow(
        model="src.models.ecg_transformer.wav2vec2:Wav2vec2",
        trainer="src.trainer.ecg_wav2vec2:Wav2vec2Trainer",
        about="pretraining of ecg_transformer: the code of hidden frames among others (wav2vec 2.0)",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=UNLABELLED,
        recipe={**_ECG_PRETRAINING, "model_args": _ECG_WAV2VEC2_ARGS},
        recipes={"simulated_ecg": _SIMULATED_ECG_PRETRAINING},
        presets={"tiny": {**_ECG_TINY, **_CODES_TINY}, "small": _ECG_SMALL, "base": {}},
    ),
    "wav2vec2_cmsc": ModelRow(
        model="src.models.ecg_transformer.contrastive:Wav2vec2Cmsc",
        trainer="src.trainer.ecg_wav2vec2:Wav2vec2CmscTrainer",
        about="pretraining of ECG-FM: wav2vec2, adjacent segments of a record compared, leads hidden at random",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=UNLABELLED,
        recipe={**_ECG_PRETRAINING, "model_args": _ECG_WAV2VEC2_ARGS, "augmentation": ["random_leads_masking=0.5"]},
        recipes={"simulated_ecg": {**_SIMULATED_ECG_PRETRAINING, "dataset_args": ["views=adjacent"],
                                   "model_args": ["cmsc_weight=0.1"]}},  # at 1 InfoNCE begins to fall only much later
        presets={"tiny": {**_ECG_TINY, **_CODES_TINY}, "small": _ECG_SMALL, "base": {}},
    ),
    "cmsc": ModelRow(
        model="src.models.ecg_transformer.contrastive:Cmsc",
        trainer="src.trainer.ecg_contrastive:ContrastiveTrainer",
        about="pretraining of ecg_transformer: adjacent segments of a record belong together (CLOCS)",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=UNLABELLED,
        recipe=_ECG_CONTRASTIVE,
        recipes={"simulated_ecg": {**_SIMULATED_ECG_PRETRAINING, "dataset_args": ["views=adjacent"]}},
        presets={"tiny": _ECG_TINY, "small": _ECG_SMALL, "base": {}},
    ),
    "simclr": ModelRow(
        model="src.models.ecg_transformer.contrastive:SimClr",
        trainer="src.trainer.ecg_contrastive:ContrastiveTrainer",
        about="pretraining of ecg_transformer: two random changes of a record belong together (SimCLR)",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=UNLABELLED,
        recipe={**_ECG_CONTRASTIVE, "augmentation": _TWO_CHANGES},
        recipes={"simulated_ecg": {**_SIMULATED_ECG_PRETRAINING, "dataset_args": ["views=same"]}},
        presets={"tiny": _ECG_TINY, "small": _ECG_SMALL, "base": {}},
    ),
    "3kg": ModelRow(
        model="src.models.ecg_transformer.contrastive:ThreeKg",
        trainer="src.trainer.ecg_contrastive:ContrastiveTrainer",
        about="simclr whose views belong together by patient (3KG)",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=UNLABELLED,
        recipe={**_ECG_CONTRASTIVE, "augmentation": _3KG_CHANGES},
        recipes={"simulated_ecg": {**_SIMULATED_ECG_PRETRAINING, "dataset_args": ["views=same"]}},
        presets={"tiny": _ECG_TINY, "small": _ECG_SMALL, "base": {}},
    ),
}
ECG_TRANSFORMERS["clocs"] = ECG_TRANSFORMERS["cmsc"]  # the name of its paper
