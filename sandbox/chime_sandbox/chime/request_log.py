"""The log of all calls, with their outcomes and faults, and of all notifications.

It never holds a join token, an id that a person chose, or anything else from a call's body except
the number of attendees or tags.
"""

from collections import deque
from dataclasses import asdict, dataclass, replace
from itertools import count
from threading import Lock
from typing import Any

LONGEST = 200_000

#: The service of entries that are no calls but notifications, and how these can end.
NOTIFICATION = "notification"
DELIVERED = "delivered"
DROPPED = "dropped"


@dataclass(frozen=True)
class Entry:
    """One call. `time` is on the emulator's clock; `status` is 0 for one never answered.

    `outcome` is `OK` or the error's code; `items` counts the attendees or tags that the call
    carried; `fault` says what a fault or a quota did to it.

    Or one notification to the ARN `target`: `operation` is its event type, `outcome`
    `delivered` or `dropped`, `fault` why it was dropped.
    """

    time: float
    service: str
    region: str
    operation: str
    outcome: str
    status: int
    meeting_id: str | None = None
    items: int = 0
    fault: str | None = None
    target: str | None = None
    number: int = 0


class RequestLog:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=LONGEST)
        self._numbers = count(1)
        self._lock = Lock()

    def record(self, entry: Entry) -> Entry:
        """Add an entry and return it with its number."""
        with self._lock:
            numbered = replace(entry, number=next(self._numbers))
            self._entries.append(numbered)
        return numbered

    def entries(self, after: int = 0) -> list[dict[str, Any]]:
        """The entries whose number is above `after`."""
        with self._lock:
            entries = list(self._entries)
        return [asdict(entry) for entry in entries if entry.number > after]

    def clear(self) -> None:
        """Forget every entry; numbers go on."""
        with self._lock:
            self._entries.clear()
