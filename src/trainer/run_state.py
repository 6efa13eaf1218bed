"""What a checkpoint of a run holds, and how a run is opened, saved, resumed and finished."""

from __future__ import annotations

import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from src import config, options
from src.errors import UserError
from src.evaluation.fitted import FITTED
from src.trainer import checkpoint, meter, random_state, run_folder, views
from src.trainer.display import say


def of(trainer: Any) -> dict[str, Any]:
    """Everything, as plain values: the model and how to rebuild it, its data's description, what resuming needs."""
    args = trainer.args
    return {
        "model": trainer.model.state_dict(),
        "model_name": getattr(args, "model", None),
        "model_config": _model_config(trainer.model),
        "companions": {name: module.state_dict() for name, module in trainer.companions().items()},
        **(trainer.data.describe() if trainer.data is not None else {}),
        **trainer.fitted,
        "args": config.to_save(args),
        "versions": versions(),
        "command": shlex.join(["python", *sys.argv]),
        "epoch": trainer.current_epoch,
        "step": trainer.global_step,
        "best": trainer.progress.best,
        "monitor": trainer.progress.monitor,
        "resume": _resume_state(trainer),
    }


def _model_config(model: torch.nn.Module) -> dict[str, Any] | None:
    found = getattr(model, "config", None)
    return options.to_dict(found) if found is not None and hasattr(found, "__dataclass_fields__") else None


def versions() -> dict[str, str]:
    return {"vagus": _version("vagus"), "python": platform.python_version(), "torch": str(torch.__version__),
            "numpy": _version("numpy"), "platform": platform.platform()}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "0.1.0" if name == "vagus" else "unknown"


def _resume_state(trainer: Any) -> dict[str, Any]:
    inside = trainer.is_inside_epoch
    return {
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": trainer.scheduler.state_dict(),
        "scaler": trainer.scaler.state_dict() if trainer.scaler is not None else None,
        "ema": trainer.ema.state_dict() if trainer.ema is not None else None,
        "progress": trainer.progress.state_dict(),
        "meter": trainer.world.gather(trainer.meter.state_dict()),
        "epoch": trainer.current_epoch,
        "step": trainer.global_step,
        "is_inside_epoch": inside,
        "place": trainer.feed.place if inside else 0,
        "random": trainer.world.gather(random_state.get_state()) if inside else [],
        "tracking": trainer.reporter.state() if trainer.reporter is not None else {},
        "total_updates": trainer.total_updates,
        "lr": trainer.step.lr,
    }


# ------------------------------------------------------------------------------------------- opening
def open_run(trainer: Any) -> dict[str, Any] | None:
    """Give the trainer its folder: a new one, or that of the run to go on with, whose state is returned."""
    args, world = trainer.args, trainer.world
    if args.resume:
        state, path, warning = _read_resumed(Path(args.resume))
        trainer.folder = path.parent
        restore(trainer, state)
        _keep_results(trainer, state, path)
        world.barrier()  # every rank has read
        if world.is_main:
            if warning:
                say(warning)
                checkpoint.set_aside(trainer.folder)
            where = f"epoch {trainer.current_epoch + 1}" + (
                f", {trainer.feed.place} {'records' if trainer.feed.is_own else 'batches'} into it"
                if trainer.is_inside_epoch else "")
            say(f"resumed from {path}: {where}, step {trainer.global_step}")
    else:
        state = None
        box: Any = None
        if world.is_main:
            views.check(trainer)
            folder, note = run_folder.create(args, config.to_save(args))
            if note:
                say(note)
            if trainer.data is not None:
                trainer.data.save(folder)
            box = str(folder)
        trainer.folder = Path(world.from_main(box))
    if world.is_main:
        views.claim(trainer)
        say(f"run       {trainer.folder}\nagain     python train.py --config {trainer.folder / 'config.json'}")
    return state


def _keep_results(trainer: Any, state: dict[str, Any], path: Path) -> None:
    """Resuming cuts metrics.jsonl after its checkpoint; what followed the end of a finished run, its tests, must stay.

    UserError for a checkpoint from the middle of a finished run. (A folder whose last.pth is damaged goes on.)
    """
    if not run_folder.is_finished(path.parent):
        return
    if trainer.is_complete:
        state["resume"]["tracking"].pop("bytes", None)
    elif Path(trainer.args.resume).is_file():
        raise UserError(f"--resume {path}: this run is finished; going on from here would overwrite its results",
                        f"start a run of its own from these weights: --init_from {path}")


def _read_resumed(path: Path) -> tuple[dict[str, Any], Path, str]:
    if path.is_dir():
        return checkpoint.read_last(path)
    return checkpoint.read(path), path, ""


