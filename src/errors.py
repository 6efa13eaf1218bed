"""The errors that a person caused or can mend, and the exit codes that a door returns.

Everything else is our fault and keeps its traceback (exit code 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

OK, FAULT, USER, DIVERGED, STOPPED, ABORTED = 0, 1, 2, 3, 75, 130
SAME_COMMAND = "the same command"  # how a command of several runs goes on


class UserError(Exception):
    """What a person typed or a file holds is wrong; shown without a traceback, exit code 2.

    `message` says what was found and what was expected; `hint` says what to type or do.
    """

    exit_code = USER

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class BadRecord(UserError):
    """One recording cannot be used: `--on_bad_record` decides between leaving it out and refusing to start."""

    def __init__(self, record: str, reason: str, hint: str = ""):
        super().__init__(f"{record}: {reason}", hint)
        self.record, self.reason = record, reason

    def __reduce__(self):  # it travels from worker processes
        return BadRecord, (self.record, self.reason, self.hint)


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Puts the file or flag in front of what is wrong with its content."""
    try:
        yield
    except UserError as error:
        if error.message.startswith(source):
            raise
        raise UserError(f"{source}: {error.message}", error.hint) from None


def one_line(error: UserError) -> str:
    """What is wrong, without the name of the record, and what to do, for a table or a list."""
    message = error.reason if isinstance(error, BadRecord) else error.message
    hint = f" ({error.hint})" if error.hint and "\n" not in error.hint else ""
    return " ".join(f"{message}{hint}".split())


class Diverged(UserError):
    """The loss or the gradients are no longer finite; exit code 3."""

    exit_code = DIVERGED
    batch = None  # the batch at which it was seen

    def with_batch(self, batch) -> Diverged:
        self.batch = batch
        return self


class StoppedBySignal(Exception):
    """The run was asked to stop, finished its step and saved; exit code 75 lets schedulers requeue it.

    `command` is what goes on with it.
    """

    exit_code = STOPPED

    def __init__(self, message: str, command: str = ""):
        super().__init__(message)
        self.message, self.command = message, command

    def __str__(self) -> str:
        return f"{self.message}; go on with: {self.command}" if self.command else self.message


def nearest(word: str, known, at_most: int = 3) -> list[str]:
    """The known names closest to a mistyped one, best first; empty when none is near."""
    from difflib import get_close_matches

    folded = {name.lower().replace("-", "_"): name for name in known}
    hits = get_close_matches(word.lower().replace("-", "_"), folded, n=at_most, cutoff=0.6)
    return [folded[hit] for hit in hits]


def did_you_mean(word: str, known) -> str:
    """'; did you mean X?' or nothing."""
    hits = nearest(word, known, at_most=1)
    return f"; did you mean {hits[0]}?" if hits else ""
