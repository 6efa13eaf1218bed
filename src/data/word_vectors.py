"""Word embeddings from a file, chosen by the person: an npz of `words` and `vectors`, or a CSV `word,v1,v2,...`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from src.data.readers.npz import npz_names, read_npz
from src.data.tables import read_rows
from src.errors import UserError

EXPECTED = "an .npz with words (K,) and vectors (K, V), or a CSV whose lines are word,v1,v2,..."


def read_word_vectors(where: Path | str) -> tuple[tuple[str, ...], np.ndarray]:
    """K different words and their vectors (K, V) float32.

    Raises UserError for files of another form, for words that are there twice, and for numbers that are not finite.
    """
    path = Path(where)
    if not path.is_file():
        raise UserError(f"--word_vectors {where}: no such file", EXPECTED)
    words, vectors = _from_npz(path) if path.suffix.lower() == ".npz" else _from_csv(path)
    if vectors.ndim != 2 or not vectors.size or words.shape != vectors.shape[:1]:
        raise UserError(f"{path}: words {words.shape} and vectors {vectors.shape}", EXPECTED)
    twice = [word for word, times in Counter(words.tolist()).items() if times > 1]
    if twice:
        raise UserError(f"{path}: {len(twice)} words are there more than once: {', '.join(twice[:5])}",
                        "keep one vector for each word")
    with np.errstate(over="ignore"):
        vectors = vectors.astype(np.float32)
    wrong = words[~np.isfinite(vectors).all(1)]
    if len(wrong):
        raise UserError(f"{path}: vectors with NaN or infinite numbers: {', '.join(wrong[:5])}",
                        "give finite numbers, or leave these words out")
    return tuple(words.tolist()), vectors


def _from_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    found = npz_names(path)
    if not {"words", "vectors"} <= set(found):
        raise UserError(f"{path}: holds {', '.join(found) or 'nothing'}", EXPECTED)
    words, vectors = read_npz(path, "words"), read_npz(path, "vectors")
    if words.dtype.kind not in "US" or vectors.dtype.kind not in "fiu":
        raise UserError(f"{path}: words are {words.dtype}, vectors {vectors.dtype}; text and numbers are expected",
                        EXPECTED)
    try:
        return np.char.strip(words.astype(str)), vectors
    except UnicodeDecodeError:
        raise UserError(f"{path}: words are bytes outside ASCII", "save them as text: np.asarray(words, str)") from None


def _from_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A first line without any number names the columns."""
    rows = [(number, row) for number, row in enumerate(read_rows(path), start=1) if any(cell.strip() for cell in row)]
    if rows and not any(_is_number(cell) for cell in rows[0][1][1:]):
        rows = rows[1:]
    width = len(rows[0][1]) if rows else 0
    if width < 2:
        raise UserError(f"{path}: no line with a word and its numbers", EXPECTED)
    for number, row in rows:
        if len(row) != width or not all(_is_number(cell) for cell in row[1:]):
            raise UserError(f"{path}: line {number} is not a word and {width - 1} numbers", EXPECTED)
    return np.array([row[0].strip() for _, row in rows]), np.array([row[1:] for _, row in rows], dtype=np.float64)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
