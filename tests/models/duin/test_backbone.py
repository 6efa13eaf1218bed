"""What holds for every Du-IN network, and the sizes that were published."""

from __future__ import annotations

import pytest
import torch

from src.errors import UserError
from src.models.duin.align import DuinAlign
from src.models.duin.classifier import DuinClassifier
from src.models.duin.llm import DuinLlm
from src.models.duin.mae import DuinMae
from src.models.duin.poms import PomsClassifier, PomsMae, PomsVqvae
from src.models.duin.vqvae import DuinVqvae
from tests.models.duin.small import EVERY, inputs_of, make_model

FULL_SIZE = [  # Du-IN's specification: all and trainable parameters, ten channels, of the original with its branches
    (DuinVqvae, 4000, 1, 5_940_919, 5_801_386), (DuinVqvae, 4000, 12, 5_944_725, 5_805_192),
    (DuinMae, 4000, 1, 3_896_712, 3_890_304), (DuinMae, 4000, 12, 3_898_648, 3_892_240),
    (DuinClassifier, 3000, 1, 4_377_639, 4_239_709), (DuinClassifier, 3000, 12, 4_379_575, 4_241_645),
    (DuinLlm, 3000, 1, 3_793_635, 3_655_706),
    (PomsVqvae, 4000, 1, 5_766_087, 5_693_114), (PomsVqvae, 4000, 12, 10_701_765, 10_628_792),
    (PomsMae, 4000, 1, 3_717_080, 3_710_672), (PomsMae, 4000, 12, 4_601_832, 4_595_424),
    (PomsClassifier, 3000, 1, 4_296_311, 4_224_941), (PomsClassifier, 3000, 12, 5_181_063, 5_109_693),
]


def full_size(model_class: type, samples: int, **options):
    outputs = {DuinClassifier: (61,), PomsClassifier: (61,)}.get(model_class, ())
    with torch.device("meta"):
        return model_class(model_class.Config(**options), 10, samples, *outputs)  # pyright: ignore


@pytest.mark.parametrize(("model_class", "samples", "subjects", "parameters", "trainable"), FULL_SIZE)
def test_the_full_size_has_the_published_number_of_parameters(model_class, samples, subjects, parameters, trainable):
    model = full_size(model_class, samples, n_subjects=subjects, replica=True)
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    assert sum(n for n, _ in sizes) == parameters
    assert sum(n for n, learns in sizes if learns) == trainable


@pytest.mark.parametrize(("model_class", "samples", "entries"), [
    (DuinVqvae, 4000, 301), (DuinMae, 4000, 195), (DuinClassifier, 3000, 212), (DuinLlm, 3000, 211)])
def test_the_state_dict_has_as_many_entries_as_the_original_s(model_class, samples, entries):
    assert len(full_size(model_class, samples, replica=True).state_dict()) == entries


def test_the_classifier_is_smaller_without_the_branches_that_change_no_prediction():
    sizes = [p.numel() for p in full_size(DuinClassifier, 3000).parameters() if p.requires_grad]
    assert sum(sizes) == 4_182_813


@pytest.mark.parametrize("model_class", EVERY)
def test_evaluation_changes_no_state_and_gives_the_same_twice(model_class):
    model = make_model(model_class).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first, second = model(*inputs_of(model)), model(*inputs_of(model))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    for a, b in zip(*(tuple(out.values()) if isinstance(out, dict) else (out,) for out in (first, second))):
        assert torch.equal(a, b)


@pytest.mark.parametrize("model_class", EVERY)
def test_init_weights_draws_anew_by_the_same_rule(model_class):
    model = make_model(model_class)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.init_weights()
    for key, value in model.state_dict().items():
        is_drawn = before[key].dim() > 1 and key != "emb_time.time_encodings" and not key.endswith("B.weight")
        if is_drawn and value.numel() >= 64:
            assert not torch.equal(value, before[key]), key
            assert value.std() / before[key].std() == pytest.approx(1, abs=0.4), key


@pytest.mark.parametrize("model_class", EVERY)
def test_depths_rise_from_the_tokenizer_over_the_blocks_to_what_is_behind(model_class):
    model = make_model(model_class)
    depths = model.layer_depths()
    assert set(depths) == {name for name, _ in model.named_parameters()}
    assert {depths[name] for name in depths if "conv_blocks" in name or name == "mask_emb"} == {0}
    assert {depths[name] for name in depths if name.startswith("encoder.1.xfmr_blocks.1")} == {2}
    assert {depths[name] for name in depths if name.startswith(("cls_", "vq_", "decoder", "rgs", "contra"))} == {3}


@pytest.mark.parametrize("model_class", EVERY)
def test_another_window_is_refused(model_class):
    model = make_model(model_class).eval()
    signal, *rest = inputs_of(model)
    with pytest.raises(UserError, match=r"expects a signal of shape \(batch, 5, 120\), found \(4, 5, 100\)"):
        model(signal[..., :100], *rest)


@pytest.mark.parametrize("model_class", EVERY)
def test_channel_weights_are_of_each_subject_and_channel(model_class):
    weights = make_model(model_class, n_subjects=3).channel_weights()
    assert weights.shape == (3, 5)
    assert (weights > 0).all()


def test_the_alignment_has_no_weights_that_are_never_used():
    assert not [name for name, _ in make_model(DuinAlign).named_parameters() if "proj_y" in name]
