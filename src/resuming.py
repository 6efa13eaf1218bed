"""Where a run goes on, or starts from the weights of another: --resume and --init_from."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from src import config
from src.door import NothingToDo
from src.errors import UserError, naming
from src.interop.weights import read_state_dict
from src.trainer import checkpoint, distributed, run_folder

# flags that may be others where a run goes on
MAY_CHANGE = ("save_freq", "save_steps", "keep_checkpoint_max", "keep", "use_multigpu", "dry_run")


def init_from(model, where: str) -> list[str]:
    """Start from weights of a run or file; returns what loaded and what did not. UserError where nothing fits.

    A model that knows the files of its original (`load_original`) reads them its own way; else names and shapes decide,
    the names of an original being first turned into the model's (`own_names`).
    """
    path = Path(where)
    state = read_state_dict(checkpoint.find_weights(path) if path.is_dir() else path)
    state = model.own_names(state) if hasattr(model, "own_names") else state
    own = model.state_dict()
    if set(own) != set(state) and hasattr(model, "load_original"):
        model.init_weights()
        with naming(f"--init_from {where}"):
            return [f"{where}: {model.load_original(state)}"]
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    if not any(value.dim() > 1 for value in fitting.values()):  # a bias alone fits by chance
        vectors = f" but {', '.join(list(fitting)[:4])}" if fitting else ""
        raise UserError(f"--init_from {where}: none of its {len(state)} tensors fits this model{vectors}",
                        "the names and shapes of the file's tensors must be the model's")
    model.init_weights()
    model.weights_loaded = True
    model.load_state_dict(fitting, strict=False)
    rest = {"missing (drawn anew)": [name for name in own if name not in state],
            "unexpected (ignored)": [name for name in state if name not in own],
            "of another shape (drawn anew)": [n for n in state if n in own and own[n].shape != state[n].shape]}
    share = sum(value.numel() for value in fitting.values()) / sum(value.numel() for value in own.values())
    lines = [f"{len(fitting)} of {len(own)} tensors ({share:.0%} of the model's numbers) from {where}"]
    return lines + [f"{len(names)} {what}: {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}"
                    for what, names in rest.items() if names]


def resumed_args(args: Any) -> tuple[Any, list[str]]:
    """The settings of the run to go on with, and lines that say what of the command line does not count and why.

    What may change from here on is how a run is watched and where it computes, not what it computes.
    """
    if args.resume == "auto":
        world = distributed.join(args.device)  # the main rank looks, so that all ranks go on with the same run
        folder, finished = world.from_main(run_folder.find_for_resume(args) if world.is_main else None)
        if finished:
            raise NothingToDo(f"{folder}: this run is finished already")
        if folder is None:
            args.resume = None
            return args, ["--resume auto: no unfinished run of these settings; starting a new one"]
        args.resume = str(folder)
    folder = Path(args.resume) if Path(args.resume).is_dir() else Path(args.resume).parent
    if not Path(args.resume).exists():
        raise UserError(f"--resume {args.resume}: no such file or folder",
                        "python train.py --resume auto, or a run folder")
    if Path(args.resume).is_dir() and run_folder.is_finished(folder):
        raise NothingToDo(f"{folder}: this run is finished already; from its weights: --init_from {folder}")
    saved = config.complete(argparse.Namespace(**run_folder.read_config(folder)))
    notes = []
    for name, source in args.sources.items():
        value, was = getattr(args, name), getattr(saved, name, None)
        if source != "command line" or value == was or name in ("resume", "config"):
            continue
        if name in run_folder.IGNORED_IN_COMPARISON or name in MAY_CHANGE:
            setattr(saved, name, value)
        elif name not in ("experiment_name",):
            notes.append(f"--{name} {value}: the run's {was} counts, since a resumed run is the same run; "
                         f"to start anew from its weights: --init_from {folder}")
    saved.resume, saved.sources = args.resume, args.sources
    return saved, notes
