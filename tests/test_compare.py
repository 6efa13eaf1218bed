import json
import subprocess
import sys
from pathlib import Path

import pytest

import compare

ROOT = Path(__file__).parent.parent


def make_run(folder, settings, values=(0.5, 0.7), end="finished", tail="", test=None):
    """A run folder as training leaves it: settings, one epoch row per value of the monitored metric, how it ended."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model": "cnn", "experiment_name": folder.name, **settings}))
    rows = [{"event": "train", "epoch": 0, "step": 1, "loss": 1.0}]
    rows += [{"event": "epoch", "epoch": k, "step": k, "train": {"loss": 1 - value}, "val": {"loss": 1.1 - value},
              "monitor": {"name": "accuracy", "value": value, "best": max(values[: k + 1]), "is_best": True}}
             for k, value in enumerate(values)]
    rows += [{"event": "test", "subset": "test", "metrics": {"accuracy": test}}] if test else []
    rows += [{"event": end}] if end else []
    (folder / "metrics.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n" + tail)
    return str(folder)


def lines_of(capsys):
    return capsys.readouterr().out.splitlines()


def test_only_what_differs_is_shown_with_best_and_last(tmp_path, capsys):
    runs = [make_run(tmp_path / f"lr_{lr}", {"lr": lr, "epochs": 2, "betas": [0.9, 0.99]}, (0.8, lr * 10))
            for lr in (0.01, 0.05)]
    assert compare.main(runs) == 0
    header, first, second, picture = lines_of(capsys)
    assert header.split() == ["run", "lr", "best", "accuracy", "last", "epochs", "state"]
    assert first.split() == ["lr_0.01", "0.01", "0.800", "0.100", "2", "finished"]
    assert second.split() == ["lr_0.05", "0.05", "0.800", "0.500", "2", "finished"]
    assert picture == f"curves: {tmp_path / 'comparison.png'}"
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_runs_that_differ_by_seed_or_fold_become_mean_and_deviation(tmp_path, capsys):
    runs = [make_run(tmp_path / f"s{seed}", {"seed": seed, "lr": 0.1}, (seed / 10,), test=0.4) for seed in (2, 4)]
    runs.append(make_run(tmp_path / "other", {"seed": 2, "lr": 0.2}))
    compare.main(runs)
    header, first, second, _ = lines_of(capsys)
    assert "0.300 ± 0.141" in first
    assert first.split()[:4] == ["s2", "+", "1", "0.1"]
    assert "test" in header
    assert "0.400 ± 0.000" in first
    assert second.split()[:2] == ["other", "0.2"]


def test_a_run_that_is_going_on_is_shown_though_its_last_line_is_cut(tmp_path, capsys):
    runs = [make_run(tmp_path / "a", {"lr": 1}, (0.5,), end=None, tail='{"event": "epo'),
            make_run(tmp_path / "b", {"lr": 2}, (), end=None)]
    assert compare.main(runs) == 0
    _, first, second, _ = lines_of(capsys)
    assert first.split()[1:4] == ["1", "accuracy", "0.500"]
    assert second.split()[1:] == ["2", "–", "–", "–", "0", "going", "on"]


def test_a_resumed_run_is_going_on_again(tmp_path, capsys):
    run = make_run(tmp_path / "a", {}, (0.5,), end="stopped", tail='{"event": "train", "step": 9}\n')
    compare.main([run])
    assert "going on" in capsys.readouterr().out


def test_a_folder_of_runs_stands_for_its_runs_and_links_are_not_counted_twice(tmp_path, capsys):
    for lr in (1, 2):
        make_run(tmp_path / f"lr_{lr}", {"lr": lr})
    (tmp_path / "last_run").symlink_to("lr_2")
    compare.main([str(tmp_path)])
    assert [line.split()[0] for line in lines_of(capsys)] == ["run", "lr_1", "lr_2", "curves:"]


def test_many_differing_settings_stay_readable_at_80_columns(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    runs = [make_run(tmp_path / f"run{k}", {f"a_rather_long_setting_{i}": k * i + 0.5 for i in range(1, 9)})
            for k in range(2)]
    compare.main(runs)
    output = lines_of(capsys)
    assert max(len(line) for line in output if "curves:" not in line) <= 80
    assert sum("a_rather_long_setting_8" in line for line in output) == 2
    assert not any("…" in line for line in output)


def test_piped_output_has_no_control_characters(tmp_path, capsys):
    compare.main([make_run(tmp_path / "a", {"lr": 1}), make_run(tmp_path / "b", {"lr": 2})])
    assert all(character.isprintable() for line in lines_of(capsys) for character in line)


def test_model_arguments_are_compared_one_by_one(tmp_path, capsys):
    compare.main([make_run(tmp_path / f"w{w}", {"model_args": [f"width={w}", "depth=3"]}) for w in (8, 16)])
    header, first, *_ = lines_of(capsys)
    assert header.split()[1] == "model_args.width"
    assert first.split()[1] == "8"


@pytest.mark.parametrize(("content", "message"), [
    (None, "is not a run"), ("{", "cannot be read"), ("[1]", "holds no settings"),
])
def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys, content, message):
    folder = tmp_path / "run"
    folder.mkdir()
    if content is not None:
        (folder / "config.json").write_text(content)
    assert compare.main([str(folder)]) == 2
    assert message in capsys.readouterr().err


def test_no_runs_and_missing_folders_are_refused(tmp_path, capsys):
    assert compare.main([]) == 2
    assert compare.main([str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_comparing_starts_without_torch():
    code = "import compare, sys\nfrom src.evaluation import comparison, run_log\nassert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


def test_the_picture_goes_where_it_is_told(tmp_path, capsys):
    run = make_run(tmp_path / "a", {"lr": 1})
    compare.main([run, "--output_dir", str(tmp_path / "out")])
    assert (tmp_path / "out" / "comparison.png").exists()
    assert str(tmp_path / "out") in capsys.readouterr().out
