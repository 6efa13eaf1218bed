"""Which number format a run computes in, and the autocast and loss scaling that belong to it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class Precision:
    """`name` fp32 | tf32 | bf16 | fp16; `scaler` for fp16 alone; `note` says why, in a line for people."""

    name: str
    device: torch.device
    scaler: torch.amp.GradScaler | None
    note: str

    def autocast(self) -> AbstractContextManager:
        if self.name not in DTYPES:
            return nullcontext()
        return torch.autocast(self.device.type, DTYPES[self.name])

    @property
    def is_mixed(self) -> bool:
        return self.name in DTYPES


def choose(args, device: torch.device) -> Precision:
    """The precision of a run; `--mixed_precision` takes what the device computes fast."""
    name, note = args.precision, ""
    if args.mixed_precision and name == "fp32":
        name, note = _fast_format(device)
    if name == "tf32" and device.type != "cuda":
        name, note = "fp32", "TensorFloat-32 exists on NVIDIA GPUs only: float32"
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    scaler = torch.amp.GradScaler(device.type) if name == "fp16" else None
    return Precision(name, device, scaler, note or {"fp32": "float32", "tf32": "TensorFloat-32", "bf16": "bfloat16",
                                                    "fp16": "float16 with loss scaling"}[name])


def _fast_format(device: torch.device) -> tuple[str, str]:
    if device.type == "cuda":
        return ("bf16", "bfloat16") if torch.cuda.is_bf16_supported(including_emulation=False) else \
            ("fp16", "float16 with loss scaling: this GPU has no fast bfloat16")
    if device.type == "cpu":
        if cpu_has_fast_bf16():
            return "bf16", "bfloat16"
        return "fp32", "float32: this processor has no fast bfloat16"
    return "fp16", "float16 with loss scaling"


def cpu_has_fast_bf16() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware (AMX, or AVX-512 BF16, or Arm BF16)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf8")
    except OSError:
        return False
    flags = set(text.split())
    return bool(flags & {"amx_bf16", "avx512_bf16", "bf16"})
