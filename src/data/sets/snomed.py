"""The diagnoses scored in the PhysioNet/CinC Challenges 2020 and 2021: SNOMED CT codes and the challenge's names.

Codes that the challenge scores as one are one class, joined with '|'; the order is that of its weight table of 2021.
Source: Perez Alday et al., Physiological Measurement 41:124003, 2020; Reyna et al., Computing in Cardiology 2021.
"""

from __future__ import annotations

SCORED = {
    "AF": "164889003", "AFL": "164890007", "BBB": "6374002", "Brady": "426627000", "CLBBB|LBBB": "733534002|164909002",
    "CRBBB|RBBB": "713427006|59118001", "IAVB": "270492004", "IRBBB": "713426002", "LAD": "39732003",
    "LAnFB": "445118002", "LPR": "164947007", "LQRSV": "251146004", "LQT": "111975006", "NSIVCB": "698252002",
    "NSR": "426783006", "PAC|SVPB": "284470004|63593006", "PR": "10370003", "PRWP": "365413008",
    "PVC|VPB": "427172004|17338001", "QAb": "164917005", "RAD": "47665007", "SA": "427393009", "SB": "426177001",
    "STach": "427084000", "TAb": "164934002", "TInv": "59931005",
}
NEW_IN_2021 = {"BBB": "6374002", "CLBBB": "733534002", "PRWP": "365413008"}


def scored_classes(year: int) -> dict[str, tuple[str, ...]]:
    """Class -> its codes, 26 classes in 2021 and 24 in 2020, in the order of the weight table of 2021."""
    if year == 2021:
        return {name: tuple(codes.split("|")) for name, codes in SCORED.items()}
    return {_without(name, NEW_IN_2021): tuple(code for code in codes if code not in NEW_IN_2021.values())
            for name, codes in scored_classes(2021).items() if name not in NEW_IN_2021}


def class_of_code(year: int) -> dict[str, str]:
    return {code: name for name, codes in scored_classes(year).items() for code in codes}


def _without(name: str, left_out) -> str:
    return "|".join(part for part in name.split("|") if part not in left_out)
