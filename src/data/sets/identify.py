"""Manifests for identification from those of recordings: people to train on; strangers, a gallery and a probe each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.data.readers.mat_places import variables
from src.data.sets.manifest_files import ROLES, find_manifests, inside, read_manifest
from src.errors import UserError
from src.files import write_text


def write_identification(path: Path, output: Path, ratio: Sequence[float], seed: int) -> dict[str, int]:
    """The manifest or folder of manifests `path` -> train.tsv (a number per person), valid_gallery.tsv,
    valid_probe.tsv, test_gallery.tsv, test_probe.tsv in `output`; returns people by part, and those `skipped`.

    People are dealt by `ratio`, those of one recording are skipped; of a stranger the first two recordings count
    (fairseq-signals' manifest_identification). UserError where recordings have no patient_id.
    """
    root, people = _people(path)
    known = [files for files in people.values() if len(files) > 1]
    edges = np.cumsum(ratio) / np.sum(ratio)
    part = np.searchsorted(edges, np.random.default_rng(seed).random(len(known)), side="right")
    lists: dict[str, list[str]] = {"train": []}
    counts = {"train": 0, "valid": 0, "test": 0, "skipped": len(people) - len(known)}
    for files, number in zip(known, part.tolist()):
        name = ("train", "valid", "test")[min(number, 2)]
        if name == "train":
            lists[name] += [f"{file}\t{counts[name]}" for file in files]
        else:
            for role, file in zip(ROLES, files):
                lists.setdefault(f"{name}_{role}", []).append(file)
        counts[name] += 1
    if counts["train"] < 2:
        raise UserError(f"{path}: {len(known)} people have two recordings and more, {counts['train']} of them to train "
                        "on", "identification needs two at least; see --split_ratio")
    for name, lines in lists.items():
        write_text(output / f"{name}.tsv", "\n".join([str(root), *lines]) + "\n")
    return counts


def _people(path: Path) -> tuple[Path, dict[str, list[str]]]:
    """The folder of the recordings, and `file TAB samples` of each person's, in order."""
    manifests = [read_manifest(file) for file in (find_manifests(path, "manifest") if path.exists() else [])]
    roots = {manifest.root.resolve() for manifest in manifests}
    if len(roots) != 1 or any(manifest.is_pairs for manifest in manifests):
        raise UserError(f"{path}: no manifests of single recordings in one folder" if roots else
                        f"{path}: no manifest (.tsv) of recordings",
                        "its first line names a folder, the others a file and its length with a tab between")
    people: dict[str, list[str]] = {}
    for manifest in manifests:
        for line in manifest.lines:
            file = inside(manifest.root, line.files[0])
            held = variables(file, ("feats", "patient_id")) if file is not None and file.is_file() else {}
            if "patient_id" not in held or len(getattr(held.get("feats"), "shape", ())) != 2:
                raise UserError(f"{manifest.path}: {line.files[0]} is no recording with a patient_id",
                                "identification must know whose each recording is")
            patient = str(held["patient_id"].read().ravel()[0])
            people.setdefault(patient, []).append(f"{line.files[0]}\t{held['feats'].shape[1]}")
    return roots.pop(), people
