"""test.py --layout fairseq: arrays under the original's names, rows in the order of the data, what it cannot give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import arguments
import export
from src import config, restoring
from src.interop.layouts.fairseq import read_array
from tests import doors
from tests.data.sets import fairseq_files
from tests.interop.test_fairseq_checkpoints import CLASSIFIER

TINY = ["--model", "ecg_transformer", "--preset", "tiny", "--epochs", "1", "--scheduler", "constant",
        "--model_args", "head.dropout=0"]


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    flags = [word for word in doors.SMALL if word not in ("width=4", "dropout=0", "--model_args")]
    assert doors.train.main(["--data_path", str(data), "--save_dir", str(folder), "--experiment_name", "run", *flags,
                             *TINY]) == 0
    return folder / "run"


def test_extract_writes_outputs_frames_and_attention(run, data, tmp_path, capsys):
    flags = ["--weights", str(run), "--data_path", str(data), "--output_dir", str(tmp_path)]
    extract = ["--layout", "fairseq", "--extract", "output", "encoder_out", "saliency"]
    assert doors.test_door().main([*flags, *extract]) == 0
    restored = restoring.restore(config.parse(arguments.TEST, flags))
    signal = torch.from_numpy(np.load(data)["signal"]) / torch.tensor(restored.data.normalizer.scale)[:, None]
    with torch.no_grad():
        model = restored.model.eval()
        expected = {"outputs": model(signal), "encoder_out": model.encode(signal).tokens,
                    "saliency": model.attention_maps(signal)}
    for name, value in expected.items():
        found = read_array(tmp_path / f"{name}_test.npy")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, value.numpy(), rtol=1e-4, atol=1e-5)
    assert np.array_equal(np.load(tmp_path / "targets_test.npy"), np.load(data)["label"])
    assert not (tmp_path / "padding_mask_test.npy").exists()
    assert f"{tmp_path / 'saliency_test.npy'} (40, 2, " in capsys.readouterr().out


@pytest.mark.parametrize(("flags", "message"), [
    (["--extract", "saliency"], "holds only with --layout fairseq"),
    (["--layout", "fairseq", "--extract", "attention"], "not one of output, encoder_out, saliency"),
    (["--layout", "fairseq", "--n_heads", "2"], "holds for weights of fairseq-signals"),
])
def test_what_cannot_be_extracted_is_said(run, flags, message, capsys):
    assert doors.test_door().main(["--weights", str(run), *flags]) == 2
    assert message in capsys.readouterr().err


def test_only_an_ecg_transformer_has_frames(data, tmp_path, capsys):
    assert doors.door(data, tmp_path, "--epochs", "1") == 0
    flags = ["--weights", str(tmp_path / "run"), "--layout", "fairseq", "--extract", "encoder_out"]
    assert doors.test_door().main(flags) == 2
    assert "cnn is no ECG transformer" in capsys.readouterr().err


def test_a_fine_tuned_file_and_what_it_was_converted_to_are_tested_alike(tmp_path, capsys):
    """On a manifest, by its own labels."""
    folder = fairseq_files.write_manifests(tmp_path / "manifests")
    np.save(folder / "y.npy", fairseq_files.labels(12, 4))
    (folder / "label_def.csv").write_text("name\nAF\nPVC\nLBBB\nRBBB\n")
    assert export.main(["--weights", str(CLASSIFIER), "--output", str(tmp_path), "--format", "safetensors"]) == 0
    found = []
    for weights in (CLASSIFIER, tmp_path / "model.safetensors"):
        out = tmp_path / weights.suffix
        assert doors.test_door().main(["--weights", str(weights), "--data_path", str(folder), "--layout", "fairseq",
                                       "--output_dir", str(out), "--n_heads", "4"]) == 0
        found.append(read_array(out / "outputs_test.npy"))
        assert read_array(out / "targets_test.npy").shape == (3, 4)
    assert found[0].shape == (3, 4)
    assert np.array_equal(*found)
