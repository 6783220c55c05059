"""How the watcher is asked to end: what runs is finished, what only waits is left at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """Leaves a wait, or what was to begin. No `except Exception` of a library may hold it up."""


class Stopping:
    """SIGTERM and SIGINT as one request. A second signal does what it does by default."""

    def __init__(self) -> None:
        #: Set once somebody has asked.
        self.asked = threading.Event()
        self._waits = False

    def listen(self) -> None:
        """Take the signals of this process from now on. To be called on its main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def check(self) -> None:
        """Before what is not to be begun any more.

        :raises Stopped: somebody has asked.
        """
        if self.asked.is_set():
            raise Stopped

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what may be left in the middle.

        :raises Stopped: somebody asks, or has asked before.
        """
        self._waits = True
        try:
            self.check()
            yield
        finally:
            self._waits = False

    def _ask(self, number: int, _: object) -> None:
        self.asked.set()
        signal.signal(number, signal.SIG_DFL)
        if self._waits:
            self._waits = False
            raise Stopped
