from __future__ import annotations

import numpy as np
import pytest

from src.data import lead_maps
from src.data.leads import STANDARD_12
from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.patients import rotation


@pytest.fixture(scope="module")
def ecg():
    """Record 0 as {lead: (1000,) mV}."""
    return dict(zip(STANDARD_12, SimulatedECG(SimulatedECG.Config(patients=10)).read(0)[0].signal.astype(np.float64)))


def recorded(ecg):
    return np.stack([ecg[lead] for lead in STANDARD_12])


def exchange(first: str, second: str) -> np.ndarray:
    found = lead_maps.exchanged(STANDARD_12, first, second)
    assert found is not None
    return found


# Batchvarov, Malik and Camm 2007: what each exchange makes of the limb leads; - turns a lead over
LIMB_EXCHANGES = {
    ("RA", "LA"): ("-I", "III", "II", "aVL", "aVR", "aVF"),
    ("RA", "LL"): ("-III", "-II", "-I", "aVF", "aVL", "aVR"),
    ("LA", "LL"): ("II", "I", "-III", "aVR", "aVF", "aVL"),
}


@pytest.mark.parametrize(("cables", "limb"), LIMB_EXCHANGES.items(), ids=lambda value: "-".join(value))
def test_exchanged_limb_cables_give_the_published_leads_and_leave_the_chest(cables, limb, ecg):
    found = exchange(*cables) @ recorded(ecg)
    expected = [(-1 if name[0] == "-" else 1) * ecg[name.lstrip("-")] for name in (*limb, *STANDARD_12[6:])]
    np.testing.assert_array_equal(found, expected)


def test_exchanged_chest_cables_exchange_two_leads_alone(ecg):
    found = exchange("V2", "V3") @ recorded(ecg)
    order = [*range(7), 8, 7, *range(9, 12)]
    np.testing.assert_array_equal(found, recorded(ecg)[order])


def test_a_limb_cable_on_the_chest_keeps_einthovens_law_and_is_undone_by_itself(ecg):
    change = exchange("LA", "V1")
    found = change @ recorded(ecg)
    np.testing.assert_allclose(found[1] - found[0], found[2], atol=1e-6)
    np.testing.assert_allclose(change @ found, recorded(ecg), atol=1e-6)
    moved = np.abs(found - recorded(ecg)).max(1) > 0.005  # of the terminal too, so every chest lead is another
    assert moved.tolist() == [lead != "II" for lead in STANDARD_12]


def test_leads_that_do_not_tell_are_not_guessed():
    assert lead_maps.exchanged(("V1",), "V1", "V2") is None
    assert lead_maps.exchanged(("I",), "RA", "LL") is None
    assert lead_maps.exchanged(("Fp1", "Cz"), "RA", "LA") is None
    limb = lead_maps.exchanged(("I", "II"), "RA", "LA")
    assert limb is not None
    np.testing.assert_allclose(limb, [(-1, 0), (-1, 1)], atol=1e-12)


def test_the_inverse_dower_matrix_gives_back_a_dipole():
    np.testing.assert_allclose(lead_maps.INVERSE_DOWER @ lead_maps.DOWER, np.eye(3), atol=0.006)


def test_a_turned_dipole_looks_as_if_the_heart_had_turned():
    dipole = np.random.default_rng(0).standard_normal((3, 50))
    turn = rotation(np.radians([10, -20, 15]))
    eight, change = lead_maps.from_eight(STANDARD_12), lead_maps.dipole_change(STANDARD_12, turn)
    assert eight is not None
    assert change is not None
    leads = eight @ lead_maps.DOWER
    found = change @ (leads @ dipole)
    assert np.abs(found - leads @ (turn @ dipole)).max() < 0.02 * np.abs(leads @ dipole).max()


def test_no_change_of_the_dipole_changes_nothing():
    assert lead_maps.dipole_change(STANDARD_12, np.eye(3)).tolist() == np.eye(12).tolist()  # type: ignore[union-attr]
    assert lead_maps.dipole_change(("I", "II", "V1"), np.eye(3)) is None
