"""`prepare.py inspect FILE..`: what files hold. One file: its channels, annotations, checks and a picture on ECG paper.
Several, or folders: a line for each, with --output also a CSV and the pictures."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from src.data.signal import Recording
from src.errors import UserError
from src.pipelines.findings import LIMBS_AGREE, Finding, Stated, files_below, look

MOST_KINDS, MOST_CHANNELS, LONGEST_FACT = 6, 32, 300  # of annotations; of rows; characters
TABLE = "inspected.csv"
OF_CHANNELS = ("units", "gains", "baselines", "samples_per_frame")  # what metadata has for each channel: not shown
EXAMPLE = "python prepare.py inspect FILE.. (files, WFDB records without suffix, or folders)"


def inspect(names: list[str], folder: str | None, seconds: float, stated: Stated,
            say: Callable[[str], None] = print) -> None:
    """Say what `names` hold. Pictures of files lie beside them, or all in `folder`. UserError where nothing is read."""
    paths = [Path(name) for name in names]
    if len(paths) == 1 and not paths[0].is_dir():
        found = look(paths[0], stated)
        if found.recording is None:
            raise UserError(f"{paths[0]}: {found.reason}")
        for line in describe(found):
            say(line)
        name = paths[0].stem if paths[0].is_file() else paths[0].name
        say(f"picture      {draw(found, (Path(folder) if folder else paths[0].parent) / f'{name}.png', seconds)}")
        return
    inspect_many(paths, Path(folder) if folder else None, seconds, stated, say)


def inspect_many(paths: list[Path], folder: Path | None, seconds: float, stated: Stated,
                 say: Callable[[str], None]) -> None:
    mains, parts, root = [], [], _root(paths)
    for path in paths:
        own, beside = files_below(path) if path.is_dir() else ([path], [])
        mains, parts = mains + own, parts + beside
    findings = []
    for path in mains:
        found = look(path, stated)
        if found.recording is not None and folder is not None:
            shown = _relative(path, root)
            shown = Path(shown.name) if shown.is_absolute() or ".." in shown.parts else shown
            draw(found, folder / shown.parent / f"{shown.name.removesuffix('.hea')}.png", seconds)
        findings.append(_measured(found))
    read = [found for found in findings if not found.reason]
    if not read:
        raise UserError("\n".join(["nothing could be read", *(f"{found.path}: {found.reason}" for found in findings)]),
                        EXAMPLE)
    for line in [*table(read, root), *refusals(findings, root), *summary(findings, parts)]:
        say(line)
    if folder is not None:
        say(f"table        {write(findings, folder / TABLE, root)}")


def _measured(found: Finding) -> Finding:
    """Without its samples: hundreds of files are looked at in the memory of one."""
    if found.recording is not None:
        found.recording.signal = np.broadcast_to(np.float32(0), found.recording.signal.shape)
    return found


def describe(found: Finding) -> list[str]:
    """One file in lines."""
    recording = found.recording
    assert recording is not None
    channels, samples = recording.signal.shape
    which = f"the first of {found.records} recordings, {recording.name}" if found.records > 1 else recording.name
    lines = [f"{found.path}: {found.kind}, {which}",
             f"signal       {channels} channels, {samples} samples at {recording.sampling_rate_hz:g} Hz "
             f"({found.seconds:.4g} s) in {recording.unit or 'an unknown unit'}"]
    if channels:
        lines += _channels(recording)
    if found.marks:
        lines.append(f"annotations  {_marks(found)}")
    if checked := _checks(found):
        lines.append(f"checks       {checked}")
    facts = {name: value for name, value in recording.metadata.items() if name not in OF_CHANNELS}
    return lines + [f"{name:<12} {_short(value)}" for name, value in facts.items() if _short(value)]


def _channels(recording: Recording) -> list[str]:
    units = recording.metadata.get("units") or (recording.unit,) * len(recording.channel_names)
    width = max(10, *map(len, recording.channel_names[:MOST_CHANNELS])) + 2
    lines = [f"{'channel':<{width}}{'smallest':>12}{'median':>12}{'largest':>12}{'absent':>9}  unit"]
    for name, trace, unit in list(zip(recording.channel_names, recording.signal, units))[:MOST_CHANNELS]:
        there = trace[np.isfinite(trace)]
        numbers = [there.min(), np.median(there), there.max()] if len(there) else []
        cells = [f"{number:>12.4g}" for number in numbers] or [f"{'-':>12}"] * 3
        lines.append(f"{name:<{width}}{''.join(cells)}{1 - len(there) / max(len(trace), 1):>9.1%}  {unit}".rstrip())
    more = len(recording.channel_names) - MOST_CHANNELS
    return [*lines, f"... and {more} more"] if more > 0 else lines


def _marks(found: Finding) -> str:
    shown = [f"{kind} {count}" for kind, count in list(found.marks.items())[:MOST_KINDS]]
    more = len(found.marks) - MOST_KINDS
    return ", ".join([*shown, f"{more} more kinds"] if more > 0 else shown)


def _checks(found: Finding) -> str:
    checks = [f"checksums {found.checksums}" if found.checksums else "",
              f"limb leads agree within {_limb(found)}" if found.limb_error is not None else "",
              f"flat: {', '.join(found.flat)}" if found.flat else "",
              f"{found.absent:.1%} absent" if found.absent else ""]
    return "; ".join(check for check in checks if check)


def _limb(found: Finding) -> str:
    return "" if found.limb_error is None else f"{found.limb_error:.4f} {found.limb_unit}".strip()


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_FACT else f"{text[:LONGEST_FACT]}..."


def table(findings: list[Finding], root: Path) -> list[str]:
    """Columns of what was read, one line per file."""
    rows = [["file", "format", "channels", "Hz", "s", "unit", "limb error", "checksums", "annotations, notes"]]
    for found in findings:
        recording = found.recording
        assert recording is not None
        notes = [f"first of {found.records}" if found.records > 1 else "", _marks(found),
                 f"{found.absent:.1%} absent" if found.absent else "",
                 f"flat: {', '.join(found.flat)}" if found.flat else "",
                 f"left out: {_short(recording.metadata['left_out'])}" if "left_out" in recording.metadata else ""]
        rows.append([str(_relative(found.path, root)), found.kind, str(recording.signal.shape[0]),
                     f"{recording.sampling_rate_hz:g}", f"{found.seconds:.4g}", recording.unit or "?",
                     _limb(found), found.checksums,
                     "; ".join(note for note in notes if note)])
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def refusals(findings: list[Finding], root: Path) -> list[str]:
    return [f"refused  {_relative(found.path, root)}: {found.reason}" for found in findings if found.reason]


def summary(findings: list[Finding], parts: list[Path]) -> list[str]:
    """How much of what, and the checks over all."""
    read = [found for found in findings if not found.reason]
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(found.kind for found in read).most_common())
    lines = [f"{len(read)} files read ({kinds}), {len(findings) - len(read)} refused, {len(parts)} are parts of these, "
             f"{sum(found.read_s for found in findings):.1f} s"]
    checked = [found for found in read if found.checksums]
    wrong = [found.path.name for found in checked if found.checksums != "ok"]
    if checked:
        lines.append(f"checksums: {len(checked) - len(wrong)} right, {len(wrong)} wrong{': ' * bool(wrong)}"
                     f"{', '.join(wrong[:5])}")
    with_limbs = [found for found in read if found.limb_error is not None]
    good = [found.limb_error or 0.0 for found in with_limbs if (found.limb_error or 0.0) <= LIMBS_AGREE]
    apart = [f"{found.path.name} {_limb(found)}" for found in with_limbs if (found.limb_error or 0.0) > LIMBS_AGREE]
    if with_limbs:
        lines.append(f"limb leads: {len(good)} recordings agree within {max(good, default=0):.4f}, {len(apart)} do not"
                     f"{': ' * bool(apart)}{', '.join(apart[:5])}")
    return lines


def write(findings: Iterable[Finding], path: Path, root: Path) -> Path:
    """The table as CSV, refused files too."""
    columns = ("file", "format", "read", "reason", "recordings", "channels", "samples", "rate_hz", "seconds", "unit",
               "annotations", "absent", "flat", "checksums", "limb_error", "limb_unit", "read_s")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(columns)
        for found in findings:
            recording, error = found.recording, found.limb_error
            measured: list[Any] = [""] * 10 if recording is None else [
                found.records, *recording.signal.shape, recording.sampling_rate_hz, f"{found.seconds:.6g}",
                recording.unit, sum(found.marks.values()), f"{found.absent:.6g}", " ".join(found.flat),
                found.checksums]
            out.writerow([_relative(found.path, root), found.kind, "no" if found.reason else "yes", found.reason,
                          *measured, "" if error is None else f"{error:.6g}", found.limb_unit, f"{found.read_s:.4f}"])
    return path


def draw(found: Finding, picture: Path, seconds: float) -> str:
    """The picture of a recording; UserError where it cannot be written."""
    from src.evaluation.paper import paper_figure, save_paper

    recording = found.recording
    if recording is None or not recording.signal.size:
        return "none: there is no signal"
    figure = paper_figure(recording.signal, recording.channel_names, recording.sampling_rate_hz, recording.unit,
                          seconds, recording.name)
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        save_paper(figure, picture)
    except OSError as error:
        raise UserError(f"{picture}: the picture cannot be written: {error.strerror}",
                        "--output names another folder") from None
    return str(picture)


def _root(paths: list[Path]) -> Path:
    """What the names in a table are relative to: the one folder that was named, or nothing."""
    return paths[0] if len(paths) == 1 else Path()


def _relative(path: Path, root: Path) -> Path:
    if root != Path():
        return path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    return path
