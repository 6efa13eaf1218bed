"""What `--layout tensor_pipeline` adds to training: best.pth, latest.pth, training_log.json, curves and log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from src.errors import UserError
from src.evaluation.run_log import METRICS, read_events
from src.evaluation.style import save_png
from src.evaluation.training_curves import comparison_figure
from src.files import write_json
from src.interop.layouts.tensor_pipeline import BEST, INDENT, LATEST, NAME, Tree, training_log, weight_file
from src.trainer import checkpoint
from src.trainer.display import say


def check(trainer: Any) -> None:
    if trainer.target.kind != "classes":
        raise UserError(f"--layout {NAME}: one class per record is learnt there; these labels are "
                        f"{trainer.target.kind}", "leave --layout out")
    _tree(trainer).check_models()


def claim(trainer: Any) -> None:
    tree = _tree(trainer)
    tree.claim_models(trainer.folder)
    tree.log(f"training {trainer.args.model}: {trainer.folder}")


def add(trainer: Any, state: dict[str, Any], is_best: bool) -> None:
    """The weights after an epoch, the best so far too, and the history."""
    if trainer.is_inside_epoch:
        return
    tree, epochs = _tree(trainer), _epochs(trainer)
    values = epochs[-1]["val"] if epochs else {}
    also = (tree.models / BEST,) if is_best else ()
    checkpoint.write(weight_file(state, values), tree.models / LATEST, also=also)
    write_json(tree.training_log, training_log(epochs), INDENT)
    if epochs:
        last = epochs[-1]
        tree.log(f"epoch {last['epoch']}: " + ", ".join(
            f"{part} {name} {value:.4f}" for part in ("train", "val") for name, value in last[part].items()))


def finish(trainer: Any) -> None:
    """The curves, and the last lines as the pipeline says them."""
    tree, epochs = _tree(trainer), _epochs(trainer)
    save_png(comparison_figure({Path(trainer.folder).name: [epochs]}), tree.figure("training_history"))
    best = training_log(epochs)["best_val_f1"]
    lines = ("Training complete!", f"  Best validation F1: {best:.4f}", f"  Checkpoints saved to: {tree.models}")
    tree.log(*lines)
    say("\n".join(lines))


def _epochs(trainer: Any) -> list[dict[str, Any]]:
    return [row for row in read_events(trainer.folder / METRICS) if row.get("event") == "epoch"]


def _tree(trainer: Any) -> Tree:
    return Tree.around(trainer.args.data_path)
