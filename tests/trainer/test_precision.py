"""Which number format a run computes in, and that each of them trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from src.trainer import precision
from src.trainer.main_trainer import MainTrainer
from tests.helpers import flags, make_trainer, rows

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _as_it_was():
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


def choose(tmp_path, device=CPU, **more):
    return precision.choose(flags(tmp_path, **more), device)


@pytest.mark.parametrize(("fast", "name", "says"), [(True, "bf16", "bfloat16"),
                                                    (False, "fp32", "this processor has no fast bfloat16")])
def test_mixed_precision_on_a_cpu_is_bfloat16_where_that_is_fast(tmp_path, monkeypatch, fast, name, says):
    monkeypatch.setattr(precision, "cpu_has_fast_bf16", lambda: fast)
    found = choose(tmp_path, mixed_precision=True)
    assert (found.name, found.scaler) == (name, None)
    assert says in found.note


@pytest.mark.parametrize(("fast", "name"), [(True, "bf16"), (False, "fp16")])
@pytest.mark.filterwarnings("ignore:.*GradScaler is enabled, but CUDA")
def test_mixed_precision_on_a_gpu_is_bfloat16_or_scaled_float16(tmp_path, monkeypatch, fast, name):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: asked.append(
        including_emulation) or fast)
    found = choose(tmp_path, torch.device("cuda"), mixed_precision=True)
    assert found.name == name
    assert (found.scaler is not None) == (name == "fp16")
    assert asked == [False]


def test_an_explicit_precision_wins_over_mixed_precision(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_fast_bf16", lambda: True)
    assert choose(tmp_path, mixed_precision=True, precision="fp16").name == "fp16"


def test_tensorfloat_away_from_a_gpu_is_float32_and_says_so(tmp_path):
    found = choose(tmp_path, precision="tf32")
    assert found.name == "fp32"
    assert "GPUs only" in found.note
    assert torch.get_float32_matmul_precision() == "highest"


def test_tensorfloat_on_a_gpu_sets_torchs_switch(tmp_path):
    assert choose(tmp_path, torch.device("cuda"), precision="tf32").name == "tf32"
    assert torch.get_float32_matmul_precision() == "high"
    choose(tmp_path)
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize(("words", "fast"), [("flags : sse2 avx512_bf16 fma", True), ("flags : amx_bf16", True),
                                             ("Features : fp asimd bf16", True), ("flags : avx512f", False)])
def test_the_processors_flags_are_read(monkeypatch, words, fast):
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: words)
    assert precision.cpu_has_fast_bf16() is fast


def test_a_system_without_the_list_of_flags_has_none(monkeypatch):
    def missing(self, encoding):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert precision.cpu_has_fast_bf16() is False


class Seen(MainTrainer):
    """Keeps the number format of the scores, in training and in validation."""

    def forward_pass(self, batch):
        loss, scores = super().forward_pass(batch)
        self.formats = {*getattr(self, "formats", ()), (self.model.training, scores.dtype)}
        return loss, scores


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16),
                                             ("fp16", torch.float16)])
def test_a_run_computes_in_its_format_and_keeps_weights_in_float32(tmp_path, name, dtype):
    trainer = make_trainer(tmp_path, kind=Seen, precision=name, epochs=2)
    trainer.train()
    assert trainer.formats == {(True, dtype), (False, dtype)}
    assert {value.dtype for value in trainer.model.state_dict().values()} == {torch.float32}
    epochs = [row["train"]["loss"] for row in rows(tmp_path / "run") if row["event"] == "epoch"]
    assert epochs[1] < epochs[0]


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_mixed_precision_gives_nearly_the_float32_loss(tmp_path, name):
    losses = {}
    for kind in ("fp32", name):
        make_trainer(tmp_path / kind, precision=kind, epochs=1).train()
        losses[kind] = rows(tmp_path / kind / "run")[-2]["train"]["loss"]
    assert losses[name] == pytest.approx(losses["fp32"], rel=0.02)
    assert losses[name] != losses["fp32"]
