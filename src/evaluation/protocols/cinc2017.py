"""PhysioNet/CinC Challenge 2017: F1 of normal, AF and other rhythm, whose mean is the score; noisy is not in it.

Clifford et al. 2017. The early rules averaged all four classes: `F1_four`.
"""

from __future__ import annotations

import numpy as np

from src.evaluation.evaluate import Evaluation
from src.evaluation.protocols.confusion import answers, confusion, f1_of
from src.evaluation.section import Section, Table
from src.evaluation.words import number

ORDER = {"N": ("normal",), "A": ("AF", "atrial fibrillation"), "O": ("other", "other rhythm"), "~": ("noisy", "noise")}


def scores(counts: np.ndarray) -> dict[str, float]:
    """(4 true, 4 answered) counts of N, A, O, ~ -> F1 of each and the score; NaN where a class does not occur."""
    f1 = f1_of(counts)
    by_class = dict(zip(("F1n", "F1a", "F1o", "F1p"), f1.tolist()))
    return by_class | {"F1_final": float(f1[:3].mean()), "F1_four": float(f1.mean())}


def section(evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section:
    """The score of the challenge and what it is made of."""
    counts = confusion(*answers(evaluation, ORDER), len(ORDER))
    found = scores(counts)
    rows = [[name, str(int(counts[place].sum())), number(found[key])]
            for place, (name, key) in enumerate(zip(("N", "A", "O", "~"), ("F1n", "F1a", "F1o", "F1p")))]
    return Section("Protocol CinC 2017", f"score {number(found['F1_final'])}, the mean F1 of N, A and O.",
                   table=Table(["class", "records", "F1"], rows), values={**found, "confusion": counts.tolist()},
                   caption="The noisy class (~) does not count in the score. The challenge was judged on hidden "
                           "recordings; 0.83 won.")
