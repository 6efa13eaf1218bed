"""Embeddings of a frozen backbone are computed once, and linear probing on them is the probing without."""

from __future__ import annotations

import pytest
import torch

import arguments
from src import assembly, config
from src.trainer.feature_cache import FeatureCache

WEIGHT = torch.ones(1)


def counted(**more):
    calls = []

    def compute(signal, *mask):
        calls.append(len(signal))
        return signal.mean(2)

    return FeatureCache(compute, [WEIGHT], **more), calls


def test_a_record_is_computed_once_and_a_batch_may_hold_old_and_new_ones():
    cache, calls = counted()
    signal = torch.randn(6, 2, 5)
    cache([signal[:4]])
    torch.testing.assert_close(cache([signal[[5, 1, 4, 0]]]), signal[[5, 1, 4, 0]].mean(2), rtol=0, atol=0)
    assert calls == [4, 2]


def test_another_crop_or_mask_of_a_record_is_another_record():
    cache, calls = counted()
    signal, mask = torch.randn(2, 2, 5), torch.ones(2, 5, dtype=torch.bool)
    for inputs in ([signal], [signal + 1e-6], [signal, mask], [signal, ~mask], [signal, mask]):
        cache(inputs)
    assert calls == [2, 2, 2, 2]


def test_what_is_kept_is_bounded():
    cache, calls = counted(largest=3 * 2 * 4)
    signal = torch.randn(5, 2, 5)
    for _ in range(2):
        torch.testing.assert_close(cache([signal]), signal.mean(2))
    assert (len(cache.kept), calls) == (3, [5, 2])


def test_other_weights_forget_what_was_computed():
    weight = torch.ones(1)
    cache = FeatureCache(lambda signal: signal.mean(2) * weight, [weight])
    signal = torch.randn(3, 2, 5)
    cache([signal])
    weight.copy_(torch.tensor([2.0]))
    torch.testing.assert_close(cache([signal]), signal.mean(2) * 2)


def probed(tmp_path, model, name, *more):
    words = ["--model", model, "--preset", "tiny", "--device", "cpu", "--freeze", "backbone", "--no_use_tensorboard",
             "--batch_size", "8", "--dataset_args", "patients=24", "--max_steps", "12", "--lr", "0.01",
             "--augmentation", "none", "--save_dir", str(tmp_path), "--experiment_name", name, "--no_load_best", *more]
    args = config.parse(arguments.TRAIN, words)
    data = assembly.data_of_run(args)
    return assembly.build_trainer(args, assembly.build_model(args, data.spec, data.target), data)


@pytest.mark.parametrize("model", ["ecg_transformer", "arcface"])
def test_probing_on_kept_features_is_probing_without(tmp_path, model):
    cached, plain = probed(tmp_path, model, "cached"), probed(tmp_path, model, "plain")
    computed = []
    compute = cached.features.compute
    cached.features.compute = lambda *inputs: (computed.append(len(inputs[0])), compute(*inputs))[1]
    plain.features = None
    for trainer in (cached, plain):
        trainer.train()
    records = len(cached.data.rows["train"]) + len(cached.data.rows["valid"])
    assert cached.current_epoch >= 2
    assert sum(computed) <= records
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(cached.model.state_dict()[name], value, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("more", [["--augmentation", "noise=0.1"], ["--replica"], ["--freeze", "none"],
                                  ["--model_args", "head.kind=attentive"], ["--model_args", "head.dropout=0.1"]])
def test_nothing_is_kept_where_a_record_is_never_the_same_to_the_head(tmp_path, more):
    assert probed(tmp_path, "ecg_transformer", "run", *more).features is None
