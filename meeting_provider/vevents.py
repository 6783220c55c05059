"""One VEVENT -> when it takes place, what recurrence of what it is, and which revision of that.

Source: RFC 5545 3.6.1 and 3.8. What makes the time of the event unknowable is an error; what merely
is of no use is noted, and the event goes on without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final

from icalendar import vDuration

from meeting_provider import zones
from meeting_provider.contentlines import Component, Property
from meeting_provider.recurrence import Rule, to_utc
from meeting_provider.windows import Segment, Series

_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(?:\.\d+)?(Z)?)?")
_YEARS: Final = range(1900, 2200)
_LONGEST: Final = timedelta(days=366)
_DAY: Final = timedelta(days=1)

#: What can't be used of an event: its line, and why.
Note = tuple[int, str]


class Unusable(ValueError):
    """A VEVENT can't be used; says at which line, and why."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


@dataclass(frozen=True)
class Moment:
    """A time as it is written: local, in a zone or, floating, in whichever is the reader's."""

    local: datetime
    zone: tzinfo | None = None
    is_date: bool = False

    def instant(self, floating: tzinfo) -> datetime:
        """The instant, in UTC."""
        return to_utc(self.local, self.zone or floating)

    def mark(self, series_zone: tzinfo, all_day: bool) -> datetime | date:
        """What it marks of a series: one of its instants, or whatever is on one of its days."""
        if all_day and not self.is_date:
            return self.local.date()
        return self.local.date() if self.is_date else self.instant(series_zone)

    def within(self, series: Series) -> datetime:
        """The recurrence of a series that is meant, in UTC; by a day, the one on that day."""
        if self.is_date or series.all_day:
            return to_utc(datetime.combine(self.local, series.first.time()), series.zone)
        return self.instant(series.zone)


@dataclass
class Calendar:
    """What the events of one VCALENDAR share."""

    path: str
    component: Component
    default_zone: tzinfo = UTC
    definitions: dict[str, Component] = field(init=False)
    zone: tzinfo = field(init=False)

    def __post_init__(self) -> None:
        self.definitions = {
            _tzid(c.text("TZID")): c for c in self.component.components if c.name == "VTIMEZONE"
        }
        own = self.component.text("X-WR-TIMEZONE")
        self.zone = (zones.named(own) if own else None) or self.default_zone
        self._zones: dict[str, tzinfo | None] = {}

    @property
    def method(self) -> str:
        """What the calendar is sent for: PUBLISH, REQUEST, CANCEL and others, or nothing."""
        return self.component.text("METHOD").upper()

    def find_zone(self, tzid: str) -> tzinfo | None:
        """The zone of a TZID, by its name, or by the VTIMEZONE that came along."""
        tzid = _tzid(tzid)
        if tzid not in self._zones:
            self._zones[tzid] = zones.of(tzid, self.definitions.get(tzid))
        return self._zones[tzid]


@dataclass(frozen=True)
class Revision:
    """A VEVENT as read: a series, or, with a `recurrence`, one time of a series by itself."""

    calendar: Calendar
    component: Component
    uid: str
    series: Series
    is_cancelled: bool
    age: tuple[int, str]
    recurrence: Moment | None = None
    is_future: bool = False
    notes: tuple[Note, ...] = ()


def read(event: Component, calendar: Calendar) -> Revision:
    """Read a VEVENT.

    :raises Unusable: where it can't be said when it takes place.
    """
    if not event.is_ended:
        raise Unusable(event.line, "is torn: it has no END:VEVENT")
    notes: list[Note] = []
    start = _moment(event, "DTSTART", calendar, notes)
    if start is None:
        raise Unusable(event.line, "has no DTSTART")
    zone = start.zone or calendar.zone
    lasts, nominal = _lasts(event, start, calendar, notes)
    recurrence = _moment(event, "RECURRENCE-ID", calendar, notes)
    series = Series(
        start.local, zone, lasts, nominal or start.is_date, start.is_date, _rule(event, notes)
    )
    if recurrence:
        series = replace(series, rule=None, stamp=recurrence.mark(zone, recurrence.is_date))
    else:
        excluded = frozenset(_marks(event, calendar, series, notes))
        series = replace(series, excluded=excluded, added=_added(event, calendar, series, notes))
    _check_reach(event, series)
    return Revision(
        calendar,
        event,
        event.uid,
        series,
        event.text("STATUS").upper() == "CANCELLED" or calendar.method == "CANCEL",
        _age(event),
        recurrence,
        bool(recurrence) and _range(event) == "THISANDFUTURE",
        tuple(notes),
    )


def known_to(series: Series, change: Revision) -> Revision:
    """A revision of one recurrence, by what the series itself knows that one by."""
    if not change.recurrence:
        return change
    mark = series.mark(change.recurrence.within(series))
    return replace(change, series=replace(change.series, stamp=mark))


def future(series: Series, changed: Series, since: datetime, until: datetime | None) -> Series:
    """The part of `series` from its recurrence at `since` up to `until`, moved as `changed` is."""
    was = since.astimezone(series.zone).replace(tzinfo=None)
    now_at = to_utc(changed.first, changed.zone).astimezone(series.zone).replace(tzinfo=None)
    return replace(
        series,
        lasts=changed.lasts,
        nominal=changed.nominal,
        segment=Segment(since, until, now_at - was),
    )


def _tzid(text: str) -> str:
    return text.strip().strip('"').replace("\\", "")


