"""Du-IN, for one subject and for several, and its own alignment stage."""

from __future__ import annotations

from src.registry.objectives import OWN_LOSS, UNLABELLED
from src.registry.rows import ModelRow

_DUIN_TINY = {"encoder.n_blocks": 1, "encoder.n_heads": 2, "encoder.d_head": 16, "tokenizer.n_filters": (32, 32, 4)}
_VQVAE_TINY = _DUIN_TINY | {"decoder.n_blocks": 1, "decoder.n_heads": 2, "decoder.d_head": 16,
                            "quantizer.codex_size": 32, "quantizer.d_codex": 16}
_LABELLED_HAS, _UNLABELLED_HAS = ("replica", "layout=duin"), ("replica", "layout=duin", "pretrain_on_all")

# The original's settings: the paper's 400 epochs with 40 of warm-up and batches of 64 for the VQ-VAE, as its published
# weights were made; its parameter files say 800, 80 and 32.
_DUIN_PRETRAINING = {"epochs": 400, "warmup_epochs": 40, "batch_size": 64, "lr": 3e-4, "min_lr": 5e-5,
                     "scheduler": "cosine", "schedule_unit": "epoch", "normalize": "channel"}
_DUIN_LABELLED = {"epochs": 200, "warmup_epochs": 20, "batch_size": 32, "lr": 2e-4, "min_lr": 5e-6,
                  "weight_decay": 0.05, "scheduler": "cosine", "schedule_unit": "epoch", "normalize": "channel"}
_STRETCHES = ["task=pretrain", "samples=4000"]
_THREE_SUBJECTS = ["subjects=3"]
_SIMULATED_VQVAE = {"epochs": 40, "warmup_epochs": 4, "batch_size": 32, "lr": 1e-3, "schedule_unit": "update"}
# continuous first, then a small codebook; of the band of the evoked waves, since the background is louder
_SIMULATED_CODES = ["quantizer.codex_size=128", "quantizer.warmup_steps=80", "reconstruction.band_hz=2.5,10"]
_SIMULATED_MAE = {"epochs": 30, "warmup_epochs": 3, "batch_size": 32, "lr": 5e-4, "schedule_unit": "update"}
_SIMULATED_WORDS = {"epochs": 48, "warmup_epochs": 4.8, "lr": 5e-4, "schedule_unit": "update"}

