from __future__ import annotations

import pytest
import torch

from src.errors import UserError
from src.models.duin.new_subject import count_subjects, for_new_subject, mean_over_subjects

MAP, TOKENS = "subj_block.subj_layer.W.weight", "tokenizers.{}.conv.weight"


def test_subjects_are_counted_in_maps_and_in_tokenizers():
    assert count_subjects({MAP: torch.zeros(6, 3), "head": torch.zeros(2)}) == 3
    assert count_subjects({f"module.{TOKENS.format(n)}": torch.zeros(2) for n in range(11)}) == 11
    assert count_subjects({"head": torch.zeros(2)}) == 0


def test_the_mean_over_subjects_is_one_subjects_part():
    found = mean_over_subjects({MAP: torch.tensor([[1.0, 3.0]]), TOKENS.format(0): torch.tensor([2.0]),
                                TOKENS.format(1): torch.tensor([4.0])})
    assert found[MAP].tolist() == [[2.0]]
    assert found[TOKENS.format(0)].tolist() == [3.0]
    assert len(found) == 2


def test_all_but_the_subjects_own_part_is_taken_over():
    own = {MAP: torch.zeros(4, 1), "head": torch.zeros(3)}
    state = {MAP: torch.ones(4, 2), "head": torch.ones(3)}
    assert for_new_subject(own, state, same_channels=True)[MAP].tolist() == [[1.0]] * 4
    anew = for_new_subject(own, state, same_channels=False)
    assert anew[MAP].tolist() == [[0.0]] * 4
    assert anew["head"].tolist() == [1.0] * 3


def test_another_number_of_channels_is_another_map():
    own = {MAP: torch.zeros(8, 1), "head": torch.zeros(3)}
    state = {MAP: torch.ones(4, 2), "head": torch.ones(3)}
    assert for_new_subject(own, state, same_channels=False)[MAP].shape == (8, 1)


@pytest.mark.parametrize("state", [{MAP: torch.ones(4, 2), "head": torch.ones(5)}, {MAP: torch.ones(4, 2)},
                                   {"head": torch.ones(3)}])
def test_what_does_not_fit_is_refused(state):
    with pytest.raises(UserError):
        for_new_subject({MAP: torch.zeros(4, 1), "head": torch.zeros(3)}, state, same_channels=True)
