"""Reads one VEVENT: its times, the recurrence that it changes, and its revision.

Source: RFC 5545 3.6.1 and 3.8. It is an error if the time of the event can't be determined. Other
unusable properties are reported and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

from icalendar import vDuration

from meeting_provider.schedule import timezones
from meeting_provider.schedule.ics_lines import Component, Property
from meeting_provider.schedule.occurrences import Segment, Series
from meeting_provider.schedule.rrule import Rule, to_utc

#: A time of RFC 5545, or of ISO 8601 with its separators and offsets.
_TIME: Final = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[T ](\d\d):?(\d\d):?(\d\d)?(?:[.,]\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?"
)
_YEARS: Final = range(1900, 2200)
_LONGEST: Final = timedelta(days=366)
_DAY: Final = timedelta(days=1)

_EPOCH: Final = datetime(1970, 1, 1)
_ONCE: Final = ("UID", "DTSTAMP", "DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "RRULE")
#: The prefixes that Outlook adds to the subject of a cancelled meeting.
_CALLED_OFF: Final = re.compile(
    r"(cancell?ed|abgesagt|annul[ée]e?|cancelad[oa]|annullat[oa]|geannuleerd)\s*:", re.IGNORECASE
)

#: A problem of an event: the line, and a message.
Note = tuple[int, str]


class Unusable(ValueError):
    """A VEVENT can't be used; has the line and the reason."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


@dataclass(frozen=True)
class Moment:
    """A time as it is written: local in a zone, or floating, without a zone."""

    local: datetime
    zone: tzinfo | None = None
    is_date: bool = False

    def instant(self, floating: tzinfo) -> datetime:
        """The instant, in UTC."""
        return to_utc(self.local, self.zone or floating)

    def mark(self, series_zone: tzinfo, all_day: bool) -> datetime | date:
        """The mark in a series: an instant, or a day for all occurrences on it."""
        if all_day:
            return self._day(series_zone)
        return self.local.date() if self.is_date else self.instant(series_zone)

    def _day(self, series_zone: tzinfo) -> date:
        """The day. A UTC instant is the midnight at which the day begins in the writer's zone."""
        if self.zone is not UTC:
            return self.local.date()
        local = self.instant(UTC).astimezone(series_zone)
        is_midnight = local.time() == time()
        return local.date() if is_midnight else (self.local + timedelta(hours=12)).date()

    def within(self, series: Series) -> datetime:
        """The recurrence of a series at this time, or, for a day, on this day, in UTC."""
        if self.is_date or series.all_day:
            day = self._day(series.zone)
            return to_utc(datetime.combine(day, series.first.time()), series.zone)
        return self.instant(series.zone)


@dataclass
class Calendar:
    """The properties that the events of one VCALENDAR share."""

    path: str
    component: Component
    default_zone: tzinfo = UTC
    definitions: dict[str, Component] = field(init=False)
    zone: tzinfo = field(init=False)

    def __post_init__(self) -> None:
        self.definitions = {
            _tzid(c.text("TZID")): c for c in self.component.components if c.name == "VTIMEZONE"
        }
        self._zones: dict[str, tzinfo | None] = {}
        self.zone = self.default_zone
        self.notes: list[Note] = []
        if own := self.component.text("X-WR-TIMEZONE"):
            self.zone = self.find_zone(own) or self.default_zone
            if self.find_zone(own) is None:
                line = self.component.lines["X-WR-TIMEZONE"][0][0]
                self.notes.append((line, f"X-WR-TIMEZONE '{own}' is unknown; taken as {self.zone}"))

    @property
    def method(self) -> str:
        """The iTIP method: PUBLISH, REQUEST, CANCEL and others; empty if there is none."""
        return self.component.text("METHOD").upper()

    def find_zone(self, tzid: str) -> tzinfo | None:
        """The zone of a TZID, by its name or by a VTIMEZONE of the calendar."""
        tzid = _tzid(tzid)
        if tzid not in self._zones:
            self._zones[tzid] = timezones.of(tzid, self.definitions.get(tzid))
        return self._zones[tzid]


@dataclass(frozen=True)
class Revision:
    """A VEVENT: a series, or, with a `recurrence`, one occurrence of a series.

    `whole` is its series as if it had no RECURRENCE-ID. An addition is one more occurrence of a
    series. An uninvitation names attendees that are removed.
    """

    calendar: Calendar
    component: Component
    uid: str
    series: Series
    is_cancelled: bool
    age: tuple[int, str]
    whole: Series
    recurrence: Moment | None = None
    is_future: bool = False
    is_addition: bool = False
    is_uninvitation: bool = False
    notes: tuple[Note, ...] = ()


