"""What changes at the electrodes or of the heart's axis do to the leads, as matrices (leads, leads).

Every lead is a difference between nine electrodes: I = LA - RA, II = LL - RA, Vk = its electrode - (RA + LA + LL) / 3;
III, aVR, aVL and aVF follow from I and II (Einthoven, Goldberger). So two exchanged cables are a linear map of the
leads. The heart's dipole is seen through Dower's matrix and estimated with its inverse.
"""

from __future__ import annotations

import numpy as np

from src.data.leads import OF_I_AND_II, normalise_leads

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")  # the independent ones of the twelve
TO_EIGHT = np.array(  # EIGHT from ELECTRODES
    [(-1, 1, 0, *[0] * 6), (-1, 0, 1, *[0] * 6), *np.c_[np.full((6, 3), -1 / 3), np.eye(6)]])

# EIGHT from x (left), y (down), z (back): Dower, Machado and Osborne 1980
DOWER = np.array([
    (0.632, -0.235, 0.059), (0.235, 1.066, -0.132), (-0.515, 0.157, -0.917), (0.044, 0.164, -1.387),
    (0.882, 0.098, -1.277), (1.213, 0.127, -0.601), (1.125, 0.127, -0.086), (0.831, 0.076, 0.230)])
# x, y, z from EIGHT: Edenbrandt and Pahlm 1988, J Electrocardiol 21:361, table 2
INVERSE_DOWER = np.array([
    (0.156, -0.010, -0.172, -0.074, 0.122, 0.231, 0.239, 0.194),
    (-0.227, 0.887, 0.057, -0.019, -0.106, -0.022, 0.041, 0.048),
    (0.022, 0.102, -0.229, -0.310, -0.246, -0.063, 0.055, 0.108)])


def from_eight(leads: tuple[str, ...]) -> np.ndarray | None:
    """(leads, 8): each of the `leads` from EIGHT; None where one is no standard lead."""
    known = dict(zip(EIGHT, np.eye(8)))
    known |= {name: np.array([*pair, *[0.0] * 6]) for name, pair in OF_I_AND_II.items()}
    rows = [known.get(name) for name in normalise_leads(leads)]
    return None if not rows or any(row is None for row in rows) else np.array(rows)


def from_electrodes(leads: tuple[str, ...]) -> np.ndarray | None:
    """(leads, 9): each of the `leads` from ELECTRODES; None where one is no standard lead."""
    eight = from_eight(leads)
    return None if eight is None else eight @ TO_EIGHT


def exchanged(leads: tuple[str, ...], first: str, second: str) -> np.ndarray | None:
    """(leads, leads) that turns a recording into what two exchanged electrodes give.

    None where these leads do not determine it (V1 alone does not tell V2). Batchvarov, Malik and Camm 2007
    (Europace 9:1081) list the same for the limb: RA with LA turns I over and exchanges II with III, aVR with aVL.
    """
    seen = from_electrodes(leads)
    if seen is None:
        return None
    order = [ELECTRODES.index({first: second, second: first}.get(name, name)) for name in ELECTRODES]
    wanted = seen[:, order]
    found = wanted @ np.linalg.pinv(seen)
    if not np.allclose(found @ seen, wanted):
        return None
    for row, lead in enumerate(wanted):  # many are another lead, or one turned over: exact, whatever noise is in it
        for sign in (1, -1):
            same = np.flatnonzero(np.isclose(sign * seen, lead).all(1))
            if len(same):
                found[row] = sign * np.eye(len(leads))[row if row in same else same[0]]
    return found


def dipole_change(leads: tuple[str, ...], change: np.ndarray) -> np.ndarray | None:
    """(leads, leads) that applies `change` (3, 3) to the part of the leads that is one dipole in x, y, z.

    What the dipole does not explain stays as it is, so the identity changes nothing. None unless `leads` hold what is
    in EIGHT.
    """
    parts = dipole_parts(leads)
    return None if parts is None else np.eye(len(leads)) + parts[0] @ (change - np.eye(3)) @ parts[1]


def dipole_parts(leads: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray] | None:
    """(leads, 3) the leads of a dipole and (3, leads) the dipole of the leads."""
    eight = from_eight(leads)
    if eight is None or np.linalg.matrix_rank(eight) < len(EIGHT):
        return None
    return eight @ DOWER, INVERSE_DOWER @ np.linalg.pinv(eight)
