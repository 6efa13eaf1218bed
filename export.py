"""Write trained weights for other programs: python export.py --weights checkpoints/RUN --format onnx

ONNX, torch.export or safetensors, with a card that says what goes in and what comes out.
"""

from __future__ import annotations

import sys

import arguments
from src import config, door
from src.errors import FAULT, OK


def main(argv: list[str] | None = None) -> int:
    """One export from a command line; returns the exit code, 1 where the file gives other numbers than the network."""
    return door.run(lambda: _export(sys.argv[1:] if argv is None else list(argv)))


def _export(argv: list[str]) -> int:
    args = config.parse(arguments.EXPORT, argv)
    from src import exporting
    from src.interop.model_card import lines, write_card

    card, path = exporting.export(args)
    page = write_card(card, path)
    print(*lines(card), f"{path}", f"{page}", sep="\n")
    return OK if not card["check"] or card["check"]["passed"] else FAULT


if __name__ == "__main__":
    sys.exit(main())