def read(event: Component, calendar: Calendar) -> Revision:
    """Read a VEVENT.

    :raises Unusable: its time can't be determined.
    """
    if event.ended_at is None:
        raise Unusable(event.line, "is cut off: it has no END:VEVENT")
    notes: list[Note] = list(_repeated(event))
    if not event.has_end:
        notes.append((event.ended_at, "has no END:VEVENT; read up to here"))
    is_cancelled = _is_cancelled(event, calendar, notes)
    is_uninvitation = calendar.method == "CANCEL" and not is_cancelled
    recurrence = _moment(event, "RECURRENCE-ID", calendar, notes)
    start = _moment(event, "DTSTART", calendar, notes)
    if start is None:
        # The cancellations in the examples of RFC 5546 have no DTSTART.
        if not (is_cancelled or is_uninvitation):
            raise Unusable(event.line, "has no DTSTART")
        start = recurrence or Moment(_EPOCH, UTC)
    zone = start.zone or calendar.zone
    lasts, nominal = _lasts(event, start, calendar, notes)
    rule = _rule(event, notes)
    if rule and start.is_date:
        rule = rule.for_days()
    whole = Series(start.local, zone, lasts, nominal or start.is_date, start.is_date, rule)
    _check_reach(event, whole)
    excluded = frozenset(_marks(event, calendar, whole, notes))
    whole = replace(
        whole,
        added=tuple(_added(event, calendar, whole, notes)),
        includes_first=bool(rule) and _is_outside(event, whole, notes),
        excluded=excluded,
    )
    series = whole
    if recurrence:
        mark = recurrence.mark(zone, recurrence.is_date)
        series = Series(start.local, zone, lasts, whole.nominal, start.is_date, stamp=mark)
    return Revision(
        calendar,
        event,
        event.uid,
        series,
        is_cancelled,
        _age(event),
        whole,
        recurrence,
        is_future=bool(recurrence) and _range(event) == "THISANDFUTURE",
        is_addition=calendar.method == "ADD" and not recurrence,
        is_uninvitation=is_uninvitation,
        notes=tuple(notes),
    )


def _repeated(event: Component) -> Iterator[Note]:
    for name in _ONCE:
        first, *others = event.lines.get(name, [(0, "")])
        for line, text in others:
            if text != first[1]:
                yield line, f"has {name} again; the one of line {first[0]} counts"


def _is_cancelled(event: Component, calendar: Calendar, notes: list[Note]) -> bool:
    status = event.text("STATUS").upper()
    if status.startswith("CANCEL"):
        if status != "CANCELLED":
            notes.append((event.lines["STATUS"][0][0], f"STATUS:{status} is read as CANCELLED"))
        return True
    if calendar.method == "CANCEL":
        # Without a STATUS, it removes the attendees that it names: RFC 5546, 3.2.5.
        return "ATTENDEE" not in event.lines
    is_free = event.text("TRANSP").upper() == "TRANSPARENT"
    is_free = is_free or event.text("X-MICROSOFT-CDO-BUSYSTATUS").upper() == "FREE"
    if is_free and _CALLED_OFF.match(event.text("SUMMARY")):
        notes.append((event.line, "is cancelled according to its subject, but not to its STATUS"))
        return True
    return False


def single(revision: Revision, at: datetime, recurrence: Moment) -> Revision:
    """The recurrence of a series at an instant, as a revision that changes nothing."""
    series = revision.series
    local = at.astimezone(series.zone).replace(tzinfo=None)
    own = Series(
        local, series.zone, series.lasts, series.nominal, series.all_day, stamp=series.mark(at)
    )
    return replace(revision, series=own, recurrence=recurrence)


def known_to(series: Series, change: Revision) -> Revision:
    """A revision of one recurrence, with the mark that the series has for it."""
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
    """The sort key of revisions: SEQUENCE, then the time of the last change."""
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
    match = _TIME.fullmatch(text.upper())
    if not match:
        raise ValueError(f"'{text[:40]}' is not a time")
    year, month, day, hour, minute, second, offset = match.groups()
    if int(year) not in _YEARS:
        raise ValueError(f"'{text[:40]}' is not in the years {_YEARS[0]} to {_YEARS[-1]}")
    local = datetime(int(year), int(month), int(day))
    if hour is None or entry.parameters.get("VALUE", "").upper() == "DATE":
        return Moment(local, None, is_date=True)
    # 24:00 is the begin of the next day, and a leap second counts as the second before it.
    local += timedelta(hours=int(hour), minutes=int(minute), seconds=min(int(second or 0), 59))
    if int(hour) > 24 or int(minute) > 59:
        raise ValueError(f"'{text[:40]}' is not a time of a day")
    if offset == "Z":
        return Moment(local, UTC)
    zone = _zone(entry, calendar, notes)
    if offset is None:
        return Moment(local, zone)
    local = local.replace(
        tzinfo=datetime.strptime(offset if len(offset) > 3 else f"{offset}00", "%z").tzinfo
    )
    if zone:
        return Moment(local.astimezone(zone).replace(tzinfo=None), zone)
    return Moment(local.replace(tzinfo=None), local.tzinfo)


