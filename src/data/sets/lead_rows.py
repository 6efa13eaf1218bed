"""What the data sets of fairseq-signals share: which leads go in, in which order, how they are standardised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.data.leads import STANDARD_12
from src.data.recorded import RecordedConfig, RecordedDataset
from src.data.signal import Sample
from src.data.units import unit_factor, unit_name
from src.errors import UserError, did_you_mean

COMPARED = 4 << 30  # bytes of signals that the leak check reads; of larger sets people alone are compared


@dataclass(frozen=True)
class LeadConfig(RecordedConfig):
    """What the three kinds of data of fairseq-signals share. `channels` may be numbers (0 is lead I)."""

    rate_hz: float = 0.0  # sampling rate of files that do not say it
    unit: str = ""  # unit of the signals, which no file says
    label_file: str = ""  # y.npy; empty = y.npy beside the manifests, where there is one
    label_indexes: tuple[str, ...] = ()  # labels to use, numbers or names; empty = all
    pad_leads: bool = False  # all twelve leads go in, those that `channels` leaves out as absent
    lead_bucket: tuple[str, ...] = ()  # of these leads one is drawn each time; it comes after the others
    mean_path: str = ""  # text file, a number per lead: (x - mean) / std
    std_path: str = ""  # text file, a number per lead


class LeadDataset(RecordedDataset):
    """Recordings whose rows are leads in a known order: which of them go in, and how they are standardised."""

    config: LeadConfig

    def _choose_leads(self, stored: int) -> None:
        """`_rows`: what is read of the stored leads; `_channels`: what they are called."""
        names = STANDARD_12 if stored == len(STANDARD_12) else tuple(f"lead_{number}" for number in range(stored))
        wanted = [_lead(word, names) for word in self.config.channels] or list(range(stored))
        self._bucket = [_lead(word, names) for word in self.config.lead_bucket]
        if self._bucket:
            if self.config.pad_leads:
                raise UserError("pad_leads and lead_bucket: one says which leads there are, the other draws one")
            wanted = sorted(set(wanted) - set(self._bucket)) + self._bucket
        self._rows = None if wanted == list(range(stored)) else wanted
        self._padded = self.config.pad_leads
        self._channels = names if self._padded else tuple(names[row] for row in wanted)
        self._mean, self._std = self._statistics(stored)

    def _statistics(self, stored: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        if bool(self.config.mean_path) != bool(self.config.std_path):
            raise UserError("mean_path and std_path belong together", "name both files, or none")
        if not self.config.mean_path:
            return None, None
        mean, std = (_numbers(Path(name), stored) for name in (self.config.mean_path, self.config.std_path))
        if not (std > 0).all():
            raise UserError(f"{self.config.std_path}: deviations must be above 0")
        return mean, std

    def _finish(self, rates: np.ndarray) -> None:
        self._factor = np.float32(unit_factor(self._unit(), unit_name(self.config.to_unit) or self._unit()) or 0)
        if self._factor == 0:
            raise UserError(f"these signals are in {self._unit()}, which cannot be turned into {self.config.to_unit}",
                            "state their unit: --dataset_args unit=mV")
        self._arrange(rates, self._channels, unit_name(self.config.to_unit) or self._unit())
        if self._bucket:
            others = self._channels[:len(self._channels) - len(self._bucket)]
            self.spec = replace(self.spec, channels=(*others, f"one of {' '.join(self._channels[len(others):])}"))

    def _unit(self) -> str:
        return unit_name(self.config.unit) or unit_name(self.config.to_unit) or "unknown"

    def _leads(self, stored: np.ndarray) -> np.ndarray:
        """(stored leads, samples) as stored -> float32 leads that go in, NaN where one is left out."""
        signal = np.array(stored, np.float32, order="C")
        if self._mean is not None and self._std is not None:
            signal = ((signal - self._mean) / self._std).astype(np.float32)
        if self._factor != 1:
            signal *= self._factor
        if self._rows is None:
            return signal
        if not self._padded:
            return signal[self._rows]
        out = np.full_like(signal, np.nan)
        out[self._rows] = signal[self._rows]
        return out

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        views = super().read(row, rng)
        if not self._bucket:
            return views
        first = views[0].signal.shape[0] - len(self._bucket)
        drawn = first + (int(rng.integers(len(self._bucket))) if rng is not None else 0)
        kept = [*range(first), drawn]
        return [replace(view, signal=view.signal[kept], channel_mask=None if view.channel_mask is None else
                        view.channel_mask[kept]) for view in views]


def _lead(word: str, names: tuple[str, ...]) -> int:
    """The row of a lead by name, in any case, or by number."""
    plain = word.strip().strip("'\"")
    folded = [name.lower() for name in names]
    if plain.lower() in folded:
        return folded.index(plain.lower())
    if plain.isdigit() and int(plain) < len(names):
        return int(plain)
    raise UserError(f"no lead {plain}{did_you_mean(plain, names)}", f"there are {', '.join(names)}, or their numbers")


def _numbers(path: Path, count: int) -> np.ndarray:
    """(count, 1) from a text file with a number per line."""
    try:
        if path.stat().st_size > 1 << 16:
            raise ValueError("too large")
        found = np.array([float(word) for word in path.read_text(encoding="utf8").split()])
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no text file of numbers ({error})") from error
    if len(found) != count or not np.isfinite(found).all():
        raise UserError(f"{path}: {len(found)} numbers for {count} leads")
    return found[:, None]
