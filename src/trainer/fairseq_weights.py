"""A fine-tuned checkpoint of fairseq-signals as `test.py` takes ours: what it does not tell, the data tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from src import options, registry
from src.data.dataset import BaseDataset
from src.data.leads import STANDARD_12
from src.data.normalize import Normalizer
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.interop.fairseq_checkpoints import FairseqFile, described, is_fairseq
from src.interop.safetensors_export import read_tensors
from src.interop.weights import read_content
from src.models.ecg_transformer.weights import own_names
from src.trainer.display import say

ORIGIN = "fairseq"  # the part of a converted file that says what it was
RATE_HZ, WINDOW_S = 500.0, 5.0  # of the published weights

def read(path: Path, n_heads: int | None = None) -> FairseqFile | None:
    """The checkpoint in a file named .pt, or in what export.py made of one; None where it is none of fairseq-signals.
    `n_heads` as in `described`."""
    if path.suffix == ".safetensors":
        return _converted(path, n_heads)
    if path.suffix != ".pt":
        return None
    content = read_content(path)
    return described(content, str(path), n_heads) if is_fairseq(content) else None


def _converted(path: Path, n_heads: int | None) -> FairseqFile | None:
    tensors, plain = read_tensors(path)
    if plain is None or ORIGIN not in plain:
        return None
    try:
        told = plain[ORIGIN]
        heads = {} if n_heads is None else {"encoder.n_heads": n_heads}
        return FairseqFile(str(told["model"]), {**told["config"], **heads}, tensors, int(told["channels"]),
                           int(told["outputs"]), {"sample_rate": told["sample_rate"]},
                           names=tuple(map(str, told["names"])))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: its description is not whole: {error}", "write it again with export.py") from None


def check_flags(path: Path, **flags: Any) -> None:
    """UserError where a flag was given that holds for these files alone."""
    for name, value in flags.items():
        if value is not None:
            raise UserError(f"--{name}: holds for weights of fairseq-signals; {path} is none", "leave it out")


def as_ours(path: Path, found: FairseqFile, dataset: BaseDataset, dataset_name: str) -> dict[str, Any]:
    """The state that `checkpoint.read` would give. Labels bear the names of the data's, in their order, and nothing is
    normalised: the original's data were when they were prepared.

    Raises UserError for pretraining files, and where the data have other leads or another number of labels.
    """
    if not found.outputs:
        raise UserError(f"{path}: weights of pretraining, which tell no labels",
                        f"python train.py --model ecg_transformer --init_from {path}")
    _check(path, found, dataset)
    for note in (*hints(found), f"labels in the order of the data: {', '.join(dataset.target.names)}"):
        say(f"note      {note}")
    return _state(found, dataset.spec, dataset.target, dataset_name)


def without_data(found: FairseqFile, names: tuple[str, ...], rate_hz: float | None) -> tuple[dict[str, Any], list[str]]:
    """The same where no data are at hand, of pretraining files too, and notes on what was assumed. `names` are those of
    the labels, none of them for pretraining. What `_converted` needs is beside it."""
    stated = rate_hz or found.task.get("sample_rate")
    rate = float(stated) if isinstance(stated, (int, float)) else RATE_HZ
    is_standard = found.channels == len(STANDARD_12)
    leads = STANDARD_12 if is_standard else tuple(f"lead_{k}" for k in range(found.channels))
    notes = [*hints(found), "the file does not tell unit and preparation of the signals: those of its training"]
    if not stated:
        notes.append(f"the file does not tell the sampling rate: {RATE_HZ:g} Hz assumed, or --rate_hz R")
    kind = "embedding" if not found.outputs else "classes" if found.model == "arcface" else "multilabel"
    spec = SignalSpec(leads, rate, "", round(WINDOW_S * rate))
    told = {"model": found.model, "config": dict(found.config), "channels": found.channels, "outputs": found.outputs,
            "sample_rate": stated, "names": names}
    return _state(found, spec, TargetSpec(kind, names), "") | {ORIGIN: told}, notes


def hints(found: FairseqFile) -> tuple[str, ...]:
    """Its notes, in the words of the commands that only use weights."""
    return tuple(note.replace("--model_args encoder.n_heads=N", "--n_heads N") for note in found.notes)


def _state(found: FairseqFile, spec: SignalSpec, target: TargetSpec, dataset_name: str) -> dict[str, Any]:
    model_class = registry.load(registry.model_row(found.model).model)
    config = options.build(model_class.Config, found.config, "hyperparameter")
    return {"model_name": found.model, "model_config": options.to_dict(config), "model": own_names(found.state),
            "signal_spec": spec.to_dict(), "target_spec": target.to_dict(),
            "normalizer": Normalizer("none").state_dict(),
            "args": {"model": found.model, "dataset": dataset_name, "dataset_args": [], "aggregate": "mean",
                     "normalize": "none"}}


def _check(path: Path, found: FairseqFile, dataset: BaseDataset) -> None:
    leads, labels = len(dataset.spec.channels), dataset.target.outputs
    if leads != found.channels:
        raise UserError(f"{path}: takes {found.channels} leads, these data have {leads}",
                        "give the leads that it was trained on, in their order")
    if labels != found.outputs:
        raise UserError(f"{path}: tells {found.outputs} labels, these data have {labels}: "
                        f"{', '.join(dataset.target.names)}", "label the data as its training data were")
