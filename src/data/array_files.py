"""npz, npy and MAT files as packs: arrays of recordings with what belongs to them, under the names that people use."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import numpy as np

from src.data.readers.mat import mat_names, read_mat
from src.data.readers.npz import npz_names, read_npy, read_npz
from src.data.readers.rates import known_rate, rate_of_times
from src.data.tables import find_table, read_table
from src.data.targets import SUBSETS
from src.data.units import unit_name
from src.errors import UserError

SUFFIXES = (".npz", ".npy", ".mat")
FIELDS = {
    "signal": ("signal", "signals", "X", "x", "val", "feats", "ecg", "x_train", "cnt", "data"),
    "label": ("label", "labels", "y", "Y", "target", "y_train"),
    "subject": ("subject", "subjects", "group", "patient", "patient_id"),
    "subset": ("subset", "split"),
    "record": ("record", "records", "names", "record_id"),
    "channels": ("channels", "ch_names", "channel_names", "leads", "lead", "clab"),
    "classes": ("classes", "class_names", "label_names"),
    "rate_hz": ("rate_hz", "fs", "Fs", "sampling_rate", "sfreq", "srate", "rate", "freq", "frequency",
                "curr_sample_rate"),
    "times": ("t", "time", "times"),
    "unit": ("unit", "units"),
    "offset": ("offset", "offsets"),
    "scale": ("scale",),
}
ROWWISE = ("label", "subject", "subset", "record")


@dataclass
class Pack:
    """The recordings of one file: `signal` (records, channels, samples), or (channels, samples of all) with `offset`
    (records + 1,) where lengths differ; `scale` turns stored numbers into `unit`; `rows` has label, subject, ..."""

    path: Path
    signal: np.ndarray
    offset: np.ndarray | None
    scale: np.ndarray
    rate_hz: float
    unit: str
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    rows: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.signal) if self.offset is None else len(self.offset) - 1

    def lengths(self) -> np.ndarray:
        if self.offset is not None:
            return np.diff(self.offset)
        return np.full(len(self.signal), self.signal.shape[2], np.int64)

    def stored(self, record: int, low: int = 0, high: int | None = None) -> np.ndarray:
        """Samples [low, high) of one record as stored: a view (channels, samples)."""
        if self.offset is None:
            return self.signal[record, :, low:high]
        begin, end = int(self.offset[record]), int(self.offset[record + 1])
        return self.signal[:, begin + low:end if high is None else min(begin + high, end)]


def find_files(path: Path) -> list[Path]:
    """The files of signals: `path` itself, or those of the folder, without companions such as labels.npy."""
    if path.is_file():
        return [path]
    companions = {name for names in FIELDS.values() for name in names} - set(FIELDS["signal"])
    return [file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES and file.is_file()
            and not (file.suffix.lower() == ".npy" and (file.stem in companions or file.stem.endswith("_labels")))]


def read_pack(path: Path, rate_hz: float = 0.0, unit: str = "", layout: str = "nct") -> Pack:
    """One file as a pack; `rate_hz` and `unit` count where it does not say. UserError says what is missing."""
    found = _read_fields(path)
    if "signal" not in found:
        raise UserError(f"{path}: no array of signals; it holds {', '.join(found) or 'nothing known'}",
                        f"name it one of {', '.join(FIELDS['signal'])}")
    _check_numbers(path, found["signal"])
    offset = found.get("offset")
    signal = _shape_ragged(path, found["signal"], offset) if offset is not None else \
        _shape_signal(path, found, layout)
    timed = rate_of_times(found["times"]) if "times" in found and found["times"].dtype.kind in "iuf" else 0.0
    rate = known_rate(path, _scalar(found.get("rate_hz"), timed), rate_hz)
    count = signal.shape[-2]
    names = _texts(found.get("channels"))
    if names and len(names) != count:
        raise UserError(f"{path}: {len(names)} channel names for {count} channels")
    pack = Pack(path, signal, None if offset is None else np.asarray(offset, np.int64).ravel(),
                _scale(path, found.get("scale"), count), rate, unit_name(_text(found.get("unit"), unit) or "unknown"),
                names or tuple(f"ch{number}" for number in range(1, count + 1)), _texts(found.get("classes")))
    pack.rows = _rows(pack, found)
    return pack


def _read_fields(path: Path) -> dict[str, np.ndarray]:
    """What the file (for npy: and the files beside it) holds, by our name of the field."""
    if path.suffix.lower() == ".npy":
        beside = {file.stem: file for file in sorted(path.parent.glob("*.npy")) if file != path}
        own = {name: beside[f"{path.stem}_{name}"] for name in ("labels", "label") if f"{path.stem}_{name}" in beside}
        beside = {**beside, **own}
        named = {field: next((beside[name] for name in names if name in beside), None)
                 for field, names in FIELDS.items() if field != "signal"}
        return {"signal": read_npy(path), **{key: np.array(read_npy(file)) for key, file in named.items() if file}}
    names, read = (npz_names(path), read_npz) if path.suffix.lower() == ".npz" else (mat_names(path), read_mat)
    places = {name.rpartition(".")[2]: name for name in reversed(names)}  # a MAT file may have them in a struct
    chosen = {field: next((places[name] for name in known if name in places), None) for field, known in FIELDS.items()}
    return {field: read(path, name) for field, name in chosen.items() if name is not None}


def _check_numbers(path: Path, signal: np.ndarray) -> None:
    if signal.dtype.kind not in "iuf":
        raise UserError(f"{path}: signals must be whole or real numbers, found {signal.dtype}")


def _shape_ragged(path: Path, signal: np.ndarray, offset: np.ndarray) -> np.ndarray:
    offset = np.asarray(offset, np.int64).ravel()
    if signal.ndim == 2 and 1 in signal.shape:
        signal = signal.reshape(1, -1)
    signal = signal[None] if signal.ndim == 1 else signal
    if signal.ndim != 2 or len(offset) < 2 or offset[0] < 0 or (np.diff(offset) <= 0).any() \
            or offset[-1] > signal.shape[-1]:
        raise UserError(f"{path}: offset must rise from 0 to at most the {signal.shape[-1]} samples stored",
                        "record i is signal[..., offset[i]:offset[i + 1]]")
    return signal


def _shape_signal(path: Path, found: dict[str, np.ndarray], layout: str) -> np.ndarray:
    """Any of (n, C, T), (n, T) with n labels, (C, T) of one recording, (T,) -> (n, C, T).

    Other orders of the axes are seen where the numbers of labels and of channel names tell them; of one recording
    without channel names the longer axis is time.
    """
    signal, names = found["signal"], _texts(found.get("channels"))
    count = next((_count(found[name]) for name in ROWWISE if name in found), 0)
    if signal.ndim == 1:
        signal = signal[None, None]
    elif signal.ndim == 2 and count == len(signal) and count > 1:
        signal = signal[:, None]
    elif signal.ndim == 2:
        upright = len(names) == signal.shape[1] != signal.shape[0] or (not names and signal.shape[0] > signal.shape[1])
        signal = (signal.T if upright and layout == "nct" else signal)[None]
    elif signal.ndim != 3:
        raise UserError(f"{path}: signals of shape {signal.shape}; expected (records, channels, samples)")
    else:
        signal = signal.transpose(_axes(signal.shape, count, len(names), layout))
        layout = "nct"
    signal = signal.transpose(0, 2, 1) if layout == "ntc" else signal
    if 0 in signal.shape:
        raise UserError(f"{path}: signals of shape {signal.shape} hold nothing")
    return signal


def _axes(shape: tuple[int, ...], records: int, channels: int, layout: str) -> tuple[int, ...]:
    """The order in which the axes are records, channels, samples: `layout`, unless only another one fits the counts."""
    stated = (0, 2, 1) if layout == "ntc" else (0, 1, 2)
    fitting = [order for order in permutations(range(3)) if (records < 2 or shape[order[0]] == records)
               and (not channels or shape[order[1]] == channels)]
    return stated if stated in fitting or not fitting else fitting[0]


def _count(values: np.ndarray) -> int:
    return 0 if values.ndim == 0 else values.size if 1 in values.shape else len(values)


def _rows(pack: Pack, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rows: dict[str, np.ndarray] = {}
    for name in ROWWISE:
        if name not in found:
            continue
        value = np.asarray(found[name])
        if value.dtype.kind == "S":
            value = np.char.decode(value, "utf-8", "replace")
        table = name == "label" and value.ndim == 2 and 1 not in value.shape
        value = value if table or (name == "label" and value.ndim == 2 and len(pack) == 1 and value.size > 1) \
            else value.reshape(-1)
        if len(value) != len(pack):
            raise UserError(f"{pack.path}: {len(value)} of {name} for {len(pack)} recordings",
                            "each recording needs its own; check layout=ntc if channels come last")
        rows[name] = value
    stem = pack.path.stem
    rows.setdefault("record", np.array([stem] if len(pack) == 1 else
                                       [f"{stem}_{number:06d}" for number in range(len(pack))]))
    if "subset" not in rows and stem.lower() in SUBSETS:
        rows["subset"] = np.full(len(pack), SUBSETS[stem.lower()])
    return rows


def add_table(packs: list[Pack], folder: Path, chosen: str) -> None:
    """Labels from a CSV beside the files, by record name where it has that column, else in order of its lines."""
    path = find_table(folder, chosen, needed=("label",))
    if path is None:
        return
    table = read_table(path)
    if "record" not in table:
        _add_in_order(packs, table, path)
        return
    line_of = {Path(name).with_suffix("").name if name.endswith(SUFFIXES) else name: line
               for line, name in enumerate(table["record"].tolist())}
    for pack in packs:
        lines = np.array([line_of.get(str(name), -1) for name in pack.rows["record"]])
        for column in ("label", "subject", "subset"):
            if column in table:
                pack.rows[column] = np.where(lines >= 0, table[column][lines], "")


def _add_in_order(packs: list[Pack], table: dict[str, np.ndarray], path: Path) -> None:
    total = sum(len(pack) for pack in packs)
    if len(table["label"]) != total:
        raise UserError(f"{path}: {len(table['label'])} lines for {total} recordings",
                        "one line per recording in their order, or add a column record with their names")
    ends = np.cumsum([len(pack) for pack in packs])
    for pack, end in zip(packs, ends):
        pack.rows.update({column: values[end - len(pack):end] for column, values in table.items()})


def _scale(path: Path, scale: np.ndarray | None, channels: int) -> np.ndarray:
    """(1, 1) or (channels, 1) float32."""
    value = np.ones(1) if scale is None else np.asarray(scale, float).ravel()
    if len(value) not in (1, channels) or not np.isfinite(value).all():
        raise UserError(f"{path}: scale must be one number, or one per channel; found {len(value)}")
    return value.astype(np.float32)[:, None]


def _scalar(value: np.ndarray | None, default: float) -> float:
    return default if value is None else float(np.asarray(value, float).ravel()[0])


def _text(value: np.ndarray | None, default: str) -> str:
    return default if value is None or value.size == 0 else str(np.asarray(value).ravel()[0])


def _texts(value: np.ndarray | None) -> tuple[str, ...]:
    return () if value is None else tuple(text.strip() for text in np.asarray(value).ravel().astype(str).tolist())
