"""Records cut from long recordings: trials around events, whole files, or stretches. A record is a place in a file.

Places are counted in samples at the rate that a model sees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from src.data.bad_records import BadRecords
from src.data.recorded import most_common
from src.data.sets.events import Events, read_bad_spans, read_events
from src.data.sets.sources import File
from src.errors import BadRecord, UserError, did_you_mean

SHARES = (0.8, 0.9)  # of a file's time: where its validation part and where its test part begin


@dataclass
class Cut:
    """Number of the file, name, first sample, length and label of each record; `notes` are for people."""

    file: list[int] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, file: int, name: str, start: int, length: int, label: str = "") -> None:
        self.file.append(file)
        self.name.append(name)
        self.start.append(start)
        self.length.append(length)
        self.label.append(label)


def events_of(files: Sequence[File], source: str, column: str, bad: BadRecords) -> dict[int, Events]:
    """File -> its events, perhaps none; a file whose events cannot be read is added to `bad`."""
    events = {}
    for number, file in enumerate(files):
        try:
            events[number] = read_events(file.source.path, file.source.events, source, column)
        except BadRecord as error:
            bad.add(file.source.name, error.reason)
    return events


def whole_files(files: Sequence[File], totals: Sequence[int], bad: BadRecords) -> Cut:
    """One record per file that has a label."""
    cut = Cut()
    for number, file in enumerate(files):
        if file.source.label:
            cut.add(number, file.source.name, 0, totals[number], file.source.label)
        else:
            bad.add(file.source.name, "has no label")
    return cut


def trials(files: Sequence[File], totals: Sequence[int], rate_hz: float, events: dict[int, Events],
           classes: Sequence[str], span_s: tuple[float, float | None], bad: BadRecords) -> Cut:
    """One record per event of the `classes` (none: of every name), from span_s[0] to span_s[1] around its onset."""
    if bad.reasons and not any(map(len, events.values())):
        bad.settle("error", 0)
    for number, found in events.items():
        if not len(found):
            bad.add(files[number].source.name, "no events in it or beside it")
    cut = Cut()
    used = _used(events, classes, cut.notes)
    low, high = span_s[0], _usual_end(events, used, span_s[0], cut.notes) if span_s[1] is None else span_s[1]
    samples = max(1, round((high - low) * rate_hz))
    for number, found in events.items():
        for place in np.flatnonzero(np.isin(found.name, list(used))).tolist():
            name = f"{files[number].source.name}_{place:05d}"
            start = round((float(found.onset_s[place]) + low) * rate_hz)
            if start < 0 or start + samples > totals[number]:
                bad.add(name, f"its window leaves the recording: it starts at {start / rate_hz:g} s")
            elif _is_bad(found.bad, start / rate_hz, (start + samples) / rate_hz):
                bad.add(name, "overlaps a span that is marked bad")
            else:
                cut.add(number, name, start, samples, str(found.name[place]))
    return cut


def stretches(files: Sequence[File], totals: Sequence[int], rate_hz: float, stretch: int, window: int,
              bad: BadRecords) -> Cut:
    """Every file in pieces of `stretch` samples; the limits of its parts in time cut too, and what is then shorter
    than `window` is not used, nor is what overlaps a span that is marked bad."""
    cut = Cut()
    for number, (file, total) in enumerate(zip(files, totals)):
        name, spans = file.source.name, read_bad_spans(file.source.path, file.source.events)
        cuts = [at for low, high in pairwise((0, *part_limits(total), total)) for at in range(low, high, stretch)]
        pieces = [(low, high) for low, high in pairwise([*cuts, total]) if high - low >= window]
        if not pieces:
            bad.add(name, f"shorter than a window: {total / rate_hz:g} s")
        for place, (low, high) in enumerate(pieces):
            if _is_bad(spans, low / rate_hz, high / rate_hz):
                bad.add(f"{name}_{place:05d}", "overlaps a span that is marked bad")
            else:
                cut.add(number, f"{name}_{place:05d}", low, high - low)
    return cut


def part_limits(total: int) -> tuple[int, int]:
    """Where the validation part and the test part of a file of `total` samples begin."""
    return round(SHARES[0] * total), round(SHARES[1] * total)


def _used(events: dict[int, Events], classes: Sequence[str], notes: list[str]) -> set[str]:
    """The names of events to use. UserError without any event, and for a class that is nowhere and looks mistyped."""
    counts = Counter(name for found in events.values() for name in found.name.tolist())
    if not counts:
        raise UserError("no events in these recordings or beside them",
                        "write FILE_events.tsv with onset, duration (s) and trial_type beside each FILE; without "
                        "labels: --dataset_args task=pretrain")
    unused = [name for name in counts if classes and name not in classes]
    lost = [name for name in classes if name not in counts]
    if lost and (len(lost) == len(classes) or did_you_mean(lost[0], unused)):
        raise UserError(f"no event is named {', '.join(lost[:5])}{did_you_mean(lost[0], unused)}",
                        f"there are {', '.join(f'{name} ({count})' for name, count in counts.most_common(20))}")
    if unused:
        notes.append(f"events of no class, not used: {', '.join(f'{name} {counts[name]}' for name in unused[:12])}")
    if lost:
        notes.append(f"classes without an event: {', '.join(lost[:12])}")
    return set(classes) or set(counts)


def _usual_end(events: dict[int, Events], used: set[str], low: float, notes: list[str]) -> float:
    """The most common duration."""
    usual = most_common(np.round(np.concatenate(
        [found.duration_s[np.isin(found.name, list(used))] for found in events.values()]), 3))
    if usual <= max(low, 0):
        raise UserError(f"the window is unknown: most events last {usual:g} s",
                        "say it in seconds around the event: --dataset_args tmin=0 tmax=3")
    notes.append(f"windows from {low:g} to {usual:g} s around events: their most common duration")
    return usual


def _is_bad(spans: np.ndarray, low: float, high: float) -> bool:
    return bool(((spans[:, 0] < high) & (spans[:, 1] > low)).any())
