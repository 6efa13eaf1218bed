"""The `.tsv` files of fairseq-signals and DeepECG-SSL: lists of recordings, or what describes an array of them.

- Root folder, then `path TAB samples` (and a class, where people are to be identified).
- Root folder, suffix, then `stem TAB samples TAB 0 TAB segment,segment`: neighbouring segments of one recording.
- `key:value` lines: `x_path`, `y_path`, `label_indexes`, `scale` (npy), `y_labels` (data frames).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from src.data.targets import SUBSETS
from src.errors import UserError

LARGEST = 1 << 30  # bytes
LOOKED_AT = 1 << 16  # bytes that tell what a file is
KEYS = ("x_path", "x_shape", "y_path", "label_indexes", "y_labels", "scale", "normalization")
ROLES = ("gallery", "probe")
ARRAYS, FRAMES = (".npy",), (".csv", ".parquet")


@dataclass(frozen=True)
class Line:
    """One recording: its files in order of time, below the root, and its class where the manifest says one."""

    name: str
    files: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True)
class Manifest:
    path: Path
    root: Path
    lines: list[Line]
    is_pairs: bool

    @property
    def subset(self) -> str:
        return subset_of(self.path)

    @property
    def role(self) -> str:
        """`gallery` or `probe`: of people to be identified, in valid_gallery.tsv and valid_probe.tsv; else ""."""
        return next((role for role in ROLES if self.path.stem.lower().endswith(f"_{role}")), "")


def subset_of(path: Path) -> str:
    """train, valid, test in their usual spellings (of a gallery or probes too), else the name of the file."""
    stem = path.stem.lower()
    for role in ROLES:
        stem = stem.removesuffix(f"_{role}")
    return SUBSETS.get(stem, path.stem)


def find_manifests(path: Path, kind: str) -> list[Path]:
    """The file itself, or those of a folder that are of this kind, training first."""
    files = [path] if path.is_file() else sorted(path.glob("*.tsv"))
    files = [file for file in files if kind_of(file) == kind]
    order = {"train": 0, "valid": 1, "test": 2}
    return sorted(files, key=lambda file: (order.get(subset_of(file), 3), file.name))


def kind_of(path: Path) -> str | None:
    """The data set that a .tsv file is: manifest, npy, dataframe; None where it is something else."""
    if path.suffix.lower() != ".tsv" or not path.is_file():
        return None
    with path.open(encoding="utf-8", errors="replace") as stream:
        lines = [line.rstrip("\n") for line in stream.read(LOOKED_AT).splitlines()]
    described = [line for line in lines if line.startswith("x_path:")]
    if described:
        suffix = PurePosixPath(described[0].strip()).suffix.lower()
        return "npy" if suffix in ARRAYS else "dataframe" if suffix in FRAMES else None
    cells = [line.split("\t") for line in lines[:3]]
    if len(cells) < 2 or len(cells[0]) > 1:
        return None
    first = cells[2] if len(cells) > 2 and len(cells[1]) == 1 else cells[1]
    return "manifest" if len(first) > 1 and first[1].strip().isdigit() else None


def read_manifest(path: Path, root: str = "") -> Manifest:
    """`root` stands for the folder that the file names; UserError for lines that do not fit."""
    lines = _lines(path)
    is_pairs = len(lines) > 1 and "\t" not in lines[1]
    suffix = lines[1].strip().lstrip(".") if is_pairs else ""
    first = 2 if is_pairs else 1
    rows = [(number, line.split("\t")) for number, line in enumerate(lines[first:], first + 1)]
    wrong = [number for number, cells in rows if len(cells) < (4 if is_pairs else 2)]
    if wrong:
        raise UserError(f"{path}, line {wrong[0]}: {'stem, samples, 0, segments' if is_pairs else 'path, samples'} "
                        "between tabs are expected")
    found = [line for _, cells in rows for line in (_pairs(cells, suffix) if is_pairs else [_plain(cells)])]
    return Manifest(path, _root(path, root or lines[0].strip()), found, is_pairs)


def _plain(cells: list[str]) -> Line:
    path = cells[0].strip()
    return Line(str(PurePosixPath(path).with_suffix("")), (path,), cells[2].strip() if len(cells) > 2 else "")


def _pairs(cells: list[str], suffix: str) -> list[Line]:
    """Segments 0 and 1, 2 and 3, ...; one that is left over is not used."""
    stem, segments = cells[0].strip(), [part.strip() for part in cells[3].split(",") if part.strip()]
    return [Line(f"{stem}_{first}", (f"{stem}_{first}.{suffix}", f"{stem}_{second}.{suffix}"))
            for first, second in zip(segments[::2], segments[1::2])]


def _root(path: Path, named: str) -> Path:
    for root in (path.parent / named, Path(named)):
        if root.is_dir():
            return root
    raise UserError(f"{path}: its first line names the folder {named}, which is not there",
                    "where the recordings were moved: --dataset_args root=DIR")


def inside(root: Path, name: str) -> Path | None:
    """The path of a member; None for one that would lead out of the root."""
    pure = PurePosixPath(name)
    return None if pure.is_absolute() or ".." in pure.parts else root / pure


def read_description(path: Path) -> dict[str, Any]:
    """The key:value lines; lists and shapes as Python writes them, nothing is evaluated."""
    found: dict[str, Any] = {}
    for number, line in enumerate(_lines(path), 1):
        key, colon, value = line.partition(":")
        if not colon or key.strip() not in KEYS:
            raise UserError(f"{path}, line {number}: {line[:60]!r}; key:value is expected",
                            f"known keys: {', '.join(KEYS)}")
        found[key.strip()] = value.strip()
    if "normalization" in found:
        raise UserError(f"{path}: normalization names a pickle, which is not opened",
                        "give its mean and scale as text files: --dataset_args mean_path=mean.txt std_path=std.txt")
    for key in ("x_shape", "label_indexes", "y_labels", "scale"):
        if key in found:
            found[key] = _literal(path, key, found[key])
    return found


def beside(path: Path, named: str) -> Path:
    """A file that a description names, relative to its own folder."""
    return path.parent / named


def _literal(path: Path, key: str, text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UserError(f"{path}: {key}:{text[:60]} is no number and no list", "for instance label_indexes:[0, 5]"
                        ) from None


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: {path.stat().st_size >> 20} MiB are too many for a manifest")
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    if not lines:
        raise UserError(f"{path} is empty", "its first line names the folder of the recordings")
    return lines