def restore(trainer: Any, state: dict[str, Any]) -> None:
    """Put everything back; UserError where the checkpoint belongs to another model or run length."""
    load_weights(trainer.model, state)
    saved = state.get("resume")
    if saved is None:
        raise UserError("these weights carry no state to resume from", "start anew from them with --init_from")
    for name, module in trainer.companions().items():
        module.load_state_dict(state["companions"][name])
    trainer.optimizer.load_state_dict(saved["optimizer"])
    trainer.progress.load_state_dict(saved["progress"])
    trainer.scheduler.load_state_dict(saved["scheduler"])
    trainer.meter.load_state_dict(meter.shared_out(saved["meter"], trainer.world.rank, trainer.world.size))
    if trainer.scaler is not None and saved["scaler"]:
        trainer.scaler.load_state_dict(saved["scaler"])
    if trainer.ema is not None and saved["ema"]:
        trainer.ema.load_state_dict(saved["ema"])
    trainer.current_epoch, trainer.global_step = saved["epoch"], saved["step"]
    trainer.fitted = {name: state[name] for name in FITTED if name in state}
    trainer.is_inside_epoch, trainer.step.lr = saved["is_inside_epoch"], saved.get("lr")
    trainer.feed.go_to(trainer.current_epoch, saved["place"], _generators(trainer, saved["random"]))


def _generators(trainer: Any, states: list[dict[str, Any]]):
    world = trainer.world
    if len(states) != world.size:
        if states and world.is_main:
            say(f"the run had {len(states)} processes, now {world.size}: exact in data, but not in dropout draws")
        return None
    return lambda: random_state.set_state(states[world.rank])


def load_weights(model: torch.nn.Module, state: dict[str, Any]) -> None:
    """`state["model"]` into the model; UserError names the first keys and shapes that do not fit."""
    try:
        model.load_state_dict(state["model"])
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:4]]
        raise UserError("the weights do not fit this model: " + " ".join(lines),
                        "build the model as it was trained: leave --model and --model_args out") from None


# -------------------------------------------------------------------------------------------- saving
def save(trainer: Any, is_best: bool) -> None:
    """last.pth of the run and, by further names of the same bytes, best_model.pth and checkpoint-<epoch>.pth."""
    state = of(trainer)  # every rank: the generators are gathered
    if trainer.world.is_main:
        args, folder = trainer.args, trainer.folder
        also = [folder / checkpoint.BEST] if is_best and args.save_best else []
        if args.save_freq and not trainer.is_inside_epoch and trainer.current_epoch % args.save_freq == 0:
            also.append(folder / f"checkpoint-{trainer.current_epoch}.pth")
        views.add(trainer, state, is_best)  # before last.pth: an epoch that is not in it is trained, and written, again
        _write(state, folder / checkpoint.LAST, tuple(also), keep_previous=True)
        if args.save_freq:
            checkpoint.prune(folder, args.keep_checkpoint_max)
        if is_best:
            run_folder.point_to(folder)


def _write(state: dict[str, Any], path: Path, also: tuple[Path, ...] = (), keep_previous: bool = False) -> None:
    try:
        checkpoint.write(state, path, also=also, keep_previous=keep_previous)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        then = "go on with --resume (or, where it was one of several runs, the same command)"
        raise _not_written(path, error, then) from None


def _not_written(path: Path, error: Exception, then: str) -> UserError:
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return UserError(f"{path}: the checkpoint could not be written: {reason}",
                     f"what was saved before is intact; make room, then {then}")


def save_to(trainer: Any, path: Path, is_best: bool, additional_info: dict[str, Any] | None) -> None:
    state = of(trainer) | ({"additional_info": additional_info} if additional_info else {})
    if trainer.world.is_main:
        _write(state, path, (path.with_name(checkpoint.BEST),) if is_best else ())


def load_from(trainer: Any, path: Path, load_optimizer: bool) -> dict[str, Any]:
    state = checkpoint.read(path)
    if load_optimizer and trainer.optimizer is not None:  # without training loaders there is none
        restore(trainer, state)
    else:
        load_weights(trainer.model, state)
    return state


# ----------------------------------------------------------------------------------------- finishing
def finish(trainer: Any, took: str) -> None:
    """The best weights into the model, and the last lines: the score, where it is, what to type next."""
    args, progress, folder = trainer.args, trainer.progress, trainer.folder
    best = folder / checkpoint.BEST
    if args.load_best and args.save_best and best.exists():
        use_for_inference(trainer, checkpoint.read(best, verify=False))
    if not trainer.world.is_main:
        return
    score = f"{progress.monitor} {progress.best:.4f} at epoch {progress.best_epoch}" if progress.best is not None \
        else "no validation"
    early = f" (stopped early after {progress.waited} validations without progress)" if progress.should_stop else ""
    say(f"best {score}; {trainer.current_epoch} epochs in {took}{early}\n{folder}")
    views.finish(trainer)
    if args.keep != "all":
        _keep_weights(folder, args.keep)
    say(f"next:\n  python test.py --weights {best if best.exists() else folder}\n  python compare.py {folder}")


def _keep_weights(folder: Path, keep: str) -> None:
    try:
        checkpoint.keep_weights(folder, best_only=keep == "best")
    except (OSError, RuntimeError) as error:
        raise _not_written(folder, error, f"remove what --keep {keep} would have: the run itself is finished") from None


def use_for_inference(trainer: Any, state: dict[str, Any]) -> None:
    """Weights for testing: the running average where one was kept, as it is what validation judged."""
    load_weights(trainer.model, state)
    ema = (state.get("resume") or {}).get("ema")
    if ema:
        trainer.model.load_state_dict(ema["average"], strict=False)
