"""The folders of the ECG-FM lead-I pipeline below its base folder, and the names of their files.

    labels/raw_for_labeling/  labels/ecg_fm_labeler_config/  labels/computed_labels/
    split/data/record_list.csv, meta_split.csv
    preprocess/data/lead_1_duplicated/*.mat                      10 s, one file per record
    build/data/test_lead1_duplicated/                            links to the test records and their labels
    build/data/finetune_lead1_duplicated/segmented_5s, manifests 5 s, one file per segment
    eval/data/                                                   predictions and metrics

Other leads have folders of their own: lead_2_duplicated, or leads_1-2-8 where several are used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.errors import UserError

NAME, README = "ecgfm", "ecgfm_readme"  # the later revision of its evaluation, and the first one
BASE_VARIABLE = "ECG_FINETUNE_BASE"
MEASUREMENTS = ("labels/raw_for_labeling/machine_measurements.csv", "labels/label_inputs/machine_measurements.csv")
CONFIG = "labels/ecg_fm_labeler_config"
LABELS = "labels/computed_labels"
RECORDS, SPLIT = "split/data/record_list.csv", "split/data/meta_split.csv"
PRETRAINED = "mimic_iv_ecg_physionet_pretrained.pt"
RATE_HZ, SEGMENT = 500, 2500  # samples of a segment: 5 s
PARTS = ("train", "valid", "test")

# Labels whose record has the largest probability of its segments, all others the mean; in the first README
# supraventricular tachycardia with aberrancy was averaged too.
LARGEST_README = ("Poor data quality", "Premature ventricular contraction", "Ventricular tachycardia",
                  "Electronic pacemaker")
LARGEST = (*LARGEST_README, "Supraventricular tachycardia with aberrancy")


def base_folder(named: str | None) -> Path:
    """--base_dir, else the pipeline's environment variable, else the current folder."""
    return Path(named or os.environ.get(BASE_VARIABLE) or ".")


def saved_name(study: int) -> str:
    return f"mimic_iv_ecg_{study}.mat"


def study_of(record: str) -> int:
    """The study of a segment's name, mimic_iv_ecg_<study>_<k>; UserError for other names."""
    study = record.rpartition("_")[0].rpartition("_")[2]
    if not study.isdecimal():
        raise UserError(f"{record}: no segment of this pipeline", "they are named mimic_iv_ecg_<study>_<k>")
    return int(study)


@dataclass(frozen=True)
class Tree:
    """Where everything lies; `leads` are numbers from 1 in the order I, II, III, aVR, aVL, aVF, V1-V6."""

    base: Path
    leads: tuple[int, ...] = (1,)

    @property
    def variant(self) -> str:
        return f"lead{self.leads[0]}_duplicated" if len(self.leads) == 1 else f"leads{self._numbers}"

    @property
    def _numbers(self) -> str:
        return "-".join(map(str, self.leads))

    @property
    def mats(self) -> Path:
        name = f"lead_{self._numbers}_duplicated" if len(self.leads) == 1 else f"leads_{self._numbers}"
        return self.base / "preprocess/data" / name

    @property
    def test(self) -> Path:
        return self.base / "build/data" / f"test_{self.variant}"

    @property
    def finetune(self) -> Path:
        return self.base / "build/data" / f"finetune_{self.variant}"

    @property
    def segments(self) -> Path:
        return self.finetune / "segmented_5s"

    @property
    def manifests(self) -> Path:
        return self.finetune / "manifests"

    def evaluation(self, what: str) -> Path:
        """A new file of predictions or of an evaluation (`what`), named by the time."""
        stamp = time.strftime("%Y%m%d_%H%M%S")
        return self.base / "eval/data" / f"{what}_final_data_{self.variant}_{stamp}.csv"


def manifest(root: Path, names: Sequence[str]) -> str:
    """The text of a .tsv: the absolute folder, then a name and its samples per line."""
    return "".join([f"{root.resolve()}\n", *(f"{name}\t{SEGMENT}\n" for name in names)])


def largest_of(layout: str) -> tuple[str, ...]:
    return {NAME: LARGEST, README: LARGEST_README}[layout]
