"""What a preparation will do, fixed before its first record and kept in journal/plan.json: a folder that was begun with
another plan is refused. Records are taken by their names (or in the set's own order), whatever the number of processes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from src.data.leads import STANDARD_12, normalise_leads
from src.data.prepare.blocks import FOLDER, Job, read
from src.data.prepare.options import STANDARD12, PrepareConfig, from_plain, to_plain
from src.data.prepare.raw import RawRecord, RawSet
from src.data.recorded import most_common
from src.data.signal import Recording
from src.data.units import VOLTS, unit_factor, unit_name
from src.errors import UserError
from src.files import write_json

PLAN = "plan.json"
LARGEST_BLOCK, BLOCKS = 256, 64  # records of a block at most; blocks that a smaller set has, to share them out
LOOKED_AT = 48  # recordings that tell what most have
LONGEST_NAME = 150  # characters of a file name

SAME = {"set": "set", "options": "--dataset_args", "asked": "--prepare_args", "store": "--store", "limit": "--limit",
        "split": "--split_ratio and --seed", "digest": "the records found"}  # what two runs into a folder share


@dataclass(frozen=True)
class Plan:
    """`asked` are the preparation options as given, `config` with leads, unit and rate settled."""

    set: str
    options: dict[str, str]
    asked: dict[str, Any]
    config: dict[str, Any]
    store: str
    limit: int | None
    split: tuple[float, ...]  # shares and seed
    classes: tuple[str, ...]
    kind: str
    source: str
    licence: str
    notes: tuple[str, ...]
    missing: dict[str, str]
    info: tuple[str, ...]  # further columns of the table
    records: int
    digest: str
    protocol: str = ""

    @property
    def is_replica(self) -> bool:
        """Whether the parts are those of the set's original."""
        return self.options.get("replica", "").lower() == "true"

    @property
    def block_size(self) -> int:
        return min(LARGEST_BLOCK, max(1, -(-self.records // BLOCKS)))

    @property
    def blocks(self) -> int:
        return -(-self.records // self.block_size)

    def rows(self, block: int) -> slice:
        return slice(block * self.block_size, min((block + 1) * self.block_size, self.records))

    def job(self, root: Path, output: Path, stop_at_bad: bool = False) -> Job:
        return Job(root, output, from_plain(self.config), self.store, self.classes, self.kind, stop_at_bad)

    def save(self, output: Path) -> None:
        write_json(output / FOLDER / PLAN, asdict(self), indent=None)

    @classmethod
    def load(cls, output: Path) -> Plan | None:
        """The plan of a folder, None where none was begun; UserError where it cannot be read."""
        path = output / FOLDER / PLAN
        if not path.exists():
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**values, **{name: tuple(values[name]) for name in ("split", "classes", "notes", "info")}})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} cannot be read ({error})", "prepare into a new folder") from error


def in_order(raw: RawSet, limit: int | None) -> list[RawRecord]:
    """The records by name (or as the set has them), the first `limit` of them; UserError where two share a name."""
    records = sorted(raw.records, key=lambda record: record.name)
    twice = [a.name for a, b in pairwise(records) if a.name == b.name]
    if twice:
        raise UserError(f"{raw.name}: {len(twice)} records have the name of another: {', '.join(twice[:5])}")
    return (raw.records if raw.keeps_order else records)[:limit]


def file_names(records: list[RawRecord]) -> list[str]:
    """A file name for each record: its own name where that can be one and is not taken."""
    names = [re.sub(r"[^\w.+=@-]+", "_", record.name).strip("._")[:LONGEST_NAME] or "record" for record in records]
    often = Counter(name.lower() for name in names)
    return [name if often[name.lower()] == 1 else f"{name}_{_short_digest(record.name)}"
            for name, record in zip(names, records)]


def _short_digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def make_plan(raw: RawSet, records: list[RawRecord], root: Path, asked: PrepareConfig, *, options: dict[str, str],
              store: str, limit: int | None, split: tuple[float, ...], begun: Plan | None = None) -> Plan:
    """UserError where the folder was `begun` with another plan, naming what differs."""
    if raw.kind not in ("classes", "multilabel"):
        raise UserError(f"{raw.name}: labels of kind {raw.kind!r}", "classes and multilabel can be prepared")
    info = tuple(sorted({name for record in records for name in record.info}))
    plan = Plan(raw.name, options, to_plain(asked), {}, store, limit, split, tuple(raw.classes), raw.kind, raw.source,
                raw.licence, tuple(raw.notes), dict(raw.missing), info, len(records), _digest(records), raw.protocol)
    if begun is not None:
        _check_same(plan, begun)
        return begun
    return replace(plan, config=to_plain(settle(asked, records, root)))


def _check_same(plan: Plan, begun: Plan) -> None:
    def plain(value: Any) -> Any:
        return list(value) if isinstance(value, tuple) else value

    differs = [f"{what}: begun with {_shown(plain(getattr(begun, name)))}, now {_shown(plain(getattr(plan, name)))}"
               for name, what in SAME.items() if plain(getattr(begun, name)) != plain(getattr(plan, name))]
    if differs:
        raise UserError("--output: this folder was begun with other settings\n" + "\n".join(differs),
                        "name a new folder, or give the settings that it was begun with")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        value = " ".join(f"{key}={_shown(inner)}" for key, inner in value.items()) or "none"
    elif isinstance(value, list):
        value = ",".join(map(str, value))
    return str(value)


def _digest(records: list[RawRecord]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for record in records:
        found.update(repr((record.name, record.path, record.labels, record.subject, record.subset, record.record,
                           record.start, record.samples, record.rate_hz, record.strung,
                           sorted(record.info.items()))).encode())
    return found.hexdigest()


def settle(config: PrepareConfig, records: list[RawRecord], root: Path) -> PrepareConfig:
    """The options with leads, unit and rate said: as given, else as most of some recordings spread over the set."""
    leads = STANDARD_12 if config.leads == (STANDARD12,) else normalise_leads(config.leads)
    config = replace(config, leads=leads, unit=unit_name(config.unit) if config.unit else "")
    if config.is_settled:
        return config
    seen = _look(records, root)
    unit = config.unit or most_common(unit_name(recording.unit) or "unknown" for recording in seen)
    rate_hz = config.resample_hz or float(most_common(recording.sampling_rate_hz for recording in seen))
    return replace(config, unit=unit, leads=config.leads or _usual_leads(seen, unit), resample_hz=rate_hz)


def _look(records: list[RawRecord], root: Path) -> list[Recording]:
    """Some recordings, without their samples; UserError where none can be read."""
    distinct = list({(record.path, record.record): record for record in records}.values())
    step = max(1, len(distinct) // LOOKED_AT)
    seen, reasons = [], []
    for record in distinct[::step]:
        try:
            recording = read(root, record)
            seen.append(replace(recording, signal=recording.signal[:, :0].copy()))
        except UserError as error:
            reasons.append(str(error))
    if not seen:
        raise UserError("no recording can be read" + (f"; the first: {reasons[0]}" if reasons else ": there is none"))
    return seen


def _usual_leads(seen: list[Recording], unit: str) -> tuple[str, ...]:
    """Those that most recordings have, in the standard order where they are standard leads."""
    leads = most_common(_fitting(recording, unit) for recording in seen)
    if not leads:
        raise UserError(f"most recordings have no channel in {unit}", f"give --prepare_args unit= ({', '.join(VOLTS)})")
    return leads


def _fitting(recording: Recording, unit: str) -> tuple[str, ...]:
    """The channels whose unit can be turned into `unit`, in the standard order where all are standard leads."""
    units = recording.metadata.get("units") or (recording.unit,) * len(recording.channel_names)
    leads = tuple(name for name, found in zip(normalise_leads(recording.channel_names), units)
                  if unit_factor(str(found) or "unknown", unit) is not None)
    return tuple(sorted(leads, key=STANDARD_12.index)) if set(leads) <= set(STANDARD_12) else leads
