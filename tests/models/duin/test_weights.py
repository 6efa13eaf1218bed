from __future__ import annotations

import pytest
import torch

from src.errors import UserError
from src.models.duin.align import DuinAlign
from src.models.duin.classifier import DuinClassifier
from src.models.duin.config import QuantizerConfig
from src.models.duin.llm import DuinLlm
from src.models.duin.mae import DuinMae
from src.models.duin.vqvae import DuinVqvae
from tests.models.duin.small import EVERY, make, make_model


def test_a_wrapped_checkpoint_gives_its_backbone_and_nothing_else():
    source, target = make(seed=1), make(seed=2)
    report = target.load_original({f"module.{key}": value for key, value in source.state_dict().items()})
    ours, theirs = target.state_dict(), source.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in report.loaded)
    assert {key.split(".")[0] for key in report.loaded} == {"subj_block", "tokenizer", "encoder"}
    assert {key.split(".")[0] for key in report.missing} == {"emb_time", "cls_block"}
    assert not torch.equal(ours["cls_block.cls_head.1.0.weight"], theirs["cls_block.cls_head.1.0.weight"])
    assert target.weights_loaded
    assert "ignored (emb_time, cls_block)" in str(report)


def test_a_complete_checkpoint_gives_everything():
    source, target = make(seed=1).eval(), make(seed=2).eval()
    target.load_complete(source.state_dict())
    signal, subject = torch.randn(2, 5, 120), torch.zeros(2, dtype=torch.int64)
    assert torch.equal(source(signal, subject), target(signal, subject))


def test_a_pretrained_encoder_is_no_complete_checkpoint():
    state = {key: value for key, value in make().state_dict().items() if not key.startswith("cls_block")}
    with pytest.raises(UserError, match="lacks 4 tensors, such as cls_block"):
        make().load_complete(state)


def test_another_size_is_refused_and_changes_nothing():
    target = make()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(UserError, match=r"subj_block.subj_layer.W.weight: \(80, 3\) in the file, \(80, 1\) in the"):
        target.load_original(make(n_subjects=3).state_dict())
    assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


def test_a_deeper_encoder_is_refused():
    state = make().state_dict()
    state["encoder.1.xfmr_blocks.2.norm_mha.weight"] = torch.zeros(16)
    with pytest.raises(UserError, match="no place in the model: encoder"):
        make().load_original(state)


def test_foreign_files_are_refused():
    with pytest.raises(UserError, match="it holds conv1"):
        make().load_original({"conv1.weight": torch.zeros(1)})


@pytest.mark.parametrize("model_class", EVERY)
def test_every_network_takes_a_complete_state_dict_of_its_own(model_class):
    source, target = make_model(model_class, seed=1).eval(), make_model(model_class, seed=2).eval()
    report = target.load_complete({f"module.{key}": value for key, value in source.state_dict().items()})
    assert not report.missing
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in target.state_dict().items())


@pytest.mark.parametrize("model_class", [DuinVqvae, DuinMae, DuinClassifier, DuinLlm, DuinAlign])
@pytest.mark.parametrize("source_class", [DuinVqvae, DuinMae])
def test_every_network_takes_the_backbone_of_a_pretrained_one(model_class, source_class):
    source, target = make_model(source_class, seed=1), make_model(model_class, seed=2)
    report = target.load_original(source.state_dict())
    signal, subject = torch.randn(2, 5, 120), torch.zeros(2, dtype=torch.int64)
    assert torch.equal(source.eval().encode(signal, subject), target.eval().encode(signal, subject))
    takes_codes = model_class is source_class is DuinVqvae
    assert ("vq_block.codex.embeddings" in report.loaded) == takes_codes


def test_the_state_of_a_warm_up_and_of_restarts_is_left_where_it_has_no_place():
    source = make_model(DuinVqvae, quantizer=QuantizerConfig(12, 8, restart_after=2, warmup_steps=3))
    assert set(make_model(DuinVqvae).load_complete(source.state_dict()).ignored) == {"vq_block.idle", "vq_block.steps"}
