from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import train
from src.data.signal import Batch
from src.errors import StoppedBySignal, UserError
from src.trainer import checkpoint, run_folder
from tests.pipelines.words_files import TINY, several

ROOT = Path(__file__).resolve().parents[2]
ONE = ["--pipeline", "duin", "--subjs", "b", "--seeds", "1"]


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "p/table.csv", encoding="utf8") as file:
        return list(csv.DictReader(file))


def parts(path: Path) -> dict[str, set[str]]:
    return {name: set(records) for name, records in json.loads(path.read_text(encoding="utf8")).items()}


def spy(begun: list[str], stop_before: str = ""):
    """`train_one` that writes down what is begun or gone on with, and raises before one stage."""
    def train_one(args):
        begun.append(Path(args.resume or args.experiment_name).name)
        if begun[-1] == stop_before:
            raise RuntimeError("pulled the plug")
        return train.train_one(args)

    return train_one


@pytest.fixture(scope="module")
def finished(words, tmp_path_factory):
    """A pipeline of two subjects and two seeds; the order of its stages."""
    folder, begun = tmp_path_factory.mktemp("finished"), []
    assert several(words, folder, "--pipeline", "duin", "--subjs", "b", "a", "--seeds", "1", "0",
                   train_one=spy(begun)) == 0
    return folder, begun


def test_pipeline_pretrains_once_per_subject_and_classifies_with_every_seed(finished):
    _, begun = finished
    per_subject = ["vqvae", "mae", *[f"cls-{weights}-seed{seed}" for seed in (1, 0)
                                     for weights in ("scratch", "vqvae", "mae")]]
    assert begun == per_subject * 2


def test_every_stage_is_an_ordinary_run_that_starts_from_the_stage_before(finished):
    folder = finished[0] / "p/a"
    settings = {name: run_folder.read_config(folder / name)
                for name in ("vqvae", "mae", "cls-scratch-seed0", "cls-vqvae-seed0", "cls-mae-seed0")}
    assert [each["model"] for each in settings.values()] == ["duin_vqvae", "duin_mae", *["duin_cls"] * 3]
    assert settings["mae"]["vqkd_ckpt"] == str(folder / "vqvae")
    assert [settings[name]["init_from"] for name in list(settings)[2:]] == \
        [None, str(folder / "vqvae"), str(folder / "mae")]
    assert {each["seed"] for each in settings.values()} == {0, 1}  # pretraining has the first
    assert checkpoint.read(folder / "mae/best_model.pth")["model_name"] == "duin_mae"


def test_all_stages_of_a_subject_share_one_split_and_pretraining_never_sees_a_test_record(finished):
    folder = finished[0] / "p/a"
    shared = parts(folder / "splits.json")
    assert len(shared["test"]) == 3
    for run in ("vqvae", "mae", "cls-scratch-seed1", "cls-mae-seed0"):
        assert parts(folder / run / "splits.json") == shared


def test_the_table_has_a_row_per_subject_and_their_mean(finished, capsys, words):
    folder, _ = finished
    rows = table(folder)
    assert [row["subject"] for row in rows] == ["a", "b", "mean"]
    assert {row["scratch_n"] for row in rows} == {"2"}
    mean = sum(float(row["mae_mean"]) for row in rows[:2]) / 2
    assert float(rows[2]["mae_mean"]) == pytest.approx(mean, abs=1e-5)
    assert (folder / "p/table.png").stat().st_size > 5000
    begun: list[str] = []
    assert several(words, folder, "--pipeline", "duin", "--subjs", "b", "a", "--seeds", "1", "0",
                   train_one=spy(begun)) == 0
    assert begun == []  # nothing is left to do, and the table is shown again
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split() == ["subject", "scratch", "vqvae", "mae"]
    assert max(map(len, shown[:-1])) <= 80
    assert table(folder) == rows


def test_a_further_seed_trains_what_is_new_alone(finished, words):
    folder, begun = finished[0], []
    several(words, folder, "--pipeline", "duin", "--subjs", "a", "--seeds", "1", "0", "5", train_one=spy(begun))
    assert begun == [f"cls-{weights}-seed5" for weights in ("scratch", "vqvae", "mae")]


