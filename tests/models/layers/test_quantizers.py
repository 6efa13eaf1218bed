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


def _rank(rank: int, meeting: str, halves: torch.Tensor, expected: dict[str, torch.Tensor]) -> None:
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    quantizer = make(init_kmeans=False).train()
    quantizer(halves[rank])
    for key, value in quantizer.state_dict().items():
        torch.testing.assert_close(value, expected[key])
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.distributed
def test_two_processes_move_the_codes_as_one_does(tmp_path):
    tokens = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    alone = make(init_kmeans=False).train()
    alone(tokens.flatten(0, 1))
    expected = {key: value.detach() for key, value in alone.state_dict().items()}
    processes.spawn(_rank, (str(tmp_path / "meeting"), tokens, expected), nprocs=2)
