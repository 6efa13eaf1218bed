"""Which data set a folder or file is, from the names of its files. Imports no torch: the command line asks it."""

from __future__ import annotations

from pathlib import Path

from src.data.readers.mne_files import SUFFIXES as CONTINUOUS
from src.data.sets.manifest_files import kind_of
from src.errors import UserError

ARRAYS = (".npz", ".npy", ".mat")
LOOKED_AT = 20_000  # files of a folder; a larger one is recognised by its first ones
EXAMPLE = """a data set folder is one of
    prepared what prepare.py SET --raw_root DIR made, with its prepare.json
    tensor_pipeline  what the ECG tensor pipeline made: records/*.npz, splits.json, label_map.json
    arrays   .npz, .npy or .mat files that hold signal (records, channels, samples), label and, if known, subject
    wfdb     WFDB records (.hea and .dat) and labels.csv with the columns record,label[,subject][,subset]
    edf      EDF, BDF, BrainVision, FIF, GDF or EEGLAB files with their events (in them, or in FILE_events.tsv)
    bids     an iEEG-BIDS or EEG-BIDS tree: dataset_description.json and sub-*/
    manifest train.tsv, valid.tsv, test.tsv of fairseq-signals: a root folder, then lines of FILE.mat and its length
    npy, dataframe  the same names, with lines x_path:FILE.npy (or a table), y_path:LABELS.npy, ... of DeepECG-SSL
    duin     Du-IN's release: data/seeg.he2023xuanwu/001/word-recitation/run1/...
python prepare.py --help tells how to make one from other files"""


def recognise(data_path: str | Path) -> str:
    """The name of the data set that a file or folder is; UserError with what one looks like where it is none."""
    path = Path(data_path)
    if not path.exists():
        raise UserError(f"--data_path {data_path}: not found", EXAMPLE)
    if path.is_file():
        if path.suffix.lower() in ARRAYS:
            return "arrays"
        if path.suffix.lower() in CONTINUOUS:
            return "edf"
        if kind := kind_of(path):
            return kind
        raise UserError(f"--data_path {data_path}: a {path.suffix or 'nameless'} file is no data set", EXAMPLE)
    if (path / "prepare.json").is_file():
        return "prepared"
    if (path / "records").is_dir() and (path / "splits.json").is_file() and (path / "label_map.json").is_file():
        return "tensor_pipeline"
    if (path / "dataset_description.json").is_file() and any(path.glob("sub-*")):
        return "bids"
    if manifests := [kind for file in sorted(path.glob("*.tsv")) if (kind := kind_of(file))]:
        return manifests[0]
    from src.data.sets.duin_layout import find_layout

    if find_layout(path):
        return "duin"
    suffixes = _suffixes(path)
    if ".hea" in suffixes:
        return "wfdb"
    if suffixes & set(ARRAYS):
        return "arrays"
    if suffixes & set(CONTINUOUS):
        return "edf"
    found = ", ".join(sorted(suffix for suffix in suffixes if suffix)[:8]) or "no files"
    raise UserError(f"--data_path {data_path}: no data set known here (found {found})", EXAMPLE)


def recognise_unseen(data_path: str | Path, trained_on: str) -> str:
    """The same for data that trained weights are to judge, or only to predict: what has no labels is `recordings`.

    EDF and its like carry events, not labels: unless the weights were `trained_on` such events they are recordings.
    """
    path = Path(data_path)
    if not path.exists() or (path.is_file() and path.suffix.lower() not in (*ARRAYS, *CONTINUOUS, ".tsv")):
        return "recordings"  # which says what it misses
    try:
        name = recognise(path)
    except UserError:
        return "recordings"
    without = {"wfdb": lambda: path.is_dir() and not _has_table(path), "arrays": lambda: not _has_labels(path),
               "edf": lambda: trained_on not in ("edf", "bids")}
    return "recordings" if name in without and without[name]() else name


def _has_table(folder: Path) -> bool:
    from src.data.tables import find_table

    return find_table(folder) is not None


def _has_labels(path: Path) -> bool:
    """Whether the first file holds labels, or a table beside it does."""
    from src.data.array_files import find_files, read_pack

    files = find_files(path)
    if not files or _has_table(path if path.is_dir() else path.parent):
        return bool(files)
    try:
        return "label" in read_pack(files[0], rate_hz=1.0).rows
    except UserError:
        return False


def _suffixes(path: Path) -> set[str]:
    """Of the folder's files, or of its subfolders' where it has none that is known."""
    own = {file.suffix.lower() for _, file in zip(range(LOOKED_AT), path.iterdir())}
    if own & {".hea", *ARRAYS, *CONTINUOUS}:
        return own
    below = {file.suffix.lower() for _, file in zip(range(LOOKED_AT), path.rglob("*.*"))}
    return own | (below & {".hea", *CONTINUOUS})
