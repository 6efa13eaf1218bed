"""What `test.py --layout fairseq` adds: the arrays of fairseq-signals' inference and validation beside our results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from src.data.signal import Batch
from src.errors import UserError
from src.interop.layouts.fairseq import FRAMES, NAME, OUTPUTS, PADDING, SALIENCY, TARGETS, array_path, new_array

if TYPE_CHECKING:
    from src.evaluation.evaluate import Evaluation

KINDS = ("classes", "multilabel", "value")


def check(run: Any, args: Any) -> None:
    """UserError, before anything is computed, for what these networks or data cannot give."""
    if args.layout != NAME:
        return
    kind = run.trainer.target.kind
    if kind not in KINDS:
        raise UserError(f"--layout {NAME}: one row of numbers per record; the target of these weights is {kind}",
                        "leave --layout out")
    if set(args.extract) & {FRAMES, SALIENCY} and not hasattr(run.model, "attention_maps"):
        raise UserError(f"--extract {' '.join(args.extract)}: {run.args.model} is no ECG transformer",
                        "--extract output")


def tell_tested(run: Any, args: Any, loader: Any, evaluation: Evaluation, folder: Path) -> tuple[str, ...]:
    """Write the arrays that --extract names; what to tell people."""
    found, written = evaluation.predictions, {}
    if "output" in args.extract:
        written[OUTPUTS] = found.scores.astype(np.float32)
        if found.labels is not None:
            is_class = evaluation.target.kind == "classes"
            written[TARGETS] = found.labels if is_class else np.asarray(found.labels, np.float32)
    for name, array in written.items():
        new_array(array_path(folder, name, args.subset), array.shape, str(array.dtype))[...] = array
    shapes = {name: array.shape for name, array in written.items()}
    if wanted := [name for name in (FRAMES, SALIENCY) if name in args.extract]:
        shapes |= _extract(run, args.subset, loader, found.rows, wanted, folder)
    return tuple(f"  {array_path(folder, name, args.subset)} ({', '.join(map(str, shape))})"
                 for name, shape in shapes.items())


@torch.no_grad()
def _extract(run: Any, subset: str, loader: Any, rows: np.ndarray, wanted: list[str], folder: Path
             ) -> dict[str, tuple[int, ...]]:
    """What the network computes on its way, batch by batch into mapped files; their shapes."""
    run.model.eval()
    files: dict[str, np.ndarray] = {}
    for batch in _batches(loader):
        places = np.searchsorted(rows, batch.index.numpy())
        for name, values in _computed(run, batch, wanted).items():
            if name not in files:
                shape = len(rows), *values.shape[1:]
                files[name] = new_array(array_path(folder, name, subset), shape, str(values.dtype))
            _check_frames(name, files[name].shape, values.shape)
            files[name][places] = values
    if PADDING in files and not files[PADDING].any():
        del files[PADDING]
        array_path(folder, PADDING, subset).unlink()
    return {name: array.shape for name, array in files.items()}


def _batches(loader: Any) -> Iterator[Batch]:
    for batch in loader:
        if len(batch.group.unique()) != len(batch):
            raise UserError("--extract: records of several windows have no one row of frames",
                            "--dataset_args without stride_s, or --extract output")
        yield batch


def _computed(run: Any, batch: Batch, wanted: list[str]) -> dict[str, np.ndarray]:
    moved = batch.to(run.trainer.device)
    found = {}
    if FRAMES in wanted:
        tokens, keep = run.model.encode(moved.signal, moved.time_mask)
        found[FRAMES] = tokens.float().cpu().numpy()
        found[PADDING] = np.zeros(tokens.shape[:2], bool) if keep is None else ~keep.cpu().numpy()
    if SALIENCY in wanted:
        found[SALIENCY] = run.model.attention_maps(moved.signal, moved.time_mask).float().cpu().numpy()
    return found


def _check_frames(name: str, whole: tuple[int, ...], part: tuple[int, ...]) -> None:
    if whole[1:] != part[1:]:
        raise UserError(f"--extract {name}: batches of {whole[1:]} and of {part[1:]} do not fit into one array",
                        "one window for all records: --dataset_args window_s=5")
