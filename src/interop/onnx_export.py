"""A program of torch.export as ONNX, and ONNX files run by onnxruntime (extra: onnx)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from src.errors import UserError
from src.interop.archives import first_line
from src.interop.export import Arrays, axes

OPSET = 20


def check_installed() -> None:
    """UserError where the extra is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"--format onnx: the package {error.name} is missing", "uv sync --extra onnx") from None


def write_onnx(program: torch.export.ExportedProgram, path: Path, inputs: Sequence[str], outputs: Sequence[str],
               any_length: bool, metadata: Mapping[str, str]) -> None:
    """The program as an ONNX file with named inputs, outputs and axes; `metadata` are texts that it carries."""
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # it tells which parts of torchvision are not installed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.onnx.export(program, dynamo=True, opset_version=OPSET, input_names=list(inputs),
                                      output_names=list(outputs), dynamic_shapes=axes(inputs, any_length),
                                      verbose=False)
    except Exception as error:  # torch's own classes, and those of the packages behind it
        raise UserError(f"the network cannot be written as ONNX: {first_line(error)}",
                        "--format torch_export or safetensors") from error
    finally:
        quiet.setLevel(level)
    assert found is not None
    found.model.metadata_props.update(metadata)
    found.save(path)


def onnx_runner(path: Path) -> Callable[[Arrays], list[np.ndarray]]:
    """The network in an ONNX file on the CPU, as a function of arrays in the order of its inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()  # as PyTorch, so that their times can be compared
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [taken.name for taken in session.get_inputs()]
    return lambda values: list(map(np.asarray, session.run(None, dict(zip(names, values, strict=True)))))
