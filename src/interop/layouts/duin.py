"""`--layout duin`: a run's weights also as Du-IN's pretrains/duin/<subject>/<stage>/model/checkpoint-<epoch>.pth.

Epochs count from 0; every --save_freq of them is kept, and the last. A folder that holds weights already, such as the
published ones, is never written to by another run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.interop.duin_checkpoints import model_params, stage_folder, write_stage

RUN = "run"  # a file that names the run whose view this is
JOINT = "joint"  # one model for several subjects


class DuinView:
    """The view of a run of the registered model `name` on `subjects`, below `root`."""

    def __init__(self, name: str, subjects: Sequence[str], root: Path | str = "."):
        self.stage = name.removeprefix("duin_")
        self.folder = stage_folder(root, subjects[0] if len(subjects) == 1 and subjects[0] else JOINT, self.stage)

    def check(self, run: Path | None = None) -> None:
        """UserError where weights lie there that are not those of `run` (None: of a run that is new)."""
        marker, weights = self.folder / RUN, self.folder / "model"
        whose = marker.read_text(encoding="utf8") if marker.exists() else ""
        left = whose and not Path(whose).is_dir()  # by a run that was stopped before it had saved anything
        is_taken = weights.is_dir() and (any(weights.iterdir()) or not left)
        if is_taken and not (run and whose == str(run.resolve())):
            raise UserError(f"--layout duin: {self.folder} holds weights of {whose or 'somebody else'}",
                            "move that folder away, or leave --layout out")

    def claim(self, run: Path) -> None:
        """From here on the place is that of `run`."""
        self.check(run)
        (self.folder / "model").mkdir(parents=True, exist_ok=True)
        (self.folder / RUN).write_text(str(run.resolve()), encoding="utf8")

    def add(self, epoch: int, model: Any, train: Mapping[str, Any]) -> Path:
        """The weights after `epoch` (from 0) and the parameter file beside them."""
        return write_stage(self.folder, epoch, model.state_dict(), model_params(model, self.stage, train))


def is_kept(epoch: int, every: int, is_last: bool) -> bool:
    """Whether the view has this epoch (from 0); `every` 0 = the last alone."""
    return is_last or (every > 0 and epoch % every == 0)


def training_params(args: Any, subjects: Sequence[str]) -> dict[str, Any]:
    """What the original's parameter file says about the training."""
    return {"subjs": list(subjects), "n_epochs": args.epochs, "warmup_epochs": args.warmup_epochs,
            "batch_size": args.batch_size, "lr_factors": [args.min_lr, args.lr]}
