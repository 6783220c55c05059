"""A large calendar is planned within two seconds on one core."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meeting_provider import schedule

from .figures import Figure

EVENTS = 5000
RECURRENCES = 200
LIMIT_SECONDS = 2.0
NOW = datetime(2027, 3, 3, 12, tzinfo=UTC)

_RULES = (
    "FREQ=WEEKLY;BYDAY={day}",
    "FREQ=WEEKLY",
    "FREQ=DAILY;INTERVAL=4",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=MONTHLY;BYDAY=2{day}",
)
_DAYS = ("MO", "TU", "WE", "TH", "FR")


def calendar() -> str:
    """A calendar whose events have begun a year and a half ago, and go on by different rules."""
    events = "".join(map(_event, range(EVENTS)))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n"


def _event(number: int) -> str:
    day = number // len(_RULES) % len(_DAYS)
    start = datetime(2025, 9, 1, 6) + timedelta(days=day, minutes=5 * (number % 144))
    rule = _RULES[number % len(_RULES)].format(day=_DAYS[day])
    lines = (
        "BEGIN:VEVENT",
        f"UID:event-{number}@calendar.example",
        "DTSTAMP:20250601T000000Z",
        f"DTSTART;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}",
        f"DTEND;TZID=Europe/Berlin:{start + timedelta(minutes=45):%Y%m%dT%H%M%S}",
        f"RRULE:{rule};COUNT={RECURRENCES}",
        f"SUMMARY:Meeting {number}",
        f"ORGANIZER;CN=Host {number % 97}:mailto:host{number % 97}@calendar.example",
        *(
            f"ATTENDEE;CN=Guest {guest};ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED:"
            f"mailto:guest{guest}@calendar.example"
            for guest in range(number % 7, number % 7 + 3)
        ),
        "END:VEVENT",
        "",
    )
    return "\r\n".join(lines)


def figures() -> Iterator[Figure]:
    """One figure: seconds of the processor, so of one core."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.ics"
        path.write_text(calendar(), newline="")
        begun = time.process_time()
        plan = schedule.plan(path, NOW)
        took = time.process_time() - begun
    title = f"a calendar of {EVENTS} events with {RECURRENCES} recurrences each, planned"
    counted = {"open": len(plan.open), "upcoming": len(plan.upcoming)}
    yield Figure("calendar", title, took, "s", LIMIT_SECONDS, "the promise", 1.0, details=counted)
