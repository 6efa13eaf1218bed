"""A run in its own process, killed at random times or asked to stop, ends as the run that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from src.trainer import checkpoint
from tests.helpers import assert_same_run

ROOT = Path(__file__).parents[2]
COMMAND = """--model cnn --preset tiny --dataset_args patients=40 --epochs 6 --batch_size 4 --grad_accum_steps 2
    --ema 0.9 --augmentation noise=0.1 --save_steps 1 --no_use_tensorboard --device cpu --experiment_name run""".split()  # noqa: SIM905


def start(folder: Path, *more: str) -> subprocess.Popen:
    words = [sys.executable, "train.py", *COMMAND, "--save_dir", str(folder), *more]
    return subprocess.Popen(words, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process: subprocess.Popen) -> None:
    for _ in range(1200):
        if condition() or process.poll() is not None:
            return
        time.sleep(0.05)
    raise AssertionError("the run did not get there within a minute")


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def finish(process: subprocess.Popen) -> tuple[int, str]:
    _, said = process.communicate(timeout=240)
    return process.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_killed_at_random_times_ends_with_the_same_bits(tmp_path, seed, workers, record_property, capsys):
    more = ("--num_workers", workers, "--seed", str(seed))
    assert finish(start(tmp_path / "whole", *more))[0] == 0
    draw, kills = random.Random(f"{seed}/{workers}"), 0
    last = tmp_path / "killed/run/last.pth"
    while True:
        process = start(tmp_path / "killed", *more, "--resume", "auto")
        if kills == 5:
            break
        before = _written(last)
        wait_for(lambda before=before: _written(last) != before, process)  # it goes on training ...
        time.sleep(draw.uniform(0, 0.25))  # ... and dies anywhere: in a step, in validation, while it writes
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
    code, said = finish(process)
    assert code == 0, said
    assert kills >= 2
    assert_same_run(tmp_path / "whole/run", tmp_path / "killed/run")
    record_property("kills", kills)
    with capsys.disabled():
        print(f"\nseed {seed}, {workers} workers: {kills} kills, equal to the last bit")


@pytest.mark.slow
def test_exit_codes_of_a_stop_and_of_a_second_interrupt(tmp_path):
    for name, signals, expected in (("term", [signal.SIGTERM], 75), ("int", [signal.SIGINT], 75)):
        process = start(tmp_path / name, "--epochs", "500")
        wait_for((tmp_path / name / "run/last.pth").exists, process)
        for number in signals:
            process.send_signal(number)
        code, said = finish(process)
        assert code == expected, said
        assert f"--resume {tmp_path / name / 'run'}" in said
        assert checkpoint.read(tmp_path / name / "run/last.pth")["step"] > 0


def test_a_second_interrupt_leaves_at_once():
    code = ("import os, signal, time\nfrom src.trainer.signals import StopSignals\n"
            "with StopSignals() as stop:\n"
            "    os.kill(os.getpid(), signal.SIGINT); time.sleep(0.4)\n"
            "    assert stop.received == 'SIGINT'\n"
            "    os.kill(os.getpid(), signal.SIGINT); time.sleep(5); print('still here')\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert "still here" not in done.stdout
