"""What a pickle would import, read from its opcodes without running any of them."""

from __future__ import annotations

import contextlib
import io
import pickletools
import zipfile
from pathlib import Path

from src.interop.archives import is_archive

HARMLESS = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter",
            "torch._tensor._rebuild_from_type_v2", "torch.Size", "torch.device"}

# arrays and scalars of NumPy, which readers of weights leave unread
PASSED_OVER = ("numpy.ndarray", "numpy.dtype", "_codecs.encode",
               "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
               "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")


def refused_names(path: Path) -> list[str]:
    """The dotted names beyond tensors and plain values that the pickle in `path` asks for; empty where none is seen."""
    try:
        names = _imports(_pickle_bytes(path))
    except Exception:  # an archive may be damaged in any way
        return []
    return [name for name in dict.fromkeys(names) if name not in HARMLESS and not name.endswith("Storage")]


def _pickle_bytes(path: Path) -> bytes:
    if is_archive(path):
        with zipfile.ZipFile(path) as archive:
            return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    return path.read_bytes()


def _imports(data: bytes) -> list[str]:
    names, texts, stream = [], [], io.BytesIO(data)
    with contextlib.suppress(Exception):  # bytes of tensors follow, or the file is damaged
        while True:  # torch's old format is several pickles one after another
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name in ("GLOBAL", "INST"):
                    names.append(str(argument).replace(" ", "."))
                elif opcode.name == "STACK_GLOBAL":
                    names.append(".".join(texts[-2:]))
                elif isinstance(argument, str):
                    texts.append(argument)
    return names


def refusal(path: Path) -> str:
    """A sentence for people: what the file asks for."""
    found = refused_names(path)
    names = [name for name in found if name not in PASSED_OVER] or found
    if not names:
        return f"{path}: no file of tensors, or one that was cut short"
    return f"{path}: holds objects beyond tensors and plain values and was refused: it asks for {', '.join(names[:3])}"