def _zone(entry: Property, calendar: Calendar, notes: list[Note]) -> tzinfo | None:
    tzid = entry.parameters.get("TZID")
    if not tzid:
        return None
    zone = calendar.find_zone(tzid)
    if zone is None:
        notes.append((entry.line, f"TZID '{tzid}' is unknown; taken as {calendar.zone}"))
    elif isinstance(zone, timezone) and re.sub(r"UTC|GMT|[\W\d_]", "", tzid.upper()):
        notes.append((entry.line, f"TZID '{tzid}' is known by its offset only"))
    return zone


def _lasts(
    event: Component, start: Moment, calendar: Calendar, notes: list[Note]
) -> tuple[timedelta, bool]:
    """The length, and whether it is wall-clock time."""
    default = _DAY if start.is_date else timedelta()
    try:
        lasts, nominal = _given_length(event, start, calendar, notes)
    except (ValueError, OverflowError) as error:
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
    return _duration(duration), bool(re.search(r"[DW]", duration))


def _duration(text: str) -> timedelta:
    if not re.search(r"\d[WDHMS]\Z", text):
        raise ValueError(f"'{text[:40]}' is not a duration")
    lasts: timedelta = vDuration.from_ical(text)  # type: ignore[no-untyped-call]
    return lasts


def _rule(event: Component, notes: list[Note]) -> Rule | None:
    for line, _ in event.lines.get("EXRULE", []):
        notes.append((line, "EXRULE is not supported"))
    try:
        found = event.first("RRULE")
        return Rule.parse(found.value) if found and found.value.strip() else None
    except ValueError as error:
        raise Unusable(event.lines["RRULE"][0][0], f"RRULE: {error}") from error


def _is_outside(event: Component, series: Series, notes: list[Note]) -> bool:
    """Whether DTSTART is not one of the rule's times. Calendars show it nevertheless."""
    rule = series.rule
    try:
        if rule is None or rule.begins_with(series.first, series.zone):
            return False
        never = series.first_recurrence() is None
    except ValueError:
        return False
    why = "gives no time at all" if never else "doesn't give the time of DTSTART"
    notes.append((event.lines["RRULE"][0][0], f"RRULE {why}; DTSTART takes place nevertheless"))
    return True


def _marks(
    event: Component, calendar: Calendar, series: Series, notes: list[Note]
) -> Iterator[datetime | date]:
    """The exceptions of a series, from EXDATE."""
    for moment in _moments(event, "EXDATE", calendar, notes):
        yield moment.mark(series.zone, series.all_day)


def _added(
    event: Component, calendar: Calendar, series: Series, notes: list[Note]
) -> Iterator[tuple[datetime, timedelta | None]]:
    """The starts that RDATE adds to a series, each with its length if it is a period."""
    for line, text in event.lines.get("RDATE", ()):
        try:
            entry = Property.parse(line, text)
            for item in filter(None, map(str.strip, entry.value.split(","))):
                begin, slash, end = item.partition("/")
                start = _read_moment(entry, begin, calendar, notes).instant(series.zone)
                yield start, _period(entry, start, end, calendar, series) if slash else None
        except (ValueError, OverflowError) as error:
            notes.append((line, f"RDATE is left out: {error}"))


def _period(
    entry: Property, start: datetime, end: str, calendar: Calendar, series: Series
) -> timedelta:
    """The length of a period, whose end is a time or a duration. Source: RFC 5545, 3.3.9."""
    if "P" in end.upper():
        lasts = _duration(end.strip().upper())
    else:
        lasts = _read_moment(entry, end, calendar, []).instant(series.zone) - start
    if not timedelta() <= lasts <= _LONGEST:
        raise ValueError(f"the period '{end[:40]}' ends before it starts, or too late")
    return lasts


def _moments(
    event: Component, name: str, calendar: Calendar, notes: list[Note]
) -> Iterator[Moment]:
    for line, text in event.lines.get(name, ()):
        try:
            entry = Property.parse(line, text)
            # A period is identified by its start.
            times = [t.partition("/")[0] for t in entry.value.split(",") if t.strip()]
            yield from [_read_moment(entry, t, calendar, notes) for t in times]
        except ValueError as error:
            notes.append((line, f"{name} is left out: {error}"))


def _check_reach(event: Component, series: Series) -> None:
    try:
        to_utc(series.first, series.zone)
    except (ValueError, ArithmeticError) as error:
        raise Unusable(event.line, f"can't be placed in time: {error}") from error
