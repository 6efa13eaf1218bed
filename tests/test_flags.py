"""Every flag of training has the effect that it promises, on the tutorial model; where it has none it is refused."""

from __future__ import annotations

import json
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import arguments
import train
from src import config, restoring
from src.errors import UserError
from src.pipelines import launch
from src.trainer import checkpoint, distributed, run_state
from tests import doors
from tests.doors import rates, rows, same, train_one, weights


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    """A run with the settings of `doors.SMALL`, to compare with."""
    return train_one(data, tmp_path_factory.mktemp("plain")).folder


@pytest.fixture
def built(data, tmp_path):
    """The trainer that a command line builds, without training."""
    def build(*more):
        return _built(doors.settings(data, tmp_path, *more))

    return build


def _built(args):
    from src import assembly

    run = assembly.data_of_run(args)
    model = assembly.build_model(args, run.spec, run.target, run.known_subjects)
    return assembly.build_trainer(args, model, run)


def one_update(data, folder, *more):
    """(trainer, weights before, weights after) of a single update of plain SGD at rate 1."""
    simple = ["--optimizer", "sgd", "--momentum", "0", "--lr", "1", "--weight_decay", "0", "--scheduler", "constant",
              "--max_steps", "1", "--no_load_best", *more]
    start = _built(doors.settings(data, folder, *simple)).model.state_dict()
    return start, train_one(data, folder, *simple)


# ------------------------------------------------------------------------------------------------- model
@pytest.mark.parametrize(("name", "kind"), [("cnn", "Model"), ("resnet18", "ResNet18"), ("unet", "UNet")])
def test_model_chooses_the_network(built, name, kind):
    trainer = built("--model", name, "--model_args", "width=4")
    assert type(trainer.model).__name__ == kind


def test_model_args_preset_and_dropout_in_their_order(data, tmp_path):
    from src import config

    def built(*more):  # without the --model_args of the other tests, which keep every key that is not given again
        words = ["--data_path", str(data), "--save_dir", str(tmp_path), "--device", "cpu", "--num_workers", "0", *more]
        return _built(config.parse("train", words))

    assert built("--model_args", "kernel=5").model.features[0][0].kernel_size == (5,)
    plain = ["--model_args", "kernel=5"]
    assert built("--preset", "tiny", *plain).model.config.width == 8
    assert built("--preset", "base", "--model_args", "width=12").model.config.width == 12
    assert built("--dropout", "0.3", *plain).model.dropout.p == 0.3
    assert built("--dropout", "0.3", "--model_args", "dropout=0.2").model.dropout.p == 0.2


def test_dropout_of_a_network_without_any_is_refused(data, tmp_path):
    from src import assembly, registry
    from src.models.base_models import BaseModel

    with pytest.raises(UserError, match="--dropout: cnn has no dropout"):
        assembly.hyperparameters(doors.settings(data, tmp_path, "--dropout", "0.1"), registry.MODELS["cnn"], BaseModel)


def test_init_from_starts_with_the_weights_of_a_run(data, plain, tmp_path):
    trainer = train_one(data, tmp_path, "--init_from", str(plain), "--lr", "1e-12", "--max_steps", "1",
                        "--weight_decay", "0", "--no_load_best", "--freeze", "backbone")
    assert torch.equal(trainer.model.features[0][0].weight, weights(plain, "best_model.pth")["features.0.0.weight"])
    assert torch.allclose(trainer.model.head.weight, weights(plain, "best_model.pth")["head.weight"], atol=1e-9)


