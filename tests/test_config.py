"""What counts: the flag's default, the recipe, another flag's implication, the file, the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import arguments
from src import config, registry
from src.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def parse(*argv):
    return config.parse(arguments.TRAIN, list(argv))


def refused(*argv):
    with pytest.raises(UserError) as caught:
        parse(*argv)
    return caught.value.message


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf8")
    return str(path)


@pytest.fixture(autouse=True)
def _recipes(monkeypatch):
    """Recipes of these tests' own, since those of the registry follow what is measured."""
    recipe = {"epochs": 50, "lr": 1e-3, "scheduler": "cosine"}
    monkeypatch.setitem(registry.MODELS, "resnet1d", replace(
        registry.MODELS["resnet1d"], recipe=recipe, recipes={"simulated_ecg": {"epochs": 7, "lr": 2e-3}}))
    monkeypatch.setitem(registry.MODELS, "cnn", replace(registry.MODELS["cnn"], recipe={"epochs": 8, "lr": 5e-3}))
    monkeypatch.setitem(registry.MODELS, "duin_cls", replace(
        registry.MODELS["duin_cls"], recipe={"epochs": 200, "warmup_epochs": 20, "min_lr": 5e-6},
        recipes={"simulated_seeg": {"epochs": 32, "warmup_epochs": 3.2}}))


def test_the_command_line_counts_more_than_the_file_and_that_more_than_the_recipe(tmp_path):
    file = write(tmp_path / "f.json", {"lr": 0.5, "batch_size": 3})
    args = parse("--config", file, "--lr", "0.25")
    assert (args.lr, args.batch_size, args.epochs, args.grad_clip) == (0.25, 3, 8, 0.0)
    assert [args.sources[name] for name in ("lr", "batch_size", "epochs", "grad_clip")] == \
        ["command line", "file", "recipe", "default"]


def test_the_recipe_is_that_of_the_model_and_data_that_the_file_names(tmp_path):
    args = parse("--config", write(tmp_path / "f.json", {"model": "resnet1d"}))
    assert (args.epochs, args.lr, args.scheduler) == (7, 2e-3, "cosine")
    (tmp_path / "x.npz").touch()
    args = parse("--model", "resnet1d", "--data_path", str(tmp_path / "x.npz"))
    assert (args.dataset, args.epochs, args.lr) == ("arrays", 50, 1e-3)


def test_toml_and_json_say_the_same(tmp_path):
    toml = write(tmp_path / "f.toml", 'lr = 0.5\nbetas = [0.8, 0.9]\nmodel-args = ["width=4"]\n'
                 'use_tensorboard = false\n')
    same = {"lr": 0.5, "betas": [0.8, 0.9], "model_args": ["width=4"], "use_tensorboard": False}
    args, again = parse("--config", toml), parse("--config", write(tmp_path / "f.json", same))
    assert config.to_save(args) == config.to_save(again)
    assert (args.betas, args.model_args, args.use_tensorboard) == ([0.8, 0.9], ["width=4"], False)


@pytest.mark.parametrize(("content", "message"), [
    ("{", "cannot be read as JSON or TOML"), ("[1]", "it holds no table of flags"), (b"\xff\xfe", "cannot be read"),
    ({"leraning_rate": 1}, "leraning_rate: unknown"), ({"epohcs": 1}, "epohcs: unknown; did you mean epochs?"),
    ({"lr": "much"}, "lr much: a number is expected"), ({"lr": True}, "lr True: a number is expected, found bool"),
    ({"lr": None}, "lr None: needs a value"), ({"epochs": 1.5}, "epochs 1.5: a whole number is expected"),
    ('{"epochs": Infinity}', "epochs inf: a whole number is expected"),
    ('{"lr": NaN}', "lr nan: a finite number is expected"), ({"lr": [1]}, "lr 1: a number is expected, found list"),
    ({"betas": [0.9]}, "betas 0.9: needs 2 values, found 1"), ({"betas": [0.9, None]}, "a number is expected"),
    ({"early_stopping": "perhaps"}, "true or false is expected"), ({"early_stopping": 1}, "true or false is expected"),
    ({"experiment_name": ["a"]}, "text is expected, found list"),
    ({"data_path": {"a": 1}}, "text is expected, found dict"),
    ({"model_args": [{"width": 3}]}, "text is expected, found dict"), ({"model": "cnnn"}, "did you mean cnn?"),
    ({"momentum": 0.5}, "--momentum 0.5: holds only with --optimizer sgd"), ({"weights": "x"}, "weights: unknown"),
    ({"lr": 1e-3, "min_lr": 1}, "--min_lr 1: above --lr 0.001"),
])
def test_files_that_hold_something_else_are_refused(tmp_path, content, message):
    file = tmp_path / "f.json"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        write(file, content)
    assert message in refused("--config", str(file))


