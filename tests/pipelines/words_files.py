"""Short recordings of three words by three people, and the commands that train on them in no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import train

WORDS, PEOPLE, TRIALS = ("tea", "sun", "map"), ("a", "b", "c"), 30  # trials of each person, ten of each word
TINY = ["--preset", "tiny", "--epochs", "1", "--device", "cpu", "--num_workers", "0", "--no_use_tensorboard"]


def write_words(path: Path) -> Path:
    """Six channels, 0.4 s at 1000 Hz; a word adds its own offset to the noise."""
    row = np.arange(TRIALS * len(PEOPLE))
    label, person = row % len(WORDS), row // TRIALS
    noise = np.random.default_rng(0).standard_normal((len(row), 6, 400))
    np.savez(path, signal=(noise + label[:, None, None]).astype(np.float32), label=label, fs=1000.0, unit="uV",
             subject=np.array(PEOPLE)[person], classes=np.array(WORDS))
    return path


def several(data: Path, folder: Path, *words: str, train_one=train.train_one) -> int:
    """`train.py` with --pipeline or --protocol on these recordings; errors come out as they are."""
    from src import config
    from src.pipelines import duin, loso

    argv = ["--data_path", str(data), "--save_dir", str(folder), "--experiment_name", "p", *TINY, *words]
    args = config.parse("train", argv)
    return (duin if args.pipeline else loso).run(args, argv, train_one)