def test_init_from_says_what_did_not_fit(data, plain, tmp_path, capsys):
    train_one(data, tmp_path, "--init_from", str(plain), "--max_steps", "1", "--model_args", "width=4", "kernel=5")
    said = capsys.readouterr().err
    assert "of another shape (drawn anew): features.0.0.weight" in said
    torch.save({"somewhere.else": torch.ones(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="none of its 1 tensors fits this model\n"):
        train_one(data, tmp_path, "--init_from", str(tmp_path / "other.pth"))
    torch.save({"head.bias": torch.ones(2), "somewhere.else": torch.ones(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"none of its 2 tensors fits this model but head\.bias"):
        train_one(data, tmp_path, "--init_from", str(tmp_path / "other.pth"))


def test_freeze_backbone_trains_the_head_alone(data, tmp_path):
    args = ["--freeze", "backbone", "--no_load_best"]
    start = _built(doors.settings(data, tmp_path, *args)).model.state_dict()
    end = train_one(data, tmp_path, *args).model.state_dict()
    changed = {name.split(".")[0] for name in start if not torch.equal(start[name], end[name])}
    assert changed == {"head"}


# -------------------------------------------------------------------------------------------------- data
def test_dataset_and_its_arguments_choose_the_data(built):
    words = ["--dataset", "arrays", "--dataset_args", "window_s=0.32"]
    assert built(*words).data.spec.samples == 32


def test_dataset_without_a_path_is_opened_by_name(tmp_path):
    from src import config

    args = config.parse("train", ["--dataset", "simulated_seeg", "--dataset_args", "words=3", "--limit", "2",
                                     "--device", "cpu", "--save_dir", str(tmp_path)])
    assert _built(args).data.target.outputs == 3  # the model's own data, simulated ECG, has eight labels


def test_data_path_may_be_a_folder(data, built):
    assert len(built("--data_path", str(data.parent)).data.dataset) == doors.RECORDS


def test_split_ratio_cuts_data_that_carry_no_split(built):
    trainer = built("--split_ratio", "0.5", "0.25", "0.25")
    assert [len(trainer.data.rows[part]) for part in ("train", "valid", "test")] == [20, 10, 10]


def test_split_ratio_is_refused_where_the_data_are_split_already(tmp_path):
    from src import assembly, config

    words = ["--dataset", "simulated_seeg", "--dataset_args", "words=2", "--device", "cpu", "--save_dir", str(tmp_path)]
    with pytest.raises(UserError, match="--split_ratio: has no effect, these data have the official parts"):
        assembly.data_of_run(config.parse("train", [*words, "--split_ratio", "0.5", "0.25", "0.25"]))


def test_fold_of_folds_is_the_test_part(built):
    tested = [set(built("--folds", "4", "--fold", str(fold)).data.rows["test"].tolist()) for fold in range(4)]
    assert set.union(*tested) == set(range(doors.RECORDS))
    assert sum(map(len, tested)) == doors.RECORDS


def test_normalize_changes_what_the_model_sees(built):
    signal = {kind: next(iter(built("--normalize", kind).val_loaders["val"])).signal
              for kind in ("channel", "scale", "record", "none")}
    assert signal["record"].mean(dim=-1).abs().max() < 1e-5
    assert signal["record"].std(dim=-1, correction=0).sub(1).abs().max() < 1e-4
    moved = signal["scale"] - signal["channel"]
    assert moved.std(dim=(0, 2)).max() < 1e-5  # by one mean per channel
    assert moved.mean().abs() > 0.05
    assert not torch.equal(signal["none"], signal["scale"])


def test_augmentation_changes_training_signals_alone(built):
    plain, changed = built(), built("--augmentation", "noise=0.5", "channel_dropout=0.5")
    assert not torch.equal(next(iter(plain.train_loader)).signal, next(iter(changed.train_loader)).signal)
    assert torch.equal(next(iter(plain.val_loaders["val"])).signal, next(iter(changed.val_loaders["val"])).signal)
    none = built("--augmentation", "none")
    assert torch.equal(next(iter(plain.train_loader)).signal, next(iter(none.train_loader)).signal)


def test_balanced_sampling_draws_the_classes_equally_often(built):
    def share(*more):
        loader = built("--batch_size", "16", *more).train_loader
        labels = [batch.label for epoch in range(20) for batch in _epoch(loader, epoch)]
        return torch.cat(labels).float().mean().item()

    assert share("--balanced_sampling") == pytest.approx(0.5, abs=0.07)
    assert share() == pytest.approx(0.25, abs=0.02)


def _epoch(loader, epoch):
    loader.set_position(epoch)
    return loader


def test_batch_sizes_of_training_validation_and_test(built):
    def sizes(*more):
        trainer = built(*more)
        loaders = (trainer.train_loader, trainer.val_loaders["val"], trainer.test_loader)
        return [loader.sampler.batch_size for loader in loaders]

    assert sizes("--batch_size", "5") == [5, 5, 5]
    assert sizes("--batch_size", "5", "--val_batch_size", "3") == [5, 3, 3]
    assert sizes("--batch_size", "5", "--val_batch_size", "3", "--test_batch_size", "2") == [5, 3, 2]


def test_num_workers_prepare_the_same_batches(data, plain, tmp_path):
    trainer = train_one(data, tmp_path, "--num_workers", "1")
    assert trainer.train_loader.num_workers == 1
    assert same(weights(trainer.folder), weights(plain))


def test_limit_keeps_some_records_of_each_part(built):
    found = built("--limit", "3").data.rows
    assert {part: len(rows) for part, rows in found.items()} == {"train": 3, "valid": 3, "test": 3}


@pytest.mark.parametrize("choice", ["skip", "error"])
def test_on_bad_record_leaves_it_out_or_refuses(tmp_path, choice):
    signal = np.random.default_rng(1).standard_normal((40, 2, 64)).astype(np.float32)
    signal[7] = np.nan
    broken = doors.write_recordings(tmp_path / "broken.npz", signal=signal)
    args = doors.settings(broken, tmp_path, "--on_bad_record", choice)
    if choice == "skip":
        assert len(_built(args).data.dataset) == 39
    else:
        with pytest.raises(UserError, match="broken_000007"):
            _built(args)


def test_control_permutes_training_labels_alone(data, built):
    true, permuted = built(), built("--control", "permute_labels")
    labels = [trainer.data.dataset.records.label for trainer in (true, permuted)]
    changed = np.flatnonzero(labels[0] != labels[1])
    assert len(changed) > 3
    assert set(changed.tolist()) <= set(true.data.rows["train"].tolist())
    read = [permuted.data.dataset.read(row)[0].label for row in changed]
    assert read == labels[1][changed].tolist()


def test_control_noise_hides_every_signal(built):
    true, noise = (next(iter(built("--control", kind).val_loaders["val"])).signal for kind in ("none", "noise"))
    correlation = np.corrcoef(true.flatten(), noise.flatten())[0, 1]
    assert abs(correlation) < 0.2


# ------------------------------------------------------------------------------------------ optimisation
def test_epochs_and_max_steps_end_the_training(data, tmp_path):
    assert train_one(data, tmp_path, "--epochs", "3").global_step == 12
    trainer = train_one(data, tmp_path, "--epochs", "3", "--max_steps", "5")
    assert (trainer.global_step, trainer.current_epoch) == (5, 2)
    assert train_one(data, tmp_path, "--epochs", "1", "--max_steps", "6").global_step == 6


def test_lr_is_the_peak_and_min_lr_the_floor(data, tmp_path):
    folder = train_one(data, tmp_path, "--lr", "0.02", "--min_lr", "0.001", "--scheduler", "cosine").folder
    found = rates(folder)
    assert found[0] == pytest.approx(0.02)
    assert found[1] == pytest.approx(0.001 + 0.019 * (1 + math.cos(math.pi / 7)) / 2)  # of the second of 8 updates
    assert found[-1] == pytest.approx(0.001)
    assert found == sorted(found, reverse=True)


def test_weight_decay_shrinks_weights_but_not_norms_and_biases(built):
    groups = built("--weight_decay", "0.3").optimizer.param_groups
    decays = {name: group["weight_decay"] for group in groups for name in group["names"]}
    assert decays["head.weight"] == decays["features.0.0.weight"] == 0.3
    assert decays["head.bias"] == decays["features.0.1.weight"] == 0


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam),
                                            ("nadam", torch.optim.NAdam), ("sgd", torch.optim.SGD)])
def test_optimizer_chooses_the_rule(built, name, kind):
    assert type(built("--optimizer", name).optimizer) is kind


def test_momentum_betas_and_eps_reach_the_optimizer(built):
    assert built("--optimizer", "sgd", "--momentum", "0.7").optimizer.param_groups[0]["momentum"] == 0.7
    group = built("--betas", "0.8", "0.95", "--eps", "1e-5").optimizer.param_groups[0]
    assert (group["betas"], group["eps"]) == ((0.8, 0.95), 1e-5)


def test_scheduler_and_its_flags_give_the_rates(data, tmp_path):
    def ladder(*more):
        folder = train_one(data, tmp_path, "--lr", "0.1", "--epochs", "3", *more).folder
        return [round(rate / 0.1, 6) for rate in rates(folder)]

    assert ladder("--scheduler", "constant") == [1] * 12
    assert ladder("--scheduler", "step", "--gamma", "0.5") == [1] * 4 + [0.5] * 4 + [0.25] * 4
    assert ladder("--scheduler", "step", "--step_size", "2", "--gamma", "0.5") == [1] * 8 + [0.5] * 4
    exponential = ladder("--scheduler", "exponential", "--gamma", "0.5")
    assert exponential == [round(0.5 ** (k / 4), 6) for k in range(12)]
    by_epoch = ladder("--scheduler", "exponential", "--gamma", "0.5", "--schedule_unit", "epoch")
    assert by_epoch == [1] * 4 + [0.5] * 4 + [0.25] * 4
    onecycle = ladder("--scheduler", "onecycle", "--warmup_epochs", "1.5")
    assert onecycle.index(max(onecycle)) == 6
    assert max(onecycle) == 1


def test_plateau_lowers_the_rate_after_its_patience(data, tmp_path):
    trainer = train_one(data, tmp_path, "--lr", "1e-9", "--scheduler", "plateau", "--scheduler_patience", "1",
                        "--scheduler_factor", "0.1", "--epochs", "6", "--weight_decay", "0")
    per_epoch = [row["lr"] for row in rows(trainer.folder, "epoch")]  # nothing improves at such a rate
    assert per_epoch == pytest.approx([1e-9, 1e-9, 1e-9, 1e-10, 1e-10, 1e-11])


def test_warmup_in_epochs_or_updates_rises_from_its_start(data, tmp_path):
    def ladder(*more):
        return rates(train_one(data, tmp_path, "--lr", "0.1", "--scheduler", "constant", *more).folder)

    in_epochs = ladder("--warmup_epochs", "1", "--warmup_start_lr", "0.02")
    assert in_epochs == pytest.approx([0.04, 0.06, 0.08, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert ladder("--warmup_steps", "4", "--warmup_start_lr", "0.02") == in_epochs
    assert ladder("--warmup_steps", "2")[:2] == pytest.approx([0.05, 0.1])


def test_layer_decay_slows_lower_layers(built):
    groups = built("--layer_decay", "0.5").optimizer.param_groups
    scale = {name: group["lr_scale"] for group in groups for name in group["names"]}
    assert scale["head.weight"] == 1
    assert scale["features.0.0.weight"] < 1


def test_loss_and_label_smoothing_choose_the_objective(built, tmp_path):
    assert built("--label_smoothing", "0.1").criterion.label_smoothing == 0.1
    labels = np.random.default_rng(0).integers(0, 2, (40, 3))
    several = doors.write_recordings(tmp_path / "several.npz", label=labels, classes=np.array(["a", "b", "c"]))
    assert isinstance(_built(doors.settings(several, tmp_path)).criterion, torch.nn.BCEWithLogitsLoss)
    assert isinstance(_built(doors.settings(several, tmp_path, "--loss", "mse")).criterion, torch.nn.MSELoss)


def test_class_weights_weigh_the_loss_by_inverse_frequency(built):
    trainer = built("--class_weights")
    labels = trainer.data.dataset.records.label[trainer.data.rows["train"]]
    share = labels.mean()
    assert trainer.criterion.weight.tolist() == pytest.approx([0.5 / (1 - share), 0.5 / share])


def test_grad_accum_steps_make_one_update_of_several_batches(data, tmp_path):
    assert train_one(data, tmp_path, "--grad_accum_steps", "3").global_step == 4  # 3 + 1 batches in each of two epochs


def test_grad_clip_bounds_the_update(data, tmp_path):
    start, clipped = one_update(data, tmp_path, "--grad_clip", "0.001")
    moved = [start[name] - value.detach() for name, value in clipped.model.named_parameters()]
    assert math.sqrt(sum(float(part.square().sum()) for part in moved)) == pytest.approx(0.001, rel=1e-2)
    start, free = one_update(data, tmp_path)
    moved = [start[name] - value.detach() for name, value in free.model.named_parameters()]
    assert math.sqrt(sum(float(part.square().sum()) for part in moved)) > 0.01


def test_ema_is_judged_beside_the_weights_themselves(data, tmp_path):
    trainer = train_one(data, tmp_path, "--ema", "0.9", "--scheduler", "constant", "--lr", "0.05")
    values = rows(trainer.folder, "epoch")[-1]["val"]
    assert values["loss"] != values["raw_loss"]
    average = trainer.ema.average[0]
    assert not torch.equal(average, weights(trainer.folder)[next(iter(dict(trainer.model.named_parameters())))])


# ----------------------------------------------------------------------------------------------- machine
def test_device_is_where_the_model_lies(built):
    assert built("--device", "cpu").device == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "meta"])
def test_device_that_is_not_there_is_refused(built, name):
    with pytest.raises(UserError, match=f"--device {name}"):
        built("--device", name)


def test_precision_computes_in_it(data, tmp_path):
    assert train_one(data, tmp_path, "--precision", "bf16", "--max_steps", "2").precision.name == "bf16"
    half = train_one(data, tmp_path, "--precision", "fp16", "--max_steps", "2")
    assert half.scaler is not None
    assert weights(half.folder)["head.weight"].dtype == torch.float32


def test_mixed_precision_takes_what_is_fast_here_and_says_so(built, monkeypatch):
    from src.trainer import precision

    monkeypatch.setattr(precision, "cpu_has_fast_bf16", lambda: False)
    trainer = built("--mixed_precision")
    assert trainer.precision.name == "fp32"
    assert "no fast bfloat16" in trainer.precision.note
    monkeypatch.setattr(precision, "cpu_has_fast_bf16", lambda: True)
    assert built("--mixed_precision").precision.name == "bf16"
    assert built().precision.name == "fp32"


def test_use_multigpu_starts_the_command_again_on_every_gpu(data, tmp_path, monkeypatch):
    started = []
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(launch, "count_gpus", lambda: 2)
    monkeypatch.setattr(distributed, "launch", lambda script, argv, count: started.append((script, argv, count)) or 7)
    argv = doors.words(data, tmp_path, "--use_multigpu", "--device", "cuda")
    assert train.main(argv) == 7
    assert started == [(train.__file__, argv, 2)]


def test_use_multigpu_without_gpus_trains_on_what_is_there(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launch, "count_gpus", lambda: 0)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    argv = [word for word in doors.words(data, tmp_path, "--use_multigpu", "--max_steps", "1")
            if word not in ("--device", "cpu")]
    if not torch.cuda.is_available():
        assert train.main(argv) == 0
        assert "no GPU here" in capsys.readouterr().err


def test_compile_compiles_the_model(built, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, *_, **__: compiled.append(type(self).__name__))
    built()
    assert compiled == []
    built("--compile")
    assert compiled == ["Model"]


@pytest.mark.slow
def test_compile_gives_nearly_the_same_run(data, plain, tmp_path):
    found = weights(train_one(data, tmp_path, "--compile").folder)
    for name, value in weights(plain).items():
        assert torch.allclose(value.float(), found[name].float(), atol=1e-3), name


def test_seed_decides_every_draw(data, plain, tmp_path):
    again, other = (train_one(data, tmp_path, "--seed", seed).folder for seed in ("42", "43"))
    assert same(weights(again), weights(plain))
    assert not same(weights(other), weights(plain))
    assert (again / "splits.json").read_text() == (plain / "splits.json").read_text()
    assert (other / "splits.json").read_text() != (plain / "splits.json").read_text()


def test_deterministic_asks_torch_for_it(built):
    try:
        built("--deterministic")
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


# -------------------------------------------------------------------------------- selection and stopping
def test_monitor_decides_what_is_best(data, plain, tmp_path):
    assert rows(plain, "epoch")[0]["monitor"]["name"] == "accuracy"
    for name in ("loss", "val_loss"):
        trainer = train_one(data, tmp_path, "--monitor", name)
        found = rows(trainer.folder, "epoch")
        assert {row["monitor"]["name"] for row in found} == {"loss"}
        assert trainer.best_metric == min(row["val"]["loss"] for row in found)


def test_monitor_of_a_metric_that_validation_does_not_give_is_refused_before_the_first_step(data, tmp_path):
    with pytest.raises(UserError, match="--monitor auroccc"):
        train_one(data, tmp_path, "--monitor", "auroccc")
    assert not (tmp_path / "run" / "last.pth").exists()


def test_eval_freq_validates_every_so_many_epochs_and_at_the_end(data, tmp_path):
    trainer = train_one(data, tmp_path, "--epochs", "5", "--eval_freq", "2")
    assert [bool(row["val"]) for row in rows(trainer.folder, "epoch")] == [False, True, False, True, True]


def test_early_stopping_waits_for_its_patience(data, tmp_path):
    idle = ["--lr", "1e-9", "--weight_decay", "0", "--epochs", "9"]
    assert train_one(data, tmp_path, *idle, "--early_stopping", "--patience", "2").current_epoch == 3
    assert train_one(data, tmp_path, *idle).current_epoch == 9


def test_min_delta_is_the_smallest_change_that_counts(data, tmp_path):
    falls = ["--monitor", "loss", "--lr", "0.003", "--scheduler", "constant", "--epochs", "5", "--early_stopping",
             "--patience", "1", "--normalize", "none"]
    assert train_one(data, tmp_path, *falls, "--min_delta", "9").current_epoch == 2
    assert train_one(data, tmp_path, *falls).current_epoch > 2


def test_load_best_leaves_the_best_weights_in_the_model(data, tmp_path):
    bad_end = ["--epochs", "3", "--optimizer", "sgd", "--lr", "3", "--scheduler", "constant", "--monitor", "loss"]
    best = train_one(data, tmp_path, *bad_end)
    assert best.progress.best_epoch < 3
    assert same(best.model.state_dict(), weights(best.folder, "best_model.pth"))
    last = train_one(data, tmp_path, *bad_end, "--no_load_best")
    assert same(last.model.state_dict(), weights(last.folder))
    assert not same(weights(last.folder), weights(last.folder, "best_model.pth"))


# ------------------------------------------------------------------------------------------------ saving
def test_save_dir_and_experiment_name_are_the_folder_of_the_run(data, tmp_path):
    where = tmp_path / "some" / "place"
    more = ["--save_dir", str(where), "--experiment_name", "mine", "--max_steps", "1"]
    folders = [train_one(data, tmp_path, *more).folder for _ in range(2)]
    assert folders == [where / "mine", where / "mine-2"]
    assert (where / "last_run").resolve() == (where / "mine-2").resolve()


def test_save_best_keeps_the_best_weights(data, plain, tmp_path):
    assert (plain / "best_model.pth").exists()
    assert not (train_one(data, tmp_path, "--no_save_best").folder / "best_model.pth").exists()


def test_save_freq_and_keep_checkpoint_max(data, plain, tmp_path):
    def numbered(*more):
        folder = train_one(data, tmp_path, "--epochs", "6", *more).folder
        return sorted(int(path.stem.split("-")[1]) for path in folder.glob("checkpoint-*.pth"))

    assert numbered("--save_freq", "2") == [2, 4, 6]
    assert numbered("--save_freq", "1", "--keep_checkpoint_max", "2") == [5, 6]
    assert list(plain.glob("checkpoint-*")) == []


def test_keep_says_what_a_finished_run_leaves(data, tmp_path):
    def left(keep):
        trainer = train_one(data, tmp_path / keep, "--epochs", "3", "--save_freq", "1", "--ema", "0.5", "--keep", keep)
        return {path.name: checkpoint.read(path) for path in trainer.folder.glob("*.pth")}

    everything, weights, best = left("all"), left("weights"), left("best")
    names = {"checkpoint-1.pth", "checkpoint-2.pth", "checkpoint-3.pth", "best_model.pth", "last.pth"}
    assert set(everything) == names | {"last.previous.pth"}
    assert set(weights) == names
    assert set(best) == {"best_model.pth"}
    assert all("resume" in state for state in everything.values())
    assert not any("resume" in state for state in [*weights.values(), *best.values()])
    average = everything["last.pth"]["resume"]["ema"]["average"]
    assert all(torch.equal(weights["last.pth"]["model"][name], value) for name, value in average.items())
    run = restoring.restore(config.parse(arguments.TEST, ["--weights", str(tmp_path / "best")]))
    assert run.checkpoint["epoch"] == best["best_model.pth"]["epoch"]


def test_a_full_disk_at_the_end_of_a_run_is_said(data, tmp_path, monkeypatch):
    def full(folder, best_only):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "keep_weights", full)
    with pytest.raises(UserError, match="could not be written: No space left"):
        train_one(data, tmp_path, "--keep", "best")
    assert checkpoint.read(tmp_path / "best_model.pth")