def test_another_setting_in_the_same_folder_is_refused_with_both_values(finished, words):
    with pytest.raises(UserError, match=r"--lr 0\.25 \(there: 0\.0003\)"):
        several(words, finished[0], *ONE, "--lr", "0.25")


def test_a_pipeline_that_was_torn_down_goes_on_where_it_was(words, tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match="plug"):
        several(words, tmp_path, *ONE, train_one=spy([], stop_before="cls-vqvae-seed1"))
    assert [row["scratch_n"] for row in table(tmp_path)] == ["1"]  # what was there survives
    assert table(tmp_path)[0]["mae_mean"] == ""
    begun: list[str] = []
    assert several(words, tmp_path, *ONE, train_one=spy(begun)) == 0
    assert begun == ["cls-vqvae-seed1", "cls-mae-seed1"]
    assert table(tmp_path)[0]["mae_n"] == "1"


def test_a_stage_that_died_between_its_end_and_its_test_is_tested_alone(words, finished):
    folder, begun = finished[0], []
    scores = folder / "p/a/cls-mae-seed1/scores.json"
    before = json.loads(scores.read_text(encoding="utf8"))
    scores.unlink()
    several(words, folder, "--pipeline", "duin", "--subjs", "a", "--seeds", "1", train_one=spy(begun))
    assert begun == []
    assert json.loads(scores.read_text(encoding="utf8")) == before


def test_dry_run_shows_the_command_of_every_stage_and_writes_nothing(words, tmp_path, capsys):
    assert several(words, tmp_path, *ONE, "--dry_run", "--stage_args", "mae.lr=1e-4", "vqvae.epochs=3") == 0
    shown = capsys.readouterr().err
    assert shown.count("python train.py") == 5
    assert shown.count("--lr=1e-4") == 1
    assert shown.count("--epochs=3") == 1
    assert shown.count("--epochs=1") == 4
    assert list(tmp_path.iterdir()) == []


def test_pretrain_on_all_gives_pretraining_the_test_records_and_no_one_else(words, tmp_path):
    with pytest.raises(RuntimeError, match="plug"):
        several(words, tmp_path, *ONE, "--pretrain_on_all", train_one=spy([], "cls-scratch-seed1"))
    shared, vqvae = parts(tmp_path / "p/b/splits.json"), parts(tmp_path / "p/b/vqvae/splits.json")
    assert vqvae["train"] == shared["train"] | shared["test"]
    assert vqvae["test"] == set()
    assert len(shared["test"]) == 3
    assert parts(tmp_path / "p/b/mae/splits.json") == vqvae


def test_one_model_for_all_subjects_numbers_those_that_are_picked(words, tmp_path, monkeypatch):
    """--subj_idxs picks the second of two subjects, which keeps the number that it had in pretraining."""
    seen: list[int] = []
    monkeypatch.setattr(Batch, "field", lambda self, name, field=Batch.field: (
        seen.extend(self.subject.tolist()) or field(self, name)))
    with pytest.raises(RuntimeError, match="plug"):
        several(words, tmp_path, "--pipeline", "duin", "--subjs", "a", "b", "--subj_idxs", "1", "--seeds", "1",
                "--model_args", "n_subjects=2", train_one=spy([], "cls-mae-seed1"))
    folder = tmp_path / "p/joint"
    assert [row["subject"] for row in table(tmp_path)] == ["b"]
    for run in ("vqvae", "cls-vqvae-seed1"):
        weights = checkpoint.read(folder / run / "best_model.pth")["model"]["subj_block.subj_layer.W.weight"]
        assert weights.shape[1] == 2
    assert set(seen[-6:]) == {1}
    shared, own = parts(folder / "splits.json"), parts(folder / "cls-vqvae-seed1/splits.json")
    assert all(own[part] < shared[part] for part in ("train", "valid", "test"))


