"""A network that was trained on some subjects, made ready for one more: all is taken over but what belongs to them.

What belongs to single subjects (the map of their channels, or in the multi-subject networks their tokenizer) becomes
the mean over the subjects where the channels have the same names, and is drawn anew elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from src.errors import UserError

MAPS = re.compile(r"subj_block\.subj_layer\.[WB]\.weight")  # (rows, subjects)
TOKENIZERS = re.compile(r"tokenizers\.(\d+)\.(.+)")


def count_subjects(state: Mapping[str, Tensor]) -> int:
    """How many subjects the network of this state dict has parts for; 0 where it has none for single subjects."""
    maps = [value.shape[1] for name, value in state.items() if MAPS.search(name)]
    numbers = [int(match[1]) + 1 for name in state if (match := TOKENIZERS.search(name))]
    return max([*maps, *numbers], default=0)


def mean_over_subjects(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of S subjects -> what belongs to subjects, as the mean, under the names of a network of one."""
    found: dict[str, Tensor] = {}
    many: dict[str, list[Tensor]] = {}
    for name, value in state.items():
        if MAPS.fullmatch(name):
            found[name] = value.mean(1, keepdim=True)
        elif match := TOKENIZERS.fullmatch(name):
            many.setdefault(f"tokenizers.0.{match[2]}", []).append(value)
    means = {name: torch.stack([value.double() for value in values]).mean(0).to(values[0].dtype)
             for name, values in many.items()}
    return found | means


def for_new_subject(own: Mapping[str, Tensor], state: Mapping[str, Tensor], same_channels: bool) -> dict[str, Tensor]:
    """`own`, the state of a fresh network of one subject, with the weights of `state`, a network of others.

    Raises UserError where anything but the subjects' own parts has another shape or is missing.
    """
    of_subjects = mean_over_subjects(state)
    if not of_subjects:
        raise UserError("the network has nothing that belongs to single subjects", "--model duin_cls or poms_cls")
    shared = {name: value for name, value in state.items() if name in own and name not in of_subjects}
    wrong = [name for name in own if name not in of_subjects
             and (name not in shared or shared[name].shape != own[name].shape)]
    if wrong:
        raise UserError(f"{len(wrong)} tensors of the other subjects' network do not fit the new one's: {wrong[0]}",
                        "words and window must be the same for all subjects")
    return {**own, **shared, **(of_subjects if same_channels else {})}
