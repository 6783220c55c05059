"""What a join link leads to now: an open meeting, one that opens later, or none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

#: Kept from the session: only the page's own state and what the Chime SDK takes.
_SHOWN = ("title", "description")


def session(entries: str | None, about: str | None, now: datetime) -> dict[str, Any]:
    """What the page is given.

    :param entries: the value of the attendee's parameter, or None.
    :param about: the value of the event's parameter, or None.
    :param now: the present time.
    :returns: `state`, which is `open`, `upcoming`, `not_invited` or `over`, with the event's title
        and description. With `open` it has Meeting and Attendee, and with the others the times
        that are known. Only that of `open` holds a join token.
    """
    event: dict[str, Any] = json.loads(about) if about else {}
    said = {name: event[name] for name in _SHOWN if name in event}
    joinable = (
        [e for e in json.loads(entries) if not _is_past(e["Times"], "closes", now)]
        if entries
        else []
    )
    if joinable:
        # Of two occurrences whose meetings overlap, the one that isn't over yet.
        running = [e for e in joinable if not _is_past(e["Times"], "end", now)]
        entry = min(running, key=_start) if running else max(joinable, key=_start)
        times = entry.pop("Times")
        return {"state": "open", **said, **times, **entry}
    open_now = [t for t in event.get("open", ()) if not _is_past(t, "closes", now)]
    if open_now:
        return {"state": "not_invited", **said}
    if "next" in event:
        return {"state": "upcoming", **said, **event["next"]}
    return {"state": "over", **said}


def _is_past(times: Mapping[str, str], name: str, now: datetime) -> bool:
    return name in times and datetime.fromisoformat(times[name]) <= now


def _start(entry: Mapping[str, Any]) -> datetime:
    start = entry["Times"].get("start")
    return datetime.fromisoformat(start) if start else datetime.min.replace(tzinfo=UTC)
