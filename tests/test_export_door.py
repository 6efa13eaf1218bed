"""export.py as a command: what it writes of runs and of files of fairseq-signals, and what it says of others."""

from __future__ import annotations

import builtins
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import export
from src.interop.layouts.fairseq import read_array
from src.trainer import checkpoint
from tests import doors

FAIRSEQ = Path(__file__).parent / "golden" / "data" / "fairseq"
CLASSIFIER = FAIRSEQ / "checkpoint_finetuned_classifier.pt"


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    assert doors.door(data, folder, "--normalize", "channel", "--ema", "0.5") == 0
    return folder / "run"


def card_of(file: Path) -> dict:
    return json.loads(file.with_name(f"{file.name}.card.json").read_text())


def test_onnx_of_a_run_takes_physical_units_and_gives_what_test_gives(run, data, tmp_path, capsys):
    import onnxruntime

    assert export.main(["--weights", str(run), "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "passed" in said
    assert str(tmp_path / "model.onnx.card.md") in said
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    signal = np.load(data)["signal"]
    assert doors.test_door().main(["--weights", str(run), "--data_path", str(data), "--layout", "fairseq",
                                   "--output_dir", str(tmp_path / "tested")]) == 0
    expected = read_array(tmp_path / "tested" / "outputs_test.npy")
    np.testing.assert_allclose(session.run(None, {"signal": signal})[0], expected, rtol=1e-4, atol=1e-5)
    assert np.array_equal(read_array(tmp_path / "tested" / "targets_test.npy"), np.load(data)["label"])
    card = card_of(tmp_path / "model.onnx")
    assert card["labels"] == ["low", "high"]
    assert card["signal"]["unit"] == "mV"
    assert "inside" in card["signal"]["normalisation"]
    assert card["check"]["max_difference"]["logits"] < 1e-4
    assert card["latency_ms"].keys() == {"PyTorch", "onnxruntime"}


def test_outside_leaves_the_normaliser_to_the_caller_and_no_check_runs_nothing(run, tmp_path):
    assert export.main(["--weights", str(run), "--output", str(tmp_path), "--format", "torch_export",
                        "--normalizer", "outside", "--no_check", "--licence", "CC0"]) == 0
    card = card_of(tmp_path / "model.pt2")
    assert "NOT in the file" in card["signal"]["normalisation"]
    assert card["check"] is None
    assert card["data"]["licence"] == "CC0"
    state = checkpoint.read(run / "best_model.pth")
    network = torch.export.load(tmp_path / "model.pt2").module()
    signal = torch.randn(2, doors.CHANNELS, doors.SAMPLES)
    assert export.main(["--weights", str(run), "--output", str(tmp_path / "in"), "--format", "torch_export"]) == 0
    inside = torch.export.load(tmp_path / "in" / "model.pt2").module()
    mean, scale = (torch.tensor(state["normalizer"][name])[:, None] for name in ("mean", "scale"))
    torch.testing.assert_close(inside(signal * scale + mean)[0], network(signal)[0], rtol=1e-4, atol=1e-5)


def test_safetensors_of_a_run_is_tested_and_trained_from_as_the_run_is(run, data, tmp_path):
    assert export.main(["--weights", str(run), "--format", "safetensors", "--output", str(tmp_path)]) == 0
    file, test = tmp_path / "model.safetensors", doors.test_door()
    assert test.main(["--weights", str(run), "--output_dir", str(tmp_path / "one")]) == 0
    assert test.main(["--weights", str(file), "--output_dir", str(tmp_path / "other")]) == 0
    one, other = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("one", "other"))
    assert one == other  # the running average of the weights, as testing uses it
    assert doors.door(data, tmp_path / "runs", "--init_from", str(file), "--epochs", "1") == 0


def test_half_precision_has_a_name_of_its_own(run, tmp_path):
    flags = ["--weights", str(run), "--output", str(tmp_path), "--format", "safetensors", "--precision", "fp16"]
    assert export.main(flags) == 0
    found = checkpoint.read(tmp_path / "model_fp16.safetensors")["model"]
    assert {value.dtype for value in found.values() if value.is_floating_point()} == {torch.float16}
    assert card_of(tmp_path / "model_fp16.safetensors")["precision"] == "fp16"


def test_a_fine_tuned_file_of_fairseq_gives_its_stored_outputs(tmp_path):
    import onnxruntime

    names = tmp_path / "label_def.csv"
    names.write_text("name,count\nAF,1\nPVC,2\nLBBB,3\nRBBB,4\n")
    assert export.main(["--weights", str(CLASSIFIER), "--output", str(tmp_path), "--label_def", str(names),
                        "--rate_hz", "250", "--masks"]) == 0
    card = card_of(tmp_path / "model.onnx")
    assert card["labels"] == ["AF", "PVC", "LBBB", "RBBB"]
    assert (card["signal"]["rate_hz"], card["signal"]["samples"]) == (250, 1250)
    stored = np.load(FAIRSEQ / "checkpoint_finetuned_expected.npz")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    signal, lengths = stored["input/source"], stored["input/lengths"]
    mask = np.arange(signal.shape[2]) < lengths[:, None]
    found = session.run(None, {"signal": signal, "time_mask": np.ones_like(mask)})[0]
    np.testing.assert_allclose(found, stored["output/logits"], rtol=2e-4, atol=2e-5)
    padded = session.run(None, {"signal": signal * mask[:, None], "time_mask": mask})[0]
    np.testing.assert_allclose(padded, stored["output/logits_padded"], rtol=2e-4, atol=2e-5)


def test_fairseq_files_are_converted_once_and_for_all(tmp_path, data):
    """A converted file is exported and trained from as the file that it was made of."""
    assert export.main(["--weights", str(CLASSIFIER), "--output", str(tmp_path), "--format", "safetensors"]) == 0
    file = tmp_path / "model.safetensors"
    assert export.main(["--weights", str(file), "--output", str(tmp_path / "again"), "--format", "torch_export"]) == 0
    stored = np.load(FAIRSEQ / "checkpoint_finetuned_expected.npz")
    network = torch.export.load(tmp_path / "again" / "model.pt2").module()
    found = network(torch.from_numpy(stored["input/source"]))[0].detach().numpy()
    np.testing.assert_allclose(found, stored["output/logits"], rtol=2e-5, atol=2e-5)
    assert card_of(tmp_path / "again" / "model.pt2")["labels"] == [f"label_{k}" for k in range(4)]


def test_pretraining_of_fairseq_exports_its_encoder(tmp_path):
    file = FAIRSEQ / "checkpoint_pretrained_parametrizations.pt"
    assert export.main(["--weights", str(file), "--output", str(tmp_path), "--format", "torch_export"]) == 0
    outputs = card_of(tmp_path / "model.pt2")["outputs"]
    assert [(each["name"], each["shape"]) for each in outputs] == [
        ("embedding", ["batch", 24]), ("tokens", ["batch", "frames", 24])]
    stored = np.load(FAIRSEQ / "checkpoint_pretrained_expected.npz")
    network = torch.export.load(tmp_path / "model.pt2").module()
    found = network(torch.from_numpy(stored["input/source"]))[1].detach().numpy()
    np.testing.assert_allclose(found, stored["output/x"], rtol=1e-4, atol=2e-5)


def test_heads_that_a_file_does_not_tell_are_named_by_a_flag(tmp_path):
    file, stored = (FAIRSEQ / f"checkpoint_finetuned_default_dims{end}" for end in (".pt", "_expected.npz"))
    flags = ["--weights", str(file), "--output", str(tmp_path), "--format", "torch_export", "--n_heads", "4"]
    assert export.main(flags) == 0
    arrays = np.load(stored)
    network = torch.export.load(tmp_path / "model.pt2").module()
    found = network(torch.from_numpy(arrays["input/source"]))[0].detach().numpy()
    np.testing.assert_allclose(found, arrays["output/logits"], rtol=1e-4, atol=2e-5)
    assert not any("heads" in note for note in card_of(tmp_path / "model.pt2")["notes"])


# -------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(("flags", "message"), [
    (["--weights", str(FAIRSEQ / "checkpoint_hostile.pt")], "nothing in it was executed"),
    (["--weights", "nowhere.pth"], "no such file"),
    (["--weights", str(CLASSIFIER), "--n_heads", "5"], "no multiple"),
    (["--weights", str(CLASSIFIER), "--label_def", "nowhere.csv"], "cannot be read as a table"),
    (["--weights", "RUN", "--n_heads", "4"], "--n_heads: holds for weights of fairseq-signals"),
    (["--weights", "RUN", "--masks"], "--masks: cnn takes none"),
    (["--weights", "RUN", "--output", "/dev/null/x"], "cannot be made"),
    (["--weights", "RUN", "--format", "onxx"], "did you mean"),
])
def test_what_cannot_be_exported_is_said_in_a_line(flags, message, run, capsys):
    flags = [str(run) if word == "RUN" else word for word in flags]
    assert export.main(["--format", "torch_export", *flags] if "--format" not in flags else flags) == 2
    assert message in capsys.readouterr().err


def test_a_missing_extra_says_how_to_get_it(run, monkeypatch, capsys):
    imported = builtins.__import__

    def without(name, *rest):
        if name == "onnxruntime":
            raise ImportError(name="onnxruntime")
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert export.main(["--weights", str(run)]) == 2
    assert "uv sync --extra onnx" in capsys.readouterr().err


def test_a_file_that_gives_other_numbers_is_not_passed_over(run, tmp_path, monkeypatch, capsys):
    from src.interop import export as graphs

    monkeypatch.setattr(graphs, "program_runner", lambda path: lambda values: [np.zeros((len(values[0]), 2))])
    assert export.main(["--weights", str(run), "--output", str(tmp_path), "--format", "torch_export"]) == 1
    assert "FAILED" in capsys.readouterr().out
