"""MIT-BIH arrhythmia, AAMI EC57 classes N S V F Q: sensitivity, positive predictivity and false positive rate of each
class against the rest, over beats of patients that training has not seen (de Chazal et al. 2004: DS2)."""

from __future__ import annotations

import numpy as np

from src.evaluation.evaluate import Evaluation
from src.evaluation.protocols.confusion import answers, confusion
from src.evaluation.section import Section, Table
from src.evaluation.words import number, percent

ORDER: dict[str, tuple[str, ...]] = {"N": ("normal",), "S": ("SVEB",), "V": ("VEB",), "F": ("fusion",),
                                     "Q": ("unknown", "paced")}
COLUMNS = {"Se": "Se", "PPV": "+P", "FPR": "FPR", "Acc": "accuracy", "F1": "F1"}
RARE = 20  # beats below which a class is not spoken about


def scores(counts: np.ndarray) -> dict[str, dict[str, float]]:
    """(5 true, 5 answered) beats -> class -> Se, PPV, FPR, Acc and F1 of it against the rest; NaN where undefined."""
    counts = np.asarray(counts, np.float64)
    hit, beats, said, total = counts.diagonal(), counts.sum(1), counts.sum(0), counts.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {"Se": hit / beats, "PPV": hit / said, "FPR": (said - hit) / (total - beats),
                 "Acc": (total - beats - said + 2 * hit) / total, "F1": 2 * hit / (beats + said)}
    return {name: {key: float(value[place]) for key, value in found.items()} for place, name in enumerate(ORDER)}


def overall_accuracy(counts: np.ndarray) -> float:
    return float(np.trace(counts) / np.sum(counts))


def section(evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section:
    """Each class against the rest, over beats."""
    counts = confusion(*answers(evaluation, ORDER), len(ORDER))
    found, beats = scores(counts), counts.sum(1)
    rows = [[name, str(int(beats[place])), *(number(found[name][key]) for key in COLUMNS)]
            for place, name in enumerate(ORDER)]
    spoken = [f"{name} Se {percent(found[name]['Se'], 1)} +P {percent(found[name]['PPV'], 1)}"
              for place, name in enumerate(ORDER) if beats[place] >= RARE]
    return Section("Protocol MIT-BIH AAMI", f"accuracy {percent(overall_accuracy(counts), 1)}; {', '.join(spoken)}.",
                   table=Table(["class", "beats", *COLUMNS.values()], rows),
                   values={"overall_accuracy": overall_accuracy(counts), "per_class": found,
                           "confusion": counts.tolist()},
                   caption=f"Each class against the rest. Classes of fewer than {RARE} beats are too rare to score. "
                           "Numbers of random beats (the same patients in training and test) are not comparable.")
