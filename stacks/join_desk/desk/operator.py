"""The data of the operator's page: the meetings, who is connected, links and recordings."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from desk import addresses, values
from desk.messages import Messages
from desk.parameters import LinkKey, Listed, Parameters, Unavailable
from meeting_provider.attendance.matching import MeetingAttendance

#: How old the parameters are when they are read again, in seconds, however many pages ask.
LONGEST_KEPT: Final = 5.0

_FAR: Final = "9999-12-31T00:00:00+00:00"

_log = logging.getLogger("desk")


@dataclass
class _Event:
    """An event's parameters.

    :param about: the value of the event's own parameter, with title and times; None if invalid.
    :param attendees: by segment, when each attendee's parameter was last changed.
    """

    about: Mapping[str, Any] | None = field(default_factory=dict)
    attendees: dict[str, datetime] = field(default_factory=dict)


class Operator:
    """The data of the operator's page. It contains no join token, and none is decrypted for it.

    :param parameters: the parameters of the join desk's stack.
    :param stack: the stack of the meetings.
    :param key: the key that signs the stack's links.
    :param messages: the meetings' messages. Without them, it isn't known who is connected.
    :param now: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        parameters: Parameters,
        stack: str,
        key: LinkKey,
        messages: Messages | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parameters = parameters
        self._stack = stack
        self._key = key
        self._messages = messages
        self._now = now
        self._lock = threading.Lock()
        self._events: dict[str, _Event] = {}
        self._abouts: dict[str, tuple[int, Mapping[str, Any] | None]] = {}
        self._problem: Unavailable | None = Unavailable("they haven't been read yet")
        self._read_at = -LONGEST_KEPT

    def opens(self, signature: str) -> bool:
        """Whether a signature opens the page."""
        return self._key.opens(addresses.operator(self._stack), signature)

    def data(self, at: datetime) -> dict[str, Any]:
        """The page's data.

        :param at: the present time.
        :returns: `state`, which is `ready`; `connections`, which is `known`, `unknown` without
            messages, or `stale` while they can't be received; and `events`, by time.
        :raises Unavailable: SSM can't be read.
        """
        self._refresh()
        # Another request may be reading them now.
        if problem := self._problem:
            raise problem
        events = self._events
        known = self._messages.meetings() if self._messages else {}
        shown = [self._shown(segment, event, known, at) for segment, event in events.items()]
        return {
            "state": "ready",
            "connections": self._connections(),
            "events": sorted(shown, key=_order),
        }

    def _connections(self) -> str:
        if self._messages is None:
            return "unknown"
        return "known" if self._messages.is_current else "stale"

    def _refresh(self) -> None:
        """Read the events again if they are older than LONGEST_KEPT seconds.

        One request reads them, and the others don't wait.
        """
        if self._now() - self._read_at < LONGEST_KEPT or not self._lock.acquire(blocking=False):
            return
        try:
            if self._now() - self._read_at >= LONGEST_KEPT:
                self._read_at = self._now()
                self._events, self._problem = self._read(), None
        except Unavailable as error:
            self._problem = error
        finally:
            self._lock.release()

    def _read(self) -> dict[str, _Event]:
        root = addresses.root(self._stack)
        events: dict[str, _Event] = defaultdict(_Event)
        for listed in self._parameters.listed(root):
            event, _, attendee = listed.name.removeprefix(f"{root}/").partition("/")
            if attendee == addresses.EVENT:
                events[event].about = self._about(listed)
            elif attendee:
                events[event].attendees[attendee] = listed.modified
        return {name: event for name, event in events.items() if event.about is not None}

    def _about(self, listed: Listed) -> Mapping[str, Any] | None:
        """The value of an event's own parameter, which is read only if its version has changed.

        None if it is invalid.
        """
        version, about = self._abouts.get(listed.name, (0, None))
        if version != listed.version:
            try:
                about = values.event(listed.name, self._parameters.get(listed.name))
            except values.InvalidValue as error:
                _log.error("%s", error)
                about = None
            self._abouts[listed.name] = (listed.version, about)
        return about

    def _shown(
        self, segment: str, event: _Event, known: Mapping[str, MeetingAttendance], at: datetime
    ) -> dict[str, Any]:
        about = event.about or {}
        # Without times a meeting is always open.
        opened = [m for m in about.get("open", ()) if "closes" not in m or at < _time(m["closes"])]
        attended = [known[i] for m in opened if (i := m.get("MeetingId")) in known]
        connected = {
            c.external_user_id or c.attendee_id: c.joined
            for each in attended
            for c in each.connected(at)
            if c.joined
        }
        shown = {
            "event": segment,
            "title": about.get("title") or addresses.text(segment),
            "open": [_meeting(m, known) for m in opened],
            "next": about.get("next"),
            # A new meeting and changed times of the event change all attendees' parameters.
            "updated": min(event.attendees.values()).isoformat() if event.attendees else None,
            "attendees": self._attendees(segment, event.attendees, connected),
        }
        return {name: value for name, value in shown.items() if value is not None}

    def _attendees(
        self, event: str, segments: Iterable[str], connected: Mapping[str, datetime]
    ) -> list[dict[str, Any]]:
        """The attendees with a link, and others who are connected."""
        by_segment = {addresses.segment(who): who for who in connected}
        found = []
        for each in {*segments, *by_segment}:
            who = by_segment.get(each)
            attendee: dict[str, Any] = {"id": each, "name": who or addresses.text(each)}
            if each in segments:
                signature = self._key.sign(addresses.within(self._stack, event, each))
                attendee["link"] = f"join/{event}/{each}?signature={signature}"
            if who:
                attendee["connected"] = connected[who].isoformat()
            found.append(attendee)
        return sorted(found, key=lambda a: (a["name"].casefold(), a["id"]))


def _meeting(meeting: Mapping[str, Any], known: Mapping[str, MeetingAttendance]) -> dict[str, Any]:
    attended = known.get(meeting.get("MeetingId", ""))
    ended = attended.ended if attended else None
    return {**meeting, **({"ended": ended.isoformat()} if ended else {})}


def _order(shown: Mapping[str, Any]) -> tuple[bool, str, str]:
    """The sort key: open meetings first, then by time."""
    times = [m.get("start") for m in shown["open"]] or [shown.get("next", {}).get("start", _FAR)]
    start = min((_time(t).astimezone(UTC).isoformat() for t in times if t), default="")
    return not shown["open"], start, shown["title"].casefold()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
