"""Three tables, models, data sets and raw sets to prepare: name -> classes, recipe, one line of what it is.

Plain strings only, so that help texts list everything without importing torch. A new family is one row here.
A recipe holds what its source or a measurement found to work; `docs/models.md` says where each number is from.
Weakest first, what counts is: the flag's default, the recipe, `--config`, the command line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from src.errors import UserError, did_you_mean


@dataclass(frozen=True)
class ModelRow:
    """One model: its class, its trainer, the data that it trains on by default, and what works for it."""

    model: str  # "module:Class"
    about: str
    dataset: str  # trained on this when neither --dataset nor --data_path is given
    trainer: str = "src.trainer.main_trainer:MainTrainer"
    kinds: tuple[str, ...] = ("classes", "multilabel")  # the targets it can learn
    own_target: str = ""  # the kind of target that it makes of any data by itself; "" = the data's labels
    codes_of: str = ""  # the registered model, given by --vqkd_ckpt, whose codes it predicts
    has: tuple[str, ...] = ()  # flags, or flag=value, that hold for this model and not for all
    replica_of_data: str = ""  # whose way with data --replica repeats: duin (normaliser, shift of 0), fairseq (batches)
    lacks: dict[str, str] = field(default_factory=dict)  # flag, or flag=value, without effect on it -> why
    recipe: dict[str, Any] = field(default_factory=dict)  # flag -> value
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)  # data set -> what differs there
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)  # --preset NAME -> model arguments


@dataclass(frozen=True)
class DatasetRow:
    """One data set: its class, and whether it needs --data_path."""

    dataset: str  # "module:Class"
    about: str
    needs_path: bool = False
    recipe: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RawRow:
    """One set of raw recordings that `prepare.py NAME --raw_root DIR` turns into a data set."""

    find: str  # "module:function" (root: Path, options: Options) -> RawSet
    options: str  # "module:Options", a frozen dataclass (--dataset_args key=value)
    about: str
    prepare: dict[str, Any] = field(default_factory=dict)  # preparation options that its protocol asks for


_DUIN_TINY = {"encoder.n_blocks": 1, "encoder.n_heads": 2, "encoder.d_head": 16, "tokenizer.n_filters": (32, 32, 4)}
_VQVAE_TINY = _DUIN_TINY | {"decoder.n_blocks": 1, "decoder.n_heads": 2, "decoder.d_head": 16,
                            "quantizer.codex_size": 32, "quantizer.d_codex": 16}
_OF_LOSS = ("loss", "loss_args", "pos_weight", "sample_size=positives", "label_smoothing", "class_weights")
_OWN_LOSS: dict[str, str] = dict.fromkeys(_OF_LOSS, "its objective is its own")
_UNLABELLED: dict[str, str] = dict.fromkeys(
    (*_OF_LOSS, "balanced_sampling", "control=permute_labels"), "it is trained without labels")

_LABELLED_HAS, _UNLABELLED_HAS = ("replica", "layout=duin"), ("replica", "layout=duin", "pretrain_on_all")
_OF_CLASSES = ("layout=tensor_pipeline",)

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

MODELS: dict[str, ModelRow] = {
    "cnn": ModelRow(
        model="src.models.model:Model",
        about="the tutorial model: a small 1-D CNN that a student understands; edit it",
        dataset="simulated_ecg",
        has=_OF_CLASSES,
        recipe={"epochs": 8, "batch_size": 32, "lr": 5e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 8}, "small": {"width": 16}, "base": {"width": 32}},
    ),
    "duin_vqvae": ModelRow(
        model="src.models.duin.vqvae:DuinVqvae",
        trainer="src.trainer.duin_vqvae:DuinVqvaeTrainer",
        about="Du-IN stage 1 (NeurIPS 2024): sEEG -> one of 2048 codes per 0.1 s -> sEEG, without labels",
        dataset="simulated_seeg",
        kinds=("signal",), own_target="signal", has=_UNLABELLED_HAS, replica_of_data="duin", lacks=_UNLABELLED,
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
        lacks=_UNLABELLED,
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
        lacks=_OWN_LOSS | {"balanced_sampling": "a trial has many labels"},
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
        kinds=("embedding",), own_target="embedding", has=("word_vectors",), lacks=_OWN_LOSS,
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
        kinds=("signal",), own_target="signal", has=_UNLABELLED_HAS, replica_of_data="duin", lacks=_UNLABELLED,
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
        lacks=_UNLABELLED,
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
        kinds=("classes",), has=_ECG_HAS, replica_of_data="fairseq", lacks=_OWN_LOSS,
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
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=_UNLABELLED,
        recipe={**_ECG_PRETRAINING, "model_args": _ECG_WAV2VEC2_ARGS},
        recipes={"simulated_ecg": _SIMULATED_ECG_PRETRAINING},
        presets={"tiny": {**_ECG_TINY, **_CODES_TINY}, "small": _ECG_SMALL, "base": {}},
    ),
    "wav2vec2_cmsc": ModelRow(
        model="src.models.ecg_transformer.contrastive:Wav2vec2Cmsc",
        trainer="src.trainer.ecg_wav2vec2:Wav2vec2CmscTrainer",
        about="pretraining of ECG-FM: wav2vec2, adjacent segments of a record compared, leads hidden at random",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=_UNLABELLED,
        recipe={**_ECG_PRETRAINING, "model_args": _ECG_WAV2VEC2_ARGS, "augmentation": ["random_leads_masking=0.5"]},
        recipes={"simulated_ecg": {**_SIMULATED_ECG_PRETRAINING, "dataset_args": ["views=adjacent"]}},
        presets={"tiny": {**_ECG_TINY, **_CODES_TINY}, "small": _ECG_SMALL, "base": {}},
    ),
    "cmsc": ModelRow(
        model="src.models.ecg_transformer.contrastive:Cmsc",
        trainer="src.trainer.ecg_contrastive:ContrastiveTrainer",
        about="pretraining of ecg_transformer: adjacent segments of a record belong together (CLOCS)",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=_UNLABELLED,
        recipe=_ECG_CONTRASTIVE,
        recipes={"simulated_ecg": {**_SIMULATED_ECG_PRETRAINING, "dataset_args": ["views=adjacent"]}},
        presets={"tiny": _ECG_TINY, "small": _ECG_SMALL, "base": {}},
    ),
    "simclr": ModelRow(
        model="src.models.ecg_transformer.contrastive:SimClr",
        trainer="src.trainer.ecg_contrastive:ContrastiveTrainer",
        about="pretraining of ecg_transformer: two random changes of a record belong together (SimCLR)",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=_UNLABELLED,
        recipe={**_ECG_CONTRASTIVE, "augmentation": _TWO_CHANGES},
        recipes={"simulated_ecg": {**_SIMULATED_ECG_PRETRAINING, "dataset_args": ["views=same"]}},
        presets={"tiny": _ECG_TINY, "small": _ECG_SMALL, "base": {}},
    ),
    "3kg": ModelRow(
        model="src.models.ecg_transformer.contrastive:ThreeKg",
        trainer="src.trainer.ecg_contrastive:ContrastiveTrainer",
        about="simclr whose views belong together by patient (3KG)",
        dataset="simulated_ecg",
        kinds=("embedding",), own_target="embedding", has=("replica",), replica_of_data="fairseq", lacks=_UNLABELLED,
        recipe={**_ECG_CONTRASTIVE, "augmentation": _3KG_CHANGES},
        recipes={"simulated_ecg": {**_SIMULATED_ECG_PRETRAINING, "dataset_args": ["views=same"]}},
        presets={"tiny": _ECG_TINY, "small": _ECG_SMALL, "base": {}},
    ),
}
MODELS["clocs"] = MODELS["cmsc"]  # the name of its paper

DATASETS: dict[str, DatasetRow] = {
    "simulated_seeg": DatasetRow(
        dataset="src.data.simulated.seeg:SimulatedSEEG",
        about="word reading, 10 channels at 1000 Hz, made on the fly: no download",
        recipe={"normalize": "channel"},
    ),
    "simulated_ecg": DatasetRow(
        dataset="src.data.simulated.ecg:SimulatedECG",
        about="12-lead ECG of patients with eight findings, made on the fly: no download",
        recipe={"normalize": "scale"},
    ),
    "simulated_identity": DatasetRow(
        dataset="src.data.simulated.identity:SimulatedIdentity",
        about="whose ECG it is: people met before, in a later recording; made on the fly",
        recipe={"normalize": "scale"},
    ),
    "prepared": DatasetRow(
        dataset="src.data.prepared:PreparedDataset",
        about="a folder that prepare.py made of a public set or of your own recordings",
        needs_path=True,
    ),
    "arrays": DatasetRow(
        dataset="src.data.arrays:ArraysDataset",
        about="npz, npy or MAT files with signal, label and (optional) subject",
        needs_path=True,
    ),
    "wfdb": DatasetRow(
        dataset="src.data.wfdb_folder:WfdbDataset",
        about="a folder of WFDB records and a CSV of record,label[,subject]",
        needs_path=True,
    ),
    "tensor_pipeline": DatasetRow(
        dataset="src.data.sets.tensor_pipeline:TensorPipelineDataset",
        about="a folder that the ECG tensor pipeline processed: records/*.npz and splits.json",
        needs_path=True,
    ),
    "manifest": DatasetRow(
        dataset="src.data.sets.manifest:ManifestDataset",
        about="fairseq-signals' and ECG-FM's manifests: .tsv lists of .mat files, labels in y.npy",
        needs_path=True,
    ),
    "npy": DatasetRow(
        dataset="src.data.sets.npy:NpyDataset",
        about="DeepECG-SSL's arrays (records, 2500, 12) with labels, described by .tsv files",
        needs_path=True,
    ),
    "dataframe": DatasetRow(
        dataset="src.data.sets.dataframe:DataframeDataset",
        about="DeepECG-SSL's tables (CSV, Parquet) of .npy files and labels, described by .tsv files",
        needs_path=True,
    ),
    "recordings": DatasetRow(
        dataset="src.data.recordings:RecordingsDataset",
        about="any readable files without labels: what test.py predicts on",
        needs_path=True,
    ),
    "duin": DatasetRow(
        dataset="src.data.sets.duin:DuinDataset",
        about="Du-IN's release: words read aloud, twelve subjects, sEEG at 1000 Hz",
        needs_path=True,
        recipe={"normalize": "channel"},
    ),
    "edf": DatasetRow(
        dataset="src.data.sets.edf:EdfDataset",
        about="EDF, BDF, BrainVision, FIF, GDF or EEGLAB files with events (extra: mne)",
        needs_path=True,
        recipe={"normalize": "record"},
    ),
    "bids": DatasetRow(
        dataset="src.data.sets.bids:BidsDataset",
        about="an iEEG-BIDS or EEG-BIDS tree (extra: mne)",
        needs_path=True,
        recipe={"normalize": "record"},
    ),
}

_TWELVE_LEADS = ("standard12",)

RAW_SETS: dict[str, RawRow] = {
    "folder": RawRow(
        find="src.data.sets.folder:find",
        options="src.data.sets.folder:Options",
        about="any readable files and a labels.csv of record,label[,subject][,subset]",
    ),
    "ptbxl": RawRow(
        find="src.data.sets.ptbxl:find",
        options="src.data.sets.ptbxl:Options",
        about="PTB-XL: 12 leads, 10 s, SCP statements in six tasks, official folds",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV"},
    ),
    "cinc2017": RawRow(
        find="src.data.sets.cinc2017:find",
        options="src.data.sets.cinc2017:Options",
        about="CinC 2017: one lead, normal, atrial fibrillation, other, noise",
    ),
    "cinc2021": RawRow(
        find="src.data.sets.cinc2021:find",
        options="src.data.sets.cinc2021:Options",
        about="CinC 2020 and 2021: 12 leads, eight sources, the scored diagnoses",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV", "resample_hz": 500},
    ),
    "cpsc2018": RawRow(
        find="src.data.sets.cpsc2018:find",
        options="src.data.sets.cpsc2018:Options",
        about="CPSC 2018: 12 leads, 6 to 60 s, nine classes",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV"},
    ),
    "chapman": RawRow(
        find="src.data.sets.chapman:find",
        options="src.data.sets.chapman:Options",
        about="Chapman-Shaoxing: 12 leads, 10 s, eleven rhythms in four groups",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV"},
    ),
    "code15": RawRow(
        find="src.data.sets.code15:find",
        options="src.data.sets.code15:Options",
        about="CODE-15%: 12 leads, 7 or 10 s, six abnormalities, patients known",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV", "trim": True},
    ),
    "mitbih": RawRow(
        find="src.data.sets.mitbih:find",
        options="src.data.sets.mitbih:Options",
        about="MIT-BIH: beats in the five AAMI classes, DS1 against DS2",
        prepare={"leads": ("MLII",), "unit": "mV"},
    ),
    "unified": RawRow(
        find="src.data.sets.unified:find",
        options="src.data.sets.unified:Options",
        about="folders of WFDB and MAT files and one mapping: dataset,record_id,mapped_label",
        prepare={"leads": ("single",), "unit": "any", "resample_hz": 500, "scale": "zscore", "samples": 5000},
    ),
}


def raw_row(name: str) -> RawRow:
    return _row(RAW_SETS, name, "set to prepare")


def model_row(name: str) -> ModelRow:
    return _row(MODELS, name, "model")


def recipe_words(model: str, dataset: str | None, flag: str) -> list[str]:
    """The key=value words that the recipe of a model, for these data, gives to a flag."""
    row = model_row(model)
    return [*row.recipe.get(flag, []), *row.recipes.get(dataset or "", {}).get(flag, [])]


def dataset_row(name: str) -> DatasetRow:
    return _row(DATASETS, name, "data set")


def _row(table: dict[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise UserError(f"unknown {what} {name!r}{did_you_mean(name, table)}", f"known: {', '.join(table)}")
    return table[name]


def load(path: str) -> Any:
    """The class behind "module:Class", imported now."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
