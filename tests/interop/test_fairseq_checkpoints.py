"""Checkpoints of fairseq-signals: what is read from them, what is refused, and what --init_from makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import test as test_door
import train
from src.errors import UserError
from src.interop.fairseq_checkpoints import literal, read_fairseq
from src.interop.weights import read_content
from src.models.ecg_transformer.weights import original_names
from tests.golden.conftest import OWN

FILES = OWN / "fairseq"
PRETRAINED = FILES / "checkpoint_pretrained_weight_g.pt"
CLASSIFIER = FILES / "checkpoint_finetuned_classifier.pt"
DEFAULTS = FILES / "checkpoint_finetuned_default_dims.pt"


def changed(path: Path, tmp_path: Path, change) -> Path:
    """A copy with its content changed."""
    content = read_content(path)
    content = {"cfg": content["cfg"], "model": content["model"]}
    change(content)
    torch.save(content, tmp_path / "changed.pt")
    return tmp_path / "changed.pt"


def test_a_pretraining_file_tells_its_model_and_sizes():
    found = read_fairseq(PRETRAINED)
    assert (found.model, found.outputs, found.channels, found.notes) == ("wav2vec2_cmsc", 0, 12, ())
    assert found.config["encoder.n_heads"] == 4
    assert found.config["features.n_filters"] == (16, 16, 16, 16)
    assert found.config["quantizer.n_codes"] == 8
    assert found.config["encoder.dropout"] == 0.1
    assert found.task["criterion_name"] == "wav2vec2_with_cmsc"


def test_sizes_are_the_tensors_where_cfg_has_the_defaults():
    told, guessed = read_fairseq(DEFAULTS, n_heads=4), read_fairseq(DEFAULTS)
    sizes = read_fairseq(CLASSIFIER).config
    assert {name: told.config[name] for name in sizes} == sizes
    assert (told.notes, guessed.config["encoder.n_heads"]) == ((), 1)
    assert "attention heads" in guessed.notes[0]


def test_unknown_keys_of_cfg_are_left_alone_and_absent_ones_keep_their_defaults(tmp_path):
    def change(content):
        content["cfg"]["model"] |= {"invented": [1, {"a": None}], "conv_bias": None}
        del content["cfg"]["model"]["layer_norm_first"], content["cfg"]["task"]

    found = read_fairseq(changed(CLASSIFIER, tmp_path, change))
    assert found.config["features.bias"] is False
    assert found.task == {}


def test_a_model_that_is_not_built_is_refused_by_its_name(tmp_path):
    path = changed(CLASSIFIER, tmp_path, lambda content: content["cfg"]["model"].update(_name="m3ae"))
    with pytest.raises(UserError, match="'m3ae', which is not built here"):
        read_fairseq(path)


def test_a_file_cut_short_of_tensors_is_refused(tmp_path):
    def change(content):
        content["model"] = {key: tensor for key, tensor in content["model"].items() if "fc1" not in key}

    with pytest.raises(UserError, match=r"fc1\.weight"):
        read_fairseq(changed(CLASSIFIER, tmp_path, change))


def test_other_files_are_refused(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pt")
    with pytest.raises(UserError, match="no checkpoint of fairseq-signals"):
        read_fairseq(tmp_path / "w.pt")


def test_code_in_a_file_is_named_and_never_runs(capsys):
    with pytest.raises(UserError, match=r"asks for (__builtin__|builtins)\.print") as refused:
        read_fairseq(FILES / "checkpoint_hostile.pt")
    assert refused.value.hint == "nothing in it was executed"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("text", "layers"), [
    ("[(256, 2, 2)] * 4", [(256, 2, 2)] * 4), ("[(8,5,3),(16,3,2)]", [(8, 5, 3), (16, 3, 2)]),
    ("2*[(4,2,2)] + [(8, 3, 1)]", [(4, 2, 2), (4, 2, 2), (8, 3, 1)]), ([[4, 2, 2]], [(4, 2, 2)])])
def test_layers_are_read_as_literals(text, layers):
    assert literal(text) == layers


@pytest.mark.parametrize("text", ["print(1)", "[(1,2,3)] * 10**9", "[(1,2,3)] * 99999", "[(1,2)]", "", "[x for x in y]",
                                  "((" * 500, "__import__('os')", "7"])
def test_any_other_expression_is_refused_unexecuted(text):
    with pytest.raises(UserError, match="conv_feature_layers"):
        literal(text)


@pytest.mark.parametrize(("path", "says"), [
    (PRETRAINED, ["47 of 49 tensors", "2 missing (drawn anew): proj.weight, proj.bias", "8 unexpected (ignored)"]),
    (CLASSIFIER, ["47 of 49 tensors", "2 of another shape (drawn anew): proj.weight, proj.bias"]),
    (DEFAULTS, ["47 of 49 tensors", "does not tell the attention heads"])])
def test_init_from_builds_the_architecture_of_the_file(path, says, capsys):
    words = ["--model", "ecg_transformer", "--init_from", str(path), "--dataset_args", "patients=30", "--dry_run",
             "--device", "cpu"]
    assert train.main(words) == 0
    said = " ".join(capsys.readouterr().err.split())
    for sentence in says:
        assert sentence in said


def test_model_args_count_more_than_the_file(capsys):
    words = ["--model", "ecg_transformer", "--init_from", str(DEFAULTS), "--dataset_args", "patients=30", "--dry_run",
             "--device", "cpu", "--preset", "small", "--model_args", "encoder.n_heads=4"]
    assert train.main(words) == 0
    said = capsys.readouterr().err
    assert "attention heads" not in said
    assert "12,784 parameters" in said


# ------------------------------------------------------------------------------------------------------- testing
def scores_of(folder: Path) -> list[str]:
    return (folder / "predictions.csv").read_text(encoding="utf8").splitlines()


def test_a_fine_tuned_file_is_tested_as_it_is(tmp_path):
    """A run of ours, and the same weights as fairseq-signals would have written them, give the same predictions."""
    data = ["--dataset_args", "patients=30"]
    assert train.main(["--model", "ecg_transformer", "--preset", "tiny", "--max_steps", "1", "--device", "cpu",
                       "--save_dir", str(tmp_path), "--experiment_name", "run", "--normalize", "none", *data]) == 0
    state = torch.load(tmp_path / "run/best_model.pth", weights_only=True)["model"]
    cfg = {"_name": "ecg_transformer_classifier", "encoder_layers": 2, "encoder_embed_dim": 64,
           "encoder_ffn_embed_dim": 128, "encoder_attention_heads": 4, "conv_feature_layers": "[(32, 2, 2)] * 4"}
    torch.save({"cfg": {"model": cfg, "task": {}}, "model": original_names(state, fine_tuned=True)},
               tmp_path / "finetuned.pt")
    tested = ["--dataset", "simulated_ecg", *data, "--device", "cpu", "--output_dir"]
    assert test_door.main(["--weights", str(tmp_path / "run"), *tested, str(tmp_path / "ours")]) == 0
    assert test_door.main(["--weights", str(tmp_path / "finetuned.pt"), *tested, str(tmp_path / "theirs")]) == 0
    assert scores_of(tmp_path / "ours") == scores_of(tmp_path / "theirs")


@pytest.mark.parametrize(("path", "more", "says"), [
    (CLASSIFIER, ["--dataset", "simulated_ecg", "--dataset_args", "patients=30"], "tells 4 labels, these data have 8"),
    (CLASSIFIER, ["--dataset", "simulated_ecg", "--dataset_args", "patients=30", "leads=I"], "takes 12 leads"),
    (PRETRAINED, ["--dataset", "simulated_ecg", "--dataset_args", "patients=30"], "--init_from"),
    (CLASSIFIER, [], "carry no data")])
def test_what_cannot_be_tested_is_refused_with_the_reason(path, more, says, capsys):
    assert test_door.main(["--weights", str(path), *more]) == 2
    assert says in " ".join(capsys.readouterr().err.split())
