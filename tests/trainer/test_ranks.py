"""Two processes train, validate, stop and resume as one does. They start once; the tests look at what they left."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from src.data.run_data import prepare
from src.errors import StoppedBySignal
from src.trainer import distributed
from src.trainer.main_trainer import MainTrainer
from tests.helpers import TinyDataset, TinyNet, difference, flags, loaders, resumable, rows, stop_at, tuple_loader
from tests.ranks import RANKS, on_two_ranks

pytestmark = pytest.mark.distributed
TRAINED = 23  # with 2 x 4 records a step: 8 + 8 + 7, so that the last batch is 4 on one rank and 3 on the other
CASES = {"plain": {}, "accumulated": {"grad_accum_steps": 2}, "clipped": {"grad_clip": 0.1, "ema": 0.9},
         "stopping": {"early_stopping": True, "patience": 1, "min_delta": 10.0}}


def of_our_loaders(folder: Path, rank: int, world: int, batch_size: int, fairseq: bool = False, **more
                   ) -> MainTrainer:
    args = flags(folder, **{"grad_accum_steps": 1, "batch_size": batch_size, "epochs": 3, **more})
    data = replace(prepare(TinyDataset(TRAINED), args), fairseq_batches=fairseq)
    train, valid, test = loaders(data, args, rank=rank, world=world)
    return MainTrainer(TinyNet(), args, train, {"val": valid, "again": test}, test, data=data)


def of_foreign_loaders(folder: Path, has_generator: bool, **more) -> MainTrainer:
    train = tuple_loader(24, generator=torch.Generator() if has_generator else None)
    return MainTrainer(TinyNet(), flags(folder, **{"grad_accum_steps": 1, **more}), train,
                       tuple_loader(9, shuffle=False))


def in_each_process(rank: int, folder: Path) -> None:
    """What a rank does; the answers go into files."""
    for name, more in CASES.items():
        of_our_loaders(folder / name, rank, RANKS, 4, **more).train()
    of_our_loaders(folder / "fairseq", rank, RANKS, 8, fairseq=True).train()
    of_foreign_loaders(folder / "foreign-True", True).train()
    of_foreign_loaders(folder / "foreign-False", False).train()
    stopped = of_our_loaders(folder / "stopped", rank, RANKS, 4, epochs=4)
    if rank == 1:
        stop_at(stopped, 5)
    told = stop_of(stopped)
    resumed = of_our_loaders(folder / "stopped", rank, RANKS, 4, epochs=4, resume=str(folder / "stopped/run"))
    resumed.train()
    found = resumed.predict(resumed.test_loader)
    weights = {name: value.tolist() for name, value in resumed.model.state_dict().items()}
    answer = {"told": told, "index": found.rows.tolist(), "scores": found.scores.tolist(), "weights": weights,
              "formed": distributed.join().size}
    (folder / f"rank{rank}.json").write_text(json.dumps(answer))


def stop_of(trainer: MainTrainer) -> str:
    try:
        trainer.train()
    except StoppedBySignal as stop:
        return str(stop)
    return "not stopped"


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """The folder of what two ranks did."""
    folder = tmp_path_factory.mktemp("two")
    on_two_ranks(in_each_process, folder)
    return folder


def answers(folder: Path) -> list[dict]:
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(RANKS)]


def assert_close_runs(two: Path, one: Path) -> None:
    """Weights to 1e-6; every logged number to 1e-5, counts exactly."""
    first, second = resumable(two / "run"), resumable(one / "run")
    for name, value in first["model"].items():
        torch.testing.assert_close(value, second["model"][name], rtol=0, atol=1e-6)
    assert first["step"] == second["step"]
    for mine, other in zip(rows(two / "run"), rows(one / "run"), strict=True):
        assert mine["event"] == other["event"]
        for part in ("train", "val"):
            assert mine.get(part) == pytest.approx(other.get(part), abs=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_train_and_validate_as_one_with_twice_the_batch(two, tmp_path, case):
    of_our_loaders(tmp_path, 0, 1, 8, **CASES[case]).train()
    assert_close_runs(two / case, tmp_path)
    if case == "stopping":
        assert resumable(two / case / "run")["step"] == 2 * 3  # one epoch that sets the mark, one without progress


def test_two_ranks_take_the_batches_of_fairseq_in_turn_as_one_accumulates_them(two, tmp_path):
    """8 + 8, then 7 alone, which two ranks share."""
    of_our_loaders(tmp_path, 0, 1, 8, fairseq=True, grad_accum_steps=2).train()
    assert_close_runs(two / "fairseq", tmp_path)
    assert resumable(tmp_path / "run")["step"] == 3 * 2


@pytest.mark.parametrize("has_generator", [True, False])
def test_two_ranks_share_a_foreign_loader_as_one_accumulates_it(two, tmp_path, has_generator):
    of_foreign_loaders(tmp_path, has_generator, grad_accum_steps=2).train()
    assert_close_runs(two / f"foreign-{has_generator}", tmp_path)


def test_validation_on_two_ranks_is_exact(two, tmp_path):
    """9 records: 5 on one rank, 4 on the other, each counted once."""
    one = of_our_loaders(tmp_path, 0, 1, 8)
    one.train()
    found = [row["val"] for row in rows(two / "plain/run") if row["event"] == "epoch"]
    expected = [row["val"] for row in rows(tmp_path / "run") if row["event"] == "epoch"]
    for name in ("accuracy", "f1_macro", "again_accuracy"):
        assert [row[name] for row in found] == [row[name] for row in expected]
    first, second = answers(two)
    assert first["index"] == second["index"] == list(range(TRAINED + 9, TRAINED + 18))
    assert first["scores"] == second["scores"]


def test_a_signal_on_one_rank_stops_both_at_the_same_update_and_the_run_resumes_bit_for_bit(two):
    first, second = answers(two)
    assert "step 5; go on with" in first["told"]
    assert "SIGTERM" in second["told"]
    assert "step 5; go on with" in second["told"]
    assert first["weights"] == second["weights"]
    assert resumable(two / "stopped/run")["step"] == 12


def test_a_resumed_run_of_two_ranks_is_the_uninterrupted_one_of_one(two, tmp_path):
    of_our_loaders(tmp_path, 0, 1, 8, epochs=4).train()
    one, both = resumable(tmp_path / "run")["model"], resumable(two / "stopped/run")["model"]
    for name, value in one.items():
        torch.testing.assert_close(both[name], value, rtol=0, atol=1e-6)
    assert_close_runs(two / "stopped", tmp_path)  # the means of the interrupted epoch are those of both ranks


def test_only_one_rank_writes(two):
    assert sorted(path.name for path in (two / "plain").iterdir()) == ["best_model.pth", "last_run", "run"]
    assert not list((two / "plain/run").glob(".*"))
    assert len([row for row in rows(two / "plain/run") if row["event"] == "epoch"]) == 3


def test_a_run_of_two_ranks_goes_on_with_one_and_says_what_that_means(two, tmp_path, capsys):
    import shutil

    shutil.copytree(two / "plain/run", tmp_path / "run")
    again = of_our_loaders(tmp_path, 0, 1, 4, epochs=3, resume=str(tmp_path / "run"))
    again._open()
    again._close()
    assert again.global_step == 9
    assert difference(dict(again.model.state_dict()), resumable(two / "plain/run")["model"]) == ""
    assert capsys.readouterr().err.count("resumed from") == 1


def test_all_ranks_were_one_world(two):
    assert [answer["formed"] for answer in answers(two)] == [RANKS, RANKS]
