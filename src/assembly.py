"""From settings to the parts of a run: data, model, trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from src import options, registry
from src.data.control import retargeted
from src.data.dataset import BaseDataset
from src.data.open import open_dataset
from src.data.run_data import SPLITS, RunData, prepare
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.interop.weights import read_content, read_state_dict
from src.machine import cores
from src.models.duin.new_subject import count_subjects
from src.options import key_values
from src.trainer import checkpoint, distributed, duin_codes, duin_words, random_state
from src.trainer.duin_sections import class_names

LORA_RANK = 8  # of --freeze lora, where --model_args lora.rank does not say otherwise


def companions_of_run(args: Any) -> dict[str, Any]:
    """What a run needs beside its model and does not train: the VQ-VAE whose codes are predicted (vqvae), the word
    embeddings that trials are aligned to (words)."""
    row = registry.model_row(args.model)
    if args.resume:
        return stored_companions(row, _resumed(args)[0]) if row.codes_of or args.word_vectors else {}
    if duin_words.names_file(args.word_vectors):
        return {"words": duin_words.read(args.word_vectors)}
    if not row.codes_of:
        return {}
    if args.vqkd_ckpt is None:
        raise UserError(f"--model {args.model}: needs --vqkd_ckpt, the trained VQ-VAE whose codes it predicts",
                        f"python train.py --model {row.codes_of}, then --vqkd_ckpt and its run folder")
    return {"vqvae": duin_codes.read(args.vqkd_ckpt, row.codes_of)}


def stored_companions(row: registry.ModelRow, state: dict[str, Any]) -> dict[str, Any]:
    """The same from a checkpoint, without the files that they came from."""
    if row.codes_of:
        return {"vqvae": duin_codes.from_checkpoint(state)}
    words = duin_words.from_checkpoint(state) if "word_vectors" in row.has else None
    return {"words": words} if words else {}


def data_of_run(args: Any, companions: dict[str, Any] | None = None) -> RunData:
    """The data of a run to start, or of the one to go on with: its split, its normaliser.

    Of `--word_vectors one_hot` the companions are known only now: their words are the data's.
    """
    target = companions["vqvae"].target if companions and "vqvae" in companions else None
    if not args.resume:
        data = build_data(args, target=target)
        if args.word_vectors == duin_words.ONE_HOT and companions is not None:
            companions["words"] = duin_words.one_hot(class_names(data.dataset))
        return data
    state, found = _resumed(args)
    return build_data(args, found.parent / SPLITS, state.get("normalizer"), target)


def _resumed(args: Any) -> tuple[dict[str, Any], Path]:
    """The state of the run to go on with, and its file."""
    path = Path(args.resume)
    if path.is_dir():
        return checkpoint.read_last(path)[:2]
    return checkpoint.read(path), path


def build_data(args: Any, splits: Path | None = None, normalizer: dict[str, Any] | None = None,
               target: TargetSpec | None = None) -> RunData:
    """Open the data set that the flags name, split it (or take the split that --splits names), fit its normaliser."""
    if splits is None and args.splits:
        splits = split_file(args.splits)
    dataset = open_data(args)
    _check_split_ratio(args, dataset)
    check_aggregate(args, dataset)
    data = prepare(with_own_target(args, dataset, target), args, splits=splits, normalizer=normalizer)
    _check_thresholds(args, data)
    return data


def with_own_target(args: Any, dataset: BaseDataset, target: TargetSpec | None = None) -> BaseDataset:
    """The data with the target that the model makes of them by itself, where it does; `target` is that of its codes or
    of its checkpoint."""
    kind: Any = registry.model_row(args.model).own_target
    if not kind:
        return dataset
    return retargeted(dataset, target or TargetSpec(kind, dataset.spec.channels if kind == "signal" else ()))


def _check_split_ratio(args: Any, dataset: BaseDataset) -> None:
    typed = getattr(args, "sources", {}).get("split_ratio") == "command line"
    if typed and args.folds is None and {"train", "valid", "test"} <= set(dataset.subsets):
        raise UserError("--split_ratio: has no effect, these data have the official parts train, valid and test",
                        "leave it out; --folds makes other parts of the training and validation records")


def check_aggregate(args: Any, dataset: BaseDataset) -> None:
    """UserError where --aggregate was typed and no record has several windows."""
    typed = getattr(args, "sources", {}).get("aggregate") == "command line"
    if typed and not getattr(getattr(dataset, "config", None), "stride_s", 0):
        raise UserError(f"--aggregate {args.aggregate}: has no effect, each record has one window in evaluation",
                        "--dataset_args stride_s=1.25 (and window_s) gives recorded data several")


def _check_thresholds(args: Any, data: RunData) -> None:
    if args.thresholds == "half":
        return
    if data.target.kind != "multilabel":
        raise UserError(f"--thresholds {args.thresholds}: holds for several labels per record; the labels of these "
                        f"data are {data.target.kind}", "leave it out")
    if not len(data.rows.get("valid", ())):
        raise UserError(f"--thresholds {args.thresholds}: these data have no validation part to choose them on",
                        "leave it out, or see --split_ratio")


def open_data(args: Any) -> BaseDataset:
    """The data set that the flags name, of the subjects that they name."""
    recipe = [word for word in registry.recipe_words(args.model, args.dataset, "dataset_args")
              if word in args.dataset_args]
    typed = [word for word in args.dataset_args if word not in recipe]
    if args.replica and "replica" in options.leaves(registry.load(registry.dataset_row(args.dataset).dataset).Config):
        recipe = [*recipe, "replica=true"]
    return open_dataset(args.dataset, args.data_path, key_values(typed), args.on_bad_record, subjects=args.subjs,
                        places=args.subj_idxs, recipe=key_values(recipe))


def split_file(where: str) -> Path:
    """The splits.json that is meant by a run's folder or by its own path."""
    path = Path(where) / SPLITS if Path(where).is_dir() else Path(where)
    if not path.is_file():
        raise UserError(f"--splits {where}: no split is there", f"a run's folder, or its {SPLITS}")
    return path