def _age(event: Component) -> tuple[int, str]:
    """What grows from revision to revision."""
    sequence = event.text("SEQUENCE")
    modified = max(event.text("LAST-MODIFIED"), event.text("DTSTAMP"))
    return int(sequence) if re.fullmatch(r"\d{1,9}", sequence) else 0, modified


def _range(event: Component) -> str:
    found = event.first("RECURRENCE-ID")
    return found.parameters.get("RANGE", "").upper() if found else ""


def _moment(event: Component, name: str, calendar: Calendar, notes: list[Note]) -> Moment | None:
    line = event.lines[name][0][0] if name in event.lines else event.line
    try:
        found = event.first(name)
        return _read_moment(found, found.value, calendar, notes) if found else None
    except ValueError as error:
        raise Unusable(line, f"{name}: {error}") from error


def _read_moment(entry: Property, text: str, calendar: Calendar, notes: list[Note]) -> Moment:
    text = text.strip()
    match = _TIME.fullmatch(text) or _TIME.fullmatch(re.sub(r"(?<=\d)[-:](?=\d)", "", text))
    if not match:
        raise ValueError(f"'{text[:40]}' is no time")
    year, month, day, hour, minute, second, utc = match.groups()
    if int(year) not in _YEARS:
        raise ValueError(f"'{text[:40]}' is in a year out of reach")
    local = datetime(int(year), int(month), int(day))
    if hour is None or entry.parameters.get("VALUE", "").upper() == "DATE":
        return Moment(local, None, is_date=True)
    # 24:00 is the next day's beginning, and a leap second the second before it.
    local += timedelta(hours=int(hour), minutes=int(minute), seconds=min(int(second or 0), 59))
    if int(hour) > 24 or int(minute) > 59:
        raise ValueError(f"'{text[:40]}' is no time of a day")
    if utc:
        return Moment(local, UTC)
    return Moment(local, _zone(entry, calendar, notes))


def _zone(entry: Property, calendar: Calendar, notes: list[Note]) -> tzinfo | None:
    tzid = entry.parameters.get("TZID")
    if not tzid:
        return None
    zone = calendar.find_zone(tzid)
    if zone is None:
        notes.append((entry.line, f"TZID '{tzid}' is no known zone; taken as {calendar.zone}"))
    elif isinstance(zone, timezone) and zone is not UTC:
        notes.append((entry.line, f"TZID '{tzid}' is known by its offset only"))
    return zone


def _lasts(
    event: Component, start: Moment, calendar: Calendar, notes: list[Note]
) -> tuple[timedelta, bool]:
    """How long it takes, and whether that is by the wall's clock."""
    default = _DAY if start.is_date else timedelta()
    try:
        lasts, nominal = _given_length(event, start, calendar, notes)
    except ValueError as error:
        notes.append((getattr(error, "line", event.line), f"has no usable end: {error}"))
        return default, start.is_date
    if lasts is None or (start.is_date and not lasts):
        return default, start.is_date
    if timedelta() <= lasts <= _LONGEST:
        return lasts, nominal
    why = "before it starts" if lasts < timedelta() else f"more than {_LONGEST.days} days later"
    notes.append((event.line, f"ends {why}; taken as if it had no end"))
    return default, start.is_date


def _given_length(
    event: Component, start: Moment, calendar: Calendar, notes: list[Note]
) -> tuple[timedelta | None, bool]:
    end = _moment(event, "DTEND", calendar, notes)
    if end:
        if start.is_date:
            return end.local.replace(hour=0, minute=0, second=0) - start.local, True
        zone = start.zone or calendar.zone
        return end.instant(zone) - start.instant(calendar.zone), False
    duration = event.text("DURATION").upper()
    if not duration:
        return None, False
    lasts: timedelta = vDuration.from_ical(duration)  # type: ignore[no-untyped-call]
    return lasts, bool(re.search(r"[DW]", duration))


def _rule(event: Component, notes: list[Note]) -> Rule | None:
    lines = event.lines.get("RRULE", [])
    for name in ("RRULE", "EXRULE"):
        for line, _ in event.lines.get(name, [])[name == "RRULE" :]:
            notes.append((line, f"{name} is not followed: an event has one rule"))
    if not lines:
        return None
    try:
        return Rule.parse(Property.parse(*lines[0]).value)
    except ValueError as error:
        raise Unusable(lines[0][0], f"RRULE: {error}") from error


def _marks(
    event: Component, calendar: Calendar, series: Series, notes: list[Note]
) -> Iterator[datetime | date]:
    """What EXDATE takes from a series."""
    for moment in _moments(event, "EXDATE", calendar, notes):
        yield moment.mark(series.zone, series.all_day)


def _added(
    event: Component, calendar: Calendar, series: Series, notes: list[Note]
) -> tuple[datetime, ...]:
    """What RDATE adds to a series; without a rule its first time is one of them."""
    added = {m.instant(series.zone) for m in _moments(event, "RDATE", calendar, notes)}
    return tuple(sorted(added))


def _moments(
    event: Component, name: str, calendar: Calendar, notes: list[Note]
) -> Iterator[Moment]:
    for line, text in event.lines.get(name, ()):
        try:
            entry = Property.parse(line, text)
            # Of a period it is the beginning that says which recurrence it is.
            times = [t.partition("/")[0] for t in entry.value.split(",") if t.strip()]
            yield from [_read_moment(entry, t, calendar, notes) for t in times]
        except ValueError as error:
            notes.append((line, f"{name} is left out: {error}"))


def _check_reach(event: Component, series: Series) -> None:
    try:
        to_utc(series.first, series.zone)
    except (ValueError, ArithmeticError) as error:
        raise Unusable(event.line, f"can't be placed in time: {error}") from error
