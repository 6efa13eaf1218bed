"""From the entities that a text names to its labels: what they imply, what is made of several of them.

An entity and all that follows from it are a *group*; descriptors travel and attach inside their group only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from src.data.labels.configuration import Configuration, Named
from src.data.labels.matching import Found

ABSENCE = "Absence"
ALWAYS_CERTAIN = "Needs clinical correlation"
RAISED = 0.3  # share of the doubt that is taken away with each step to a more general entity


@dataclass
class Group:
    """Entity -> its probability (the largest, where it comes in several ways), and who carries which descriptor."""

    entities: dict[str, float] = field(default_factory=dict)
    carries: set[tuple[str, str]] = field(default_factory=set)

    def add(self, name: str, probability: float) -> None:
        self.entities[name] = max(probability, self.entities.get(name, 0.0))


class Graph:
    """What follows from entities by a configuration."""

    def __init__(self, configuration: Configuration):
        self.configuration = configuration
        self.steps = _steps_up(configuration.parents)

    def labels(self, found: Iterable[Found], removes_absent: bool) -> dict[str, float]:
        """Label -> probability; a label is an entity, or `Entity - Descriptor` with probability 1."""
        groups = [self._group(entity, removes_absent) for entity in found]
        groups += self._compounds(groups)
        labels: dict[str, float] = {}
        for group in groups:
            for name, probability in group.entities.items():
                if name not in self.configuration.needs_descriptor:
                    labels[name] = max(probability, labels.get(name, 0.0))
            labels.update((f"{name} - {descriptor}", 1.0) for name, descriptor in group.carries)
        return labels

    def _group(self, found: Found, removes_absent: bool) -> Group:
        group, certainty = Group(), self.configuration.certainty
        probability = min((certainty.get(name, 1.0) for name in found.descriptors), default=1.0)
        named = [name for descriptor in found.descriptors for name in self.configuration.creates.get(descriptor, ())]
        seeds = [(name, 1.0 if name == ALWAYS_CERTAIN else probability) for name in named]
        if not (removes_absent and ABSENCE in found.descriptors):
            seeds.append((found.name, probability))
            group.carries = {(found.name, descriptor) for descriptor in found.descriptors if descriptor != ABSENCE}
        for name, sure in seeds:
            self._add_with_general(group, name, sure)
        self._travel(group)
        for pair in sorted(group.carries):
            for result in self.configuration.attached.get(pair, ()):
                self._add_with_general(group, result, group.entities[pair[0]])
        return group

    def _add_with_general(self, group: Group, name: str, probability: float) -> None:
        """An entity and all above it; the longest way up raises the probability most."""
        group.add(name, probability)
        for above, steps in self.steps[name].items():
            group.add(above, 1 - (1 - RAISED) ** steps * (1 - probability))

    def _travel(self, group: Group) -> None:
        """Descriptors that also hold for the more general entities of their bearer."""
        for top, descriptors in self.configuration.travelling:
            below = {name for name in group.entities if name == top or top in self.steps[name]}
            group.carries |= {(above, descriptor) for name, descriptor in group.carries
                              if descriptor in descriptors and name in below
                              for above in self.steps[name] if above in below}

    def _compounds(self, groups: Sequence[Group]) -> list[Group]:
        added = []
        for compound in self.configuration.compounds:
            if all(_has(groups, item) for item in compound.including) and \
                    not any(_has(groups, item) for item in compound.excluding):
                group = Group()
                self._add_with_general(group, compound.entity, 1.0)
                added.append(group)
        return added


def _has(groups: Sequence[Group], item: Named) -> bool:
    return any(item.name in group.entities and all((item.name, descriptor) in group.carries
                                                   for descriptor in item.descriptors) for group in groups)


def _steps_up(parents: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
    """Entity -> every entity above it -> the number of steps of the longest way there."""
    steps: dict[str, dict[str, int]] = {}
    for name in TopologicalSorter(parents).static_order():  # those above come first
        above = steps[name] = dict.fromkeys(parents[name], 1)
        for parent in parents[name]:
            for further, number in steps[parent].items():
                above[further] = max(number + 1, above.get(further, 0))
    return steps