def test_save_steps_writes_inside_an_epoch(data, tmp_path, monkeypatch):
    saved = []
    original = run_state.save
    monkeypatch.setattr(run_state, "save", lambda trainer, best: (saved.append(trainer.global_step),
                                                                  original(trainer, best)))
    train_one(data, tmp_path, "--save_steps", "3")
    assert saved == [3, 4, 6, 8]


# ---------------------------------------------------------------------------------------------- watching
def test_print_freq_is_the_distance_of_two_lines(data, plain, tmp_path):
    assert [row["step"] for row in rows(plain, "train")] == list(range(1, 9))
    found = rows(train_one(data, tmp_path, "--print_freq", "3").folder, "train")
    assert [row["step"] for row in found] == [3, 6]


def test_use_tensorboard_and_log_dir(data, plain, tmp_path):
    where = tmp_path / "board"
    trainer = train_one(data, tmp_path, "--use_tensorboard", "--log_dir", str(where), "--max_steps", "1")
    assert len(list(where.glob("events*"))) == 1
    assert list(trainer.folder.glob("events*")) == []
    beside = train_one(data, tmp_path, "--use_tensorboard", "--max_steps", "1")
    assert len(list(beside.folder.glob("events*"))) == 1
    assert list(plain.glob("events*")) == []


