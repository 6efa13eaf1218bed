"""Every registered model is evaluated by two processes as by one: each record once, exact metrics, the same scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import train
from src import registry
from src.trainer import distributed
from src.trainer.base_trainer import BaseTrainer
from tests.ranks import RANKS, on_two_ranks

pytestmark = pytest.mark.distributed
MODELS = list(registry.MODELS)
# their losses compare the records of a batch with each other, and two ranks have other batches
IN_BATCH = ("duin_align", "wav2vec2", "wav2vec2_cmsc", "cmsc", "clocs", "simclr", "3kg")
OF_BATCH = ("val_loss", "val_accuracy", "val_cmsc_accuracy", "val_prob_perplexity", "val_code_perplexity")
ECG = ("simulated_ecg", "simulated_identity")
RECORDS = 11  # of two ranks one has six and the other five, in batches of three
SMALL = ["--preset", "tiny", "--limit", str(RECORDS), "--batch_size", "4", "--val_batch_size", "3", "--max_steps", "1",
         "--device", "cpu", "--num_workers", "0", "--no_use_tensorboard", "--seed", "3"]


def evaluated(name: str, codes: Path) -> dict[str, Any]:
    """What train.py would validate with before its first step: the records, the predictions, the metrics."""
    found: dict[str, Any] = {}

    def evaluate(trainer: BaseTrainer) -> None:
        loader = trainer.val_loaders["val"]
        predictions = trainer.predict(loader)
        values = {key: float(value) for key, value in trainer.validate_epoch(loader).items()}
        found.update(rows=predictions.rows.tolist(), scores=torch.from_numpy(predictions.scores), values=values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseTrainer, "train", evaluate)
        patch.setattr(distributed, "leave", lambda: None)  # the door would; the next model needs the other rank too
        assert train.main([*words(name), *with_codes(name, codes)]) == 0
    return found


def words(name: str) -> list[str]:
    few = ["--dataset_args", "patients=40"] if registry.model_row(name).dataset in ECG else []
    return ["--model", name, *SMALL, *few]


def with_codes(name: str, codes: Path) -> list[str]:
    needed = registry.model_row(name).codes_of
    return ["--vqkd_ckpt", str(codes / needed)] if needed else []


def in_each_process(rank: int, folder: Path) -> None:
    torch.save({name: evaluated(name, folder) for name in MODELS}, folder / f"rank{rank}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the models lie whose codes other models predict."""
    folder = tmp_path_factory.mktemp("two")
    for name in {row.codes_of for row in registry.MODELS.values()} - {""}:
        assert train.main([*words(name), "--save_dir", str(folder), "--experiment_name", name]) == 0
    return folder


@pytest.fixture(scope="module")
def two(folder) -> list[dict[str, Any]]:
    """What each of two ranks found, by model."""
    on_two_ranks(in_each_process, folder)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(RANKS)]


@pytest.mark.parametrize("name", MODELS)
def test_two_ranks_evaluate_as_one(two, folder, name):
    one = evaluated(name, folder)
    assert len(set(one["rows"])) == RECORDS
    for both in (answers[name] for answers in two):
        assert both["rows"] == one["rows"]
        torch.testing.assert_close(both["scores"], one["scores"], rtol=1e-6 if is_summed(name) else 0, atol=1e-6)
        assert both["values"].keys() == one["values"].keys()
        for key, value in one["values"].items():
            if name in IN_BATCH and key in OF_BATCH:
                continue
            is_exact = "loss" not in key and not is_summed(name)
            bound = {"rel": 0, "abs": 0} if is_exact else {"rel": 1e-6, "abs": 1e-6}
            assert both["values"][key] == pytest.approx(value, **bound, nan_ok=True), key


def is_summed(name: str) -> bool:
    """Whether what is large is summed, over a record or batch by batch, so that batches show in the last digits."""
    return not {"classes", "multilabel"} & set(registry.model_row(name).kinds)


def test_the_models_tell_the_records_apart(two):
    """Equal scores for all records would hide one that was taken for another."""
    for name in MODELS:
        assert len(two[0][name]["scores"].flatten(1).round(decimals=5).unique(dim=0)) > RECORDS // 2, name
