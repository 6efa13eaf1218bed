"""Units of voltage: by what to multiply to get from one to another."""

from __future__ import annotations

VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9}
SPELLINGS = {"v": "V", "volt": "V", "volts": "V", "mv": "mV", "millivolt": "mV", "millivolts": "mV", "uv": "uV",
             "microvolt": "uV", "microvolts": "uV", "nv": "nV"}


def unit_name(text: str) -> str:
    """The usual spelling of a unit (µV, uv, microvolt -> uV); others as they are."""
    plain = text.strip().replace("µ", "u").replace("μ", "u")
    return SPELLINGS.get(plain.lower(), plain)


def unit_factor(found: str, wanted: str) -> float | None:
    """What turns `found` into `wanted`, None where physics does not allow it."""
    found, wanted = unit_name(found), unit_name(wanted)
    if found == wanted:
        return 1.0
    if found in VOLTS and wanted in VOLTS:
        return VOLTS[found] / VOLTS[wanted]
    return None