def build_model(args: Any, spec: SignalSpec, target: TargetSpec, subjects: int = 1, stored: dict | None = None,
                companions: dict[str, Any] | None = None):
    """The model that the flags name, for these signals and targets; `stored` is a checkpoint's configuration of it.

    `subjects`: how many have parameters of their own; 1 where test subjects are not those of training.
    """
    row = registry.model_row(args.model)
    if target.kind not in row.kinds:
        raise UserError(f"--model {args.model}: learns {' or '.join(row.kinds)}; the labels of these data are "
                        f"{target.kind}", f"models that fit: {', '.join(models_for(target)) or 'none'}")
    model_class = registry.load(row.model)
    notes: tuple[str, ...] = ()
    if stored is not None:
        settings = options.from_dict(model_class.Config, stored, "hyperparameter")
    else:
        values = hyperparameters(args, row, model_class, subjects)
        sizes, notes = stored_sizes(args, model_class)
        values = _follow(values | sizes | typed_arguments(args), companions or {}, spec, subjects)
        settings = options.build(model_class.Config, values, "hyperparameter")
    random_state.seed_all(random_state.derive(args.seed, "model"))
    model = model_class.from_spec(settings, spec, target)
    model.config = settings if not hasattr(model, "config") else model.config
    if notes:
        model.notes = (*getattr(model, "notes", ()), *notes)
    return model