@pytest.mark.parametrize(("more", "found"), [
    (["--stage_args", "vqva.epochs=5"], "no such stage; did you mean vqvae?"),
    (["--stage_args", "mae.lrr=5"], "no flag of a single stage; did you mean lr?"),
    (["--stage_args", "mae.lr=fast"], "--lr fast: a number is expected"),
    (["--model_args", "decoder.n_block=1"], "no stage has it; did you mean decoder.n_blocks?"),
    (["--subj_idxs", "4"], "there are 1 subjects, numbered from 0"),
    (["--subjs", "bb"], "these data have no such subject"),
    (["--model", "cnn"], "no classifier of three stages"),
])
def test_what_cannot_be_a_pipeline_is_refused_before_anything_is_trained(words, tmp_path, more, found):
    with pytest.raises(UserError) as caught:
        several(words, tmp_path, *ONE, *more)
    assert found in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_fast_dev_run_leaves_nothing(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert several(words, tmp_path, *ONE, "--fast_dev_run") == 0
    assert list(tmp_path.iterdir()) == []
    assert "scratch" in capsys.readouterr().out


@pytest.mark.slow
def test_kill_9_anywhere_and_the_same_command_gives_the_same_table(words, tmp_path):
    """Killed again and again after a random while, until it gets through."""
    command = [sys.executable, str(ROOT / "train.py"), "--data_path", str(words), "--experiment_name", "p", *TINY,
               *ONE, "--epochs", "3"]
    whole = [*command, "--save_dir", str(tmp_path / "whole")]
    killed = [*command, "--save_dir", str(tmp_path / "killed")]
    began = time.time()
    assert subprocess.run(whole, capture_output=True, timeout=600).returncode == 0
    took, kills = time.time() - began, 0
    for share in (0.35, 0.5, 0.65, 0.8, 0.95):
        process = subprocess.Popen(killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(took * share)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills > 0
    assert subprocess.run(killed, capture_output=True, timeout=600).returncode == 0
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
    for name in ("vqvae", "mae", "cls-mae-seed1"):
        states = [checkpoint.read(_run(tmp_path / each, name) / "last.pth")["model"] for each in ("whole", "killed")]
        assert all((states[0][key] == states[1][key]).all() for key in states[0] if hasattr(states[0][key], "shape"))


def _run(folder: Path, name: str) -> Path:
    """The stage's run, wherever a start that was killed at once has left it."""
    from src.pipelines.stages import Stage

    return Stage(name, folder / "p/b", {}).folder


def test_with_keep_best_the_same_command_finds_what_is_finished(words, tmp_path):
    begun: list[str] = []
    for _ in range(2):
        assert several(words, tmp_path, *ONE, "--keep", "best", train_one=spy(begun)) == 0
    assert len(begun) == 5
    assert not (tmp_path / "p/b/vqvae/last.pth").exists()


def test_a_stage_killed_before_its_first_checkpoint_leaves_its_folder_to_the_next_start(words, tmp_path):
    with pytest.raises(RuntimeError, match="plug"):
        several(words, tmp_path, *ONE, train_one=spy([], stop_before="mae"))
    killed = tmp_path / "p/b/mae"
    killed.mkdir()
    (killed / "config.json").write_text("{}")
    with pytest.raises(RuntimeError, match="plug"):
        several(words, tmp_path, *ONE, train_one=spy([], stop_before="cls-scratch-seed1"))
    assert (killed / "best_model.pth").exists()
    assert not (tmp_path / "p/b/mae-2").exists()


def test_a_signal_as_a_stage_ends_stops_the_pipeline_before_the_next(words, tmp_path):
    def train_one(args):
        trainer = train.train_one(args)
        trainer.signals.received = "SIGINT"
        return trainer

    with pytest.raises(StoppedBySignal, match="go on with: the same command"):
        several(words, tmp_path, *ONE, train_one=train_one)
    assert [path.name for path in (tmp_path / "p/b").iterdir() if path.is_dir() and not path.is_symlink()] == ["vqvae"]


def test_a_place_that_cannot_hold_runs_is_refused_at_the_start(words, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write there: Not a directory"):
        several(words, tmp_path / "file", *ONE)
