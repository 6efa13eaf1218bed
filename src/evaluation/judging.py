"""What a data set adds to the report of an evaluation: its benchmark's own numbers, and groups of people."""

from __future__ import annotations

from src.data.dataset import BaseDataset
from src.evaluation.evaluate import Evaluation
from src.evaluation.protocols.judge import judge
from src.evaluation.section import Section
from src.evaluation.subgroups_page import subgroup_section


def judged(evaluation: Evaluation, dataset: BaseDataset) -> list[Section]:
    """Sections for the report; none where the data name no protocol and tell nothing of their records."""
    info = {name: column[evaluation.predictions.rows] for name, column in dataset.info.items()}
    found = (judge(dataset.protocol, evaluation, info), subgroup_section(evaluation, info))
    return [section for section in found if section is not None]
