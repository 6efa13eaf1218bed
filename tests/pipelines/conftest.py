"""The recordings of `words_files`, written once for all tests of pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.words_files import write_words


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_words(tmp_path_factory.mktemp("words") / "words.npz")
