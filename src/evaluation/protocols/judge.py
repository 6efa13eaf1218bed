"""Protocol of a data set -> its part of the report. A new protocol is a file beside this one and a row here."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from src.errors import UserError, did_you_mean
from src.evaluation.evaluate import Evaluation
from src.evaluation.section import Section

PROTOCOLS = {  # what a data set calls its protocol -> file, function, title
    "ptbxl": ("ptbxl", "section", "PTB-XL"),
    "cinc2017": ("cinc2017", "section", "CinC 2017"),
    "cinc2020": ("cinc2021", "section_2020", "CinC 2020"),
    "cinc2021": ("cinc2021", "section_2021", "CinC 2021"),
    "cpsc2018": ("cpsc2018", "section", "CPSC 2018"),
    "mitbih": ("mitbih", "section", "MIT-BIH AAMI"),
    "tensor_pipeline": ("tensor_pipeline", "section", "tensor pipeline"),
}


def judge(protocol: str, evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section | None:
    """The numbers of `protocol` for an evaluation; `info` holds columns with one row per prediction.

    None without a protocol or labels. Where the labels are not those of the protocol, a section that says so: it must
    not keep anybody from the report. Raises UserError for a protocol that is not known.
    """
    if not protocol or evaluation.predictions.labels is None:
        return None
    if protocol not in PROTOCOLS:
        raise UserError(f"unknown protocol {protocol!r}{did_you_mean(protocol, PROTOCOLS)}",
                        f"known: {', '.join(PROTOCOLS)}")
    file, function, title = PROTOCOLS[protocol]
    try:
        if evaluation.target.kind == "multilabel" and np.isnan(evaluation.predictions.labels).any():
            raise UserError("some labels are not known, and the protocol asks for all")
        return getattr(import_module(f"src.evaluation.protocols.{file}"), function)(evaluation, info)
    except UserError as error:
        return Section(f"Protocol {title}", f"not computed: {error.message}.")
