"""Our trainer as a contender of a script that times training frameworks: `fit(job)`, everything on that people use.

    python PEERS.py --only bare bare_full bare_fused --plug benchmarks/peers_plug.py:fit

The job gives model, loader, optimizer, steps, clip and log interval; the JSON log, the schedule, clipping, the display
and the checkpoints are ours.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def settings(job) -> Namespace:
    return Namespace(max_steps=job.steps, lr=job.lr, weight_decay=0.01, scheduler="cosine",
                     grad_clip=job.clip, print_freq=job.log_every, save_dir=job.folder, experiment_name="ours",
                     device="cpu", use_tensorboard=False, seed=0)


def fit(job) -> None:
    """Fused AdamW, as our trainer takes it by default."""
    _fit(job, fused=True)


def fit_unfused(job) -> None:
    """The job's own AdamW, like for like with bare_full."""
    _fit(job, fused=False)


def _fit(job, fused: bool) -> None:
    from src.trainer.main_trainer import MainTrainer

    class Trainer(MainTrainer):
        def get_optimizer(self):
            return super().get_optimizer() if fused else job.optimizer(self.model)

    trainer = Trainer(job.model(), settings(job), job.loader())
    trainer.train()
    job.done()
