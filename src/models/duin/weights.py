"""Du-IN's state dicts into our networks: which keys are taken, and a report of what was not.

The networks have the original's key names, so a complete state dict of the same stage fits as it is. Between stages
(pretrained encoder into a classifier) only some modules are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from src.errors import UserError

PROGRESS = ("vq_block.steps", "vq_block.idle")  # of a warm-up and of restarts, which the original has not


@dataclass(frozen=True)
class LoadReport:
    """What became of each key. `loaded`, `missing` and `mismatched` name the network's keys, the others the file's."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]  # kept their initial values
    unexpected: tuple[str, ...]  # of a module that is taken, but not in the network
    mismatched: tuple[str, ...]  # with both shapes
    ignored: tuple[str, ...]  # of modules that are not taken

    def __str__(self) -> str:
        return (f"{len(self.loaded)} tensors loaded, {len(self.missing)} left at their initial values, "
                f"{len(self.ignored)} of the file ignored{_modules(self.ignored)}")


def load_modules(model: nn.Module, state: Mapping[str, Tensor], modules: Iterable[str],
                 ignore: Iterable[str] = ()) -> LoadReport:
    """Copy the tensors of `modules` from `state` into `model`, whatever wrapper's prefix (`module.`) they carry.

    Modules named in `ignore` are listed as ignored. Raises UserError, and changes nothing, where a taken key is not in
    the model, has another shape, or where nothing at all fits.
    """
    target, taken, ignored = model.state_dict(), {}, []
    for key, tensor in state.items():
        name = _from_module(key, modules)
        if name is None or name.split(".")[0] in ignore or (name in PROGRESS and name not in target):
            ignored.append(key)
        else:
            taken[name] = (key, tensor)
    unexpected = tuple(key for name, (key, _) in taken.items() if name not in target)
    mismatched = tuple(f"{name}: {tuple(tensor.shape)} in the file, {tuple(target[name].shape)} in the model"
                       for name, (_, tensor) in taken.items() if name in target and tensor.shape != target[name].shape)
    fitting = {name: tensor for name, (_, tensor) in taken.items()}
    missing = tuple(name for name in target if name not in fitting)
    report = LoadReport(tuple(fitting), missing, unexpected, mismatched, tuple(ignored))
    _refuse(report)
    model.load_state_dict(fitting, strict=False)
    return report


def _from_module(key: str, modules: Iterable[str]) -> str | None:
    """The key from the first of its dotted parts that is one of `modules`, or None."""
    parts = key.split(".")
    starts = [i for i, part in enumerate(parts) if part in modules]
    return ".".join(parts[starts[0]:]) if starts else None


def _refuse(report: LoadReport) -> None:
    if report.mismatched:
        few = "; ".join(report.mismatched[:3])
        raise UserError(f"{len(report.mismatched)} tensors have another shape: {few}",
                        "build the model with the checkpoint's sizes: --preset, n_subjects, channels, --model_args")
    if report.unexpected:
        raise UserError(f"{len(report.unexpected)} tensors have no place in the model: {_first(report.unexpected)}",
                        "build the model with the checkpoint's encoder.n_blocks and tokenizer.* (--model_args)")
    if not report.loaded:
        raise UserError(f"no tensor of the file fits the model; it holds {_first(report.ignored) or 'nothing'}",
                        "is it a Du-IN checkpoint (a dict of tensors, keys such as encoder.1.xfmr_blocks.0...)?")


def _first(keys: tuple[str, ...], n: int = 3) -> str:
    return ", ".join(keys[:n]) + (" ..." if len(keys) > n else "")


def _modules(keys: tuple[str, ...]) -> str:
    names = dict.fromkeys(key.removeprefix("module.").split(".")[0] for key in keys)
    return f" ({', '.join(names)})" if names else ""
