from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.models.duin.classifier import DuinClassifier
from src.models.layers.tokenizers import TokenizerConfig
from tests.models.duin.small import make


def from_spec(channels: int, samples: int, rate_hz: float, **options) -> DuinClassifier:
    spec = SignalSpec(tuple(f"E{c}" for c in range(channels)), rate_hz, "uV", samples)
    return DuinClassifier.from_spec(DuinClassifier.Config(**options), spec, TargetSpec("classes", ("left", "right")))


@pytest.mark.parametrize(("subjects", "replica", "parameters", "trainable"), [
    (1, True, 4_377_639, 4_239_709), (12, True, 4_379_575, 4_241_645), (1, False, 4_187_621, 4_182_813)])
def test_the_full_size_has_the_published_number_of_parameters(subjects, replica, parameters, trainable):
    config = DuinClassifier.Config(n_subjects=subjects, replica=replica)
    with torch.device("meta"):
        sizes = [(p.numel(), p.requires_grad) for p in DuinClassifier(config, 10, 3000, 61).parameters()]
    assert sum(n for n, _ in sizes) == parameters
    assert sum(n for n, learns in sizes if learns) == trainable


def test_the_replica_predicts_the_sigmoid_of_the_logits():
    plain, replica = make().eval(), make(replica=True).eval()
    report = plain.load_complete(replica.state_dict())
    assert {name.split(".")[0] for name in report.ignored} == {"vq_block", "contra_block"}
    signal, subject = torch.randn(3, 5, 120), torch.zeros(3, dtype=torch.int64)
    torch.testing.assert_close(replica(signal, subject), plain(signal, subject).sigmoid())


def test_the_unused_branches_change_no_prediction():
    replica, signal, subject = make(replica=True).eval(), torch.randn(3, 5, 120), torch.zeros(3, dtype=torch.int64)
    before = replica(signal, subject)
    with torch.no_grad():
        for name in ("vq_block", "contra_block"):
            for parameter in getattr(replica, name).parameters():
                parameter.add_(1.0)
    assert torch.equal(replica(signal, subject), before)


def test_only_the_replica_has_the_losses_of_the_original():
    inputs = torch.randn(2, 5, 120), torch.zeros(2, dtype=torch.int64), F.one_hot(torch.tensor([1, 2]), 7).float()
    _, losses = make(replica=True).replica_losses(*inputs)
    assert losses["total"] == losses["cls"]
    with pytest.raises(UserError, match="unused branches"):
        make().replica_losses(*inputs)


def test_small_eeg_gets_segments_of_a_tenth_of_a_second_and_says_so():
    model = from_spec(28, 50, 100.0)
    assert model.tokenizer.seg_len == 10
    assert model.dim == 160
    assert "10 samples (100 ms)" in model.notes[0]
    assert model(torch.randn(2, 28, 50), torch.zeros(2, dtype=torch.int64)).shape == (2, 2)


def test_segment_and_strides_can_be_chosen():
    model = from_spec(4, 50, 100.0, tokenizer=TokenizerConfig(25, n_strides=(5, 1, 1), kernel_sizes=(9, 3, 3)))
    assert model.dim == 5 * 16
    assert model.notes == ()
    assert from_spec(10, 3000, 1000.0).notes == ()


def test_a_segment_that_does_not_divide_the_window_is_refused_with_those_that_do():
    with pytest.raises(UserError, match="seg_len=100 does not divide the window of 1250 samples") as refusal:
        from_spec(4, 1250, 500.0, tokenizer=TokenizerConfig(100))
    assert "125" in refusal.value.hint


def test_training_learns_small_eeg():
    torch.manual_seed(0)
    model = make(channels=6, samples=50, n_labels=2, tokenizer=TokenizerConfig(10, n_filters=(8, 8, 4))).train()
    signal, label = torch.randn(16, 6, 50), torch.arange(16) % 2
    signal[label == 1, 0] += 1.0
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(40):
        loss = F.cross_entropy(model(signal, torch.zeros(16, dtype=torch.int64)), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_depths_rise_from_the_tokenizer_over_the_blocks_to_the_head():
    depths = make(replica=True).layer_depths()
    assert depths["tokenizer.conv_blocks.0.0.1.weight"] == depths["subj_block.subj_layer.W.weight"] == 0
    assert depths["encoder.1.xfmr_blocks.1.ffn.fc1.0.weight"] == 2
    assert depths["cls_block.cls_head.1.0.weight"] == 3


def test_init_weights_draws_anew_by_the_same_rule():
    model = make()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.init_weights()
    for key, value in model.state_dict().items():
        if before[key].dim() > 1 and key not in ("emb_time.time_encodings", "subj_block.subj_layer.B.weight"):
            assert not torch.equal(value, before[key]), key
            assert value.std() / before[key].std() == pytest.approx(1, abs=0.4), key