DUIN: dict[str, ModelRow] = {
    "duin_vqvae": ModelRow(
        model="src.models.duin.vqvae:DuinVqvae",
        trainer="src.trainer.duin_vqvae:DuinVqvaeTrainer",
        about="Du-IN stage 1 (NeurIPS 2024): sEEG -> one of 2048 codes per 0.1 s -> sEEG, without labels",
        dataset="simulated_seeg",
        kinds=("signal",), own_target="signal", has=_UNLABELLED_HAS, replica_of_data="duin", lacks=UNLABELLED,
        recipe={**_DUIN_PRETRAINING, "weight_decay": 0.01},
        recipes={"simulated_seeg": {**_SIMULATED_VQVAE, "dataset_args": _STRETCHES, "model_args": _SIMULATED_CODES}},
        presets={"tiny": {**_VQVAE_TINY, "reconstruction.n_filters": (32, 32, 32, 32, 4)},
                 "small": {"encoder.n_blocks": 4, "decoder.n_blocks": 2}, "base": {}},
    ),
    "duin_mae": ModelRow(
        model="src.models.duin.mae:DuinMae",
        trainer="src.trainer.duin_mae:DuinMaeTrainer",
        about="Du-IN stage 2: the codes of hidden 0.1 s, predicted from the others; needs --vqkd_ckpt",
        dataset="simulated_seeg",
        kinds=("tokens",), own_target="tokens", codes_of="duin_vqvae", has=("vqkd_ckpt", *_UNLABELLED_HAS),
        replica_of_data="duin",
        lacks=UNLABELLED,
        recipe={**_DUIN_PRETRAINING, "weight_decay": 0.05},
        recipes={"simulated_seeg": {**_SIMULATED_MAE, "dataset_args": _STRETCHES}},
        presets={"tiny": _DUIN_TINY, "small": {"encoder.n_blocks": 4}, "base": {}},
    ),
    "duin_cls": ModelRow(
        model="src.models.duin.classifier:DuinClassifier",
        trainer="src.trainer.duin_trainer:DuinClassifierTrainer",
        about="Du-IN word classification from sEEG (NeurIPS 2024): patch tokenizer and transformer",
        dataset="simulated_seeg",
        kinds=("classes",), has=_LABELLED_HAS, replica_of_data="duin",
        recipe={**_DUIN_LABELLED, "augmentation": ["shift=0.1"]},
        recipes={"simulated_seeg": {**_SIMULATED_WORDS, "augmentation": ["shift=300"]}},
        presets={"tiny": {**_DUIN_TINY, "head.d_hidden": (32,)}, "small": {"encoder.n_blocks": 4}, "base": {}},
    ),
    "duin_llm": ModelRow(
        model="src.models.duin.llm:DuinLlm",
        trainer="src.trainer.duin_llm:DuinLlmTrainer",
        about="Du-IN's phoneme model: the initial and the final that are spoken in each 0.1 s",
        dataset="simulated_seeg",
        kinds=("tokens",), has=_LABELLED_HAS, replica_of_data="duin",
        lacks=OWN_LOSS | {"balanced_sampling": "a trial has many labels"},
        recipe={**_DUIN_LABELLED, "min_lr": 5e-5},
        recipes={"simulated_seeg": {**_SIMULATED_WORDS, "epochs": 30, "warmup_epochs": 3,
                                    "dataset_args": ["task=phonemes"]}},
        presets={"tiny": {**_DUIN_TINY, "head.d_hidden": (32,)}, "small": {"encoder.n_blocks": 4}, "base": {}},
    ),
    "duin_align": ModelRow(
        model="src.models.duin.align:DuinAlign",
        trainer="src.trainer.duin_align:DuinAlignTrainer",
        about="trials of the same word brought together between subjects (ours; on Du-IN's contrastive block)",
        dataset="simulated_seeg",
        kinds=("embedding",), own_target="embedding", has=("word_vectors",), lacks=OWN_LOSS,
        recipe={**_DUIN_LABELLED, "batch_size": 64, "monitor": "retrieval", "augmentation": ["shift=0.1"],
                "word_vectors": "one_hot"},
        recipes={"simulated_seeg": {**_SIMULATED_WORDS, "epochs": 20, "warmup_epochs": 2, "augmentation": ["shift=300"],
                                    "dataset_args": _THREE_SUBJECTS}},
        presets={"tiny": _DUIN_TINY, "small": {"encoder.n_blocks": 4}, "base": {}},
    ),
    "poms_vqvae": ModelRow(
        model="src.models.duin.poms:PomsVqvae",
        trainer="src.trainer.duin_vqvae:DuinVqvaeTrainer",
        about="duin_vqvae for several subjects: a tokenizer and a reconstruction head for each",
        dataset="simulated_seeg",
        kinds=("signal",), own_target="signal", has=_UNLABELLED_HAS, replica_of_data="duin", lacks=UNLABELLED,
        recipe={**_DUIN_PRETRAINING, "weight_decay": 0.01},
        recipes={"simulated_seeg": {**_SIMULATED_VQVAE, "epochs": 14, "warmup_epochs": 1.4,
                                    "dataset_args": _STRETCHES + _THREE_SUBJECTS, "model_args": _SIMULATED_CODES}},
        presets={"tiny": {**_VQVAE_TINY, "reconstruction.n_filters": (32, 32, 32)},
                 "small": {"encoder.n_blocks": 4, "decoder.n_blocks": 2}, "base": {}},
    ),
    "poms_mae": ModelRow(
        model="src.models.duin.poms:PomsMae",
        trainer="src.trainer.duin_mae:DuinMaeTrainer",
        about="duin_mae for several subjects, on the codes of a poms_vqvae; needs --vqkd_ckpt",
        dataset="simulated_seeg",
        kinds=("tokens",), own_target="tokens", codes_of="poms_vqvae", has=("vqkd_ckpt", *_UNLABELLED_HAS),
        replica_of_data="duin",
        lacks=UNLABELLED,
        recipe={**_DUIN_PRETRAINING, "weight_decay": 0.05},
        recipes={"simulated_seeg": {**_SIMULATED_MAE, "epochs": 10, "warmup_epochs": 1,
                                    "dataset_args": _STRETCHES + _THREE_SUBJECTS}},
        presets={"tiny": _DUIN_TINY, "small": {"encoder.n_blocks": 4}, "base": {}},
    ),
    "poms_cls": ModelRow(
        model="src.models.duin.poms:PomsClassifier",
        trainer="src.trainer.duin_trainer:DuinClassifierTrainer",
        about="duin_cls for several subjects: a tokenizer for each, one transformer and head",
        dataset="simulated_seeg",
        kinds=("classes",), has=_LABELLED_HAS, replica_of_data="duin",
        recipe={**_DUIN_LABELLED, "augmentation": ["shift=0.1"]},
        recipes={"simulated_seeg": {**_SIMULATED_WORDS, "epochs": 20, "warmup_epochs": 2, "augmentation": ["shift=300"],
                                    "dataset_args": _THREE_SUBJECTS}},
        presets={"tiny": {**_DUIN_TINY, "head.d_hidden": (32,)}, "small": {"encoder.n_blocks": 4}, "base": {}},
    ),
}
