"""How the watcher ends on a signal: it finishes running commands, and ends waits at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """Ends a wait, or prevents the next step. No `except Exception` of a library catches it."""


class Shutdown:
    """SIGTERM and SIGINT as one request. A second signal has its default effect."""

    def __init__(self) -> None:
        #: Set once a signal has come.
        self.requested = threading.Event()
        self._waits = False

    def listen(self) -> None:
        """Handle the signals of this process. Call this on its main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request)

    def check(self) -> None:
        """Call this before each step that must not start after a signal.

        :raises Stopped: a signal has come.
        """
        if self.requested.is_set():
            raise Stopped

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A context for a wait, which a signal may interrupt.

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