def test_a_file_that_is_not_there_and_a_broken_toml_are_refused(tmp_path):
    assert "no.toml: cannot be read" in refused("--config", str(tmp_path / "no.toml"))
    assert "f.toml: cannot be read" in refused("--config", write(tmp_path / "f.toml", "lr = = 3"))
    assert "cannot be read" in refused("--config", str(tmp_path))


def test_mistakes_of_file_and_command_line_are_said_together(tmp_path):
    message = refused("--config", write(tmp_path / "f.json", {"lr": -1, "what": 2}), "--epochs", "0")
    for part in ("lr -1: must be more than 0", "what: unknown", "--epochs 0: must be at least 1"):
        assert part in message


@pytest.mark.parametrize("argv", [
    [], ["--model", "duin_cls"], ["--model", "duin_cls", "--epochs", "10"],
    ["--model", "duin_cls", "--warmup_steps", "9"],
    ["--debug"], ["--debug", "--limit", "8", "--epochs", "5"], ["--optimizer", "sgd", "--momentum", "0.5"],
    ["--early_stopping", "--patience", "3"], ["--scheduler", "plateau", "--scheduler_patience", "2"],
    ["--no_use_tensorboard", "--no_save_best", "--seed", "7"], ["--folds", "3", "--fold", "1"],
    ["--augmentation", "none"], ["--warmup_epochs", "4", "--debug"],
])
def test_what_a_run_saves_is_the_same_settings_again(tmp_path, argv):
    first = config.to_save(parse(*argv))
    again = config.to_save(parse("--config", write(tmp_path / "config.json", first)))
    assert again == first
    assert not {"resume", "config", "dry_run"} & first.keys()


# ------------------------------------------------------------------------------- what sets and outweighs what
def test_debug_sets_what_was_not_given_beside_it(tmp_path):
    args = parse("--debug", "--limit", "8")
    assert (args.limit, args.epochs, args.print_freq) == (8, 2, 1)
    assert args.sources["epochs"] == "--debug"


def test_debug_outweighs_the_file_of_a_long_run(tmp_path):
    file = write(tmp_path / "f.json", {"epochs": 100, "max_steps": 10_000, "warmup_epochs": 20, "limit": 9})
    args = parse("--config", file, "--debug")
    assert (args.epochs, args.max_steps, args.warmup_epochs, args.limit) == (2, None, 1.0, 64)


def test_debug_of_a_file_gives_way_to_that_files_settings(tmp_path):
    args = parse("--config", write(tmp_path / "f.json", {"debug": True, "limit": 8}))
    assert (args.limit, args.epochs) == (8, 2)


def test_debug_shortens_a_warm_up_in_updates():
    args = parse("--debug", "--warmup_steps", "1000")
    assert args.warmup_steps is None


def test_a_warm_up_in_updates_replaces_that_of_the_recipe():
    args = parse("--model", "duin_cls", "--warmup_steps", "100")
    assert (args.warmup_epochs, args.warmup_steps) == (0.0, 100)


def test_a_warm_up_of_the_command_line_replaces_the_other_kind_in_the_file(tmp_path):
    steps = write(tmp_path / "steps.json", {"warmup_steps": 5, "scheduler": "cosine"})
    assert parse("--config", steps, "--warmup_epochs", "2").warmup_steps is None
    epochs = write(tmp_path / "epochs.json", {"warmup_epochs": 2, "scheduler": "cosine"})
    assert parse("--config", epochs, "--warmup_steps", "5").warmup_epochs == 0
    assert "not both" in refused("--config", write(tmp_path / "both.json", {"warmup_steps": 5, "warmup_epochs": 2}))


def test_a_recipes_warm_up_keeps_its_share_of_the_training():
    assert parse("--model", "duin_cls", "--epochs", "64").warmup_epochs == pytest.approx(6.4)
    assert parse("--model", "duin_cls", "--epochs", "64", "--warmup_epochs", "3").warmup_epochs == 3


def test_a_choice_on_the_command_line_drops_what_the_file_said_of_another(tmp_path):
    sgd = write(tmp_path / "f.json", {"optimizer": "sgd", "momentum": 0.5, "early_stopping": True, "patience": 3})
    args = parse("--config", sgd, "--optimizer", "adamw", "--no_early_stopping")
    assert (args.momentum, args.patience) == (0.9, 10)
    again = write(tmp_path / "again.json", config.to_save(args))
    assert parse("--config", again).optimizer == "adamw"


