"""SCP-ECG (EN 1064): recognised and refused. No maintained Python package reads it, and half a reader of our own (the
standard has Huffman tables, two kinds of differences and reference beats, and devices depart from it) would be worse
than a conversion by a tool that its owners test."""

from __future__ import annotations

from pathlib import Path

from src.data.signal import Recording
from src.errors import BadRecord


def read(path: Path, record: str | None = None) -> Recording:
    raise BadRecord(path.name, "SCP-ECG is not read here",
                    "convert it first: `save2gdf FILE.scp FILE.gdf` of BioSig, or ECGToolkit to DICOM or HL7 aECG")
