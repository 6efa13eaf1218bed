"""The twelve leads of the resting ECG: their order, their spellings, and limb leads derived from one another.

All six limb leads are differences of three electrodes, so any two of them give the other four:
III = II - I (Einthoven 1912); aVR = -(I + II) / 2, aVL = I - II / 2, aVF = II - I / 2 (Goldberger 1942).
What cannot be derived stays absent: a row of NaN.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations

import numpy as np

from src.data.signal import Recording
from src.data.units import unit_factor
from src.errors import UserError

LIMB_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF")
STANDARD_12 = (*LIMB_LEADS, "V1", "V2", "V3", "V4", "V5", "V6")

# each limb lead as a combination of I and II
OF_I_AND_II: dict[str, np.ndarray] = dict(zip(LIMB_LEADS, np.array(
    [[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])))
_STANDARD = {lead.lower(): lead for lead in STANDARD_12} | {"di": "I", "dii": "II", "diii": "III"}
_AROUND = re.compile(r"^(?:mdc[_ ]ecg[_ ])?(?:[ae]cg|ekg)?[ _:.-]*(?:lead)?[ _:.-]*|\s*\((?:einthoven|goldberger)\)$")
_OF_CHANNELS = ("units", "gains", "baselines", "samples_per_frame")  # entries of metadata with one value per channel


@lru_cache(maxsize=1024)
def _standard(name: str) -> str:
    return _STANDARD.get(_AROUND.sub("", name.strip().lower()), name)


def normalise_leads(names: Sequence[str]) -> tuple[str, ...]:
    """Lead names in their usual spelling: DI, "Lead I", "ECG I", MDC_ECG_LEAD_I -> I; AVR -> aVR; v1 -> V1.

    Any other name (MLII, Vx, an electrode) stays what it is, and so does a name whose standard spelling is taken.
    """
    return _normalised(tuple(names))


@lru_cache(maxsize=1024)
def _normalised(names: tuple[str, ...]) -> tuple[str, ...]:
    found = [_standard(name) for name in names]
    taken: set[str] = set(names)
    for place, (name, standard) in enumerate(zip(names, found)):
        if standard != name and standard in taken:
            found[place] = name
        taken.add(found[place])
    return tuple(found)


def derive_limb_leads(signal: Sequence[np.ndarray] | np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The limb leads that are not among `names`, from two that are; {} with fewer than two.

    `signal` is (channels, samples), all limb leads in one unit. Of the pairs that are there the best conditioned is
    taken (I and II before others); a lead whose samples are all NaN counts as absent.
    """
    there = {name: row for name, row in zip(normalise_leads(names), signal)
             if name in OF_I_AND_II and not np.isnan(row).all()}
    if len(there) < 2:
        return {}
    pair = max(combinations(sorted(there, key=LIMB_LEADS.index), 2), key=lambda two: _independence(*two))
    i_and_ii = np.linalg.inv(np.stack([OF_I_AND_II[name] for name in pair])).astype(np.float32)
    both = np.stack([there[name] for name in pair])
    return {lead: (OF_I_AND_II[lead].astype(np.float32) @ i_and_ii) @ both for lead in LIMB_LEADS if lead not in there}


def _independence(first: str, second: str) -> float:
    return round(abs(float(np.linalg.det(np.stack([OF_I_AND_II[first], OF_I_AND_II[second]])))), 6)


def in_order(recording: Recording, leads: Sequence[str] = STANDARD_12, derive: bool = True) -> Recording:
    """The recording with exactly `leads`, in this order, in its own unit; limb leads derived where physics allows.

    A lead that is neither there nor derivable is a row of NaN. `metadata["derived_leads"]` names what was derived and
    `metadata["absent_leads"]` what is NaN. UserError where a wanted channel has a unit that is none of the recording's.
    """
    wanted, names = normalise_leads(leads), normalise_leads(recording.channel_names)
    place = {name.lower(): number for number, name in reversed(list(enumerate(names)))}
    rows = {lead: _in_unit(recording, place[lead.lower()]) for lead in wanted if lead.lower() in place}
    limbs = [name for name in names if name in OF_I_AND_II]
    derived = {}
    if derive and any(lead in OF_I_AND_II and (lead not in rows or np.isnan(rows[lead]).all()) for lead in wanted):
        known = [_in_unit(recording, place[name.lower()]) for name in limbs]
        derived = {lead: row for lead, row in derive_limb_leads(known, limbs).items() if lead in wanted}
    absent = [lead for lead in wanted if lead not in rows and lead not in derived]
    empty = np.full(recording.signal.shape[1], np.nan, np.float32)
    signal = np.stack([derived[lead] if lead in derived else rows.get(lead, empty) for lead in wanted])
    kept = {key: value for key, value in recording.metadata.items() if key not in _OF_CHANNELS}
    metadata = kept | {"units": (recording.unit,) * len(wanted)}
    metadata |= {"derived_leads": tuple(derived)} if derived else {}
    metadata |= {"absent_leads": tuple(absent)} if absent else {}
    return replace(recording, signal=signal, channel_names=wanted, metadata=metadata)


def _in_unit(recording: Recording, row: int) -> np.ndarray:
    """One channel in the recording's unit."""
    units = recording.metadata.get("units") or ()
    unit = units[row] if row < len(units) else recording.unit
    factor = unit_factor(unit, recording.unit)
    if factor is None:
        raise UserError(f"{recording.name}: channel {recording.channel_names[row]} is in {unit or 'no unit'}, "
                        f"the recording in {recording.unit or 'no unit'}", "leave it out of the leads")
    return recording.signal[row] if factor == 1 else recording.signal[row] * np.float32(factor)
