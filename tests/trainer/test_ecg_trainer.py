"""The trainers of the ECG transformers: what they log, weigh and refuse; pretraining, then fine-tuning from it."""

from __future__ import annotations

import pytest
import torch

import arguments
import train
from src import assembly, config, exporting, restoring
from src.trainer import run_state

SMALL = ["--preset", "tiny", "--device", "cpu", "--num_workers", "0", "--no_use_tensorboard", "--batch_size", "8"]
VIEWS = {"wav2vec2": "one", "wav2vec2_cmsc": "adjacent", "cmsc": "adjacent", "simclr": "same", "3kg": "same"}


def run(tmp_path, model, *more, name="run"):
    words = ["--model", model, *SMALL, "--save_dir", str(tmp_path), "--experiment_name", name, "--dataset_args",
             "patients=40", *more]
    assert train.main(words) == 0
    return tmp_path / name


def built(tmp_path, model, *more):
    words = ["--model", model, *SMALL, "--save_dir", str(tmp_path), "--dataset_args", "patients=40", *more]
    args = config.parse(arguments.TRAIN, words)
    data = assembly.data_of_run(args)
    return assembly.build_trainer(args, assembly.build_model(args, data.spec, data.target), data)


@pytest.mark.parametrize("model", VIEWS)
def test_every_objective_trains_and_logs_its_parts(tmp_path, model):
    folder = run(tmp_path, model, "--max_steps", "3", "--print_freq", "1")
    text = (folder / "metrics.jsonl").read_text(encoding="utf8")
    wanted = {"wav2vec2": ("loss_infonce", "loss_diversity", "loss_features", "code_perplexity", "temperature"),
              "wav2vec2_cmsc": ("loss_cmsc", "cmsc_accuracy", "prob_perplexity")}.get(model, ("accuracy",))
    assert all(f'"{name}"' in text for name in wanted), text[:500]
    assert (folder / "best_model.pth").exists()


@pytest.mark.parametrize("model", ["wav2vec2_cmsc", "simclr"])
def test_the_objective_reaches_every_parameter(tmp_path, model):
    trainer = built(tmp_path, model)
    trainer.model.train()
    losses, _, weight = trainer.forward_pass(next(iter(trainer.train_loader)))
    (sum(losses.values()) if isinstance(losses, dict) else losses).backward()
    assert weight > 0
    assert [name for name, p in trainer.model.named_parameters() if p.grad is None] == []


def test_validation_is_the_same_each_time_and_training_is_not(tmp_path):
    trainer = built(tmp_path, "wav2vec2_cmsc", "--dropout", "0")
    batch = next(iter(trainer.val_loaders["val"]))
    trainer.model.eval()
    one, same = (trainer.forward_pass(batch)[0]["infonce"] for _ in range(2))
    assert torch.equal(one, same)
    assert len({trainer.seed_of(batch) for _ in range(3)}) == 1
    trainer.model.train()
    assert len({trainer.seed_of(batch) for _ in range(3)}) == 3


def test_each_record_gets_one_embedding(tmp_path):
    trainer = built(tmp_path, "cmsc", "--val_batch_size", "3")
    found = trainer.predict(trainer.val_loaders["val"])
    assert len(set(found.rows.tolist())) == len(found.rows) == len(trainer.data.rows["valid"])
    assert found.scores.shape == (len(found.rows), trainer.model.dim)


def test_two_views_are_asked_for_where_the_data_give_one(tmp_path, capsys):
    words = ["--model", "cmsc", *SMALL, "--save_dir", str(tmp_path), "--dataset_args", "patients=40", "views=one"]
    assert train.main(words) == 2
    assert "views=adjacent" in capsys.readouterr().err


def test_the_backbone_waits_for_so_many_updates(tmp_path):
    trainer = built(tmp_path, "ecg_transformer", "--freeze_finetune_updates", "2", "--max_steps", "3",
                    "--scheduler", "constant")
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    moved = []
    update = trainer._update

    def watch():
        update()
        moved.append({name.split(".")[0] for name, p in trainer.model.named_parameters()
                      if not torch.equal(p, before[name])})

    trainer._update = watch
    trainer.train()
    assert moved[:2] == [{"proj"}, {"proj"}]
    assert "encoder" in moved[2]


