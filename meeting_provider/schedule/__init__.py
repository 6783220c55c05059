"""Reads a YAML schedule or iCalendar files, and returns the meetings that are open now."""

from meeting_provider.schedule.disclosure import Disclosure
from meeting_provider.schedule.planning import (
    ARGUMENTS,
    Entry,
    Event,
    Opening,
    Plan,
    entries,
    load,
    plan,
)
from meeting_provider.schedule.times import instant

__all__ = [
    "ARGUMENTS",
    "Disclosure",
    "Entry",
    "Event",
    "Opening",
    "Plan",
    "entries",
    "instant",
    "load",
    "plan",
]
