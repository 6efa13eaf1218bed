"""A state dict from a file of tensors: a checkpoint of ours, a bare torch state dict, or safetensors."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from src.errors import UserError
from src.interop.archives import damage, first_line, is_archive, what_it_is
from src.interop.pickles import PASSED_OVER, refusal
from src.interop.safetensors_export import as_state, read_tensors


def read_state_dict(path: Path | str) -> dict[str, torch.Tensor]:
    """Name -> tensor on the CPU. UserError for files that hold anything beyond tensors and plain values."""
    content = read_content(path)
    average = average_of(content)
    for key in ("model", "state_dict", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds a {type(content).__name__}, a state dict is expected")
    content = {**content, **average}
    tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise UserError(f"{path}: holds no tensors by name", "a state dict (torch.save or safetensors) is expected")
    for name, value in tensors.items():
        if wrong := _what_is_wrong(value):
            raise UserError(f"{path}: its tensor {name} {wrong}", "these cannot be the weights of a trained network")
    return tensors


def _what_is_wrong(value: torch.Tensor) -> str:
    """Nothing for finite numbers, all there."""
    if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_complex():
        kind = "without values" if value.is_meta else "complex" if value.is_complex() else str(value.layout)[6:]
        return f"is {'quantised' if value.is_quantized else kind}: plain dense numbers are expected"
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        return "holds NaN or infinite numbers"
    return ""


def average_of(content) -> dict[str, torch.Tensor]:
    """The running average of the weights in a checkpoint of ours: it is what validation judged."""
    resume = content.get("resume") if isinstance(content, dict) else None
    ema = resume.get("ema") if isinstance(resume, dict) else None
    return ema["average"] if isinstance(ema, dict) and isinstance(ema.get("average"), dict) else {}


class _Unread:
    """Stands for what a file may hold and nobody needs: it takes anything and does nothing."""

    def __init__(self, *_):
        pass

    def __setstate__(self, _):
        pass


def read_content(path: Path | str):
    """What lies in a file of tensors and plain values; arrays of NumPy (fairseq's meters) are passed over unread.

    UserError for files that hold anything beyond that; nothing in one is executed.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix == ".safetensors":
        tensors, plain = read_tensors(path)
        return tensors if plain is None else as_state(path, tensors, plain)
    if is_archive(path) and (wrong := damage(path)):
        raise UserError(f"{path}: {wrong}", "a flipped bit would be loaded as a weight")
    try:
        with torch.serialization.safe_globals([(_Unread, name) for name in PASSED_OVER]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(refusal(path), "nothing in it was executed") from None
    except KeyError:  # an opcode that pickles do not have
        raise UserError(f"{path}: {what_it_is(path)}, a file of tensors is expected") from None
    except Exception as error:  # torch raises RuntimeError, EOFError, KeyError... for damaged files
        raise UserError(f"{path}: cannot be read as weights: {first_line(error)}",
                        "nothing in it was executed") from None