def test_use_wandb_logs_to_its_project_and_team(data, tmp_path, monkeypatch):
    said, logged = {}, []

    def init(**given):
        said.update(given)
        return SimpleNamespace(id="abc", define_metric=lambda *_, **__: None, log=logged.append, finish=lambda: None)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    monkeypatch.setenv("WANDB_MODE", "offline")
    train_one(data, tmp_path, "--use_wandb", "--wandb_project", "hearts", "--wandb_entity", "lab", "--max_steps", "1")
    assert (said["project"], said["entity"], said["mode"], said["name"]) == ("hearts", "lab", "offline", "run")
    assert said["config"]["wandb_project"] == "hearts"
    assert any("val/accuracy" in row for row in logged)


def test_profile_writes_a_trace(data, tmp_path):
    folder = train_one(data, tmp_path, "--profile", "--epochs", "3").folder
    trace = json.loads((folder / "trace.json").read_text())
    assert any("conv" in str(event.get("name")) for event in trace["traceEvents"])


# ------------------------------------------------------------------------------------------------ checks
def test_overfit_batches_trains_and_validates_on_the_same_few(built):
    trainer = built("--overfit_batches", "2", "--augmentation", "noise=1")
    rows = trainer.data.rows
    assert len(rows["train"]) == 16
    assert rows["train"].tolist() == rows["valid"].tolist()
    assert trainer.data.transforms == []


