"""Identification among strangers: each probe's nearest gallery record is of the same person, or it is not."""

from __future__ import annotations

import numpy as np

from src.data.sets.manifest_files import ROLES
from src.evaluation.retrieval import CHUNK, Retrieval
from src.evaluation.section import Section, Table
from src.evaluation.words import number, percent

GALLERY, PROBE = ROLES


def identify(embeddings: np.ndarray, people: np.ndarray, roles: np.ndarray) -> Retrieval:
    """Embeddings (n, D), whose each is (n,) and `gallery` or `probe` (n,) -> top-1 of the probes, by the cosine.

    Probes of a person who is not in the gallery count as wrong; without a gallery nothing is found.
    """
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    known, asked = np.flatnonzero(roles == GALLERY), np.flatnonzero(roles == PROBE)
    if not len(known):
        asked = asked[:0]
    right, chance = np.zeros(len(asked), bool), np.zeros(len(asked))
    for start in range(0, len(asked), CHUNK):
        part = slice(start, start + CHUNK)
        nearest = known[(unit[asked[part]] @ unit[known].T).argmax(1)]
        right[part] = people[nearest] == people[asked[part]]
        chance[part] = (people[known] == people[asked[part], None]).mean(1)
    return Retrieval(right, chance, people[asked])


def identification_section(found: Retrieval, gallery: int) -> Section:
    said = (f"The nearest of {gallery:,} gallery records is of the same person for {percent(found.top1, 1)} of "
            f"{len(found.right):,} probes; by chance {percent(found.expected, 1)}.")
    row = ["probes", number(found.top1), number(found.error), number(found.expected), f"{len(found.right):,}"]
    return Section("Identification", said, table=Table(["", "accuracy", "standard error", "chance", "records"], [row]),
                   caption="None of these people were trained on: their embeddings are compared by the cosine.",
                   values={"accuracy": found.top1, "chance": found.expected, "probes": len(found.right),
                           "gallery": gallery})
