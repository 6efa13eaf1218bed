"""torchrun starts all ranks again when one dies, and the run goes on from its last checkpoint to the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import assert_same_run

ROOT = Path(__file__).parents[2]
RUN = """--model cnn --preset tiny --dataset_args patients=40 --epochs 3 --batch_size 4 --save_steps 1
    --no_use_tensorboard --device cpu --experiment_name run""".split()  # noqa: SIM905

# train.py, but rank 1 dies without a word in its fifth update, the first time that it gets there
DIES_ONCE = """
import os, signal, sys
import train
from src.trainer.base_trainer import BaseTrainer

update = BaseTrainer._update

def dying(trainer):
    if trainer.world.rank == 1 and trainer.global_step == 4 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    update(trainer)

BaseTrainer._update = dying
sys.exit(train.main())
"""


def torchrun(script: Path, folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--max_restarts=1",
               str(script), *RUN, "--save_dir", str(folder)]
    settings = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=os.environ | settings)


@pytest.mark.slow
@pytest.mark.distributed
def test_a_rank_that_dies_once_costs_nothing_but_time(tmp_path):
    script = tmp_path / "dies_once.py"
    script.write_text(DIES_ONCE)
    whole = torchrun(ROOT / "train.py", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    died = torchrun(script, tmp_path / "died")
    assert died.returncode == 0, died.stderr
    assert died.stderr.count(f"resumed from {tmp_path / 'died/run/last.pth'}: epoch 1, 32 records into it, step 4") == 1
    assert [path.name for path in (tmp_path / "died").iterdir() if path.is_dir() and not path.is_symlink()] == ["run"]
    assert_same_run(tmp_path / "whole/run", tmp_path / "died/run")
