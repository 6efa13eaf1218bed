"""Compare runs: python compare.py checkpoints/lr_*

One table of what differs and how well each did, one plot of the curves. Works while runs are still going.
"""

from __future__ import annotations

import sys
from pathlib import Path

import arguments
from src import config, door
from src.errors import OK


def main(argv: list[str] | None = None) -> int:
    """One comparison from a command line; returns the exit code."""
    return door.run(lambda: _compare(sys.argv[1:] if argv is None else list(argv)))


def _compare(argv: list[str]) -> int:
    args = config.parse(arguments.COMPARE, argv)
    compare(args.runs, args.output_dir)
    return OK


def compare(paths: list[str], output_dir: str | None = None) -> None:
    from src.evaluation import comparison, console, run_log

    runs = [run_log.read_run(folder) for folder in run_log.find_runs(paths)]
    groups = comparison.group_runs(runs)
    output = console.results_console()
    comparison.show(groups, output)
    picture = comparison.plot(groups, Path(output_dir) if output_dir else comparison.common_folder(runs))
    console.line(output, f"curves: {picture}")


if __name__ == "__main__":
    sys.exit(main())
