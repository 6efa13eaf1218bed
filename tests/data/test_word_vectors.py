from __future__ import annotations

import numpy as np
import pytest

from src.data.word_vectors import read_word_vectors
from src.errors import UserError

WORDS, VECTORS = ["ma", "ba"], np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def npz(folder, **arrays):
    np.savez(folder / "vectors.npz", **arrays)
    return folder / "vectors.npz"


def csv(folder, text: str):
    (folder / "vectors.csv").write_text(text, encoding="utf-8")
    return folder / "vectors.csv"


def test_an_npz_and_a_csv_with_or_without_a_header_give_the_same(tmp_path):
    files = [lambda: npz(tmp_path, words=WORDS, vectors=VECTORS), lambda: csv(tmp_path, "ma,1,2,3\nba,4,5,6\n"),
             lambda: csv(tmp_path, "word,v1,v2,v3\n ma ,1,2,3\n\nba,4,5,6\n")]
    for make in files:
        words, vectors = read_word_vectors(make())
        assert words == ("ma", "ba")
        assert vectors.dtype == np.float32
        np.testing.assert_array_equal(vectors, VECTORS)


@pytest.mark.parametrize(("arrays", "message"), [
    ({"words": WORDS}, "holds words"),
    ({"words": WORDS, "vectors": VECTORS[:1]}, r"words \(2,\) and vectors \(1, 3\)"),
    ({"words": WORDS, "vectors": VECTORS[0]}, r"vectors \(3,\)"),
    ({"words": ["ma", "ma"], "vectors": VECTORS}, "more than once: ma"),
    ({"words": WORDS, "vectors": VECTORS * [1, np.nan, 1]}, "NaN or infinite numbers: ma, ba"),
    ({"words": WORDS, "vectors": VECTORS * 1e300}, "NaN or infinite numbers: ma, ba"),
    ({"words": WORDS, "vectors": VECTORS.astype(str)}, "text and numbers are expected"),
    ({"words": np.array(WORDS, object), "vectors": VECTORS}, "only a pickle can read; nothing was executed"),
])
def test_what_is_wrong_in_an_npz_is_told(tmp_path, arrays, message):
    with pytest.raises(UserError, match=message):
        read_word_vectors(npz(tmp_path, **arrays))


@pytest.mark.parametrize(("text", "message"), [
    ("", "no line with a word"), ("word,v1\n", "no line with a word"), ("ma\nba\n", "no line with a word"),
    ("ma,1,2\nba,3\n", "line 2 is not a word and 2 numbers"), ("ma,1,2\nba,3,x\n", "line 2 is not a word"),
    ("ma,1,nan\n", "NaN or infinite numbers: ma"),
])
def test_what_is_wrong_in_a_csv_is_told(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read_word_vectors(csv(tmp_path, text))


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(UserError, match=r"--word_vectors nowhere\.npz: no such file"):
        read_word_vectors("nowhere.npz")
