from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from src.data.simulated.lexicon import draw_lexicon


@pytest.mark.parametrize(("words", "seed"), [(2, 0), (12, 0), (12, 1), (13, 2), (61, 0)])
def test_words_are_distinct_in_motifs_and_in_name(words, seed):
    lexicon = draw_lexicon(words, seed)
    assert len(set(lexicon.words)) == len(set(lexicon.names)) == words
    assert all(len(set(word)) == 3 for word in lexicon.words)


@pytest.mark.parametrize(("words", "allowed"), [(12, {3, 6}), (61, set(range(15, 26)))])
def test_every_motif_occurs_in_several_words(words, allowed):
    for seed in range(5):
        counts = Counter(motif for word in draw_lexicon(words, seed).words for motif in word)
        assert len(counts) == 9
        assert set(counts.values()) <= allowed


def test_each_triple_gives_three_words_of_the_same_motifs():
    groups = Counter(frozenset(word) for word in draw_lexicon(12, 0).words)
    assert set(groups.values()) == {3}


def test_no_two_motifs_share_a_set_of_sources():
    motifs = draw_lexicon(12, 0).motifs
    for one, two in combinations(motifs, 2):
        assert {burst.source for burst in one.high_gamma} != {burst.source for burst in two.high_gamma}
        assert {wave.source for wave in one.evoked} != {wave.source for wave in two.evoked}


def test_more_words_leave_the_motifs_as_they_are():
    assert draw_lexicon(12, 3).motifs == draw_lexicon(61, 3).motifs
    assert draw_lexicon(12, 3) != draw_lexicon(12, 4)
