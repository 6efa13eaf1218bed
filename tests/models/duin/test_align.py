from __future__ import annotations

import pytest
import torch

from src.errors import UserError
from src.models.duin.align import DuinAlign, compared_pairs, partners_of
from src.models.duin.config import ContrastConfig
from tests.models.duin.small import inputs_of, make_model


def words_and_subjects() -> tuple[torch.Tensor, torch.Tensor]:
    rows = torch.arange(12)
    return rows // 2 % 3, rows % 2


def retrieval(model: DuinAlign, signal: torch.Tensor, subject: torch.Tensor, label: torch.Tensor) -> float:
    """How often the nearest trial of another subject is of the same word."""
    with torch.no_grad():
        embeddings = model.eval()(signal, subject)
    likeness = (embeddings @ embeddings.T).masked_fill(subject[:, None] == subject, -9.0)
    return (label[likeness.argmax(1)] == label).float().mean().item()


def test_embeddings_have_unit_length():
    model = make_model(DuinAlign).eval()
    embeddings = model(*inputs_of(model))
    assert embeddings.shape == (4, 6 * 8)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(4))


@pytest.mark.parametrize(("mode", "d_vector"), [("unicl", 0), ("clip", 0), ("clip_orig", 0), ("unicl", 5), ("clip", 5)])
def test_training_brings_the_trials_of_a_word_together(mode, d_vector):
    model = make_model(DuinAlign, n_subjects=2, contrast=ContrastConfig(8, mode), d_vector=d_vector).train()
    label, subject = words_and_subjects()
    signal, _ = inputs_of(model, size=12)
    vectors = torch.eye(3, 5) if d_vector else None
    before = retrieval(model, signal, subject, label)
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-2)
    for _ in range(25):
        loss = model.losses(signal, subject, label, vectors)["contra"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert retrieval(model, signal, subject, label) > max(before, 0.9)


def test_only_trials_of_different_subjects_are_compared_where_there_are_several():
    assert compared_pairs(torch.tensor([0, 0, 1])).tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
    assert compared_pairs(torch.tensor([4, 4])).tolist() == [[0, 1], [1, 0]]
    assert compared_pairs(torch.eye(2)).tolist() == [[0, 1], [1, 0]]


def test_partners_are_taken_in_turn_and_rows_without_one_are_left_out():
    word = torch.tensor([0, 1, 0, 0, 2])
    rows, partners = partners_of((word[:, None] == word) & ~torch.eye(5, dtype=torch.bool))
    assert rows.tolist() == [0, 2, 3]
    assert partners.tolist() == [2, 3, 0]


def test_a_pair_that_is_not_compared_does_not_count():
    model = make_model(DuinAlign)
    embeddings = torch.nn.functional.normalize(torch.randn(4, 48), dim=1)
    label, subject = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
    loss = model.contrast(embeddings, subject, label)
    cross = (embeddings[:2] @ embeddings[2:].T * model.contra_block.t.exp())
    rows, columns = cross.softmax(1).diagonal().log(), cross.softmax(0).diagonal().log()
    torch.testing.assert_close(loss, -(rows.mean() + columns.mean()) / 2)


def test_a_batch_without_pairs_has_a_loss_of_zero_that_can_be_trained_on():
    for mode in ("unicl", "clip", "clip_orig"):
        model = make_model(DuinAlign, contrast=ContrastConfig(8, mode))
        loss = model.losses(*inputs_of(model), torch.arange(4))["contra"]
        loss.backward()
        assert loss == 0


def test_word_embeddings_are_wanted_exactly_where_the_model_was_built_for_them():
    with_words, without = make_model(DuinAlign, d_vector=5), make_model(DuinAlign)
    label = torch.tensor([0, 1, 0, 1])
    with pytest.raises(UserError, match="d_vector=5 and got no word embeddings"):
        with_words.losses(*inputs_of(with_words), label)
    with pytest.raises(UserError, match="d_vector=0 and got word embeddings of width 3"):
        without.losses(*inputs_of(without), label, torch.eye(3))
