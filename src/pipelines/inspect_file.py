"""`prepare.py inspect FILE`: what a recording holds, in lines and in a paper-style picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.data.recognise import CONTINUOUS
from src.data.signal import Recording, SignalSpec
from src.errors import UserError

READABLE = f"WFDB (.hea, .dat), .npz, .npy and .mat files are read; with the extra mne {', '.join(CONTINUOUS)}"
SHORTEST = 60.0  # seconds of a long recording that are looked at, at least


def inspect_file(file: str, folder: str | None, seconds: float) -> list[str]:
    """Lines for people; the picture lies beside the file, or in `folder`."""
    path = Path(file)
    if path.suffix == "" and path.with_suffix(".hea").exists():
        path = path.with_suffix(".hea")
    if not path.is_file():
        raise UserError(f"{file}: no such file", READABLE)
    recording = _read(path, seconds)
    lines = [f"{path}: {recording.name}", *_facts(recording)]
    picture = (Path(folder) if folder else path.parent) / f"{path.stem}.png"
    _draw(recording, picture, seconds)
    return [*lines, f"picture    {picture}"]


def _read(path: Path, seconds: float) -> Recording:
    if path.suffix in (".hea", ".dat") or path.with_suffix(".hea").exists():
        from src.data.readers.wfdb import read_wfdb

        return read_wfdb(path.parent, path.stem)
    if path.suffix.lower() in CONTINUOUS:
        from src.data.readers.mne_files import read_mne

        return read_mne(path, max(seconds, SHORTEST))
    if path.suffix in (".npz", ".npy", ".mat"):
        from src.data.array_files import read_pack

        pack = read_pack(path, 1.0, "", "nct")
        first = np.asarray(pack.stored(0), np.float32) * np.asarray(pack.scale, np.float32).reshape(-1, 1)
        return Recording(f"first of {len(pack)} records", first, pack.rate_hz, tuple(pack.channels), pack.unit)
    raise UserError(f"{path}: a {path.suffix or 'nameless'} file is not read here", READABLE)


def _facts(recording: Recording) -> list[str]:
    channels, samples = recording.signal.shape
    lines = [f"signal     {channels} channels, {samples} samples at {recording.sampling_rate_hz:g} Hz "
             f"({samples / recording.sampling_rate_hz:.4g} s) in {recording.unit or 'an unknown unit'}",
             f"{'channel':<12}{'smallest':>12}{'median':>12}{'largest':>12}{'absent':>9}"]
    for name, trace in zip(recording.channel_names, recording.signal):
        there = trace[np.isfinite(trace)]
        absent = f"{1 - len(there) / max(len(trace), 1):.1%}"
        if len(there) == 0:
            lines.append(f"{name:<12}{'-':>12}{'-':>12}{'-':>12}{absent:>9}")
        else:
            lines.append(f"{name:<12}{there.min():>12.4g}{np.median(there):>12.4g}{there.max():>12.4g}{absent:>9}")
    facts = {name: value for name, value in recording.metadata.items() if isinstance(value, (str, int, float))}
    return lines + [f"{name:<11}{value}" for name, value in facts.items()]


def _draw(recording: Recording, picture: Path, seconds: float) -> None:
    from src.evaluation.recordings import recording_figure

    samples = min(recording.signal.shape[1], max(round(seconds * recording.sampling_rate_hz), 2))
    signal = np.nan_to_num(recording.signal[:, :samples])
    spec = SignalSpec(recording.channel_names, recording.sampling_rate_hz, recording.unit, samples)
    figure = recording_figure(signal, spec)
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=150)
    except OSError as error:
        message = f"{picture}: the picture cannot be written: {error.strerror}"
        raise UserError(message, "--output names another folder") from None
