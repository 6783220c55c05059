"""Finds out who is connected, from the notification messages of the meetings."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from meeting_provider.attendance.archive import Archive, BadMessage
from meeting_provider.attendance.collecting import collect
from meeting_provider.attendance.matching import MeetingAttendance, attendance, instant
from meeting_provider.events import MeetingEvent
from meeting_provider.watch.errors import QueueFailed
from meeting_provider.watch.queue import LONGEST_WAIT, Queue

#: How long to wait after a failure, in seconds.
_PAUSE: Final = 5.0

#: How old an event may be to be used. No meeting lasts longer than a day.
_LONGEST_OF_USE: Final = timedelta(days=7)

_log = logging.getLogger("desk")


class Messages:
    """The messages of a queue, which are kept in a file.

    :param queue: a queue that has no other reader.
    :param file: the file. The messages that it already has are used too.
    :raises OSError: the file can't be read.
    """

    def __init__(self, queue: Queue, file: Path) -> None:
        self._queue = queue
        self._archive = Archive(file)
        self._lock = threading.Lock()
        self._events: list[MeetingEvent] = []
        self._matched: dict[str, MeetingAttendance] | None = None
        self._is_current = False
        for found in self._archive.read() if file.exists() else ():
            if isinstance(found, BadMessage):
                _log.warning("%s", found)
            else:
                self._events.append(found)
        self._events = _recent(self._events)

    @property
    def is_current(self) -> bool:
        """Whether the queue can be read."""
        return self._is_current

    def meetings(self) -> dict[str, MeetingAttendance]:
        """The connections to each meeting, by MeetingId."""
        with self._lock:
            if self._matched is None:
                self._matched = {m.meeting_id: m for m in attendance(self._events)}
            return self._matched

    def follow(self) -> None:
        """Receive messages for as long as the process runs."""
        # Don't wait for a message at first, to find out soon whether the queue can be read.
        wait = 0
        while True:
            try:
                events = collect(self._queue, self._archive, wait)
            except (QueueFailed, OSError) as error:
                _log.error("messages can't be received: %s", error)
                self._is_current = False
                time.sleep(_PAUSE)
                continue
            if events:
                with self._lock:
                    self._events = _recent([*self._events, *events])
                    self._matched = None
            else:
                self._is_current = True
                wait = LONGEST_WAIT


def _recent(events: list[MeetingEvent]) -> list[MeetingEvent]:
    oldest = datetime.now(UTC) - _LONGEST_OF_USE
    return [event for event in events if instant(event) > oldest]