def stored_sizes(args: Any, model_class: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The architecture that the weights of --init_from ask for, where the model can tell it from their file, and notes
    for people. It counts more than --preset and less than --model_args."""
    if not args.init_from or not hasattr(model_class, "sizes_of"):
        return {}, ()
    path = Path(args.init_from)
    sizes, notes = model_class.sizes_of(read_content(checkpoint.find_weights(path) if path.is_dir() else path))
    return sizes, () if "encoder.n_heads" in typed_arguments(args) else notes


def _follow(values: dict[str, Any], companions: dict[str, Any], spec: SignalSpec, subjects: int) -> dict[str, Any]:
    """Hyperparameters that the VQ-VAE decides, how many codes there are and how long one lasts, or the word embeddings.

    Raises UserError where --model_args say otherwise, and where the VQ-VAE is of other signals.
    """
    decided, whose = {}, "the VQ-VAE has"
    if "vqvae" in companions:
        codes = companions["vqvae"]
        duin_codes.check_fits(codes, spec, subjects)
        decided = {"quantizer.codex_size": codes.size, "tokenizer.seg_len": codes.seg_len}
    elif "words" in companions:
        decided, whose = {"d_vector": companions["words"].width}, "the word embeddings have"
    for name, theirs in decided.items():
        if name in values and str(values[name]) != str(theirs):
            raise UserError(f"--model_args {name}={values[name]}: {whose} {theirs}", "leave it out: it follows")
    return values | decided


def subjects_of_model(args: Any, data: RunData) -> int:
    """How many subjects have parameters of their own: those of the data, or (`--subj_idxs` says which of them are here)
    those of the training whose weights are loaded."""
    if args.subj_idxs is None or not args.init_from:
        return data.known_subjects
    path = Path(args.init_from)
    state = read_state_dict(checkpoint.find_weights(path) if path.is_dir() else path)
    return max(data.known_subjects, count_subjects(state))


def models_for(target: TargetSpec) -> list[str]:
    return [name for name, row in registry.MODELS.items() if target.kind in row.kinds]


def hyperparameters(args: Any, row: registry.ModelRow, model_class: Any, subjects: int = 1) -> dict[str, Any]:
    """Weakest first: what the data say, the recipe (--replica: none), --preset, --dropout, --freeze lora, --replica,
    --model_args."""
    known = options.leaves(model_class.Config)
    recipe = recipe_arguments(args)
    values: dict[str, Any] = {"n_subjects": subjects} if "n_subjects" in known else {}
    values |= key_values([word for word in args.model_args if word in recipe])
    if args.preset:
        values |= row.presets[args.preset]
    if args.dropout is not None:
        dropouts = {key: args.dropout for key, kind in known.items() if key.endswith("dropout") and kind is float}
        if not dropouts:
            raise UserError(f"--dropout: {args.model} has no dropout", f"its hyperparameters: {', '.join(known)}")
        values |= dropouts
    if args.freeze == "lora":
        if "lora.rank" not in known:
            raise UserError(f"--freeze lora: {args.model} has no low-rank updates", "models that have: "
                            "ecg_transformer, arcface; --freeze backbone trains the head alone")
        values["lora.rank"] = LORA_RANK
    if args.replica:
        values["replica"] = True
    return values | typed_arguments(args)


def typed_arguments(args: Any) -> dict[str, str]:
    """--model_args beyond the recipe's."""
    recipe = recipe_arguments(args)
    return key_values([word for word in args.model_args if word not in recipe])


def recipe_arguments(args: Any) -> list[str]:
    """The words of --model_args that the recipe would give; a replica takes none of it."""
    return [] if args.replica else registry.recipe_words(args.model, args.dataset, "model_args")


def build_trainer(args: Any, model, data: RunData, companions: dict[str, Any] | None = None):
    """The model's trainer with its loaders; of several processes each gets its own share."""
    world = distributed.join(args.device)
    device = distributed.choose_device(args.device, world)
    shared = {"rank": world.rank, "world": world.size, "num_workers": workers(args, device.type),
              "pin_memory": device.type == "cuda"}
    train = data.loader("train", args.batch_size, train=True, balanced=args.balanced_sampling, **shared)
    val_size = args.val_batch_size or args.batch_size
    valid = validation_loaders(args, data, val_size, shared)
    test = data.loader("test", args.test_batch_size or val_size, **shared) if len(data.rows.get("test", ())) else None
    return registry.load(registry.model_row(args.model).trainer)(model, args, train, valid, test, data=data,
                                                                   **(companions or {}))


def validation_loaders(args: Any, data: RunData, size: int, shared: dict[str, Any]) -> Any:
    """The loader of the validation part, or those that --valid_subset names (the first decides what is best)."""
    named = [name for word in args.valid_subset or () for name in word.split(",") if name]
    if named:
        return {name: data.loader(name, size, **shared) for name in named}
    return data.loader("valid", size, **shared) if len(data.rows.get("valid", ())) else None


def workers(args: Any, device: str) -> int:
    """Processes that prepare batches: as asked, else none beside a CPU and up to 8 beside a GPU."""
    if args.num_workers is not None:
        return args.num_workers
    return min(8, cores() - 1) if device == "cuda" else 0