# --------------------------------------------------------------------- refused once the data are known
@pytest.mark.parametrize(("more", "found"), [
    (["--data_path", "nowhere.npz"], "--data_path nowhere.npz: not found"),
    (["--dataset_args", "windows=3"], "unknown data set option 'windows'"),
    (["--dataset_args", "window_s"], "'window_s': key=value is expected"),
    (["--model_args", "widht=3"], "did you mean width?"),
    (["--model_args", "width=0"], "width"),
    (["--model_args", "kernel=4"], "kernel"),
    (["--init_from", "nowhere.pth"], "nowhere.pth: no such file"),
    (["--split_ratio", "0", "0.5", "0.5"], "the first above zero"),
    (["--folds", "50", "--fold", "0"], "cannot be split into 50 parts"),
    (["--augmentation", "nois=0.1"], "did you mean noise?"),
    (["--augmentation", "noise"], "expected noise=NUMBER"),
    (["--augmentation", "time_mask=2"], "expected a share"),
    (["--loss", "bce"], "--loss bce: does not fit targets of kind classes"),
    (["--loss", "mse"], "--loss mse: does not fit"),
    (["--device", "gpu"], "--device gpu: unknown device"),
    (["--warmup_steps", "50"], "a warm-up of 50 updates is longer than the training of 8"),
    (["--monitor", "auc"], "--monitor auc: validation gives no such metric"),
    (["--experiment_name", "../up"], "--experiment_name ../up: a plain folder name is expected"),
    (["--experiment_name", "last_run"], "--experiment_name last_run"),
    (["--save_dir", "/proc/none"], "--save_dir /proc/none: cannot write there"),
    (["--resume", "nowhere"], "--resume nowhere: no such file or folder"),
    (["--dataset", "wfdb"], "--data_path names a folder of WFDB records"),
])
def test_what_cannot_be_done_is_refused_by_name(data, tmp_path, capsys, monkeypatch, more, found):
    monkeypatch.chdir(tmp_path)
    assert doors.door(data, tmp_path, *more) == 2
    captured = capsys.readouterr()
    assert found in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(("more", "found"), [
    (["--label_smoothing", "0.1"], "--label_smoothing 0.1: holds only with --loss ce; here it is bce"),
    (["--class_weights", "--loss", "mse"], "--class_weights: holds only with --loss ce or bce"),
    (["--loss", "ce"], "--loss ce: does not fit targets of kind multilabel"),
    (["--model", "duin_cls"], "--model duin_cls: learns classes"),
])
def test_what_does_not_fit_several_labels_is_refused(tmp_path, capsys, more, found):
    labels = np.random.default_rng(0).integers(0, 2, (40, 3))
    several = doors.write_recordings(tmp_path / "several.npz", label=labels, classes=np.array(["a", "b", "c"]))
    plain = [word for word in more if word != "duin_cls"]
    more = more if plain == more else [*more, "--model_args", "encoder.n_blocks=1"]
    assert doors.door(several, tmp_path, *more) == 2
    assert found in capsys.readouterr().err
