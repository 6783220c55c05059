"""The windows of the clock in which creates derive the same tokens."""

from __future__ import annotations

import time

from meeting_provider.tokens import WINDOW


def window() -> int:
    """The number of the present one."""
    return int(time.time() // WINDOW)


def wait_for_room(seconds: float) -> None:
    """Wait for the next window where this one is over sooner than in so many seconds."""
    left = WINDOW - time.time() % WINDOW
    if left < seconds:
        time.sleep(left + 0.1)
