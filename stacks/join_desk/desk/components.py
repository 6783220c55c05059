"""Creates the VEVENTs of invitations from the entries of a schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from icalendar import Alarm, Event, vDuration, vRecur, vUri

from meeting_provider.schedule.calendars import DIGEST
from meeting_provider.schedule.occurrences import Margins, Segment, Series
from meeting_provider.schedule.planning import Entry
from meeting_provider.schedule.rrule import Rule, to_utc

#: The limits of a series that is written as single times, because it can't be written as a rule.
AHEAD: Final = timedelta(days=366)
MOST_TIMES: Final = 366

#: When a client reminds the attendee.
REMINDER: Final = timedelta(minutes=-10)

_NONE: Final = Margins(timedelta(), timedelta())
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Shown:
    """What all VEVENTs of an invitation share: the join link, the organizer and the attendee."""

    link: str
    people: Mapping[str, Any]
    now: datetime


def events(parts: Sequence[Entry], shown: Shown) -> Iterator[Event]:
    """The VEVENTs of a series and of its changed occurrences.

    :param parts: the series, or a single part, and then the changed occurrences of the series.
    :param shown: what all of them share.
    """
    first, *changes = parts
    changed = {_series(change).stamp for change in changes}
    event = _event(first, shown)
    _set_times(event, _series(first), changed, shown.now)
    yield event
    for change in changes:
        event = _event(change, shown)
        stamp = _series(change).stamp
        _set_times(event, _series(change), set(), shown.now)
        zone = _series(first).zone
        event.add("RECURRENCE-ID", _in(zone, stamp) if isinstance(stamp, datetime) else stamp)
        yield event


def all_day(part: Entry, day: date, shown: Shown) -> Event:
    """The VEVENT of an event without times, for a whole day."""
    event = _event(part, shown)
    event.start, event.end = day, day + _DAY
    return event


def _series(part: Entry) -> Series:
    assert part.series is not None
    return part.series


def _event(part: Entry, shown: Shown) -> Event:
    title = part.title or ("Meeting" if DIGEST.fullmatch(part.name) else part.name)
    description = f"{part.description}\n\n" if part.description else ""
    event = Event()
    event.add("SUMMARY", title)
    event.add("DESCRIPTION", f"{description}Join: {shown.link}")
    event.add("LOCATION", shown.link)
    event.add("URL", shown.link)
    event.add("STATUS", "CONFIRMED")
    for name, value in shown.people.items():
        event.add(name, value)
    # RFC 7986, section 5.11.
    conference = {"VALUE": "URI", "FEATURE": ["AUDIO", "VIDEO"], "LABEL": "Join"}
    event.add("CONFERENCE", vUri(shown.link, params=conference))
    alarm = Alarm()
    alarm.add("ACTION", "DISPLAY")
    alarm.add("DESCRIPTION", title)
    alarm.add("TRIGGER", vDuration(REMINDER))
    event.add_component(alarm)
    return event


def _set_times(event: Event, series: Series, changed: set[Any], now: datetime) -> None:
    """Add the times to an event: as a rule if possible, else one by one."""
    if series.rule is None and not series.added:
        _set_first(event, series, series.first)
        return
    whole = replace(series, excluded=frozenset(), segment=Segment())
    if not _has_rule(series):
        _set_each(event, series, now)
        return
    # Calendars show DTSTART even if the rule leaves it out, so DTSTART is the first occurrence.
    begins = to_utc(series.first, series.zone)
    first = begins if series.includes_first else whole.first_recurrence() or begins
    _set_first(event, series, first.astimezone(series.zone).replace(tzinfo=None))
    if series.rule:
        event.add("RRULE", _recur(series.rule, series))
    if series.added:
        event.add("RDATE", [_shown(series, start) for start, _ in series.added])
    left_out = sorted({at for mark in series.excluded - changed for at in _instants(whole, mark)})
    if left_out:
        event.add("EXDATE", [_shown(series, at) for at in left_out])


def _has_rule(series: Series) -> bool:
    is_plain = series.segment == Segment() and not any(lasts for _, lasts in series.added)
    is_known = series.all_day or series.zone is UTC or isinstance(series.zone, ZoneInfo)
    return is_plain and is_known and (series.rule is None or series.rule.skip == "OMIT")


def _set_first(event: Event, series: Series, first: datetime) -> None:
    if series.all_day:
        event.start, event.end = first.date(), (first + max(series.lasts, _DAY)).date()
        return
    start = to_utc(first, series.zone)
    end = to_utc(first + series.lasts, series.zone) if series.nominal else start + series.lasts
    event.start, event.end = _shown(series, start), _shown(series, end)


def _set_each(event: Event, series: Series, now: datetime) -> None:
    # The first day of the month, so that the invitation doesn't change every day.
    since = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = list(islice(series.windows(_NONE, since, since + AHEAD), MOST_TIMES))
    if not found:
        _set_first(event, series, series.first)
        return
    event.start, event.end = found[0].start.astimezone(UTC), found[0].end.astimezone(UTC)
    if others := [window.start.astimezone(UTC) for window in found[1:]]:
        event.add("RDATE", others)


def _instants(whole: Series, mark: datetime | date) -> Iterator[datetime]:
    """The recurrences that an exception leaves out. A date leaves out its whole day."""
    if isinstance(mark, datetime):
        yield mark
        return
    midnight = to_utc(datetime(mark.year, mark.month, mark.day), whole.zone)
    for window in whole.windows(_NONE, midnight - 2 * _DAY, midnight + 2 * _DAY):
        if window.start.astimezone(whole.zone).date() == mark:
            yield window.start.astimezone(UTC)


def _shown(series: Series, instant: datetime) -> datetime | date:
    if series.all_day:
        return instant.astimezone(series.zone).date()
    return _in(series.zone, instant)


def _in(zone: Any, instant: datetime) -> datetime:
    return instant.astimezone(zone if isinstance(zone, ZoneInfo) else UTC)


def _recur(rule: Rule, series: Series) -> vRecur:
    recur = vRecur({"FREQ": rule.frequency})
    if rule.interval != 1:
        recur["INTERVAL"] = rule.interval
    if rule.count is not None:
        recur["COUNT"] = rule.count
    if rule.until is not None:
        until = rule.until if rule.until.tzinfo else to_utc(rule.until, series.zone)
        recur["UNTIL"] = rule.until.date() if series.all_day else until.replace(microsecond=0)
    for name, values in rule.by:
        recur[name] = [_by_day(*v) for v in values] if name == "BYDAY" else list(values)
    if rule.wkst != "MO":
        recur["WKST"] = rule.wkst
    return recur


def _by_day(weekday: int, place: int) -> str:
    return f"{place or ''}{_WEEKDAYS[weekday]}"
