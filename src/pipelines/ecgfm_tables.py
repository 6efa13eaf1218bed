"""The stages `split` and `labels` of the lead-I pipeline: which files of its folder they read and write.

Both need tables only. Split before labels, so that positive weights come from the training part.
"""

from __future__ import annotations

from pathlib import Path

from src.data.labels.labeler import PHRASES, TERMS, find_table
from src.data.labels.record_splits import make_split
from src.data.labels.reports import BLANK
from src.data.labels.tables import make_labels
from src.errors import UserError
from src.interop.layouts.ecgfm import CONFIG, LABELS, MEASUREMENTS, RECORDS, SPLIT

WRITTEN = ("labels.csv", "y.npy", "y_soft.npy", "label_def_recomputed.csv", "label_def_official_17.csv",
           "pos_weight.txt", "study_id_mapping.csv")


def labels_stage(base_dir: Path, *, raw_root: Path | None = None, labeler_config: Path | None = None,
                 mode: str = "upstream", part: str = "all", max_rows: int = 0, out_dir: Path | None = None,
                 joint: str = BLANK, replica: bool = False, workers: int | None = None) -> list[str]:
    """Machine statements -> labels/computed_labels/; lines for people, that say what was read and written.

    The table is the pipeline's own, else that of `raw_root`. The configuration is `labeler_config`, else the
    pipeline's own folder where it is there, else ours.
    """
    measurements = first_of(base_dir, MEASUREMENTS, "the table of machine statements of MIMIC-IV-ECG", raw_root)
    own = base_dir / CONFIG
    config = labeler_config or (own if own.is_dir() else None)
    if config is not None and not config.is_dir():
        raise UserError(f"{config}: no such folder", "--labeler_config names a folder with entity_tem.json; "
                        "without it our own configuration is used")
    split = base_dir / SPLIT
    out = out_dir or base_dir / LABELS
    made = make_labels(measurements, out, config=config, meta_split=split if split.is_file() else None, mode=mode,
                       part=part, max_rows=max_rows, joint=joint, replica=replica, workers=workers)
    over = "all rows, test included (as the original)" if replica else "the training part"
    return [f"read       {measurements}: {made.records} records, {made.texts} distinct texts",
            f"labeler    {config or 'our own configuration'}, mode {mode}, {_tables(config)}",
            f"split      {split if split.is_file() else 'none yet'}",
            *(f"{name:<45}{count:>9}{count / made.records:>10.3%}" for name, count in zip(made.names, made.counts)),
            f"weights    counted over {over}", *(f"note       {note}" for note in made.notes),
            f"wrote      {out}: {', '.join(WRITTEN)}"]


def split_stage(base_dir: Path, *, raw_root: Path | None = None, record_list: Path | None = None,
                out: Path | None = None, valid_frac: float = 0.1, test_frac: float = 0.1, seed: int = 42,
                replica: bool = False) -> list[str]:
    """record_list.csv -> meta_split.csv, by patient; `replica` splits by record, which leaks patients."""
    source = record_list or first_of(base_dir, (RECORDS,), "the list of records of MIMIC-IV-ECG", raw_root)
    target = out or base_dir / SPLIT
    made = make_split(source, target, valid_frac=valid_frac, test_frac=test_frac, seed=seed, replica=replica)
    counts = ", ".join(f"{name}={count}" for name, count in made.counts.items())
    lines = [f"read       {source}", f"Wrote {target} ({counts})"]
    if made.shared:
        lines.append(f"note       this split leaks: {made.shared} of {made.patients} patients have records in several "
                     "parts; test scores are too good for new patients")
    elif replica:
        lines.append("note       split by record: whether patients are in several parts cannot be seen")
    return lines


def _tables(config: Path | None) -> str:
    paths = [find_table(config, name) for name in (PHRASES, TERMS)]
    beside = config is not None and all(path.parent in (config, config.resolve().parent) for path in paths)
    return "with its normalisation tables" if beside or config is None else "with our normalisation tables"


def first_of(base_dir: Path, names: tuple[str, ...], what: str, raw_root: Path | None = None) -> Path:
    """The first of the files below `base_dir` that is there, else the one of the same name in the raw root."""
    places = [base_dir / name for name in names] + ([raw_root / Path(names[0]).name] if raw_root else [])
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise UserError(f"{what} is missing: looked for {', '.join(map(str, places))}",
                        "put it there, or name the pipeline's folder with --base_dir and that of MIMIC-IV-ECG with "
                        "--raw_root")
    return found
