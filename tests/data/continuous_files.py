"""Small EDF files and BIDS trees that the tests of long recordings write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

GO_STOP = tuple((2 + 2.5 * number, 1.0, "go" if number % 2 else "stop") for number in range(20))  # onset, length, name


def write_edf(path: Path, names: Sequence[str] = ("A1", "A2", "A3", "B1"), seconds: int = 60, rate: int = 100,
              events: Sequence[tuple[float, float, str]] = GO_STOP, signal: np.ndarray | None = None, seed: int = 0,
              stored: str = "Edf") -> np.ndarray:
    """An EDF+ or BDF+ file; returns its signal (channels, samples) in uV, up to the rounding of its 16 or 24 bits."""
    import edfio

    if signal is None:
        signal = np.random.default_rng(seed).standard_normal((len(names), seconds * rate)) * 50
    kind = {"Edf": edfio.EdfSignal, "Bdf": edfio.BdfSignal}[stored]
    signals = [kind(trace, rate, label=name, physical_dimension="uV", physical_range=(-3000, 3000))
               for name, trace in zip(names, signal)]
    notes = [edfio.EdfAnnotation(onset, duration or None, name) for onset, duration, name in events]
    path.parent.mkdir(parents=True, exist_ok=True)
    getattr(edfio, stored)(signals, annotations=notes or None).write(path)
    return signal


def write_table(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(line.replace(" ", "\t") for line in lines) + "\n")


def write_bids(root: Path, subject: str, names: Sequence[str], bads: Sequence[str] = (), run: str = "01",
               rate: int = 100, seed: int = 0) -> np.ndarray:
    """One sEEG recording of a minute, stored as EDF, its trials in events.tsv; returns the signal in uV."""
    import mne
    import mne_bids

    signal = np.random.default_rng(seed).standard_normal((len(names), 60 * rate)) * 50
    raw = mne.io.RawArray(signal * 1e-6, mne.create_info(list(names), rate, "seeg"), verbose="error")
    raw.set_annotations(mne.Annotations(*zip(*GO_STOP)))
    raw.info["bads"], raw.info["line_freq"] = list(bads), 50
    path = mne_bids.BIDSPath(subject=subject, task="reading", run=run, root=root, datatype="ieeg")
    mne_bids.write_raw_bids(raw, path, allow_preload=True, format="EDF", overwrite=True, verbose="error")
    return signal
