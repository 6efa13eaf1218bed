"""The pattern labeler: text of a record -> labels with probabilities; a table of texts -> an array.

A configuration is read once and its patterns are sorted once; equal texts are labelled once, and distinct ones in
several processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.labels.configuration import DEFAULT, LABEL_DEFINITION, Pattern, read_configuration
from src.data.labels.graph import Graph
from src.data.labels.matching import MODES, Found, Matcher, read_entities
from src.data.labels.normalise import PHRASES, TERMS, Normaliser
from src.data.tables import read_rows
from src.errors import UserError, did_you_mean
from src.machine import cores

CHUNK = 2000  # texts that a process gets at a time
FEW = 4000  # texts for which starting processes takes longer than labelling


@dataclass(frozen=True)
class Reading:
    """What was seen in one text on the way to its labels."""

    normalised: str
    matches: list[Pattern]
    unmatched: str
    entities: list[Found]
    labels: dict[str, float]


class Labeler:
    """`mode`: `upstream` reproduces the published labels, where descriptors count only in texts with a connective;
    `attrib` attributes them always; `attrib_absent` also removes what is negated ("no", "without").

    `normaliser` None takes texts as they are.
    """

    def __init__(self, folder: Path | None = None, mode: str = "upstream", normaliser: Normaliser | None = None):
        if mode not in MODES:
            raise UserError(f"labeler mode {mode!r}: expected {', '.join(MODES)}{did_you_mean(mode, MODES)}")
        configuration = read_configuration(folder or DEFAULT)
        self.mode, self.normaliser = mode, normaliser
        self.matcher, self.graph = Matcher(configuration), Graph(configuration)
        self.names = frozenset(configuration.parents)

    @classmethod
    def open(cls, folder: Path | None = None, mode: str = "upstream") -> Labeler:
        """With the normalisation tables of the folder, or of the folder around it, or else our own."""
        return cls(folder, mode, Normaliser.read(find_table(folder, PHRASES), find_table(folder, TERMS)))

    def read(self, text: str) -> Reading:
        """The labels of one record's text, and how they came about."""
        normalised = self.normaliser(text) if self.normaliser else text
        matches, unmatched = self.matcher(normalised)
        entities = read_entities(matches, self.mode)
        labels = self.graph.labels(entities, self.mode == "attrib_absent")
        return Reading(normalised, matches, unmatched, entities, labels)


def find_table(folder: Path | None, name: str) -> Path:
    """The published configuration comes without normalisation tables, so they may also lie beside its folder."""
    places = [folder, folder.resolve().parent] if folder else []
    return next((place / name for place in places if (place / name).is_file()), DEFAULT / name)


def label_names(folder: Path | None = None) -> list[str]:
    """The column `name` of the configuration's label_def.csv: which labels are kept, in their order."""
    path = (folder or DEFAULT) / LABEL_DEFINITION
    if not path.is_file():
        raise UserError(f"{path} is missing", "its column name says which labels are kept, in which order")
    rows = [row for row in read_rows(path) if row]
    if not rows or "name" not in rows[0]:
        raise UserError(f"{path}: expected a column name, found {', '.join(rows[0]) if rows else 'nothing'}")
    names = [row[rows[0].index("name")] for row in rows[1:]]
    if not names or len(set(names)) < len(names):
        raise UserError(f"{path}: " + ("no label" if not names else "a label is there twice"))
    return names


def label_texts(texts: Sequence[str], folder: Path | None = None, mode: str = "upstream",
                workers: int | None = None) -> np.ndarray:
    """(texts, labels) float64: probability of each label of `label_names(folder)`, 0 where it is not stated.

    `workers` None uses every core; equal texts are labelled once.
    """
    names = label_names(folder)
    _check_names(Labeler.open(folder, mode), names, folder)
    distinct = list(dict.fromkeys(texts))
    workers = cores() if workers is None else workers
    if workers <= 1 or len(distinct) <= FEW:
        _start(folder, mode, names)
        parts = [_label(distinct)]
    else:
        parts = _in_processes(distinct, folder, mode, names, workers)
    table = np.concatenate(parts) if distinct else np.zeros((0, len(names)))
    row = {text: number for number, text in enumerate(distinct)}
    return table[[row[text] for text in texts]]


def _in_processes(texts: list[str], folder: Path | None, mode: str, names: list[str], workers: int) -> list[np.ndarray]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    chunks = [texts[start:start + CHUNK] for start in range(0, len(texts), CHUNK)]
    context = multiprocessing.get_context("spawn")  # a forked process may hang on the threads of torch
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(folder, mode, names)) as pool:
        return list(pool.map(_label, chunks))


_process: dict[str, tuple[Labeler, list[str]]] = {}  # the labeler of this process


def _start(folder: Path | None, mode: str, names: list[str]) -> None:
    _process["labeler"] = Labeler.open(folder, mode), names


def _label(texts: Sequence[str]) -> np.ndarray:
    labeler, names = _process["labeler"]
    found = [labeler.read(text).labels for text in texts]
    return np.array([[labels.get(name, 0.0) for name in names] for labels in found]).reshape(len(texts), len(names))


def _check_names(labeler: Labeler, names: Sequence[str], folder: Path | None) -> None:
    unknown = [name for name in names if name.partition(" - ")[0] not in labeler.names and name not in labeler.names]
    if unknown:
        raise UserError(f"{(folder or DEFAULT) / LABEL_DEFINITION} names {unknown[0]!r}, which is no entity of "
                        f"entity_tem.json{did_you_mean(unknown[0], labeler.names)}")