def test_a_file_may_carry_defaults_of_flags_that_have_no_effect_beside_its_others(tmp_path):
    assert parse("--config", write(tmp_path / "f.json", {"optimizer": "adamw", "momentum": 0.9})).optimizer == "adamw"


# ------------------------------------------------------------------------------------------ key=value words
def test_key_value_words_are_merged_by_key_over_recipe_file_and_command_line(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.MODELS, "cnn", replace(
        registry.MODELS["cnn"], recipe={"model_args": ["width=1", "kernel=1"]},
        recipes={"simulated_ecg": {"model_args": ["kernel=2", "dropout=0.2"], "dataset_args": ["a=1"]}}))
    file = write(tmp_path / "f.json", {"model_args": ["dropout=0.3", "depth=3"], "dataset_args": ["b=2"]})
    args = parse("--config", file, "--model_args", "depth=4", "--model_args", "width=5", "last=6")
    assert args.model_args == ["width=5", "kernel=2", "dropout=0.3", "depth=4", "last=6"]
    assert args.dataset_args == ["a=1", "b=2"]
    assert (args.sources["model_args"], args.sources["dataset_args"]) == ("command line", "file")


def test_a_flag_of_several_values_that_have_no_keys_is_replaced(tmp_path):
    file = write(tmp_path / "f.json", {"augmentation": ["noise=0.1"]})
    assert parse("--config", file, "--augmentation", "flip=0.5").augmentation == ["flip=0.5"]


def test_an_alias_is_its_flag_in_both_places(tmp_path):
    assert parse("--pt_ckpt", "x").init_from == "x"
    assert parse("--pt-ckpt=x").init_from == "x"
    assert parse("--config", write(tmp_path / "f.json", {"pt_ckpt": "x"})).init_from == "x"
    assert "--init_from: a resumed run has its weights" in refused("--pt_ckpt", "x", "--resume")


@pytest.mark.parametrize(("argv", "message"), [
    (["--loss", "mse"], "--loss mse: has no effect on --model duin_vqvae: it is trained without labels"),
    (["--class_weights"], "--class_weights True: has no effect on --model duin_vqvae"),
    (["--control", "permute_labels"], "--control permute_labels: has no effect on --model duin_vqvae"),
    (["--vqkd_ckpt", "x"], "--vqkd_ckpt x: holds only with --model duin_mae or poms_mae; here it is duin_vqvae"),
])
def test_flags_without_effect_on_a_model_are_refused(argv, message):
    assert message in refused("--model", "duin_vqvae", *argv)
    parse("--model", "duin_vqvae", "--control", "noise")


def test_a_file_for_another_model_gives_way_to_the_model_of_the_command_line(tmp_path):
    file = write(tmp_path / "f.json", {"model": "duin_mae", "vqkd_ckpt": "x"})
    assert parse("--config", file).vqkd_ckpt == "x"
    assert parse("--config", file, "--model", "cnn").vqkd_ckpt is None


def test_the_data_set_of_a_folder_is_recognised_without_torch(tmp_path):
    (tmp_path / "x.npz").touch()
    code = ("import sys\nfrom src import config\n"
            f"assert config.parse('train', ['--data_path', {str(tmp_path)!r}]).dataset == 'arrays'\n"
            "assert 'torch' not in sys.modules\n")
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


# --------------------------------------------------------------------------------- settings of other scripts
def test_a_bare_namespace_gets_the_defaults_and_keeps_its_own_names():
    from argparse import Namespace

    args = config.complete(Namespace(lr=0.5, mine="x"))
    assert (args.lr, args.mine, args.epochs) == (0.5, "x", arguments.flags()["epochs"].default)
    assert "mine" not in config.to_save(args)


def test_data_of_the_folder_are_recognised(tmp_path):
    (tmp_path / "r.hea").touch()
    assert parse("--data_path", str(tmp_path)).dataset == "wfdb"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no data set known here (found no files)" in refused("--data_path", str(empty))
    (empty / "notes.txt").touch()
    assert "(found .txt)" in refused("--data_path", str(empty))
    assert "a .txt file is no data set" in refused("--data_path", str(empty / "notes.txt"))


def test_a_replica_takes_no_hyperparameter_of_the_recipe_and_every_typed_one():
    from src import assembly

    row = registry.MODELS["duin_vqvae"]
    model = registry.load(row.model)
    bare = parse("--model", "duin_vqvae", "--replica")
    typed = parse("--model", "duin_vqvae", "--replica", "--model_args", "quantizer.warmup_steps=80")
    assert bare.model_args == []
    assert "quantizer.codex_size" not in assembly.hyperparameters(bare, row, model)
    assert assembly.hyperparameters(typed, row, model)["quantizer.warmup_steps"] == "80"
