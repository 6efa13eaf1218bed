"""What every door does around its work: errors become one clear message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from src.errors import ABORTED, FAULT, OK, StoppedBySignal, UserError


class NothingToDo(Exception):
    """There is nothing left to do, which is no error."""


def run(work: Callable[[], int]) -> int:
    """The exit code of `work`: its own, or that of what went wrong; our own faults keep their traceback."""
    try:
        return work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except StoppedBySignal as stop:
        print(stop, file=sys.stderr)
        return stop.exit_code
    except NothingToDo as word:
        print(word, file=sys.stderr)
        return OK
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return ABORTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    finally:
        if "torch.distributed" in sys.modules:
            from src.trainer import distributed

            distributed.leave()