@pytest.mark.parametrize(("more", "is_awake"), [([], False), (["--replica"], True)])
def test_a_frozen_backbone_is_in_evaluation_mode_but_in_the_replica(tmp_path, more, is_awake):
    trainer = built(tmp_path, "ecg_transformer", "--freeze", "backbone", *more)
    trainer.model.train()
    assert trainer.model.encoder.training is is_awake
    assert {name.split(".")[0] for name, p in trainer.model.named_parameters() if p.requires_grad} == {"proj"}


def test_fine_tuning_starts_from_a_pretraining_run(tmp_path, capsys):
    source = run(tmp_path, "wav2vec2_cmsc", "--max_steps", "1", name="pretrained")
    words = ["--model", "ecg_transformer", "--init_from", str(source), "--device", "cpu", "--dataset_args",
             "patients=40", "--dry_run"]
    assert train.main(words) == 0
    assert "47 of 49 tensors" in capsys.readouterr().err


def test_people_are_known_again(tmp_path):
    folder = run(tmp_path, "arcface", "--max_steps", "2")
    state = torch.load(folder / "last.pth", weights_only=True)
    people = len(state["target_spec"]["names"])
    assert state["model"]["kernel"].shape[0] == people > 10


def test_low_rank_updates_and_the_head_learn_and_nothing_else(tmp_path):
    trainer = built(tmp_path, "ecg_transformer", "--freeze", "lora", "--max_steps", "3", "--model_args", "lora.rank=2")
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer.train()
    moved = {name for name, p in trainer.model.named_parameters() if not torch.equal(p, before[name])}
    assert {name.split(".")[-1] for name in moved if not name.startswith("proj.")} == {"lora_up", "lora_down"}
    assert {"proj.weight", "encoder.layers.0.fc1.lora_up", "encoder.layers.1.self_attn.v_proj.lora_down"} <= moved
    assert before["encoder.layers.0.fc1.lora_up"].shape[1] == 2


def test_a_run_with_low_rank_updates_is_tested_resumed_exported_and_started_from(tmp_path, capsys):
    few = ["--freeze", "lora", "--dataset_args", "patients=20"]
    folder = run(tmp_path, "ecg_transformer", "--max_steps", "2", *few)
    capsys.readouterr()
    more = ["--model", "ecg_transformer", "--init_from", str(folder), *SMALL, "--dataset_args", "patients=20"]
    assert train.main([*more, "--dry_run"]) == 0
    assert "49 of 49 tensors" in capsys.readouterr().err  # merged
    weights = ["--weights", str(folder)]
    tested = restoring.restore(config.parse(arguments.TEST, [*weights, "--device", "cpu"])).model.eval()
    plain = exporting.read_trained(config.parse(arguments.EXPORT, [*weights, "--format", "onnx"])).network
    signal = torch.randn(2, 12, 400)
    assert any("lora" in name for name in tested.state_dict())
    assert not any("lora" in name for name in plain.state_dict())
    torch.testing.assert_close(plain(signal), tested(signal))
    trainer, state = built(tmp_path, "ecg_transformer", *few), torch.load(folder / "last.pth", weights_only=True)
    run_state.restore(trainer, state)
    assert torch.equal(trainer.model.encoder.layers[0].fc1.lora_up, state["model"]["encoder.layers.0.fc1.lora_up"])
    assert len(trainer.optimizer.state_dict()["state"]) == 2 * 2 * 6 + 2  # of maps in two layers, and the head


@pytest.mark.parametrize(("words", "message"), [
    (["--model", "cnn", "--freeze", "lora"], "cnn has no low-rank updates"),
    (["--model", "ecg_transformer", "--model_args", "lora.rank=4"], "--freeze lora")])
def test_low_rank_updates_are_for_models_that_have_them_and_are_frozen(tmp_path, capsys, words, message):
    assert train.main([*words, *SMALL, "--save_dir", str(tmp_path), "--dataset_args", "patients=20"]) == 2
    assert message in capsys.readouterr().err
