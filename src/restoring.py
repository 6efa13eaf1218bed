"""From a checkpoint to what `test.py` works with: the run's own data or new ones, model and trainer."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src import config, registry
from src.assembly import (
    build_data,
    build_model,
    check_aggregate,
    key_values,
    stored_companions,
    with_own_target,
    workers,
)
from src.data import run_data
from src.data.open import open_dataset
from src.data.recognise import recognise_unseen
from src.data.run_data import SPLITS, RunData, as_test_part, check_same_input
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.evaluation.fitted import Fitted, fit, stored
from src.trainer import checkpoint, fairseq_weights, run_state


@dataclass
class Restored:
    """What `test.py` works with. `folder` is the run's, None where the weights lie elsewhere."""

    args: argparse.Namespace
    checkpoint: dict[str, Any]
    data: RunData
    model: Any
    trainer: Any
    folder: Path | None
    weights: Path
    has_own_data: bool

    def fitted(self) -> Fitted:
        """The thresholds and the temperature that validation chose; chosen anew where the test sees the run's own data
        through other windows than training did, or aggregates them otherwise."""
        state, trained = self.checkpoint, config.complete(argparse.Namespace(**self.checkpoint["args"]))
        is_changed = self.args.aggregate != trained.aggregate or self.args.dataset_args != trained.dataset_args
        if self.has_own_data and "fitted_records" in state and is_changed:
            state = fit(TargetSpec.from_dict(state["target_spec"]), self.trainer.predict(self.loader("valid")))
        return stored(state, self.args.thresholds)

    def loader(self, subset: str):
        """As validation and test ran in training, so that scores are the same to the last bit."""
        size = self.args.test_batch_size or self.args.val_batch_size or self.args.batch_size
        if subset == "valid":
            size = self.args.val_batch_size or self.args.batch_size
        return self.data.loader(subset, size, num_workers=workers(self.args, self.trainer.device.type))


def restore(args: Any) -> Restored:
    """Model, data and trainer behind --weights; --dataset or --data_path put other data in place of the run's own."""
    path = checkpoint.find_weights(args.weights, "checkpoints")
    state = _fairseq_state(path, args) or checkpoint.read(path)
    if state.get("model_name") is None or state.get("signal_spec") is None:
        raise UserError(f"{path}: written by a script without a registered model and data",
                        "load it with trainer.load_checkpoint in that script")
    saved = config.complete(argparse.Namespace(**state["args"]))
    spec, target = SignalSpec.from_dict(state["signal_spec"]), TargetSpec.from_dict(state["target_spec"])
    folder = path.parent if (path.parent / "config.json").exists() else None
    merged = _merge(saved, args)
    data = _new_data(merged, state, spec, target) if _names_new_data(args) else _own_data(merged, state, folder, target)
    check_same_input(spec, data.spec)
    model = build_model(merged, spec, target, stored=state["model_config"])
    model.weights_loaded = True
    row = registry.model_row(merged.model)
    trainer = registry.load(row.trainer)(model, merged, data=data, **stored_companions(row, state))
    run_state.use_for_inference(trainer, state)
    return Restored(merged, state, data, model, trainer, folder, path, not _names_new_data(args))


def _fairseq_state(path: Path, args: Any) -> dict[str, Any] | None:
    """Of a fine-tuned file of fairseq-signals, whose rate and names of labels are those of the data given."""
    found = fairseq_weights.read(path, args.n_heads)
    if found is None:
        fairseq_weights.check_flags(path, n_heads=args.n_heads)
        return None
    if not _names_new_data(args):
        raise UserError(f"{path}: weights of fairseq-signals, which carry no data",
                        "--data_path DATA, or --dataset NAME")
    name = args.dataset or recognise_unseen(args.data_path, "")
    dataset = open_dataset(name, args.data_path, key_values(args.dataset_args), args.on_bad_record)
    return fairseq_weights.as_ours(path, found, dataset, name)


def _names_new_data(args: Any) -> bool:
    return args.data_path is not None or args.dataset is not None


def _merge(saved: argparse.Namespace, args: Any) -> argparse.Namespace:
    """The run's settings, with what the test command itself was given; --batch_size there means every batch."""
    merged = argparse.Namespace(**vars(saved))
    given = {name for name, source in args.sources.items() if source in ("command line", "file")}
    for name in given - {"weights", "subset", "output_dir", "config"}:
        setattr(merged, name, getattr(args, name))
    merged.dataset_args = config.merge_keyed(saved.dataset_args, args.dataset_args)
    if "batch_size" in given:
        merged.val_batch_size = merged.test_batch_size = args.batch_size
    if "limit" not in given and _names_new_data(args):
        merged.limit = None
    if _names_new_data(args):
        recipe = registry.recipe_words(saved.model, args.dataset, "dataset_args")
        merged.dataset, merged.data_path = args.dataset, args.data_path
        merged.class_weights = False  # they are of the training's labels, which are not here: its loss is the plain one
        merged.dataset_args = config.merge_keyed(recipe, args.dataset_args)
    merged.resume, merged.use_multigpu, merged.sources = None, False, args.sources
    return merged


def _own_data(args: Any, state: dict[str, Any], folder: Path | None, target: TargetSpec) -> RunData:
    """The run's split as it was; a --limit of the test command takes some records of each part after it is checked."""
    trained = argparse.Namespace(**{**vars(args), "limit": state["args"].get("limit")})
    data = build_data(trained, folder / SPLITS if folder else None, state["normalizer"], target)
    if data.digest() != state["splits_digest"]:
        raise UserError("the split of these data is not the one that these weights were trained with: records changed",
                        "name the data to test on with --data_path, or test from the run folder with its splits.json")
    data.rows = run_data.limited_parts(data.dataset, data.rows, args)
    return data


def _new_data(args: Any, state: dict[str, Any], spec: SignalSpec, target: TargetSpec) -> RunData:
    """Data that the weights have not seen, brought to their channels, rate, unit, window and class order."""
    args.dataset = args.dataset or recognise_unseen(args.data_path, state["args"]["dataset"])
    options_given = key_values(args.dataset_args)
    if args.dataset == "recordings":
        dataset = open_dataset(args.dataset, args.data_path, options_given, args.on_bad_record, spec, target)
        return as_test_part(with_own_target(args, dataset, target), args, state["normalizer"])
    found = open_dataset(args.dataset, args.data_path, options_given, args.on_bad_record).spec
    if not {name.lower() for name in spec.channels} <= {name.lower() for name in found.channels}:
        raise UserError(f"these weights expect {_described(spec)}; these data have {_described(found)}",
                        "channels are matched by name; those that are missing cannot be made up")
    dataset = open_dataset(args.dataset, args.data_path, options_given, args.on_bad_record, spec, target)
    check_aggregate(args, dataset)
    dataset = with_own_target(args, dataset, target)
    if dataset.target.names != target.names or dataset.target.kind != target.kind:
        raise UserError(f"these weights tell {target.kind} {', '.join(target.names)}; these data are labelled "
                        f"{dataset.target.kind} {', '.join(dataset.target.names)}",
                        "use the names of the training data")
    return as_test_part(dataset, args, state["normalizer"])


def _described(spec: SignalSpec) -> str:
    names = ", ".join(spec.channels[:12]) + (" ..." if len(spec.channels) > 12 else "")
    return f"{len(spec.channels)} channels ({names}) at {spec.rate_hz:g} Hz in {spec.unit}"
