"""SIGTERM, SIGINT and SIGUSR1 ask a run to finish its step, save and leave; a second SIGINT leaves at once.

The handler only sets a flag: ranks agree on it at the next step boundary, where nothing can interleave.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from src.errors import ABORTED

ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
SAME_KEYPRESS_S = 0.3  # torchrun passes a ctrl-C on that the terminal has delivered already


class StopSignals:
    """`received` is the name of the first signal, or None. Use as a context; restores the handlers it found."""

    def __init__(self):
        self.received: str | None = None
        self._at = 0.0
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in ASKING}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame) -> None:
        name = signal.Signals(number).name
        if self.received is not None and name == "SIGINT" and time.monotonic() - self._at > SAME_KEYPRESS_S:
            os.write(2, b"\nstopped at once; last.pth is as it was\n")
            os._exit(ABORTED)
        if self.received is None:
            self.received, self._at = name, time.monotonic()
            os.write(2, f"\n{name}: finishing this step, saving ...\n".encode())
