"""The emulator's clock: real time, plus the offset that tests and people have set."""

import time
from math import inf
from threading import Lock


class Clock:
    """Wall-clock time that can be moved forwards.

    `offset` is how many seconds it runs ahead of the real one.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self._offset = offset
        self._lock = Lock()

    @property
    def offset(self) -> float:
        """Seconds that this clock is ahead of the machine's."""
        return self._offset

    def now(self) -> float:
        """Seconds since the epoch, as this clock sees them."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> float:
        """Move forwards by `seconds` and return the new time. ValueError for less than 0."""
        if not 0 <= seconds < inf:
            raise ValueError(f"the clock can't be moved by {seconds:g} seconds, only forwards")
        with self._lock:
            self._offset += seconds
        return self.now()
