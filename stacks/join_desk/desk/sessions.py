"""The state of a join link: an open meeting, one that opens later, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

#: The properties of an event that the page shows.
_SHOWN = ("title", "description")
_TIMES = ("opens", "start", "end", "closes")


def session(
    entries: Sequence[Mapping[str, Any]], event: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The answer to the page.

    :param entries: the value of the attendee's parameter; empty if there is none.
    :param event: the value of the event's parameter; empty if there is none.
    :param now: the present time.
    :returns: `state`, which is `open`, `upcoming`, `not_invited` or `over`, with the event's title
        and description. `open` and `upcoming` also have the times, and `open` has Meeting and
        Attendee. Only `open` contains a join token.
    """
    said = {name: event[name] for name in _SHOWN if name in event}
    place = _current([e["Times"] for e in entries], now)
    if place is not None:
        entry = dict(entries[place])
        times = entry.pop("Times")
        return {"state": "open", **said, **times, **entry}
    if meeting(event, now) is not None:
        return {"state": "not_invited", **said}
    if "next" in event:
        return {"state": "upcoming", **said, **event["next"]}
    return {"state": "over", **said}


def meeting(event: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """The event's open meeting: its times and ids. None if there is none.

    :param event: the value of the event's parameter; empty if there is none.
    :param now: the present time.
    """
    found: list[dict[str, Any]] = event.get("open", [])
    place = _current(found, now)
    return None if place is None else found[place]


def reopening(event: Mapping[str, Any], meeting: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to the page if the event's meeting has ended and has not been replaced yet.

    :param event: the value of the event's parameter; empty if there is none.
    :param meeting: the meeting that has ended: its MeetingId and its times.
    """
    shown = {name: event[name] for name in _SHOWN if name in event}
    times = {name: meeting[name] for name in _TIMES if name in meeting}
    return {"state": "reopening", **shown, **times, "MeetingId": meeting["MeetingId"]}


def _current(times: Sequence[Mapping[str, Any]], now: datetime) -> int | None:
    """The index of the open one. Of two overlapping occurrences, it is the one not over yet."""
    open_now = [i for i, each in enumerate(times) if not _is_past(each, "closes", now)]
    running = [i for i in open_now if not _is_past(times[i], "end", now)]
    if running:
        return min(running, key=lambda i: _start(times[i]))
    return max(open_now, key=lambda i: _start(times[i]), default=None)


def _is_past(times: Mapping[str, str], name: str, now: datetime) -> bool:
    return name in times and datetime.fromisoformat(times[name]) <= now


def _start(times: Mapping[str, Any]) -> datetime:
    start = times.get("start")
    return datetime.fromisoformat(start) if start else datetime.min.replace(tzinfo=UTC)
