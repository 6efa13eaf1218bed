"""`prepare.py ecgfm check`: what must lie where, what is there, where the rest comes from, and what the stages left."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from src.data.readers.wfdb import read_wfdb
from src.data.sets.manifest_files import inside
from src.errors import UserError
from src.interop.layouts.ecgfm import CONFIG, LABELS, MEASUREMENTS, PRETRAINED, RECORDS, SPLIT, Tree
from src.pipelines.ecgfm_preprocess import read_column
from src.pipelines.ecgfm_signals import SignalOptions, ten_seconds

MIMIC = "MIMIC-IV-ECG 1.0, physionet.org/content/mimic-iv-ecg/1.0 (open, ODbL 1.0)"
ECG_FM = "github.com/bowang-lab/ECG-FM (MIT)"
WEIGHTS = "huggingface.co/wanglab/ecg-fm (see its page for the licence)"
BYTES = 2 * 12 * 5000 * 4  # of a record of 10 s: its file and its segments


class Finding(NamedTuple):
    """One thing to have. `where`: the place it was found, or those that were looked at."""

    what: str
    found: bool
    where: str
    source: str
    needed: bool = True

    @property
    def line(self) -> str:
        state = "there" if self.found else "missing" if self.needed else "not there"
        return f"{state:<11}{self.what}: {self.where}" + ("" if self.found else f"; from {self.source}")


def check_stage(tree: Tree, raw_root: Path | None, labeler_config: Path | None) -> tuple[list[str], bool]:
    """Lines for people, and whether everything that the first stages need is there."""
    findings = [_table(tree, raw_root, "machine statements", MEASUREMENTS),
                _table(tree, raw_root, "list of records", (RECORDS,)), _recordings(tree, raw_root),
                _configuration(tree, labeler_config), _weights(tree)]
    complete = all(one.found for one in findings if one.needed)
    stages = [f"{'done' if found else 'to do':<11}{stage}: {what}" for stage, found, what in _stages(tree)]
    return [*(one.line for one in findings), *stages, *_room(tree)], complete


def _table(tree: Tree, raw_root: Path | None, what: str, names: tuple[str, ...]) -> Finding:
    places = [tree.base / name for name in names] + ([raw_root / Path(names[0]).name] if raw_root else [])
    found = next((path for path in places if path.is_file()), None)
    return Finding(what, found is not None, str(found or " or ".join(map(str, places))), MIMIC)


def _recordings(tree: Tree, raw_root: Path | None) -> Finding:
    """The first record of the list is read: folder, files and leads must fit."""
    what = "recordings (WFDB)"
    if raw_root is None or not raw_root.is_dir():
        return Finding(what, False, "the folder that --raw_root names; files/ is in it", MIMIC)
    places = [tree.base / RECORDS, raw_root / Path(RECORDS).name]
    table = next((path for path in places if path.is_file()), None)
    if table is None:
        return Finding(what, False, f"{raw_root}, whose list of records is missing", MIMIC)
    first = next(iter(read_column(table, "path").values()), "")
    try:
        if inside(raw_root, first) is None:
            raise UserError(f"{first} lies outside the folder of the recordings")
        ten_seconds(read_wfdb(raw_root, first), tree.leads, SignalOptions(flat="zero"))
    except UserError as error:
        return Finding(what, False, f"{raw_root / first}: {error.message}", MIMIC)
    return Finding(what, True, f"{raw_root} (its first record can be read)", MIMIC)


def _configuration(tree: Tree, named: Path | None) -> Finding:
    folder = named or tree.base / CONFIG
    found = (folder / "entity_tem.json").is_file()
    where = str(folder) if found else f"{folder}; our own configuration is used without it"
    return Finding("labeler configuration of ECG-FM", found, where, ECG_FM, needed=named is not None)


def _weights(tree: Tree) -> Finding:
    places = [tree.base / PRETRAINED, tree.base / "finetuned_model" / PRETRAINED]
    found = next((path for path in places if path.is_file()), None)
    where = str(found) if found else f"{places[0]}, or wherever --init_from says; training can also start without"
    return Finding("pretrained weights", found is not None, where, WEIGHTS, needed=False)


def _stages(tree: Tree) -> list[tuple[str, bool, str]]:
    labels, split, manifests = tree.base / LABELS / "labels.csv", tree.base / SPLIT, tree.manifests / "train.tsv"
    files = _count(tree.mats)
    return [("split", split.is_file(), str(split)), ("labels", labels.is_file(), str(labels.parent)),
            ("preprocess", files > 0, f"{tree.mats}, {files} files"),
            ("build", manifests.is_file(), str(manifests.parent))]


def _count(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as entries:
        return sum(entry.name.endswith(".mat") for entry in entries)


def _room(tree: Tree) -> list[str]:
    """How much the files of preprocess and build will need."""
    split = tree.base / SPLIT
    if not split.is_file():
        return []
    with split.open("rb") as stream:
        records = sum(1 for _ in stream) - 1
    place = next(folder for folder in (tree.base, *tree.base.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    return [f"{'room':<11}{records * BYTES / 1e9:.1f} GB for {records} records of 10 s, 10 s files and segments; "
            f"{free / 1e9:.1f} GB are free"]
