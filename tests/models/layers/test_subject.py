from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from src.errors import UserError
from src.models.layers.subject import PerSubject, SubjectBlock


def make(n_subjects: int, use_proj: bool = False) -> SubjectBlock:
    torch.manual_seed(0)
    block = SubjectBlock(n_subjects, d_input=4, d_output=3, use_proj=use_proj)
    torch.nn.init.normal_(block.subj_layer.B.weight)
    return block


@pytest.mark.parametrize("use_proj", [False, True])
def test_an_index_and_its_one_hot_vector_give_the_same(use_proj):
    block, signal, subject = make(3, use_proj), torch.randn(5, 4, 7), torch.tensor([0, 2, 1, 2, 0])
    torch.testing.assert_close(block(signal, subject), block(signal, F.one_hot(subject, 3).float()))


def test_each_subject_has_a_matrix_of_its_own():
    block, signal = make(2), torch.randn(1, 4, 7)
    layer = block.subj_layer
    matrix = layer.W.weight[:, 1].reshape(4, 3)
    expected = matrix.T @ signal[0] + layer.B.weight[:, 1:]
    torch.testing.assert_close(block(signal, torch.tensor([1]))[0], expected)
    assert not torch.allclose(block(signal, torch.tensor([0]))[0], expected)


def test_a_soft_vector_mixes_the_subjects():
    block, signal = make(2), torch.randn(1, 4, 7)
    half = block(signal, torch.tensor([[0.5, 0.5]]))
    torch.testing.assert_close(half, (block(signal, torch.tensor([0])) + block(signal, torch.tensor([1]))) / 2)


def test_one_projection_serves_every_subject():
    block, signal = make(1), torch.randn(2, 4, 7)
    torch.testing.assert_close(block(signal, torch.tensor([0, 17])), block(signal, torch.tensor([0, 0])))


def test_unknown_subjects_are_refused():
    with pytest.raises(UserError, match="subject 3 has no input projection: the model was built for 3"):
        make(3)(torch.randn(1, 4, 7), torch.tensor([3]))
    with pytest.raises(UserError, match=r"must be \(batch, 3\), found \(1, 2\)"):
        make(3)(torch.randn(1, 4, 7), torch.ones(1, 2))


def test_the_ranking_of_channels_is_that_of_the_subject():
    block = make(2)
    with torch.no_grad():
        block.subj_layer.W.weight.zero_()
        block.subj_layer.W.weight.view(4, 3, 2)[2, :, 1] = -5.0  # channel 2 of subject 1
    assert block.channel_weights().tolist() == [[0, 0, 0, 0], [0, 0, 5, 0]]


def modules_of(n_subjects: int, shared_statistics: bool = False) -> PerSubject:
    torch.manual_seed(0)
    return PerSubject((torch.nn.BatchNorm1d(4) for _ in range(n_subjects)), shared_statistics)


def test_each_sample_goes_through_the_module_of_its_subject():
    torch.manual_seed(0)
    modules, subject = PerSubject(torch.nn.Linear(7, 2) for _ in range(3)), torch.tensor([2, 0, 2])
    signal = torch.randn(3, 4, 7)
    found = modules(signal, subject)
    for row, owner in enumerate(subject):
        torch.testing.assert_close(found[row], modules[owner](signal[row]))
    torch.testing.assert_close(modules(signal, F.one_hot(subject, 3).float()), found)


def test_statistics_are_those_of_the_subject_unless_they_are_shared():
    signal, subject = torch.randn(6, 4, 7), torch.tensor([0, 1, 0, 1, 0, 1])
    own, shared = modules_of(2).train(), modules_of(2, shared_statistics=True).train()
    own(signal, subject)
    shared(signal, subject)
    torch.testing.assert_close(own[0].running_mean, 0.1 * signal[::2].mean((0, 2)))
    torch.testing.assert_close(shared[0].running_mean, 0.1 * signal.mean((0, 2)))
    torch.testing.assert_close(own.eval()(signal, subject)[0], own[0](signal)[0])


def test_one_module_serves_every_subject_and_unknown_ones_are_refused():
    signal = torch.randn(2, 4, 7)
    assert modules_of(1)(signal, torch.tensor([0, 17])).shape == signal.shape
    with pytest.raises(UserError, match="subject 5 has no"):
        modules_of(3)(signal, torch.tensor([0, 5]))
