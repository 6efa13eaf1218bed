"""Templates that bring the many wordings of a finding to one: (wording, uniform wording) pairs, longest first.

Each expansion is done in one go (what it replaced is not matched again), and the next works on its result. Wordings of
equal length keep the order in which they are made here. Follows the description of ECG-FM's text normalisation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import product

from src.data.labels.whole_terms import replace_once

SEPARATORS = (" ", "-", "- ", " -")
CHAMBERS = {"atrial": ("atrial", "a"), "ventricular": ("ventricular", "v"), "biventricular": ("biventricular", "biv"),
            "atrioventricular": ("atrioventricular",), "dual-chamber": ("dual-chamber",),
            "atrioventricular sequential": ("atrioventricular sequential", "atrioventricular dual-paced",
                                            "sequential atrioventricular"),
            "vvi": ("vvi",), "ddd": ("ddd",), "aai": ("aai",)}
PACING = ("pacing", "pace", "paced", "pacemaker", "pacemaker detected")
PACED = ("rhythm", "beat", "beats", "complex", "complexes", "pacemaker")
BEATS = ("contraction", "complex", "beat", "depolarization")
ORIGINS = ("ventricular", "supraventricular", "atrial", "junctional")
ATRIAL = ("flutter", "fibrillation", "tachycardia", "capture", "sensing")
CONNECTORS = (", ", " - ", "- ", " -", "-")
DOUBTS = {"": ("",), "possibly ": ("possible ", "possibly "),
          "probably ": ("probable ", "probably ", "most probably ")}
AFTERWORDS = ("normal", "abnormal", "borderline", "acute", "biventricular", "accelerated", "recent", "old",
              "rate-related")
LENGTHS = {"prolonged": (("prolonged", "long", "prolongation of", "prolongation of the"),
                         ("prolonged", "prolongation", "has lengthened", "appears prolonged", "is prolonged",
                          "appears long", "is long")),
           "short": (("short", "shortening of"),
                     ("short", "shortening", "has shortened", "appears short", "is short"))}
INTERVALS = {"qt": "qt", "qtc": "qt", "pr": "pr", "qtu": "qtu"}

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Expansion:
    """`signs`: a text without any of these has none of the wordings."""

    signs: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]

    def __call__(self, text: str) -> str:
        return replace_once(text, self.pairs) if any(sign in text for sign in self.signs) else text


@cache
def expansions() -> tuple[Expansion, ...]:
    """The eight, in the order in which they are done."""
    kinds: tuple[tuple[tuple[str, ...], Pairs], ...] = (
        (("pac",), _pacing()), (("pac",), _pacer_entities()), (("abnormal", "change"), _wave_abnormality()),
        (("atrial",), _atrial_pairs()), ((", ", "-"), _after_descriptor()), (("prematur",), _premature()),
        ((*ORIGINS, "ectop"), _ectopic()), (tuple(INTERVALS), _interval_length()))
    return tuple(Expansion(signs, _longest_first(pairs)) for signs, pairs in kinds)


def _longest_first(pairs: Pairs) -> tuple[tuple[str, str], ...]:
    first = {}
    for wording, uniform in pairs:
        first.setdefault(wording, uniform)
    return tuple(sorted(first.items(), key=lambda pair: -len(pair[0])))


def _pacing() -> Pairs:
    for chamber, forms in CHAMBERS.items():
        for form in forms:
            uniform = f"{chamber} pacing"
            for noun in PACED:
                yield f"{form} paced {noun}", uniform
                yield f"{form}-paced {noun}", uniform
            for separator in SEPARATORS:
                yield from ((f"paced {form}{separator}{noun}", uniform) for noun in PACED)
                for pacing in PACING:
                    yield f"{form}{separator}{pacing}", uniform
                    yield f"{form}{separator}{pacing} rhythm", uniform
                    yield f"demand {form}{separator}{pacing}", f"{uniform} <demand pacing>"


def _pacer_entities() -> Pairs:
    for pacer in ("electronic pacemaker", "pacemaker", "pacing", "paced"):
        for noun in ("spike", "artifact", "malfunction"):
            yield from ((f"{pacer} {noun}{plural}", f"electronic pacemaker {noun}{plural}") for plural in ("s", ""))
        yield from ((f"{pacer} {noun}", "electronic pacemaker ") for noun in ("beats", "beat", "complexes", "complex"))


def _wave_abnormality() -> Pairs:
    for wave in ("t", "st", "st-t", "r"):
        for name in (f"{wave} wave", wave):
            yield f"{name} abnormality", f"{wave} wave abnormality"
            yield f"{name} abnormalities", f"{wave} wave abnormalities"
            yield f"abnormal {name}", f"{wave} wave abnormality"
        yield f"abnormal {wave} waves", f"{wave} wave abnormalities"
        yield from ((f"{wave} {change}", f"{wave} wave changes") for change in ("change", "changes"))


def _atrial_pairs() -> Pairs:
    for one, other in product(ATRIAL, ATRIAL):
        uniform = f"atrial {one} atrial {other}"
        yield from ((f"atrial {one}{joint}{other}", uniform) for joint in ("/", " or ", " ", "-"))


def _after_descriptor() -> Pairs:
    for connector, word in product(CONNECTORS, AFTERWORDS):
        for doubt, forms in DOUBTS.items():
            yield from ((f"{connector}{form}{word}", f", {doubt}{word}") for form in forms)


def _beats() -> Pairs:
    for noun in BEATS:
        yield noun, "beat"
        yield "complexes" if noun == "complex" else f"{noun}s", "beats"
    yield "rhythm", "rhythm"
    yield "arrhythmia", "rhythm"


def _premature() -> Pairs:
    for noun, uniform in _beats():
        yield f"premature {noun}", f"premature {uniform}"
        for origin in ORIGINS:
            yield f"premature {origin} {noun}", f"premature {origin} {uniform}"
            yield f"{origin} premature {noun}", f"premature {origin} {uniform}"
    yield from ((f"{origin} prematures", f"premature {origin} beats") for origin in ORIGINS)


def _ectopic() -> Pairs:
    origins = (*ORIGINS, "idioventricular")
    for noun, uniform in _beats():
        yield f"ectopic {noun}", f"ectopic {uniform}"
        for origin in origins:
            yield f"ectopic {origin} {noun}", f"ectopic {origin} {uniform}"
            yield f"{origin} ectopic {noun}", f"ectopic {origin} {uniform}"
            yield f"{origin} {noun}", f"{origin} {uniform}"
    for origin in origins:
        yield from ((f"{origin} {word}", f"ectopic {origin} beats") for word in ("ectopics", "ectopy"))


def _interval_length() -> Pairs:
    """"pr prolonged" goes before "prolonged qt", which is as long."""
    for length, (_, after) in LENGTHS.items():
        yield from ((f"{interval} {form}", f"{length} {name}") for interval, name in INTERVALS.items()
                    for form in after)
    for length, (before, _) in LENGTHS.items():
        yield from ((f"{form} {interval}", f"{length} {name}") for interval, name in INTERVALS.items()
                    for form in before)
