"""Reads the time arguments of an entry of a schedule.
start: 2027-03-01T09:00          # or with an offset: 2027-03-01T09:00:00+01:00
end: 2027-03-01T09:30
zone: Europe/Berlin
opens_before: 15                 # minutes
stays_after: 30
recurrence: FREQ=WEEKLY;BYDAY=MO,WE
exceptions: [2027-03-08, 2027-03-10T09:00]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from meeting_provider.issues import ValidationIssue
from meeting_provider.schedule import timezones
from meeting_provider.schedule.occurrences import Margins, Series
from meeting_provider.schedule.rrule import Rule, to_utc

#: The arguments that may be in the defaults.
SHARED: Final = ("zone", "opens_before", "stays_after")
#: All time arguments of an entry.
ARGUMENTS: Final = ("start", "end", *SHARED, "recurrence", "exceptions")

#: The length of what the time of a recurrence adds to a name: `-20270301T090000Z`.
STAMP_LENGTH: Final = 17

_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d\d:\d\d)?"
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_YEARS: Final = range(1900, 2200)
_WEEK: Final = 7 * 24 * 60
_LONGEST: Final = timedelta(days=366)
_AS: Final = "write 2027-03-01T09:00:00+01:00, or 2027-03-01T09:00 and a `zone`"


@dataclass(frozen=True)
class Times:
    """When an entry takes place. An entry without a series is always open."""

    series: Series | None
    margins: Margins


def read(said: Mapping[str, Any]) -> tuple[Times, list[ValidationIssue]]:
    """The times of an entry, with its defaults, and all issues."""
    reader = _Reader(said)
    return Times(reader.series(), reader.margins()), reader.issues


def zone_of(said: Mapping[str, Any]) -> tzinfo:
    """The zone of local times; UTC without a valid one."""
    return _Reader(said).zone or UTC


class _Reader:
    """Reads the arguments, and collects the issues."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.said = said
        self.issues: list[ValidationIssue] = []
        self.zone = self._zone()

    def margins(self) -> Margins:
        usual = Margins()
        return Margins(
            self._minutes("opens_before", usual.before), self._minutes("stays_after", usual.after)
        )

    def series(self) -> Series | None:
        if "start" not in self.said:
            for name in ("end", "recurrence", "exceptions"):
                if name in self.said:
                    self._issue(name, "requires `start`")
            return None
        if self.said.get("exceptions") and self.said.get("recurrence") is None:
            self._issue("exceptions", "requires `recurrence`")
        rule = self._rule()
        excluded = frozenset(self._exceptions())
        start = self._time("start", self.said["start"])
        if "end" not in self.said:
            self._issue("start", "requires `end`")
        end = self._time("end", self.said["end"]) if "end" in self.said else None
        if not start or not end:
            return None
        # The end of a recurring entry is a wall-clock time, and that of a single one an instant.
        nominal = rule is not None and self._is_local("start") and self._is_local("end")
        lasts = end[0] - start[0] if nominal else to_utc(*end) - to_utc(*start)
        if not timedelta() < lasts <= _LONGEST:
            why = "is not after the start" if lasts <= timedelta() else "is more than a year later"
            if lasts <= timedelta() and end[0] > start[0] and end[1] == start[1]:
                why += ", since the clocks go forward in between"
            self._issue("end", why)
        series = Series(*start, lasts, nominal, rule=rule, excluded=excluded)
        if rule and _never_happens(series):
            what = "never happens: it gives no time from the start on, up to its UNTIL and without"
            self._issue("recurrence", f"{what} the exceptions")
        return series

    def _issue(self, name: str, message: str, *place: int) -> None:
        self.issues.append(ValidationIssue((name, *place), message))

    def _zone(self) -> tzinfo | None:
        name = self.said.get("zone")
        if name is None:
            return None
        zone = timezones.named(name) if isinstance(name, str) else None
        if zone is None:
            self._issue("zone", f"'{name}' is not a zone of the IANA database, like Europe/Berlin")
        return zone

    def _minutes(self, name: str, usual: timedelta) -> timedelta:
        minutes = self.said.get(name)
        if minutes is None:
            return usual
        if isinstance(minutes, bool) or not isinstance(minutes, int) or not 0 <= minutes <= _WEEK:
            self._issue(name, f"'{minutes}' is not a number of minutes from 0 to {_WEEK}")
            return usual
        return timedelta(minutes=minutes)

    def _rule(self) -> Rule | None:
        text = self.said.get("recurrence")
        if text is None:
            return None
        try:
            return Rule.parse(text if isinstance(text, str) else "")
        except ValueError as error:
            self._issue("recurrence", str(error))
            return None

    def _exceptions(self) -> Iterator[datetime | date]:
        given = self.said.get("exceptions")
        if given is None:
            return
        if not isinstance(given, list):
            self._issue("exceptions", "is not a list of dates and times")
            return
        for place, value in enumerate(given):
            if day := _date(value):
                yield day
            elif time := self._time("exceptions", value, place):
                yield to_utc(*time)

    def _time(self, name: str, value: Any, *place: int) -> tuple[datetime, tzinfo] | None:
        """The local time and its zone; None, and an issue, if it is not a time."""
        try:
            time = _parsed(value)
        except ValueError as error:
            self._issue(name, str(error), *place)
            return None
        if time.tzinfo is not None:
            zone = self.zone or time.tzinfo
            return time.astimezone(zone).replace(tzinfo=None), zone
        if self.zone is None:
            # An unknown zone is already reported.
            if self.said.get("zone") is None:
                self._issue(name, f"'{value}' has neither an offset nor a zone; {_AS}", *place)
            return None
        return time, self.zone

    def _is_local(self, name: str) -> bool:
        """Whether a valid time has no offset."""
        return _parsed(self.said[name]).tzinfo is None


def _never_happens(series: Series) -> bool:
    try:
        return series.first_recurrence() is None
    except ValueError:
        # The plan reports that the rule can't be followed.
        return False


def _date(value: Any) -> date | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        is_date = isinstance(value, str) and _DATE.fullmatch(value)
        return date.fromisoformat(value) if is_date else None
    except ValueError:
        return None


def _parsed(value: Any) -> datetime:
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise ValueError(f"'{value}' is not a time: {error}") from error
    if not isinstance(value, datetime):
        raise ValueError(f"'{value}' is not a time; {_AS}")
    if value.year not in _YEARS:
        raise ValueError(f"'{value}' is not in the years {_YEARS[0]} to {_YEARS[-1]}")
    return value


def instant(text: str) -> datetime:
    """An RFC 3339 time, in UTC.

    :raises ValueError: the text is not a time with an offset.
    """
    time = _parsed(text)
    if time.tzinfo is None:
        raise ValueError(f"'{text}' has no offset; write 2027-03-01T09:00:00+01:00")
    return time.astimezone(UTC)
