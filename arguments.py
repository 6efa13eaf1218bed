"""Every flag of every command, by group. `python arguments.py` prints them all.

A flag's default here is the weakest value; a model's recipe, `--config FILE` and the command line override it in this
order (`src/config.py`). These are plain tables: nothing here imports torch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from src import registry

TRAIN, TEST, PREPARE, COMPARE, EXPORT = "train", "test", "prepare", "compare", "export"


@dataclass(frozen=True)
class Flag:
    """One flag. `kind` converts its text; `many`: None one value, '?' perhaps one, '*', '+' or a number of values."""

    name: str
    default: Any
    kind: type
    help: str
    many: str | int | None = None
    const: Any = None  # the value of a '?' flag that stands alone
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None  # strictly more than this
    needs: tuple[str, tuple] | None = None  # (other flag, its values for which this one holds; () = any but off)
    keyed: bool = False  # key=value words, merged by key over recipe, file and command line
    spellings: tuple[tuple[str, str], ...] = ()  # other names of its values -> the value
    of_models: bool = False  # holds only for the models whose row in the registry names it in `has`
    commands: tuple[str, ...] = (TRAIN,)


def _flag(name: str, default: Any, kind: type, help: str, **more: Any) -> Flag:
    return Flag(name, default, kind, help, **more)


BOTH, DATA = (TRAIN, TEST), (TRAIN, TEST, PREPARE)

GROUPS: dict[str, list[Flag]] = {
    "model": [
        _flag("model", "cnn", str, "which model to train", choices=tuple(registry.MODELS)),
        _flag("model_args", [], str, "its hyperparameters, key=value (nested keys with dots)", many="+", keyed=True),
        _flag("preset", None, str, "a size of the model", choices=("tiny", "small", "base")),
        _flag("dropout", None, float, "every dropout probability of the model at once", least=0, most=0.95),
        _flag("init_from", None, str, "start from these weights: a run folder or a file"),
        _flag("freeze", "none", str, "train the head alone, or the subject's input layer alone, the rest being as "
              "in evaluation; or the head and low-rank updates of the rest (--model_args lora.rank=8 lora.alpha=16)",
              choices=("none", "backbone", "all_but_subject", "lora")),
        _flag("freeze_finetune_updates", 0, int, "the head alone learns for so many updates, the rest after them",
              least=0, of_models=True),
        _flag("vqkd_ckpt", None, str, "the trained VQ-VAE whose codes are predicted: a run folder or a file",
              of_models=True),
        _flag("word_vectors", None, str, "align trials to the words' embeddings: a FILE (.npz of words and vectors, "
              "or CSV word,v1,v2,...), or learnt ones (one_hot), or to other subjects' trials (none)", of_models=True),
        _flag("replica", False, bool, "the original's exact behaviour, in model, data set, batches and choice of "
              "the best epoch; in the stages of prepare.py ecgfm", of_models=True, commands=(TRAIN, PREPARE)),
    ],
    "data": [
        _flag("dataset", None, str, "which data set (default: what --data_path holds, else the model's own)",
              choices=tuple(registry.DATASETS), commands=DATA),
        _flag("dataset_args", [], str, "options of the data set, key=value", many="+", keyed=True, commands=DATA),
        _flag("data_path", None, str, "folder or file with the recordings", commands=BOTH),
        _flag("subjs", None, str, "these subjects alone (001 002), or all", many="+"),
        _flag("subj_idxs", None, int, "their numbers in the training whose weights are loaded; with --pipeline: which "
              "of --subjs are classified", many="+", least=0, needs=("subjs", ())),
        _flag("splits", None, str, "which records train, validate and test: as in this run (folder, or splits.json)"),
        _flag("pretrain_on_all", False, bool, "training without labels takes the records of the test part too",
              of_models=True),
        _flag("split_ratio", [0.8, 0.1, 0.1], float, "train, validation and test shares where the data carry no split",
              many=3, least=0, most=1, commands=(TRAIN, PREPARE)),
        _flag("fold", None, int, "which fold is the test part (with --folds; 0-based)", least=0),
        _flag("folds", None, int, "cross-validation: this many folds, one run each (or --fold I alone)", least=2),
        _flag("normalize", "channel", str, "fitted on the training part: per channel mean and deviation (channel), "
              "deviation alone (scale); or each record by itself (record)",
              choices=("channel", "scale", "record", "none")),
        _flag("augmentation", [], str, "random changes of training signals: shift=200 noise=0.1 scale=0.1 "
              "flip=0.5 channel_dropout=0.1 time_mask=0.1; as recorded: snr=10 noise_mv=0.05 baseline_wander=0.3 "
              "powerline=50 gain=0.1 lead_dropout=0.1 crop=0.8 axis_rotation=15 axis_scaling=0.1; fairseq-signals' "
              "fairseq_powerline=0.1 fairseq_emg=0.1 fairseq_shift=0.1 fairseq_wander=0.1 random_leads_masking=0.5 "
              "conditional_leads_masking=4,5 vcg_rotation=45 vcg_scaling=1.5 lead_time_mask=0.5; each perhaps with a "
              "probability after it, noise=0.1@0.5; or none", many="*"),
        _flag("balanced_sampling", False, bool, "draw the classes of a training epoch equally often"),
        _flag("batch_size", 32, int, "records per micro-batch and process", least=1, commands=BOTH),
        _flag("val_batch_size", None, int, "records per validation batch (default: --batch_size)", least=1),
        _flag("test_batch_size", None, int, "records per test batch (default: --val_batch_size)", least=1,
              commands=BOTH),
        _flag("num_workers", None, int, "processes that prepare batches (default: 0 on a CPU, up to 8 for a GPU), or "
              "that prepare.py uses (default: one per core)", least=0, commands=DATA),
        _flag("limit", None, int, "use (write) at most this many records of each part", least=1, commands=DATA),
        _flag("on_bad_record", "skip", str, "leave unreadable records out, or refuse to start",
              choices=("skip", "error"), commands=DATA),
        _flag("control", "none", str, "negative control: training labels permuted, or signals replaced by noise",
              choices=("none", "permute_labels", "noise")),
    ],
    "several stages": [
        _flag("pipeline", None, str, "duin: VQ-VAE, masked codes, and words from scratch and from either; then a table",
              choices=("duin",)),
        _flag("protocol", None, str, "loso: train on the other subjects, fit the new one's input layer on few trials",
              choices=("loso",)),
        _flag("shots", [0, 1, 5, 10, 20], int, "trials per word that the new subject's layer is fitted on", many="+",
              least=0, needs=("protocol", ("loso",))),
        _flag("stage_args", [], str, "flags of single stages, stage.flag=value (vqvae.epochs=5 mae.lr=1e-4)", many="+",
              keyed=True),
    ],
    "optimisation": [
        _flag("epochs", 30, int, "passes over the training part", least=1),
        _flag("max_steps", None, int, "stop after this many updates, whatever --epochs says", least=1),
        _flag("lr", 1e-3, float, "peak learning rate", above=0),
        _flag("min_lr", 0.0, float, "learning rate that no schedule falls below", least=0,
              needs=("scheduler", ("cosine", "step", "plateau", "exponential", "onecycle", "fairseq_step"))),
        _flag("weight_decay", 0.01, float, "decoupled decay of weights (not of norms and biases)", least=0),
        _flag("optimizer", "adamw", str, "update rule", choices=("adamw", "adam", "nadam", "sgd",
              "fairseq_adam")),
        _flag("momentum", 0.9, float, "momentum", least=0, most=0.9999, needs=("optimizer", ("sgd",))),
        _flag("betas", [0.9, 0.999], float, "decay of the two moments", many=2, least=0, most=0.99999,
              needs=("optimizer", ("adamw", "adam", "nadam", "fairseq_adam"))),
        _flag("eps", 1e-8, float, "added to the denominator", above=0,
              needs=("optimizer", ("adamw", "adam", "nadam", "fairseq_adam"))),
        _flag("scheduler", "cosine", str, "how the learning rate goes",
              choices=("cosine", "step", "plateau", "exponential", "onecycle", "constant", "tri_stage", "fairseq_step",
                       "fixed")),
        _flag("scheduler_args", [], str, "of tri_stage: phase_ratio=0.1,0.4,0.5 (or warmup_steps, hold_steps, "
              "decay_steps) init_lr_scale final_lr_scale; of fairseq_step: lr_decay_period lr_decay; of fixed: lr (of "
              "each epoch) force_anneal lr_shrink", many="+", keyed=True,
              needs=("scheduler", ("tri_stage", "fairseq_step", "fixed"))),
        _flag("schedule_unit", "update", str, "change the rate at every update, or once per epoch as Du-IN does",
              choices=("update", "epoch"), needs=("scheduler", ("cosine", "step", "exponential", "constant"))),
        _flag("warmup_epochs", 0.0, float, "epochs of linear warm-up (onecycle: its rising part)", least=0),
        _flag("warmup_steps", None, int, "the same in updates", least=0),
        _flag("warmup_start_lr", 0.0, float, "learning rate at which the warm-up starts", least=0),
        _flag("step_size", None, int, "epochs between two steps (default: a third of --epochs)", least=1,
              needs=("scheduler", ("step",))),
        _flag("gamma", 0.1, float, "factor of each step; of each epoch for exponential", above=0, most=1,
              needs=("scheduler", ("step", "exponential"))),
        _flag("scheduler_patience", 5, int, "validations without progress before the rate falls", least=0,
              needs=("scheduler", ("plateau",))),
        _flag("scheduler_factor", 0.5, float, "by which the rate then falls", above=0, most=0.9999,
              needs=("scheduler", ("plateau",))),
        _flag("layer_decay", 1.0, float, "factor on the rate per layer below the head", above=0, most=1),
        _flag("loss", None, str, "objective (default: what the target asks): cross-entropy, binary, squared error, "
              "asymmetric, binary focal, soft margin, the mean of each label's binary one, focal cross-entropy",
              choices=("ce", "bce", "mse", "as", "bf", "mlsml", "multi_head_bce", "focal_ce"),
              spellings=(("cross_entropy", "ce"), ("binary_cross_entropy", "bce"),
                         ("binary_cross_entropy_with_logits", "bce"), ("mse2", "mse"), ("asymmetric", "as"),
                         ("binary_focal", "bf"), ("multi_label_soft_margin", "mlsml"),
                         ("multi_head_binary_cross_entropy", "multi_head_bce"))),
        _flag("loss_args", [], str, "its settings: gamma_neg gamma_pos clip (as), alpha gamma (bf), gamma (focal_ce)",
              many="+", keyed=True, needs=("loss", ("as", "bf", "focal_ce"))),
        _flag("pos_weight", None, str, "weight of each label's positives: numbers, or a file of them (pos_weight.txt)",
              many="+"),
        _flag("sample_size", "elements", str, "what a loss of several labels is divided by: all labels, or the "
              "positive ones as in DeepECG-SSL", choices=("elements", "positives")),
        _flag("label_smoothing", 0.0, float, "share of the target spread over all classes", least=0, most=0.9),
        _flag("class_weights", False, bool, "weight the loss by inverse class frequency"),
        _flag("grad_accum_steps", 1, int, "micro-batches per update", least=1),
        _flag("grad_clip", 0.0, float, "largest norm of the gradient; 0 = no clipping", least=0),
        _flag("ema", 0.0, float, "decay of a running average of the weights, evaluated and kept; 0 = off", least=0,
              most=0.999999),
    ],
    "machine": [
        _flag("device", None, str, "cpu, cuda, cuda:1, mps (default: the best there is)", commands=BOTH),
        _flag("mixed_precision", False, bool, "bfloat16 where the device has it fast, else float16 with loss scaling"),
        _flag("precision", "fp32", str, "the precision itself", choices=("fp32", "tf32", "bf16", "fp16")),
        _flag("use_multigpu", False, bool, "one process per GPU of this machine (torchrun)"),
        _flag("compile", False, bool, "torch.compile the model"),
        _flag("seed", 42, int, "seed of every random draw", least=0, commands=(TRAIN, PREPARE)),
        _flag("seeds", None, int, "one run per seed, then mean and deviation", many="+", least=0),
        _flag("deterministic", False, bool, "deterministic algorithms, also where they are slower"),
    ],
    "selection and stopping": [
        _flag("monitor", None, str, "validation metric that decides what is best (default: the target's)"),
        _flag("valid_subset", None, str, "parts of the data to validate on (valid test); the first decides what "
              "is best", many="+"),
        _flag("eval_freq", 1, int, "epochs between validations", least=1),
        _flag("early_stopping", False, bool, "stop when the monitored metric no longer improves"),
        _flag("patience", 10, int, "validations without progress before stopping", least=1,
              needs=("early_stopping", (True,))),
        _flag("min_delta", 0.0, float, "smallest change that counts as progress", least=0,
              needs=("early_stopping", (True,))),
        _flag("aggregate", "mean", str, "windows of a record in evaluation (--dataset_args stride_s=...): the mean of "
              "their probabilities, or the maximum", choices=("mean", "max"), commands=BOTH),
        _flag("thresholds", "half", str, "from which probability on a label is given: 0.5 (half), or chosen for each "
              "label on the validation part, for its F1, Youden's index, or G-beta", choices=("half", "f1", "youden",
              "gbeta"), commands=BOTH),
        _flag("load_best", True, bool, "after training, the model holds the best weights"),
    ],
    "saving": [
        _flag("save_dir", "checkpoints", str, "folder of all runs"),
        _flag("experiment_name", None, str, "folder of this run below it (default: model and time)"),
        _flag("save_best", True, bool, "keep best_model.pth"),
        _flag("save_freq", 0, int, "keep checkpoint-<epoch>.pth every so many epochs; 0 = none", least=0),
        _flag("save_steps", 0, int, "write last.pth also every so many updates inside an epoch; 0 = at its end",
              least=0),
        _flag("keep_checkpoint_max", 3, int, "how many checkpoint-<epoch>.pth are kept", least=1,
              needs=("save_freq", ())),
        _flag("keep", "all", str, "of a finished run: all its checkpoints as they are, their weights without the "
              "optimizer's state, or the best weights alone", choices=("all", "weights", "best")),
        _flag("layout", None, str, "also write another system's tree: Du-IN's pretrains/duin/<subject>/<stage>/model/"
              "checkpoint-<epoch>.pth, or the ECG tensor pipeline's artifacts/, figures/ and logs/",
              choices=("duin", "tensor_pipeline"), of_models=True),
        _flag("resume", None, str, "go on with a run: its folder or file, or auto", many="?", const="auto"),
        _flag("config", None, str, "read flags from this JSON or TOML file", commands=BOTH),
    ],
    "watching": [
        _flag("print_freq", 50, int, "updates between two log lines", least=1),
        _flag("use_tensorboard", True, bool, "write TensorBoard events"),
        _flag("log_dir", None, str, "folder of the TensorBoard events (default: the run's)",
              needs=("use_tensorboard", (True,))),
        _flag("use_wandb", False, bool, "log to Weights & Biases; offline without a key"),
        _flag("wandb_project", "vagus", str, "its project", needs=("use_wandb", (True,))),
        _flag("wandb_entity", None, str, "its team", needs=("use_wandb", (True,))),
        _flag("profile", False, bool, "write a trace of some updates of the first epoch"),
    ],
    "checks": [
        _flag("dry_run", False, bool, "build everything, say what would happen, train nothing"),
        _flag("fast_dev_run", False, bool, "a few batches through training, validation, saving, resuming and test"),
        _flag("overfit_batches", 0, int, "train and validate on this many batches", least=0),
        _flag("debug", False, bool, "a small part of the data, two epochs, every step logged"),
    ],
    "testing": [
        _flag("weights", None, str, "which weights: a file, a run folder, or nothing for the newest run", many="?",
              commands=(TEST, EXPORT)),
        _flag("n_heads", None, int, "attention heads of weights of fairseq-signals whose file tells none", least=1,
              commands=(TEST, EXPORT)),
        _flag("subset", "test", str, "which part of the data", commands=(TEST,)),
        _flag("robustness", False, bool, "score the records again as worse recordings of them: noise, absent leads, a "
              "wrong clock, mains, exchanged electrodes, a wrong gain (ECG)", commands=(TEST,)),
        _flag("explain", 0, int, "draw what this many right and wrong answers about every class rest on, and the most "
              "confident errors", least=0, commands=(TEST,)),
        _flag("output_dir", None, str, "where the results go (default: the run folder)", commands=(TEST, COMPARE)),
        _flag("layout", None, str, "also write test_metrics.json and figures/ as the ECG tensor pipeline does; or test "
              "the records below --base_dir as the ECG-FM lead-I pipeline does (of its first README: ecgfm_readme); or "
              "outputs_<subset>.npy and targets_<subset>.npy as fairseq-signals does",
              choices=("tensor_pipeline", "ecgfm", "ecgfm_readme", "fairseq"), commands=(TEST,)),
        _flag("extract", ["output"], str, "which arrays --layout fairseq writes", many="+",
              choices=("output", "encoder_out", "saliency"), needs=("layout", ("fairseq",)), commands=(TEST,)),
    ],
    "exporting": [
        _flag("format", "onnx", str, "ONNX (extra: onnx), the graph of torch.export (.pt2), or weights and their "
              "configuration, which train.py and test.py read (safetensors)",
              choices=("onnx", "torch_export", "safetensors"), commands=(EXPORT,)),
        _flag("output", None, str, "folder to write into (default: export/ in the run folder)", commands=(EXPORT,)),
        _flag("precision", "fp32", str, "what the network computes in; inputs and outputs stay fp32",
              choices=("fp32", "fp16"), commands=(EXPORT,)),
        _flag("check", True, bool, "run the file, compare it with PyTorch and time both", commands=(EXPORT,)),
        _flag("normalizer", "inside", str, "the fitted normaliser is part of the graph, which then takes signals in "
              "their unit; or whoever uses it normalises", choices=("inside", "outside"), commands=(EXPORT,)),
        _flag("masks", False, bool, "the file also takes what the network can do without: which samples are signal",
              commands=(EXPORT,)),
        _flag("label_def", None, str, "label_def.csv with the names of the labels, of weights of fairseq-signals",
              commands=(EXPORT,)),
        _flag("rate_hz", None, float, "sampling rate of what weights of fairseq-signals were trained on", above=0,
              commands=(EXPORT,)),
        _flag("licence", None, str, "licence of the training data, for the card", commands=(EXPORT,)),
    ],
    "preparing": [
        _flag("raw_root", None, str, "folder of the raw recordings of a set", commands=(PREPARE,)),
        _flag("output", "data", str, "new folder to write (of a set: data/SET, or as its --layout has it), or of "
              "pictures and table (inspect)", commands=(PREPARE,)),
        _flag("prepare_args", [], str, "what happens to each recording, key=value: leads=standard12 unit=mV "
              "resample_hz=500 resampling=fourier bandpass=0.5,40 notch=50 gaps=interpolate flat=zero scale=zscore "
              "samples=5000 dtype=float32", many="+", keyed=True, commands=(PREPARE,)),
        _flag("store", "npz", str, "a compressed file per record, or memory-mapped shards that load many times as fast",
              choices=("npz", "shards"), commands=(PREPARE,)),
        _flag("shard", None, str, "do part i of n, for batch systems: 1/4 to 4/4 into one folder", commands=(PREPARE,)),
        _flag("engine", "local", str, "processes of this machine, or a Ray cluster (extra: ray)",
              choices=("local", "ray"), commands=(PREPARE,)),
        _flag("layout", "npz", str, "file layout of simulated recordings (mimic: MIMIC-IV-ECG's); of a set: tensor_"
              "pipeline, for artifacts/processed as the ECG tensor pipeline has it",
              choices=("npz", "wfdb", "mat", "duin", "mimic", "tensor_pipeline"),
              commands=(PREPARE,)),
        _flag("label_mapping", None, str, "table of dataset,record_id,mapped_label (unified; default: logs/unified_"
              "label_mapping.csv)", commands=(PREPARE,)),
        _flag("base_dir", None, str, "folder of the ECG-FM lead-I pipeline (default: $ECG_FINETUNE_BASE, else here)",
              commands=(TEST, PREPARE)),
        _flag("leads", None, str, "its leads: one is copied to all twelve, of several each is in its place (default: "
              "I)", many="+", commands=(TEST, PREPARE)),
        _flag("labeler_config", None, str, "its labeler's configuration, a folder (default: the pipeline's own, else "
              "ours)", commands=(PREPARE,)),
        _flag("labeler_args", [], str, "how it reads reports: mode=attrib_absent (upstream, attrib) join=semicolon "
              "part=train", many="+", keyed=True, commands=(PREPARE,)),
        _flag("seconds", 10.0, float, "how much of a recording is drawn", above=0, commands=(PREPARE,)),
    ],
}

# What stands on a command line without a flag: name -> (number, help).
POSITIONALS: dict[str, dict[str, tuple[str, str]]] = {
    PREPARE: {"action": ("?", "simulate: write simulated recordings as files; inspect FILE..: say what they hold; "
                         "merge DIR: finish a folder of shards; identify DIR: manifests of people to train on and "
                         "of strangers (gallery and probes); ecgfm STAGE: check, split, labels, preprocess, "
                         "build or all of the ECG-FM lead-I pipeline; or a set of raw recordings to prepare: "
                         + ", ".join(registry.RAW_SETS)),
              "file": ("*", "the files or folders to inspect, the folder to merge, or the stage")},
    COMPARE: {"runs": ("*", "run folders")},
}

# What people type by habit -> the flag that is meant (offered in the error, never guessed).
HABITS = {"learning_rate": "lr", "n_epochs": "epochs", "num_epochs": "epochs", "batch": "batch_size",
          "bs": "batch_size", "wd": "weight_decay", "amp": "mixed_precision", "fp16": "precision", "gpu": "device",
          "gpu_ids": "device", "use_ddp": "use_multigpu", "workers": "num_workers", "checkpoint": "weights",
          "ckpt": "weights", "name": "experiment_name", "max_epochs": "epochs", "data": "data_path",
          "data_dir": "data_path", "clip": "grad_clip", "accum": "grad_accum_steps", "warmup": "warmup_epochs",
          "arch": "model", "valid_frac": "split_ratio", "test_frac": "split_ratio"}

# Flags that begin several runs -> the model that is meant where none is named.
MODEL_OF = {"pipeline": "duin_cls", "protocol": "duin_cls"}

# Names that users of other systems type -> the flag that they are.
ALIASES = {"pt_ckpt": "init_from", "model_path": "weights", "max_rows": "limit"}

# Flags, or flag=value, that set others, unless those are given in the same place (or a stronger one) too.
IMPLIED: dict[str, dict[str, Any]] = {
    "layout=tensor_pipeline": {"monitor": "f1_macro"},
    "debug": {"limit": 64, "epochs": 2, "max_steps": None, "print_freq": 1},
    "fast_dev_run": {"limit": 12, "epochs": 1, "max_steps": None, "batch_size": 4, "num_workers": 0, "print_freq": 1},
}

ABOUT = {
    TRAIN: "Train a model on biosignals. With no flags: the tutorial model on simulated ECG.",
    TEST: "Test trained weights; rebuilds data and preprocessing from the checkpoint.",
    PREPARE: "Turn raw recordings into a data set, write simulated ones as files, or look at a file.",
    EXPORT: "Write trained weights for other programs, with a card that says what goes in and what comes out.",
    COMPARE: "One table and one plot from several run folders.",
}


def flags(command: str | None = None) -> dict[str, Flag]:
    """Name -> flag, of one command or of all."""
    return {flag.name: flag for group in GROUPS.values() for flag in group
            if command is None or command in flag.commands}


def main(argv: list[str] | None = None) -> int:
    """Print every flag by group with its default; with --model NAME also that model's recipe and hyperparameters."""
    from src.flag_list import print_flags

    return print_flags(sys.argv[1:] if argv is None else list(argv))


if __name__ == "__main__":
    sys.exit(main())
