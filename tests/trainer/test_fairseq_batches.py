"""Training in the batches of fairseq-signals: who gets them, and that unequal batches change nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import arguments
from src import assembly, config
from src.data.run_data import prepare
from src.data.samplers_fairseq import FairseqSampler
from src.trainer.main_trainer import MainTrainer
from tests.helpers import TinyDataset, TinyNet, assert_same_run, flags, loaders, train_until

RECORDS = 37  # in batches of 16: 16 + 16 + 5


def trainer(folder, **more):
    args = flags(folder, **{"batch_size": 16, "epochs": 2, "augmentation": ["noise=0.1"], **more})
    data = replace(prepare(TinyDataset(RECORDS), args), fairseq_batches=True)
    train, valid, test = loaders(data, args)
    return MainTrainer(TinyNet(dropout=more.get("dropout") or 0.0), args, train, valid, test, data=data)


def sampler(model, *more):
    words = ["--model", model, "--device", "cpu", "--num_workers", "0", "--batch_size", "20", *more]
    args = config.parse(arguments.TRAIN, words)
    return args, assembly.data_of_run(args).loader("train", args.batch_size, train=True).sampler


def test_unequal_batches_of_one_update_weigh_by_their_records(tmp_path):
    one = trainer(tmp_path / "three", grad_accum_steps=3)
    two = trainer(tmp_path / "two", grad_accum_steps=2, batch_size=40)  # 32 + 5
    for found in (one, two):
        found.train()
        assert found.global_step == 2
    for mine, other in zip(one.model.parameters(), two.model.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-6)


def test_a_run_stopped_anywhere_and_resumed_is_the_run_left_alone(tmp_path):
    more = {"dropout": 0.3, "grad_accum_steps": 2}
    trainer(tmp_path / "whole", **more).train()
    for update in (1, 2, 3):  # inside the first epoch, at its end, inside the second
        folder = tmp_path / f"stopped-{update}"
        train_until(trainer(folder, **more), update)
        trainer(folder, resume=str(folder / "run"), **more).train()
        assert_same_run(tmp_path / "whole/run", folder / "run")


@pytest.mark.parametrize("model", ["ecg_transformer", "wav2vec2_cmsc", "cmsc", "simclr"])
def test_the_replica_of_an_ecg_transformer_takes_the_batches_of_its_original(model):
    args, found = sampler(model, "--preset", "tiny", "--replica", "--seed", "3", "--dataset_args", "patients=40")
    assert isinstance(found, FairseqSampler)
    lengths = np.ones(len(found.rows))  # simulated records are equally long
    expected = FairseqSampler(found.rows, lengths, args.batch_size, 3)
    assert list(found) == list(expected)
    assert max(len(batch) for batch in found) == 16


@pytest.mark.parametrize("words", [["ecg_transformer", "--dataset_args", "patients=40"],
                                   ["duin_cls", "--replica", "--dataset_args", "subjects=1", "words=2",
                                    "trials_per_word=10", "test_trials_per_word=5", "samples=1000"]])
def test_nobody_else_does(words):
    assert not isinstance(sampler(*words)[1], FairseqSampler)
