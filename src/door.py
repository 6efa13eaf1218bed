"""What every door does around its work: errors become one clear message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from src.errors import ABORTED, FAULT, OK, USER, StoppedBySignal, UserError

OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)  # full, over a quota, not to be written


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
    except OSError as error:
        if error.errno not in OF_THE_MACHINE:
            raise
        print(f"error: {error.filename or 'a file'}: {error.strerror}\n  mend that, then type the same command again",
              file=sys.stderr)
        return USER
    finally:
        joined = sys.modules.get("src.trainer.distributed")  # half imported where ctrl-C came early
        if hasattr(joined, "leave"):
            joined.leave()
