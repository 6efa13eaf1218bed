"""`read_recording`: the one call from any readable file to a `Recording`; what a file is, is told by its content first.

`FORMATS` is the table of what can be read. A format is one module of this folder with `read(path, record=None)` and,
where a file holds many recordings, `names(path)`; the module is imported when a file of its kind is met.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from src.data.leads import normalise_leads
from src.data.readers import contents
from src.data.signal import Recording
from src.errors import BadRecord, UserError

SNIFFED = 4096  # bytes from the beginning of a file that tell what it is


def _never(head: bytes) -> bool:
    return False


@dataclass(frozen=True)
class Format:
    """How a kind of file is known and who reads it.

    `by_content` looks at the first SNIFFED bytes; the suffix counts for files that no content test knows. `extra` is
    the extra of this project that installs the reader's library, "" where none is needed.
    """

    about: str
    module: str
    suffixes: tuple[str, ...]
    by_content: Callable[[bytes], bool] = _never
    extra: str = ""
    may_lack: bool = False  # files of this kind may lack rate and unit: its `read` takes rate_hz and unit too


FORMATS: dict[str, Format] = {
    "wfdb": Format("WFDB (PhysioNet): .hea with .dat or .mat beside it, .atr", "src.data.readers.wfdb",
                   (".hea", ".atr", ".qrs", ".ari", ".ecg", ".ani", ".dat")),
    "edf": Format("EDF, EDF+, BDF, BDF+: .edf, .bdf", "src.data.readers.edf", (".edf", ".bdf"), contents.is_edf, "edf"),
    "dicom": Format("DICOM waveforms: .dcm", "src.data.readers.dicom", (".dcm",), contents.is_dicom, "dicom"),
    "npz": Format("NumPy: .npz", "src.data.readers.packed", (".npz",), contents.is_npz, may_lack=True),
    "npy": Format("NumPy: .npy, with fs.npy and others beside it", "src.data.readers.packed", (".npy",),
                  contents.is_npy, may_lack=True),
    "mat": Format("MATLAB: .mat (versions 4 to 7.3; CinC, CPSC 2018, ECG-FM and others)", "src.data.readers.packed",
                  (".mat",), extra="mat73", may_lack=True),
    "hdf5": Format("HDF5: .hdf5, .h5 (CODE-15 and others)", "src.data.readers.hdf5", (".hdf5", ".h5"),
                   contents.is_hdf5, "mat73", may_lack=True),
    "aecg": Format("HL7 annotated ECG: .xml", "src.data.readers.aecg", (), contents.is_aecg),
    "sierra": Format("Philips Sierra XML 1.03 and 1.04: .xml", "src.data.readers.sierra", (), contents.is_sierra,
                     "sierra"),
    "scp": Format("(not SCP-ECG: .scp is recognised, and refused with what to convert it with)",
                  "src.data.readers.scp", (".scp",), contents.is_scp),
    "brainvision": Format("BrainVision: .vhdr with .eeg and .vmrk beside it", "src.data.readers.mne_recording",
                          (".vhdr",), contents.is_brainvision, "mne"),
    "gdf": Format("GDF: .gdf", "src.data.readers.mne_recording", (".gdf",), contents.is_gdf, "mne"),
    "fif": Format("MNE's FIF: .fif", "src.data.readers.mne_recording", (".fif",), extra="mne"),
    "eeglab": Format("EEGLAB: .set", "src.data.readers.mne_recording", (".set",), extra="mne"),
    "csv": Format("text: .csv, .tsv, .txt, a line of lead names and a line per sample", "src.data.readers.text_table",
                  (".csv", ".tsv", ".txt"), may_lack=True),
}


def read_recording(path: str | os.PathLike[str], record: str | None = None, rate_hz: float = 0.0,
                   unit: str = "") -> Recording:
    """Whatever `path` is (a file, or a WFDB record without suffix) -> Recording: signal (channels, samples) float32.

    `record` picks one of a file that holds many (`recording_names`). Names of ECG leads get their standard spelling;
    order and number of channels stay as recorded (`src.data.leads.in_order` changes them). `rate_hz` and `unit` count
    where the file does not say: neither is guessed, and an unknown unit is "". UserError where the file is
    not there or of no known kind, BadRecord where it cannot be used.
    """
    text = os.fspath(path)
    kind, module = _reader(text)
    stated = {"rate_hz": rate_hz, "unit": unit} if FORMATS[kind].may_lack else {}
    with _refusals(text, kind):
        recording: Recording = module.read(Path(text), record, **stated)
    recording.channel_names = normalise_leads(recording.channel_names)
    return recording


def recording_names(path: str | os.PathLike[str]) -> list[str]:
    """The recordings in a file, in order: what `record` of `read_recording` may be; [] where a file is just one."""
    text = os.fspath(path)
    kind, module = _reader(text)
    if not hasattr(module, "names"):
        return []
    with _refusals(text, kind):
        return module.names(Path(text))


def format_of(path: str | os.PathLike[str]) -> str:
    """The name in FORMATS of what `path` is; UserError where it is not there or of no known kind."""
    text = os.fspath(path)
    base, suffix = os.path.splitext(text)
    if suffix == ".hea" or _is_wfdb(text, base, suffix):
        return "wfdb"
    head = _head(text)
    for name, kind in FORMATS.items():
        if kind.by_content(head):
            return name
    for name, kind in FORMATS.items():
        if suffix.lower() in kind.suffixes:
            return name
    if os.path.isfile(base + ".hea"):  # annotations: their suffix is the annotator's name
        return "wfdb"
    raise UserError(f"{text}: no known kind of recording", "these are read:\n" + "\n".join(
        f"    {kind.about}" for kind in FORMATS.values()))


def _is_wfdb(text: str, base: str, suffix: str) -> bool:
    """A record named without suffix, or a signal file beside its header: raw numbers have no content to know."""
    if suffix in (".dat", ".mat"):
        return os.path.isfile(base + ".hea")
    return not os.path.isfile(text) and os.path.isfile(text + ".hea")


def _head(text: str) -> bytes:
    if os.path.isdir(text):
        raise UserError(f"{text} is a folder, not a recording", "name one of its files")
    if not os.path.isfile(text):
        raise UserError(f"{text}: no such file" if not os.path.exists(text) else f"{text} is no regular file",
                        "name a recording (a WFDB record may be named without suffix)")
    try:
        with open(text, "rb") as stream:
            return stream.read(SNIFFED)
    except OSError as error:
        raise UserError(f"{text} cannot be read: {error.strerror}") from error


def _reader(text: str) -> tuple[str, ModuleType]:
    kind = format_of(text)
    with _refusals(text, kind):
        return kind, _module(FORMATS[kind].module)


@cache
def _module(name: str) -> ModuleType:
    return import_module(name)


@contextmanager
def _refusals(text: str, kind: str) -> Iterator[None]:
    """Whatever a reader's library raises, in the words of this project."""
    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        extra = FORMATS[kind].extra
        raise UserError(f"{text}: reading {kind} files needs a package that is not installed ({error.name or error})",
                        f"install it: uv sync --extra {extra}" if extra else "install this project again: uv sync"
                        ) from error
    except Exception as error:  # libraries raise whatever a damaged file leads them to
        raise BadRecord(Path(text).name, f"cannot be read as {kind}: {type(error).__name__}: {error}") from error
