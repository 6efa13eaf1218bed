from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch.nn import functional as F

from src.models.layers.quantizers import VectorQuantizer, kmeans


def make(codes: int = 6, **options) -> VectorQuantizer:
    torch.manual_seed(0)
    return VectorQuantizer(d_model=5, codex_size=codes, d_codex=4, **options)


def test_kmeans_finds_clusters_that_are_there():
    torch.manual_seed(0)
    centres = torch.eye(3)
    samples = F.normalize(centres.repeat(20, 1) + 0.05 * torch.randn(60, 3), dim=1)
    means, sizes = kmeans(samples, 3, init_idxs=torch.tensor([0, 1, 2]))
    assert sizes.tolist() == [20, 20, 20]
    torch.testing.assert_close(means, centres, atol=0.05, rtol=0.0)


def test_kmeans_draws_with_repeats_when_samples_are_few():
    means, sizes = kmeans(F.normalize(torch.randn(4, 3), dim=1), 9)
    assert means.shape == (9, 3)
    assert sizes.sum() == 4


def test_each_token_gets_its_nearest_code():
    quantizer, tokens = make(init_kmeans=False).eval(), torch.randn(3, 7, 5)
    found = quantizer(tokens)
    distances = torch.cdist(quantizer.project(tokens).flatten(0, 1), quantizer.codex.embeddings)
    assert torch.equal(found.codes.flatten(), distances.argmin(1))


def test_codes_keep_unit_length_and_unused_ones_stay():
    quantizer = make(codes=40, init_kmeans=False).train()
    before = quantizer.codex.embeddings.clone()
    used = quantizer(torch.randn(2, 4, 5)).codes.unique()
    after = quantizer.codex.embeddings
    torch.testing.assert_close(after.norm(dim=1), torch.ones(40))
    moved = (after - before).abs().amax(1) > 1e-6
    assert set(moved.nonzero().flatten().tolist()) <= set(used.tolist())
    assert moved.any()


def test_the_gradient_passes_straight_through():
    quantizer, tokens = make(init_kmeans=False), torch.randn(2, 3, 5, requires_grad=True)
    quantizer(tokens).tokens.sum().backward()
    assert tokens.grad.abs().sum() > 0
    assert quantizer.pre_proj[0].weight.grad.abs().sum() > 0


def test_evaluation_counts_codes_as_the_original_does_unless_it_is_frozen():
    tokens = torch.randn(2, 3, 5)
    for frozen in (False, True):
        quantizer = make(frozen_in_eval=frozen).eval()
        before = {key: value.clone() for key, value in quantizer.state_dict().items()}
        quantizer(tokens)
        changed = {key for key, value in quantizer.state_dict().items() if not torch.equal(value, before[key])}
        assert changed == (set() if frozen else {"counts", "codex.embeddings", "codex.initted"})


def test_counts_are_forgotten_on_demand():
    quantizer = make(init_kmeans=False).train()
    quantizer(torch.randn(2, 3, 5))
    assert quantizer.counts.sum() > 0
    quantizer.reset_counts()
    assert not quantizer.counts.any()


def test_the_state_dict_is_the_original_s_unless_an_option_needs_more():
    assert set(make(restart_after=3, warmup_steps=2).state_dict()) - set(make().state_dict()) == {"idle", "steps"}


def test_nothing_is_quantised_during_the_warm_up_and_k_means_follows():
    quantizer, tokens = make(warmup_steps=2, frozen_in_eval=True), torch.randn(2, 3, 5)
    passed = quantizer.post_proj(quantizer.layernorm(quantizer.project(tokens)))
    for train in (True, False, True, False):  # evaluation does not count, and passes as training does
        quantizer.train(train)
        warm = quantizer(tokens)
        assert torch.equal(warm.tokens, passed)
        assert warm.loss == 0
        assert not quantizer.codex.initted
    start = torch.tensor([0, 1, 2, 3, 4, 5])
    quantised = quantizer.train()(tokens, start)
    assert quantizer.codex.initted
    assert quantizer.steps == 2
    assert torch.equal(quantised.codes.flatten().sort().values, start)  # six vectors, six codes


def test_a_warm_up_goes_on_where_it_was_stopped():
    first, second = make(warmup_steps=3).train(), make(warmup_steps=3).train()
    first(torch.randn(2, 3, 5))
    second.load_state_dict(first.state_dict())
    assert second.steps == 1


def test_a_code_that_nothing_chooses_becomes_a_vector_of_the_batch():
    quantizer = make(codes=40, init_kmeans=False, restart_after=2).train()
    tokens, rows = torch.randn(2, 3, 5), torch.arange(40) % 6
    before = quantizer.codex.embeddings.clone()
    used = quantizer(tokens, restart_idxs=rows).codes.unique()
    idle = [code for code in range(40) if code not in used]
    torch.testing.assert_close(quantizer.codex.embeddings[idle], before[idle])
    quantizer(tokens, restart_idxs=rows)
    fresh = quantizer.project(tokens).flatten(0, 1)[rows]
    torch.testing.assert_close(quantizer.codex.embeddings[idle], fresh[idle])
    assert not quantizer.idle.any()
    assert not torch.allclose(quantizer.codex.embeddings[used], fresh[used], atol=1e-3)


def test_dead_codes_stay_as_they_are_without_the_option_and_in_evaluation():
    tokens = torch.randn(2, 3, 5)
    for restart_after, training in ((0, True), (1, False)):
        quantizer = make(codes=40, init_kmeans=False, restart_after=restart_after).train(training)
        before = quantizer.codex.embeddings.clone()
        for _ in range(3):
            used = quantizer(tokens).codes.unique()
        idle = [code for code in range(40) if code not in used]
        torch.testing.assert_close(quantizer.codex.embeddings[idle], before[idle])


def test_codes_are_the_same_under_autocast():
    quantizer, tokens = make(codes=40, init_kmeans=False).train(), torch.randn(2, 9, 5)
    vectors = quantizer.project(tokens).flatten(0, 1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(quantizer.codex.nearest(vectors), torch.cdist(vectors, quantizer.codex.embeddings).argmin(1))
        assert quantizer.project(tokens).dtype == torch.float32
        quantizer(tokens)
    torch.testing.assert_close(quantizer.codex.embeddings.norm(dim=1), torch.ones(40))


def _rank(rank: int, meeting: str, halves: torch.Tensor, expected: dict[str, torch.Tensor]) -> None:
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    quantizer = make(init_kmeans=False).train()
    quantizer(halves[rank])
    for key, value in quantizer.state_dict().items():
        torch.testing.assert_close(value, expected[key])
    quantizer = make(codes=40, restart_after=1).train()  # drawn by the first process, for both
    torch.manual_seed(rank)
    quantizer(halves[rank])
    books = [torch.zeros(40, 4) for _ in halves]
    dist.all_gather(books, quantizer.codex.embeddings.detach())
    assert torch.equal(*books)
    quantizer.eval()
    for _ in range(1 + rank):  # in evaluation no process waits for the other
        quantizer(halves[rank])
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.distributed
def test_two_processes_move_start_and_restart_the_codes_as_one_does(tmp_path):
    tokens = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    alone = make(init_kmeans=False).train()
    alone(tokens.flatten(0, 1))
    expected = {key: value.detach() for key, value in alone.state_dict().items()}
    processes.spawn(_rank, (str(tmp_path / "meeting"), tokens, expected), nprocs=2)
