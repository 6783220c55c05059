"""The log of all calls, with their outcomes and faults, and of all notifications.

It never contains a join token or an id that a person chose. Of a call's parameters, it has only
the meeting's id and the number of attendees or tags.
"""

from collections import deque
from dataclasses import asdict, dataclass, replace
from itertools import count
from threading import Lock
from typing import Any

LONGEST = 200_000

#: The service of entries that are notifications, and their outcomes.
NOTIFICATION = "notification"
DELIVERED = "delivered"
DROPPED = "dropped"


@dataclass(frozen=True)
class Entry:
    """A call or a notification. `time` is on the emulator's clock.

    Of a call, `outcome` is `OK` or the error's code, `status` is 0 without an answer, `items` is
    the number of attendees or tags, and `fault` is the fault or quota that affected it.

    Of a notification, `target` is the ARN, `operation` the event type, `outcome` `delivered` or
    `dropped`, and `fault` why it was dropped.
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

    def record(self, entry: Entry) -> None:
        """Add an entry, with the next number."""
        with self._lock:
            self._entries.append(replace(entry, number=next(self._numbers)))

    def entries(self, after: int = 0) -> list[dict[str, Any]]:
        """The entries with a number above `after`."""
        with self._lock:
            entries = list(self._entries)
        return [asdict(entry) for entry in entries if entry.number > after]

    def clear(self) -> None:
        """Remove all entries. The numbers continue."""
        with self._lock:
            self._entries.clear()
