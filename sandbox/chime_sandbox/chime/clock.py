"""The emulator's clock: real time plus an offset."""

import time
from math import inf
from threading import Lock


class Clock:
    """Wall-clock time that can be moved forwards."""

    def __init__(self, offset: float = 0.0) -> None:
        self._offset = offset
        self._lock = Lock()

    @property
    def offset(self) -> float:
        """How many seconds this clock is ahead of the machine's."""
        return self._offset

    def now(self) -> float:
        """Seconds since the epoch on this clock."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> float:
        """Move forwards by `seconds` and return the new time. ValueError for less than 0."""
        if not 0 <= seconds < inf:
            raise ValueError(f"the clock can't be moved by {seconds:g} seconds, only forwards")
        with self._lock:
            self._offset += seconds
        return self.now()
