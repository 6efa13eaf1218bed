"""What `--prepare_args key=value` may say: how every recording of a set is brought to one form.

The same options are stored with the data (`SignalSpec.preparation`) and replayed on new recordings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from src.errors import UserError
from src.options import build, to_dict

STANDARD12 = "standard12"
SINGLE, MEAN = "single", "mean"  # one channel of recordings with different leads
ANY_UNIT = "any"


@dataclass(frozen=True)
class PrepareConfig:
    # which and in which order; standard12 = the 12; single = lead I, or a recording's first channel; mean = the mean of
    # all channels; empty = those that most records have
    leads: tuple[str, ...] = ()
    # of all leads (V, mV, uV); empty = the most common one; any = each as recorded, for scales without a unit
    unit: str = ""
    resample_hz: float = 0.0  # sampling rate; 0 = the most common one
    resampling: Literal["polyphase", "fourier", "linear"] = "polyphase"  # the first two are anti-aliased
    trim: bool = False  # zeros on all leads at both ends are padding: taken away
    bandpass: tuple[float, ...] = ()  # low,high in Hz, without phase shift; 0,40 = low-pass, 0.5,0 = high-pass
    notch: tuple[float, ...] = ()  # frequencies to take out, for example 50 or 50,100
    gaps: Literal["keep", "interpolate", "zero"] = "keep"  # missing samples: stay missing (masked), bridged, or 0
    flat: Literal["keep", "zero", "drop"] = "keep"  # leads without any change: as they are, 0, or absent
    # per lead; robust: median and quartiles; zscore32: in 32 bits, where a flat lead can spread by rounding
    scale: Literal["none", "zscore", "zscore32", "robust", "fixed"] = "none"
    fixed: float = 1.0  # by what scale=fixed divides
    samples: int = 0  # cut the end, or pad it; 0 = each record keeps its length
    dtype: Literal["int16", "float32"] = "int16"  # how shards store samples; npz holds float32

    def __post_init__(self) -> None:
        _check_band(self.bandpass)
        for name in ("resample_hz", "samples"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"{name}={getattr(self, name):g}: expected a number above 0, or 0 for the default")
        if any(not 0 < frequency < float("inf") for frequency in self.notch):
            raise UserError(f"notch={_shown(self.notch)}: expected frequencies above 0 Hz")
        if not 0 < self.fixed < float("inf"):
            raise UserError(f"fixed={self.fixed:g}: expected a number above 0, by which signals are divided")
        if self.fixed != 1 and self.scale != "fixed":
            raise UserError(f"fixed={self.fixed:g}: holds only with scale=fixed; here it is {self.scale}")
        if self.unit == ANY_UNIT and self.scale in ("none", "fixed"):
            raise UserError(f"unit={ANY_UNIT}: holds only with scale=zscore or scale=robust; here it is {self.scale}",
                            "name the unit: V, mV or uV")
        if len(set(self.leads)) < len(self.leads):
            raise UserError(f"leads={_shown(self.leads)}: a lead is there twice")

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to what most records have."""
        return bool(self.leads and self.unit and self.resample_hz)


def from_plain(values: dict[str, Any]) -> PrepareConfig:
    """The options that `SignalSpec.preparation` or a file holds; UserError for what is none."""
    return build(PrepareConfig, values, "preparation option")


def to_plain(config: PrepareConfig) -> dict[str, Any]:
    """Plain lists, numbers and strings."""
    return to_dict(config)


def describe(config: PrepareConfig) -> tuple[str, ...]:
    """Every step in words and in order, for `SignalSpec.steps`."""
    leads = {(): "", (SINGLE,): "one channel: lead I, or the first", (MEAN,): "one channel: the mean of all"}.get(
        config.leads, f"{len(config.leads)} leads: {', '.join(config.leads)}")
    low, high = config.bandpass or (0, 0)
    band = {(True, True): f"band-pass {low:g} to {high:g} Hz", (True, False): f"high-pass {low:g} Hz",
            (False, True): f"low-pass {high:g} Hz", (False, False): ""}[bool(low), bool(high)]
    gaps = {"keep": "", "interpolate": "missing samples bridged", "zero": "missing samples 0"}[config.gaps]
    flat = {"keep": "", "zero": "flat leads 0", "drop": "flat leads absent"}[config.flat]
    scale = {"none": "", "zscore": "z-score per lead and record", "zscore32": "z-score per lead and record in 32 bits",
             "robust": "minus median, over interquartile range, per lead and record",
             "fixed": f"over {config.fixed:g}"}[config.scale]
    steps = (leads, f"in {config.unit}" if config.unit not in ("", ANY_UNIT) else "",
             "zeros at both ends taken away" if config.trim else "", gaps, band,
             f"notch at {_shown(config.notch)} Hz" if config.notch else "",
             f"{config.resample_hz:g} Hz ({config.resampling})" if config.resample_hz else "", flat, scale,
             f"{config.samples} samples: cut or padded at the end" if config.samples else "")
    return tuple(step for step in steps if step)


def unit_after(config: PrepareConfig, unit: str) -> str:
    """What the numbers are in after the scale."""
    return {"none": unit, "zscore": "standard deviations", "zscore32": "standard deviations",
            "robust": "interquartile ranges",
            "fixed": unit if config.fixed == 1 else f"{config.fixed:g} {unit}"}[config.scale]


def _check_band(band: tuple[float, ...]) -> None:
    fits = len(band) == 2 and all(0 <= edge < float("inf") for edge in band) and any(band)
    if band and not (fits and (band[1] == 0 or band[0] < band[1])):
        raise UserError(f"bandpass={_shown(band)}: expected low,high in Hz, the first below the second",
                        "for example bandpass=0.5,40; 0 for an edge that is open")


def _shown(values: tuple) -> str:
    return ",".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
