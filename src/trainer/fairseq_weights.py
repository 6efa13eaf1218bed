"""A fine-tuned checkpoint of fairseq-signals as `test.py` takes ours: what it does not tell, the data tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from src import options, registry
from src.data.dataset import BaseDataset
from src.data.normalize import Normalizer
from src.errors import UserError
from src.interop.fairseq_checkpoints import FairseqFile, described, is_fairseq
from src.interop.weights import read_content
from src.models.ecg_transformer.weights import own_names
from src.trainer.display import say


def read(path: Path) -> FairseqFile | None:
    """The checkpoint in a file named .pt, or None where it is none of fairseq-signals."""
    if path.suffix != ".pt":
        return None
    content = read_content(path)
    return described(content, str(path)) if is_fairseq(content) else None


def as_ours(path: Path, found: FairseqFile, dataset: BaseDataset, dataset_name: str) -> dict[str, Any]:
    """The state that `checkpoint.read` would give. Labels bear the names of the data's, in their order, and nothing is
    normalised: the original's data were when they were prepared.

    Raises UserError for pretraining files, and where the data have other leads or another number of labels.
    """
    if not found.outputs:
        raise UserError(f"{path}: weights of pretraining, which tell no labels",
                        f"python train.py --model ecg_transformer --init_from {path}")
    _check(path, found, dataset)
    for note in (*found.notes, f"labels in the order of the data: {', '.join(dataset.target.names)}"):
        say(f"note      {note}")
    model_class = registry.load(registry.model_row(found.model).model)
    config = options.build(model_class.Config, found.config, "hyperparameter")
    return {"model_name": found.model, "model_config": options.to_dict(config), "model": own_names(found.state),
            "signal_spec": dataset.spec.to_dict(), "target_spec": dataset.target.to_dict(),
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
