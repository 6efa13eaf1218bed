from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.labels.whole_terms import replace_once, replace_term, starts_of, without_private


@pytest.mark.parametrize(("text", "found"), [
    ("rain", [0]), ("rainy day", []), ("train", []), ("rain_snow", []), ("(rain)/rain", [1, 7]), ("rain rain", [0, 5])])
def test_terms_are_whole_words(text, found):
    assert list(starts_of("rain", text)) == found


def test_an_edge_of_punctuation_needs_no_border():
    assert list(starts_of(", acute", "infarct, acute")) == [7]
    assert list(starts_of(", acute", "infarct, acutely")) == []


@given(st.text("ab- _1", max_size=12), st.text("ab-1", min_size=1, max_size=3))
def test_whole_terms_are_those_of_the_regular_expression(text, term):
    left = r"(?<!\w)" if term[0].isalnum() else ""
    right = r"(?!\w)" if term[-1].isalnum() else ""
    pattern = left + re.escape(term) + right
    assert list(starts_of(term, text)) == [found.start() for found in re.finditer(pattern, text)]
    assert replace_term(text, term, "x") == re.sub(pattern, "x", text)


def test_replaced_text_is_not_matched_again():
    assert replace_once("long qt, qt", [("long qt", "short qt"), ("short qt", "wrong"), ("qt", "q")]) == "short qt, q"


def test_characters_that_mark_matches_cannot_come_from_a_text():
    assert without_private("a\ue000b") == "a b"
