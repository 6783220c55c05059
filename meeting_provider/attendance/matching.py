"""Matches join and leave events to connections.

    for meeting in attendance(events):
        print(meeting.external_meeting_id, meeting.connected(datetime.now(UTC)))

All functions are pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from meeting_provider.errors import InvalidEvent
from meeting_provider.events import EventType, MeetingEvent, parse
from meeting_provider.shapes import RESERVED_PREFIX

#: The service ends a meeting after this time at most, so an older connection is over.
LONGEST_MEETING: Final = timedelta(hours=24)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ERA_END: Final = datetime(9999, 1, 1, tzinfo=UTC)


class End(StrEnum):
    """How a connection ended, as far as the messages say."""

    LEFT = "left"
    DROPPED = "dropped"
    # There is no leave event, but another one that implies the end.
    JOINED_AGAIN = "joined again"
    DELETED = "attendee deleted"
    MEETING_ENDED = "meeting ended"
    #: No event says that the connection ended.
    NONE = "none"


_LEAVES: Final = {EventType.ATTENDEE_LEFT: End.LEFT, EventType.ATTENDEE_DROPPED: End.DROPPED}
_OF_ATTENDEES: Final = frozenset({EventType.ATTENDEE_JOINED, EventType.ATTENDEE_DELETED, *_LEAVES})


@dataclass(frozen=True)
class Connection:
    """One connection of an attendee to a meeting.

    :param joined: when the attendee joined; None without a join event.
    :param end: how the connection ended.
    :param end_time: when `end` happened; None if `end` is NONE.
    """

    attendee_id: str
    external_user_id: str
    joined: datetime | None
    end: End
    end_time: datetime | None

    @property
    def left(self) -> datetime | None:
        """When the attendee left or was dropped; None without such an event."""
        return self.end_time if self.end in (End.LEFT, End.DROPPED) else None

    @property
    def duration(self) -> timedelta | None:
        """How long the connection lasted; None without a join or a leave event."""
        return self.left - self.joined if self.left and self.joined else None


@dataclass(frozen=True)
class MeetingAttendance:
    """The connections to one meeting, in the order in which they began.

    :param ended: when the meeting ended; None if no message says so.
    """

    meeting_id: str
    external_meeting_id: str
    ended: datetime | None
    connections: tuple[Connection, ...]

    def connected(self, now: datetime) -> list[Connection]:
        """The connections that have not ended by `now`, as far as the messages say."""
        return [
            c
            for c in self.connections
            if c.end is End.NONE and c.joined and now - c.joined < LONGEST_MEETING
        ]


@dataclass
class _Meeting:
    """The events of a meeting, in no particular order."""

    names: set[str] = field(default_factory=set)
    ended: datetime | None = None
    users: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, datetime] = field(default_factory=dict)
    #: By attendee_id: the times and kinds of events; End.NONE is a join.
    moves: dict[str, list[tuple[datetime, End]]] = field(default_factory=lambda: defaultdict(list))


def read(body: str | bytes | Mapping[str, Any]) -> MeetingEvent:
    """The event in a message, if it has what a report needs.

    :param body: as `meeting_provider.events.parse` takes it.
    :raises InvalidEvent: it is not an event of a meeting, has no time, or names no attendee.
    """
    event = parse(body)
    instant(event)
    if event.detail.event_type in _OF_ATTENDEES and not event.detail.attendee_id:
        raise InvalidEvent("it names no attendee")
    return event


def instant(event: MeetingEvent) -> datetime:
    """When an event happened: its own time in milliseconds, or else the message's in seconds.

    :raises InvalidEvent: it has no time, or one before 1970 or after 9998.
    """
    stamp, time = event.detail.timestamp, event.time
    if stamp is None and time is None:
        raise InvalidEvent("it has no time")
    try:
        if stamp is not None:
            found = _EPOCH + timedelta(milliseconds=stamp)
        else:
            assert time is not None
            found = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise InvalidEvent("its time is out of range") from None
    if not _EPOCH <= found < _ERA_END:
        raise InvalidEvent("its time is out of range")
    return found


def attendance(events: Iterable[MeetingEvent]) -> list[MeetingAttendance]:
    """The connections to each meeting, by the time of the events.

    The attendees that the service adds to record a meeting are left out. Events may be in any order
    and may be repeated. The meetings are in the order of their first joins; those that nobody
    joined come last.

    :param events: events that `read` returned.
    :raises InvalidEvent: as `read`.
    """
    meetings: dict[str, _Meeting] = defaultdict(_Meeting)
    seen: set[tuple[object, ...]] = set()
    for event in events:
        detail, time = event.detail, instant(event)
        # An event has another id in a queue than in a topic, so its time in milliseconds counts.
        # A time in seconds is too coarse without the id.
        mark = time if detail.timestamp is not None else (time, event.id)
        identity = (detail.meeting_id, detail.attendee_id, detail.event_type, mark)
        if identity not in seen:
            seen.add(identity)
            _add(meetings[detail.meeting_id], event, time)
    found = [_attendance(meeting_id, m) for meeting_id, m in meetings.items()]
    return sorted(found, key=lambda m: _began(m.connections[0]) if m.connections else _ERA_END)


def _add(meeting: _Meeting, event: MeetingEvent, time: datetime) -> None:
    detail = event.detail
    if detail.external_meeting_id:
        meeting.names.add(detail.external_meeting_id)
    if detail.event_type == EventType.MEETING_ENDED:
        meeting.ended = min(time, meeting.ended or time)
    attendee = detail.attendee_id
    if not attendee:
        return
    if detail.external_user_id:
        meeting.users[attendee] = detail.external_user_id
    if detail.event_type == EventType.ATTENDEE_DELETED:
        meeting.deleted[attendee] = time
    elif detail.event_type == EventType.ATTENDEE_JOINED:
        meeting.moves[attendee].append((time, End.NONE))
    elif detail.event_type in _LEAVES:
        meeting.moves[attendee].append((time, _LEAVES[EventType(detail.event_type)]))


def _attendance(meeting_id: str, meeting: _Meeting) -> MeetingAttendance:
    connections = [
        Connection(attendee, meeting.users.get(attendee, ""), *found)
        for attendee, moves in meeting.moves.items()
        if not meeting.users.get(attendee, "").startswith(RESERVED_PREFIX)
        for found in _matched(moves, meeting.deleted.get(attendee), meeting.ended)
    ]
    connections.sort(key=lambda c: (_began(c), c.external_user_id, c.attendee_id))
    return MeetingAttendance(
        meeting_id, min(meeting.names, default=""), meeting.ended, tuple(connections)
    )


def _matched(
    moves: Iterable[tuple[datetime, End]], deleted: datetime | None, ended: datetime | None
) -> Iterator[tuple[datetime | None, End, datetime | None]]:
    """An attendee's connections: the time of the join, and the kind and the time of the end."""
    joined: datetime | None = None
    for time, group in groupby(sorted(moves), key=itemgetter(0)):
        kinds = [kind for _, kind in group]
        while kinds:
            # Among events with the same time, one that can follow the last one comes first.
            fits = (k for k in kinds if (k is End.NONE) == (joined is None))
            kind = next(fits, kinds[0])
            kinds.remove(kind)
            if kind is not End.NONE:
                yield joined, kind, time
                joined = None
                continue
            if joined:
                yield joined, End.JOINED_AGAIN, time
            joined = time
    if joined:
        implied = [(t, e) for t, e in ((deleted, End.DELETED), (ended, End.MEETING_ENDED)) if t]
        end_time, end = min(implied, default=(None, End.NONE))
        yield joined, end, end_time


def _began(connection: Connection) -> datetime:
    began = connection.joined or connection.end_time
    assert began is not None
    return began
