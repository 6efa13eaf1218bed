"""Weights as safetensors and back, what a damaged or foreign file says, and the card that goes with an export."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from src.errors import UserError
from src.interop import model_card
from src.interop.safetensors_export import read_state, write_state
from src.interop.weights import read_content, read_state_dict
from src.trainer import checkpoint

STATE = {"format": 1, "model": {"a.weight": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(3)},
         "model_name": "cnn", "model_config": {"width": 4, "kernels": [1, 2]}, "temperature": 0.5, "best": None,
         "companions": {"vqvae": {"a.weight": torch.ones(2, dtype=torch.float16)}},
         "resume": {"optimizer": {"state": torch.zeros(9)}}}


def test_a_checkpoint_comes_back_without_what_resuming_needs(tmp_path):
    path = tmp_path / "model.safetensors"
    write_state(STATE, path)
    found = read_state(path)
    assert found.keys() == STATE.keys() - {"resume"}
    assert found["model"].keys() == {"a.weight", "n"}
    assert torch.equal(found["model"]["a.weight"], STATE["model"]["a.weight"])
    assert found["companions"]["vqvae"]["a.weight"].dtype == torch.float16
    assert found["model_config"] == STATE["model_config"]
    assert (found["temperature"], found["best"]) == (0.5, None)
    assert json.loads((tmp_path / "model.json").read_text())["model_name"] == "cnn"


def test_every_reader_of_weights_takes_it(tmp_path):
    path = tmp_path / "model.safetensors"
    write_state(STATE, path)
    assert checkpoint.read(path)["model_name"] == "cnn"
    assert read_content(path)["model_config"] == STATE["model_config"]
    assert read_state_dict(path).keys() == {"a.weight", "n"}


def test_tensors_that_share_memory_are_written_each(tmp_path):
    shared = torch.arange(4.0)
    write_state({"model": {"one": shared, "other": shared[1:]}}, tmp_path / "m.safetensors")
    assert torch.equal(read_state(tmp_path / "m.safetensors")["model"]["other"], shared[1:])


def test_files_that_are_none_are_refused_in_a_line(tmp_path):
    foreign, damaged, cut = (tmp_path / f"{name}.safetensors" for name in ("foreign", "damaged", "cut"))
    save_file({"w": torch.ones(3)}, foreign)
    with pytest.raises(UserError, match="without the description of a checkpoint of vagus"):
        checkpoint.read(foreign)
    assert read_content(foreign).keys() == {"w"}
    damaged.write_bytes(b"\xff" * 40)
    with pytest.raises(UserError, match="not a safetensors file"):
        checkpoint.read(damaged)
    write_state(STATE, cut)
    cut.write_bytes(cut.read_bytes()[:-4])
    with pytest.raises(UserError, match="not a safetensors file"):
        checkpoint.read(cut)


def test_a_description_that_names_what_is_not_there_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file({"w": torch.ones(3)}, path, metadata={"vagus": json.dumps({"companions": {"a": "tensor:lost"}})})
    with pytest.raises(UserError, match="lost"):
        read_state(path)
    save_file({"w": torch.ones(3)}, path, metadata={"vagus": "[1]"})
    with pytest.raises(UserError, match="not a safetensors file"):
        read_state(path)


CARD = {"file": "model.onnx", "format": "onnx", "precision": "fp32", "model": "cnn", "about": "a small CNN",
        "weights": "best_model.pth", "parameters": 1234, "bytes": 2**20, "labels": ["AF", "<script>|x"],
        "inputs": [{"name": "signal", "type": "float32", "shape": ["batch", 2, 64], "meaning": "channels: mV"}],
        "outputs": [{"name": "logits", "type": "float32", "shape": ["batch", 2], "meaning": "a number per label"}],
        "signal": {"channels": ["I", "II"], "rate_hz": 100.0, "unit": "mV", "samples": 64, "any_length": False,
                   "normalisation": "over deviation; inside the file", "steps": ["0.5-40 Hz"]},
        "thresholds": {"f1": [0.25, 0.5]}, "temperature": 1.5, "threads": 2, "notes": ["assumed | a thing"],
        "check": {"max_difference": {"logits": 2e-7}, "allowed": 1e-3, "inputs": "noise of 1x2x64", "passed": True},
        "latency_ms": {"PyTorch": 2.0, "onnxruntime": 1.0}, "data": {"source": "toy", "licence": "CC BY 4.0"},
        "versions": {"torch": "2"}, "use": "run()"}


def test_a_card_tells_input_output_check_time_licence_and_versions(tmp_path):
    page = model_card.write_card(CARD, tmp_path / "model.onnx")
    assert json.loads((tmp_path / "model.onnx.card.json").read_text()) == CARD
    text = page.read_text()
    for word in ("I, II", "100 Hz", "mV", "inside the file", "0.5-40 Hz", "(batch, 2, 64)", "2e-07", "onnxruntime 1.00",
                 "CC BY 4.0", "torch 2", "1.0 MiB", "1,234", "0.250, 0.500", "run()"):
        assert word in text
    said = "\n".join(model_card.lines(CARD))
    for word in ("signal float32 (batch, 2, 64)", "logits float32", "passed", "2.00 ms", "assumed"):
        assert word in said


def test_nothing_in_a_name_is_a_tag_or_a_column(tmp_path):
    text = model_card.markdown(CARD)
    assert "<script>" not in text
    assert "\\|x" in text


def test_a_failed_check_is_loud():
    card = {**CARD, "check": {**CARD["check"], "passed": False}}
    assert "FAILED" in "\n".join(model_card.lines(card))
