"""The word embeddings that trials are aligned to. They travel in the checkpoint, so that a resumed run and a test need
no file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from src.data.word_vectors import read_word_vectors
from src.errors import UserError, did_you_mean

ONE_HOT, NONE = "one_hot", "none"  # of --word_vectors: a place for each word that is learnt; trials are compared alone


class WordVectors(nn.Module):
    """`words` and their embeddings `vectors` (K, V), which do not learn."""

    vectors: Tensor

    def __init__(self, words: Sequence[str], vectors: Tensor):
        super().__init__()
        self.words = tuple(words)
        self.register_buffer("vectors", vectors)

    @property
    def width(self) -> int:
        return self.vectors.shape[1]

    def of(self, names: Sequence[str]) -> WordVectors:
        """Those of the data's words, in their order. Raises UserError for words without a vector."""
        missing = [name for name in names if name not in self.words]
        if missing or not names:
            raise UserError(f"--word_vectors: no vector for {len(missing)} of the data's {len(names)} words: "
                            f"{', '.join(name + did_you_mean(name, self.words) for name in missing[:5])}",
                            "the file must have every word of the data, written alike; further words are ignored")
        places = {word: place for place, word in enumerate(self.words)}
        return WordVectors(names, self.vectors[[places[name] for name in names]])

    def get_extra_state(self) -> dict[str, Any]:
        return {"words": list(self.words)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """What it says was needed to build this module."""


def names_file(value: str | None) -> bool:
    """Whether this --word_vectors is a file."""
    return value not in (None, NONE, ONE_HOT)


def one_hot(names: Sequence[str]) -> WordVectors:
    """A direction for each word: the model's projection of it is a place in common that is learnt."""
    if not names:
        raise UserError("--word_vectors one_hot: the labels of these data are no words", "--word_vectors none")
    return WordVectors(names, torch.eye(len(names)))


def read(where: str) -> WordVectors:
    """--word_vectors: every word of the file."""
    words, vectors = read_word_vectors(where)
    return WordVectors(words, torch.from_numpy(vectors))


def from_checkpoint(state: dict[str, Any]) -> WordVectors | None:
    """What a checkpoint of the alignment carries, if trials were aligned to word embeddings."""
    stored = state["companions"].get("words")
    return WordVectors(stored["_extra_state"]["words"], stored["vectors"]) if stored else None
