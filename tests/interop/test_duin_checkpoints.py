"""Du-IN's checkpoints and parameter files: the original's fit our networks, ours are the original's."""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from src import options, registry
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.interop.duin_checkpoints import (
    find_params,
    model_config,
    model_params,
    read_params,
    stage_folder,
    write_stage,
)
from src.interop.pickle_writer import write_pickle
from src.interop.weights import read_state_dict

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "duin"
NAMES = {"vqvae": "duin_vqvae", "mae": "duin_mae", "cls": "duin_cls", "llm": "duin_llm", "poms_vqvae": "poms_vqvae",
         "poms_mae": "poms_mae", "poms_cls": "poms_cls"}
EVERY = pytest.mark.parametrize("stage", NAMES)


def original(stage: str) -> dict:
    """The parameters with which the original made its golden numbers."""
    files = json.loads((GOLDEN / "golden.json").read_text(encoding="utf8"))["files"]
    return {"model": next(entry["hyperparameters"] for entry in files
                          if entry["file"] == f"{'' if 'poms' in stage else 'duin_'}{stage}_eval.npz")}


def network(stage: str, params: dict | None = None, replica: bool = True):
    """Our network of the original's parameters."""
    params = params or original(stage)
    model_class = registry.load(registry.model_row(NAMES[stage]).model)
    config = options.build(model_class.Config, {**model_config(params, stage), "replica": replica})
    outputs = {"cls": "n_labels", "llm": "n_finals"}.get(stage.removeprefix("poms_"))
    names = tuple(map(str, range(params["model"]["cls"][outputs]))) if outputs else ()
    model = params["model"]
    spec = SignalSpec(tuple(map(str, range(model["n_channels"]))), 1000.0, "sd", model["seq_len"])
    built = model_class.from_spec(config, spec, TargetSpec("classes", names))
    built.init_weights()
    return built


def keys(stage: str) -> dict[str, list[int]]:
    stored = json.loads((GOLDEN / "state_keys_small.json").read_text(encoding="utf8"))
    return stored[stage if stage.startswith("poms") else f"duin_{stage}"]


@EVERY
def test_a_stage_is_written_with_the_originals_keys_and_sizes(tmp_path, stage):
    model = network(stage)
    path = write_stage(tmp_path / "run", 399, model.state_dict(), model_params(model, stage))
    assert path == tmp_path / "run" / "model" / "checkpoint-399.pth"
    state = torch.load(path, weights_only=True)
    assert type(state) is OrderedDict
    assert {name: list(value.shape) for name, value in state.items()} == keys(stage)


@EVERY
def test_the_written_parameters_are_the_originals(tmp_path, stage):
    model, expected = network(stage), original(stage)["model"]
    path = write_stage(tmp_path, 0, model.state_dict(), model_params(model, stage, {"subjs": ["001"], "n_epochs": 400}))
    found = read_params(find_params(path))
    assert (found["train"]["subjs"], found["train"]["n_epochs"], found["train"]["base"]) == (["001"], 400, None)
    differing = {name for name in found["model"].keys() & expected.keys() if found["model"][name] != expected[name]}
    assert differing == set()
    assert expected.keys() - found["model"].keys() <= {"n_labels", "vq"}  # what the stage itself does not use


@EVERY
def test_a_stage_is_read_back_into_a_network_of_its_parameters(tmp_path, stage):
    model = network(stage)
    path = write_stage(tmp_path, 4, model.state_dict(), model_params(model, stage))
    again = network(stage, {"model": {**original(stage)["model"], **read_params(find_params(path))["model"]}})
    assert again.config == model.config
    report = again.load_complete(read_state_dict(path))
    assert (report.missing, report.ignored) == ((), ())
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in again.state_dict().items())


@pytest.mark.parametrize("wrapped", ["", "module."])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
def test_the_originals_files_are_read_in_both_formats_and_from_several_processes(tmp_path, wrapped, zipped):
    state = OrderedDict((wrapped + name, torch.randn(shape) if shape else torch.tensor(3))
                        for name, shape in keys("mae").items())
    torch.save(state, tmp_path / "checkpoint-399.pth", _use_new_zipfile_serialization=zipped)
    model = network("mae")
    assert model.load_complete(read_state_dict(tmp_path / "checkpoint-399.pth")).missing == ()
    assert torch.equal(model.mask_emb, state[wrapped + "mask_emb"])


def test_what_the_original_does_not_know_is_left_out(tmp_path):
    params = original("vqvae")
    model_class = registry.load(registry.model_row("duin_vqvae").model)
    values = {**model_config(params, "vqvae"), "quantizer.warmup_steps": 3, "quantizer.restart_after": 5}
    model = model_class.from_spec(options.build(model_class.Config, values),
                                  SignalSpec(tuple("abcde"), 1000.0, "sd", 120), TargetSpec("signal"))
    assert "vq_block.steps" in model.state_dict()
    path = write_stage(tmp_path, 0, model.state_dict(), model_params(model, "vqvae"))
    assert set(torch.load(path, weights_only=True)) == set(keys("vqvae"))


def test_the_encoder_alone_is_described_for_another_stage():
    found = model_config(original("vqvae"), "encoder")
    assert found["encoder.n_blocks"] == 2
    assert found["tokenizer.n_filters"] == (8, 8, 4)
    assert not [name for name in found if name.startswith(("head", "quantizer", "decoder"))]
    model_class = registry.load(registry.model_row("duin_cls").model)
    assert options.build(model_class.Config, found).encoder.n_heads == 2


def test_a_parameter_file_with_numpy_and_torch_values_is_read(tmp_path):
    write_pickle(tmp_path / "save" / "params", {"model": {"n_subjects": np.int64(3), "device": torch.device("cuda:0")}})
    assert read_params(tmp_path / "save" / "params") == {"model": {"n_subjects": 3, "device": "cuda:0"}}
    assert find_params(tmp_path / "model" / "checkpoint-0.pth") == tmp_path / "save" / "params"
    assert find_params(tmp_path / "elsewhere" / "model" / "x.pth") is None


@pytest.mark.parametrize("value", [[1], {"train": {}}, {"model": 3}], ids=str)
def test_other_pickles_are_no_parameters(tmp_path, value):
    (tmp_path / "params").write_bytes(pickle.dumps(value))
    with pytest.raises(UserError, match="no parameters of Du-IN"):
        read_params(tmp_path / "params")


def test_residual_convolutions_are_refused():
    params = original("mae")
    params["model"]["tokenizer"]["use_res"] = [True, False, False]
    with pytest.raises(UserError, match="use_res"):
        model_config(params, "mae")


def test_folders_are_where_the_original_looks(tmp_path):
    assert stage_folder(tmp_path, "001", "vqvae") == tmp_path / "pretrains/duin/001/vqvae"
    with pytest.raises(UserError, match="no stage"):
        stage_folder(tmp_path, "001", "vqvea")
    with pytest.raises(UserError, match="name of a folder"):
        stage_folder(tmp_path, "../x", "mae")


@pytest.mark.parametrize(("name", "size"), [("encoder.n_blocks", 10**9), ("vq.codex_size", 10**12),
                                            ("tokenizer.n_filters", [10**9, 8])])
def test_sizes_that_no_network_has_are_refused(name, size):
    group, _, option = name.partition(".")
    with pytest.raises(UserError, match=rf"{name} is 10+: no network has such a size"):
        model_config({"model": {group: {option: size}}}, "vqvae")
