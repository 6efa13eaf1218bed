"""The objectives beside torch's own: by hand, against torch where they fall together, and what they are divided by."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from src.data.signal import TargetSpec
from src.errors import UserError
from src.trainer.losses import build_criterion, read_pos_weight
from src.trainer.objectives import Asymmetric, BinaryFocal, FocalCrossEntropy, MultiHead
from tests.helpers import make_trainer

LABELS = TargetSpec("multilabel", ("p", "q"))
SCORES, TRUTH = torch.tensor([[0.5, -2.0], [1.0, 0.0], [-1.0, 3.0]]), torch.tensor([[1.0, 0], [0, 1], [0, 0]])


@pytest.mark.parametrize(("name", "words"), [("as", ["gamma_neg=0", "gamma_pos=0", "clip=0"]), ("mlsml", []),
                                             ("bce", [])])
def test_without_focus_they_are_binary_cross_entropy(name, words):
    found = build_criterion(name, LABELS, loss_args=words)(SCORES, TRUTH)
    torch.testing.assert_close(found, F.binary_cross_entropy_with_logits(SCORES, TRUTH))


def test_a_negative_below_the_clip_counts_nothing_and_an_easy_one_little():
    scores = torch.tensor([[math.log(0.04 / 0.96), math.log(0.25)]])  # probabilities 0.04 and 0.2
    found = Asymmetric()(scores, torch.zeros(1, 2))[0]
    assert found[0] == 0
    assert float(found[1]) == pytest.approx(-math.log(0.85) * 0.15**4, rel=1e-4)


def test_the_weight_of_the_asymmetric_loss_may_be_constant():
    def gradient(objective):
        scores = SCORES.clone().requires_grad_()
        objective(scores, TRUTH).sum().backward()
        return scores.grad

    assert torch.equal(Asymmetric()(SCORES, TRUTH), Asymmetric(constant_weight=True)(SCORES, TRUTH))
    assert not torch.allclose(gradient(Asymmetric()), gradient(Asymmetric(constant_weight=True)))


def test_focal_loss_by_hand():
    found = BinaryFocal()(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))[0]
    assert found.tolist() == pytest.approx([0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)])
    one = FocalCrossEntropy(2.0)(torch.zeros(1, 4), torch.tensor([1]))
    assert float(one) == pytest.approx(0.75**2 * math.log(4))


@pytest.mark.parametrize("objective", [Asymmetric(), BinaryFocal()])
def test_certain_scores_give_finite_losses_and_gradients(objective):
    scores = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss = objective(scores, torch.tensor([[1.0, 0], [1, 0]])).sum()
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert bool(torch.isfinite(scores.grad).all())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["bce", "as", "bf", "mse", "mlsml"])
def test_the_sum_may_be_divided_by_the_positive_labels(name):
    elements = build_criterion(name, LABELS)(SCORES, TRUTH)
    positives = build_criterion(name, LABELS, sample_size="positives")
    count = 3 if name == "mlsml" else 6  # of what is summed
    torch.testing.assert_close(positives(SCORES, TRUTH), elements * count / 2)
    torch.testing.assert_close(positives(SCORES, torch.zeros(3, 2)),
                               build_criterion(name, LABELS)(SCORES, torch.zeros(3, 2)) * count)
    assert positives.weight(TRUTH) == 2  # type: ignore[operator]


def test_micro_batches_are_weighed_by_their_positive_labels(tmp_path):
    """As if they were one batch, whatever they hold."""
    trainer = make_trainer(tmp_path, sample_size="elements")
    trainer.args.sample_size = "positives"
    trainer.criterion = build_criterion("bce", LABELS, sample_size="positives")
    assert trainer.scored(SCORES, TRUTH)[2] == 2
    whole = trainer.scored(SCORES, TRUTH)[0]
    parts = [trainer.scored(SCORES[rows], TRUTH[rows]) for rows in ([0], [1, 2])]
    torch.testing.assert_close(sum(part[0] * part[2] for part in parts) / sum(part[2] for part in parts), whole)


# ------------------------------------------------------------------------------------ labels that are not known
NAMES = ("bce", "as", "bf", "mse", "mlsml", "multi_head_bce")
HALF = torch.tensor([[1.0, math.nan], [math.nan, 1], [0, 0]])


def test_the_mean_of_each_label_counts_however_often_it_is_known():
    chance = SCORES.sigmoid()
    first = -(chance[0, 0].log() + (1 - chance[2, 0]).log()) / 2
    second = -(chance[1, 1].log() + (1 - chance[2, 1]).log()) / 2
    found = build_criterion("multi_head_bce", LABELS, partial=True)
    torch.testing.assert_close(found(SCORES, HALF), (first + second) / 2)
    torch.testing.assert_close(found(SCORES[:1], HALF[:1]), -chance[0, 0].log())


@pytest.mark.parametrize("name", ["bce", "as", "bf", "mse"])
def test_a_label_that_is_not_known_is_no_item_of_the_mean(name):
    whole, partial = build_criterion(name, LABELS), build_criterion(name, LABELS, partial=True)
    known = ~HALF.isnan()
    items = [whole(SCORES[row:row + 1, k:k + 1], HALF[row:row + 1, k:k + 1]) for row, k in known.nonzero().tolist()]
    torch.testing.assert_close(partial(SCORES, HALF), torch.stack(items).mean())


def test_the_soft_margin_is_the_mean_over_the_records_of_what_is_known_of_them():
    items = F.binary_cross_entropy_with_logits(SCORES, HALF.nan_to_num(), reduction="none")
    expected = (items[0, 0] + items[1, 1] + items[2].mean()) / 3
    torch.testing.assert_close(build_criterion("mlsml", LABELS, partial=True)(SCORES, HALF), expected)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_known_has_no_gradient_and_nothing_known_no_loss(name):
    scores = SCORES.clone().requires_grad_()
    criterion: Any = build_criterion(name, LABELS, partial=True)
    criterion(scores, HALF).backward()
    assert torch.equal(scores.grad != 0, ~HALF.isnan())  # type: ignore[operator]
    scores.grad = None
    nothing = torch.full((3, 2), math.nan)
    loss = criterion(scores, nothing)
    loss.backward()
    assert (loss.item(), criterion.weight(nothing)) == (0, 0)
    assert not scores.grad.any()  # type: ignore[union-attr]


@pytest.mark.parametrize("name", NAMES)
def test_where_all_labels_are_known_nothing_is_different(name):
    whole: Any = build_criterion(name, LABELS)
    partial: Any = build_criterion(name, LABELS, partial=True)
    assert torch.equal(whole(SCORES, TRUTH), partial(SCORES, TRUTH))
    assert partial.weight(TRUTH) == (1 if name == "multi_head_bce" else 3)


@pytest.mark.parametrize("name", ["bce", "mlsml"])
def test_micro_batches_are_weighed_by_what_is_known(name):
    criterion: Any = build_criterion(name, LABELS, partial=True)
    parts = [(criterion(SCORES[rows], HALF[rows]), criterion.weight(HALF[rows])) for rows in ([0], [1, 2])]
    whole = sum(loss * weight for loss, weight in parts) / sum(weight for _, weight in parts)
    torch.testing.assert_close(whole, criterion(SCORES, HALF))


def test_positive_labels_are_counted_among_the_known_ones():
    criterion: Any = build_criterion("bce", LABELS, sample_size="positives", partial=True)
    assert criterion.weight(HALF) == 2
    torch.testing.assert_close(criterion(SCORES, HALF), build_criterion("bce", LABELS, partial=True)(SCORES, HALF) * 2)


def test_the_mean_of_labels_is_finite_for_certain_scores_and_tells_of_scores_that_are_not_numbers():
    objective = MultiHead()
    scores = torch.tensor([[200.0, -200.0]], requires_grad=True)
    losses = objective(scores, torch.tensor([[0.0, 1.0]]))
    losses.sum().backward()
    assert losses.tolist() == [[100, 100]]
    assert bool(torch.isfinite(scores.grad).all())  # type: ignore[arg-type]
    assert bool(objective(torch.tensor([[math.nan, 0.0]]), torch.zeros(1, 2))[0, 0].isnan())
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(objective(SCORES, TRUTH), objective(SCORES, TRUTH).float())


# -------------------------------------------------------------------------------------------------- pos_weight
@pytest.mark.parametrize("words", [["1.5", "4"], ["1.5,4"], ["[1.5,4.0]"], ["[1.5,", "4]"], ["FILE"]])
def test_weights_of_positives_are_numbers_or_a_file_with_or_without_brackets(words, tmp_path):
    (tmp_path / "pos_weight.txt").write_text("[1.500000,4.000000]\n")
    words = [word.replace("FILE", str(tmp_path / "pos_weight.txt")) for word in words]
    found = build_criterion("bce", LABELS, pos_weight=words)(SCORES, TRUTH)
    expected = F.binary_cross_entropy_with_logits(SCORES, TRUTH, pos_weight=torch.tensor([1.5, 4.0]))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("words", "says"), [
    (["1"], "1 weights for 2 labels"), (["a", "b"], "neither numbers nor a file"), (["1", "inf"], "finite numbers"),
    (["0", "1"], "finite numbers above 0"), (["[]"], "finite numbers")])
def test_weights_that_do_not_fit_are_refused(words, says):
    with pytest.raises(UserError, match=says):
        build_criterion("bce", LABELS, pos_weight=words)


def test_what_has_no_effect_is_refused():
    with pytest.raises(UserError, match="--pos_weight: holds only with --loss bce; here it is as"):
        build_criterion("as", LABELS, pos_weight=["1", "2"])
    with pytest.raises(UserError, match="choose one of them"):
        build_criterion("bce", LABELS, 0.0, torch.ones(2), pos_weight=["1", "2"])
    with pytest.raises(UserError, match="--loss mlsml has no settings"):
        build_criterion("mlsml", LABELS, loss_args=["gamma=1"])
    with pytest.raises(UserError, match="unknown loss option 'gama'; did you mean gamma"):
        build_criterion("bf", LABELS, loss_args=["gama=1"])
    with pytest.raises(UserError, match="multi_head_bce is the mean of its labels"):
        build_criterion("multi_head_bce", LABELS, sample_size="positives")
    with pytest.raises(UserError, match="--sample_size positives: holds for several labels"):
        build_criterion("ce", TargetSpec("classes", ("a", "b")), sample_size="positives")


def test_a_file_of_weights_is_not_read_without_bound(tmp_path):
    (tmp_path / "w.txt").write_bytes(b"1," * (1 << 20))
    with pytest.raises(UserError, match="too many for a list of weights"):
        read_pos_weight([str(tmp_path / "w.txt")])
