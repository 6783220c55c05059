"""Moves messages from a queue to a file. Each is deleted once it is on the disk."""

from __future__ import annotations

import logging
from typing import Final

from meeting_provider.attendance.archive import Archive
from meeting_provider.attendance.matching import read
from meeting_provider.errors import InvalidEvent
from meeting_provider.events import MeetingEvent
from meeting_provider.watch.queue import Queue

_log: Final = logging.getLogger(__name__)


def collect(queue: Queue, archive: Archive, wait: int = 0) -> list[MeetingEvent] | None:
    """Receive up to ten messages and keep them.

    Messages that are not events of a meeting stay in the queue, which moves them to its dead-letter
    queue.

    :param queue: a queue that has no other reader.
    :param archive: where the messages are kept.
    :param wait: how long to wait for the first one, in seconds, 0 to 20.
    :returns: the events among the messages; None if the queue had no message.
    :raises QueueFailed: the queue can't be used.
    :raises OSError: the file can't be written. The messages are still in the queue.
    """
    messages = queue.receive(wait)
    if not messages:
        return None
    events, kept, bad = [], [], []
    for message in messages:
        try:
            events.append(read(message.body))
            kept.append(message)
        except InvalidEvent as error:
            _log.warning("message %s stays in the queue: %s", message.id, error)
            bad.append(message)
    # Otherwise they would soon be received again.
    queue.hold(bad)
    archive.append(message.body for message in kept)
    queue.delete(kept)
    return events
