"""What a person is told when a run cannot go on: which records, which flags help."""

from __future__ import annotations

from typing import Any

import torch

from src.data.signal import Batch
from src.errors import Diverged, UserError
from src.files import write_json
from src.trainer import checkpoint


def explain_divergence(trainer: Any, error: Diverged) -> Diverged:
    """Write diverged.json with the records of the batch, and say which checkpoint is still good."""
    batch = error.batch
    records: list[str] = []
    if isinstance(batch, Batch) and trainer.data is not None:
        records = [str(name) for name in trainer.data.dataset.records.record[batch.index.cpu().numpy()]]
    place = f"epoch {trainer.feed.epoch + 1}, update {trainer.global_step} or up to {trainer.args.print_freq} before it"
    good = trainer.folder is not None and (trainer.folder / checkpoint.LAST).exists()
    hint = (f"last.pth in {trainer.folder} is from before it; " if good else "") + \
        "try a lower --lr, --grad_clip 1 or a --warmup_epochs"
    if trainer.folder is not None:
        write_json(trainer.folder / "diverged.json", {"what": error.message, "epoch": trainer.feed.epoch,
                                                      "step": trainer.global_step, "records": records})
        hint += f"; the batch's records are in {trainer.folder / 'diverged.json'}"
    if records:
        hint += f" ({', '.join(records[:3])}{' ...' if len(records) > 3 else ''})"
    return Diverged(f"training diverged: {error.message} ({place})", hint)


def is_out_of_memory(error: BaseException) -> bool:
    """torch's CPU allocator reports it as a plain RuntimeError."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def explain_memory(trainer: Any) -> UserError:
    """The peak, and the flags that help with numbers; the batch is never changed silently."""
    args = trainer.args
    peak = ""
    if trainer.device.type == "cuda":
        used, total = torch.cuda.max_memory_allocated(trainer.device), torch.cuda.mem_get_info(trainer.device)[1]
        peak = f": peak {used / 2**30:.1f} GiB of {total / 2**30:.1f} GiB"
    half = max(args.batch_size // 2, 1)
    same = f"--batch_size {half} --grad_accum_steps {args.grad_accum_steps * 2} (the same update)"
    mixed = "" if trainer.precision.is_mixed else ", --mixed_precision"
    return UserError(f"out of memory on {trainer.device} with --batch_size {args.batch_size}{peak}",
                     f"what helps: {same}{mixed}, a smaller --preset")
