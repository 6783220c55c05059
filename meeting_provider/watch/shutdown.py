"""How the watcher ends on a signal: what runs is finished, and waits are left at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """Leaves a wait, or what was about to begin. No `except Exception` of a library catches it."""


class Shutdown:
    """SIGTERM and SIGINT as one request. A second signal does what it does by default."""

    def __init__(self) -> None:
        #: Set once a signal has come.
        self.requested = threading.Event()
        self._waits = False

    def listen(self) -> None:
        """Take the signals of this process from now on. To be called on its main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request)

    def check(self) -> None:
        """Before what must not begin once a signal has come.

        :raises Stopped: a signal has come.
        """
        if self.requested.is_set():
            raise Stopped

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what may be left in the middle.

        :raises Stopped: a signal comes, or has come before.
        """
        self._waits = True
        try:
            self.check()
            yield
        finally:
            self._waits = False

    def _request(self, number: int, _: object) -> None:
        self.requested.set()
        signal.signal(number, signal.SIG_DFL)
        if self._waits:
            self._waits = False
            raise Stopped
