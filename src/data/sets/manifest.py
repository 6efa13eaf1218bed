"""`--dataset manifest`: the records of fairseq-signals, ECG-FM and DeepECG-SSL: `.tsv` lists of `.mat` files.

`--data_path` is the folder of train.tsv, valid.tsv, test.tsv, or one of them. A record holds `feats` (leads, samples),
`curr_sample_rate`, and `idx` (row of the label file), `patient_id`, `label` where they are known, `target_idx` where
its `label` is of these labels only. The headers of all files are read when the data are opened, of a signal only the
samples that a window needs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.data.bad_records import BadRecords
from src.data.dataset import Records
from src.data.readers.mat_places import Loaded, Stored, variables
from src.data.readers.rates import known_rate
from src.data.sets.label_files import check_rows, chosen_columns, label_names, read_labels, target_of
from src.data.sets.lead_rows import COMPARED, LeadConfig, LeadDataset
from src.data.sets.manifest_files import ROLES, Line, Manifest, find_manifests, inside, read_manifest
from src.data.sets.partial_labels import places_of, spread
from src.data.signal import TargetSpec
from src.errors import BadRecord, UserError

FIELDS = ("feats", "curr_sample_rate", "idx", "patient_id", "label", "target_idx")


@dataclass(frozen=True)
class _Found:
    """One record of the table: its files in order of time, and what they say."""

    name: str
    subset: str
    files: tuple[Stored | Loaded, ...]
    rate_hz: float
    idx: int
    patient: str
    label: np.ndarray | str
    places: np.ndarray  # which labels those are; empty: all
    role: str = ""  # of people who are to be identified: gallery or probe

    @property
    def samples(self) -> int:
        return sum(file.shape[1] for file in self.files)


class ManifestDataset(LeadDataset):
    """Records of one or several manifests, each a part of the data."""

    @dataclass(frozen=True)
    class Config(LeadConfig):
        root: str = ""  # folder of the recordings, where it is not the one that the manifests name

    config: Config

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config = config or self.Config()
        path = Path(data_path or "")
        files = find_manifests(path, "manifest") if data_path is not None and path.exists() else []
        if not files:
            raise UserError(f"{data_path}: no manifest (.tsv) of recordings",
                            "its first line names a folder, the others a file and its length with a tab between")
        manifests = [read_manifest(file, config.root) for file in files]
        pairs = {manifest.is_pairs for manifest in manifests}
        if len(pairs) > 1:
            raise UserError(f"{path}: manifests of pairs and of single recordings", "give the path of one of them")
        if pairs == {True}:
            self.config = replace(config, views="adjacent")
        self._collect(manifests, path if path.is_dir() else path.parent)
        self.source = f"{path} (manifest{'s' * (len(files) > 1)} {', '.join(file.stem for file in files)})"

    def _collect(self, manifests: list[Manifest], folder: Path) -> None:
        found, bad = self._read_headers(manifests), self._bad
        self.target, label, missing = self._labels(found, folder)
        for one in np.flatnonzero(missing).tolist():
            bad.add(found[one].name, "has no label")
        self.notes = bad.settle(self.config.on_bad_record, int((~missing).sum()))
        self._found = [one for one, lost in zip(found, missing) if not lost]
        single = len(manifests) == 1 and manifests[0].subset not in ("train", "valid", "test")
        subset = ["" if single else one.subset for one in self._found]
        patients = [one.patient for one in self._found]
        if any(one.role for one in self._found):
            self.info = {"role": np.array([one.role for one in self._found])}
            _check_roles(subset, self.info["role"].tolist())
        self.records = Records(np.array([one.name for one in self._found]), np.array(patients), label[~missing],
                               np.array(subset), np.array([one.samples for one in self._found], np.int64))
        self._finish(np.array([one.rate_hz for one in self._found]))
        self._compared = sum(file.shape[0] * file.shape[1] * 8 for one in self._found for file in one.files) <= COMPARED

    def _read_headers(self, manifests: list[Manifest]) -> list[_Found]:
        """Every record that can be used; the others are in `_bad`."""
        self._bad, found, names = BadRecords(), [], set()
        leads: int | None = None
        for manifest in manifests:
            for line in manifest.lines:
                try:
                    one = self._header(manifest, line, leads)
                    if one.name in names:
                        raise BadRecord(f"{one.name} (again)", "is there more than once")
                except BadRecord as error:
                    self._bad.add(error.record, error.reason)
                    continue
                names.add(one.name)
                leads = one.files[0].shape[0]
                found.append(one)
        if leads is None:
            self._bad.settle("error", 0)
            raise UserError(f"{manifests[0].path}: names no recording")
        self._choose_leads(leads)
        return found

    def _header(self, manifest: Manifest, line: Line, leads: int | None) -> _Found:
        files, about = [], {}
        for name in line.files:
            path = inside(manifest.root, name)
            if path is None:
                raise BadRecord(line.name, "lies outside the folder of its manifest")
            if not path.is_file():
                raise BadRecord(line.name, f"no such file: {name}")
            try:
                held = variables(path, FIELDS)
            except UserError as error:
                raise BadRecord(line.name, error.message.removeprefix(f"{path}: ")) from error
            feats = held.pop("feats", None)
            if feats is None or len(feats.shape) != 2 or 0 in feats.shape:
                raise BadRecord(line.name, "holds no feats of leads and samples")
            if leads is not None and feats.shape[0] != leads:
                raise BadRecord(line.name, f"has {feats.shape[0]} leads, others {leads}")
            files.append(feats)
            about = about or {key: value.read().ravel() for key, value in held.items() if 0 not in value.shape}
        rate = float(about["curr_sample_rate"][0]) if "curr_sample_rate" in about else 0.0
        patient = _patient(about, manifest.is_pairs) or (line.label if manifest.role else "")
        if manifest.role and not patient:
            raise BadRecord(line.name, "says no patient_id: nobody can be told from others")
        return _Found(line.name, manifest.subset, tuple(files), known_rate(files[0].path, rate, self.config.rate_hz),
                      int(about["idx"][0]) if "idx" in about else -1, patient,
                      line.label or about.get("label", np.zeros(0)), places_of(about, line.name), manifest.role)

    def _labels(self, found: list[_Found], folder: Path) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
        """Of the manifest's third column, of the label file, of the records; else none."""
        if any(isinstance(one.label, str) or one.role for one in found):
            return self._classes(found)
        path = Path(self.config.label_file) if self.config.label_file else folder / "y.npy"
        if self.config.label_file and not path.is_file():
            path = folder / self.config.label_file
        if self.config.label_file or path.is_file():
            table, names = read_labels(path)
            check_rows(path, len(table), folder)
            rows = np.array([one.idx for one in found])
            wrong = (rows < 0) | (rows >= len(table))
            if wrong.any():
                raise UserError(f"{path}: {int(wrong.sum())} records are of no row of its {len(table)}, "
                                f"{found[int(np.argmax(wrong))].name} first",
                                "idx in the .mat file is the row; give the label file of these recordings")
        elif any(len(one.places) for one in found):
            labels = [np.asarray(one.label, np.float32) for one in found]
            table, names = spread(labels, [one.places for one in found], folder, self.config.classes)
            rows = np.arange(len(found))
        else:
            widths = {len(one.label) for one in found}
            if widths == {0}:
                self.labelled = False
                return TargetSpec("none"), np.zeros(len(found), np.int64), np.zeros(len(found), bool)
            if len(widths) > 1:
                raise UserError(f"{folder}: records with {' and '.join(map(str, sorted(widths)))} labels",
                                "name a label file: --dataset_args label_file=y.npy")
            table, rows = np.stack([np.asarray(one.label, float) for one in found]), np.arange(len(found))
            names = label_names(folder, table.shape[1])
        columns = chosen_columns(names, self.config.label_indexes, self.config.classes)
        return target_of(table[rows][:, columns], [names[column] for column in columns], self.config.target,
                         self.config.classes)

    def _classes(self, found: list[_Found]) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
        """Whose record it is: the class of each line, numbers in their order; lines without one have no label. In a
        gallery and among probes there are strangers, who are of no class (and no record of theirs is missing)."""
        words = [one.label if isinstance(one.label, str) and not one.role else "" for one in found]
        known = self.config.classes or tuple(sorted(set(words) - {""}, key=lambda word: (len(word), word)))
        place = {word: number for number, word in enumerate(known)}
        missing = np.array([word not in place and not one.role for word, one in zip(words, found)])
        self.within_subject = True
        return TargetSpec("classes", tuple(known)), np.array([place.get(word, 0) for word in words]), missing

    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        parts, start = [], 0
        for file in self._found[row].files:
            begin, end = max(low - start, 0), min(high - start, file.shape[1])
            if begin < end:
                parts.append(self._leads(_columns(file, begin, end, self._found[row].name)))
            start += file.shape[1]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def content_hash(self, row: int) -> str | None:
        if not self._compared:
            return None
        found = hashlib.blake2b(digest_size=16)
        for file in self._found[row].files:
            found.update(np.ascontiguousarray(file.read()).view(np.uint8).data)
        return found.hexdigest()


def _check_roles(subsets: list[str], roles: list[str]) -> None:
    """UserError for a part that is not both gallery and probes, or holds others too."""
    for part in sorted({subset for subset, role in zip(subsets, roles) if role}):
        there = {role for subset, role in zip(subsets, roles) if subset == part}
        if there != set(ROLES):
            held = " and ".join(sorted(role or "records of no role" for role in there))
            raise UserError(f"part {part!r} holds {held}",
                            f"identification needs {part}_gallery.tsv and {part}_probe.tsv, and no {part}.tsv beside; "
                            "give the path of their folder")


def _columns(file: Stored | Loaded, low: int, high: int, name: str) -> np.ndarray:
    try:
        return file.columns(low, high)
    except (OSError, ValueError) as error:
        raise BadRecord(name, f"cannot be read any more ({error})", "the file was changed since the start") from error


def _patient(about: dict[str, np.ndarray], is_pairs: bool) -> str:
    """Whose record it is. The original takes `idx` first where it compares recordings (pairs), so pairs belong to
    their recording; people are known by `patient_id` alone."""
    for key in ("idx", "patient_id") if is_pairs else ("patient_id",):
        if key in about:
            return str(about[key].ravel()[0])
    return ""
