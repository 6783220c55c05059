"""A YAML schedule, or iCalendar files -> the meetings that are open now."""

from meeting_provider.schedule.disclosure import Disclosure
from meeting_provider.schedule.planning import ARGUMENTS, Event, Opening, Plan, load, plan
from meeting_provider.schedule.times import instant

__all__ = ["ARGUMENTS", "Disclosure", "Event", "Opening", "Plan", "instant", "load", "plan"]
