"""Finds the zone that a calendar means by a TZID.

Programs use IANA names, Windows names, paths of their own, or display names, and usually add the
rules (VTIMEZONE). A known name takes precedence over the rules, which may be incomplete or
outdated, unless the name is only an offset and the rules have daylight saving time.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from meeting_provider.schedule.ics_lines import Component, Property
from meeting_provider.schedule.rrule import Rule

_OFFSET: Final = re.compile(
    r"\(?\s*(?:UTC|GMT)?\s*(?:([+-])(\d{1,2})(?:[:.]?(\d{2}))?)?\s*\)?\s*(.*)", re.IGNORECASE
)
_OBSERVANCES: Final = ("STANDARD", "DAYLIGHT")
_RULES: Final = ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE")
_UTC_OFFSET: Final = re.compile(r"([+-]?)(\d\d):?(\d\d):?(\d\d)?")
_ONSET: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z)?)?")
# Rules of Windows begin in 1601, which would be more than 400 steps for each calculation.
_EARLIEST_YEAR: Final = 1972
_LONGEST_COUNT: Final = 500
_YEAR: Final = timedelta(days=366)
_FIXED_MONTHS: Final = tuple(
    datetime(year, month, 1, tzinfo=UTC) for year in range(1990, 2030, 3) for month in (1, 7)
)
#: Abbreviations of RFC 5322, section 4.3, which the IANA database doesn't have.
_ABBREVIATIONS: Final = {
    "EDT": -4, "CDT": -5, "CST": -6, "MDT": -6, "PDT": -7, "PST": -8,
}  # fmt: skip


@dataclass(frozen=True)
class _Onset:
    """A change of the offset, at an instant in UTC without a zone."""

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True)
class _Observance:
    """The onsets of one STANDARD or DAYLIGHT component."""

    before: timedelta
    after: timedelta
    first: datetime
    fixed: tuple[datetime, ...]
    rule: Rule | None

    def near(self, year: int) -> Iterator[_Onset]:
        """The onsets around a year, and the last ones before it."""
        # A definition may list the onsets of centuries.
        low, high = (bisect(self.fixed, datetime(year + more, 1, 1)) for more in (-1, 2))
        for at in self.fixed[max(0, low - 1) : max(1, high)]:
            yield _Onset(at - self.before, self.before, self.after)
        if self.rule is None:
            return
        if self.rule.until is not None:
            year = min(year, self.rule.until.year)
        since = datetime(max(year - 1, self.first.year), 1, 1, tzinfo=UTC)
        zone = timezone(self.before)
        for start in self.rule.starts(self.first, zone, since, since + 3 * _YEAR):
            yield _Onset(start.replace(tzinfo=None), self.before, self.after)


class DefinedZone(tzinfo):
    """The zone that the rules of a VTIMEZONE define. Source: RFC 5545, 3.6.5."""

    def __init__(self, observances: tuple[_Observance, ...]) -> None:
        self._observances = observances
        self._years: dict[int, list[_Onset]] = {}

    @property
    def has_daylight(self) -> bool:
        """Whether the offset changes in the present rules."""
        return len({o.after for o in self._near(2027)[-4:]}) > 1

    def _near(self, year: int) -> list[_Onset]:
        if year not in self._years:
            onsets = {onset for o in self._observances for onset in o.near(year)}
            self._years[year] = sorted(onsets, key=lambda o: o.at)
        return self._years[year]

    def utcoffset(self, dt: datetime | None) -> timedelta:
        """The offset at a local time, as in PEP 495: in a gap, the one before it."""
        if dt is None:
            return timedelta()
        local = dt.replace(tzinfo=None)
        edge = min if dt.fold else max
        onsets = self._near(dt.year)
        passed = (o for o in reversed(onsets) if local >= o.at + edge(o.before, o.after))
        last = next(passed, None)
        return last.after if last else onsets[0].before

    def fromutc(self, dt: datetime) -> datetime:
        """The local time of an instant."""
        instant = dt.replace(tzinfo=None)
        onsets = self._near(dt.year)
        last = next((o for o in reversed(onsets) if instant >= o.at), None)
        offset = last.after if last else onsets[0].before
        local = dt + offset
        return local.replace(fold=int(self.utcoffset(local) != offset))

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Not known."""
        return None

    def tzname(self, dt: datetime | None) -> str:
        """The offset."""
        return str(timezone(self.utcoffset(dt)))


@cache
def named(name: str) -> tzinfo | None:
    """The zone with an IANA or Windows name, also at the end of a path; None if there is none."""
    name = name.strip().strip('"').strip()
    parts = name.strip("/").split("/")
    for depth in (len(parts), 3, 2, 1):
        if depth <= len(parts) and (zone := _iana("/".join(parts[-depth:]))):
            return zone
    windows = re.sub(r"\s+\d+$", "", name.replace("\\", "")).replace(
        "Daylight Time", "Standard Time"
    )
    return _iana(_windows().get(windows.casefold(), ""))


def _iana(name: str) -> ZoneInfo | None:
    known = _known().get(_plain(name))
    try:
        return ZoneInfo(known) if known else None
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None


def _plain(name: str) -> str:
    return re.sub(r"[\s_/\\]", "", name).casefold()


@cache
def _known() -> dict[str, str]:
    return {_plain(name): name for name in available_timezones()}


@cache
def _windows() -> dict[str, str]:
    return {name.casefold(): iana for name, iana in WINDOWS_TO_OLSON.items()}


def of(tzid: str, definition: Component | None) -> tzinfo | None:
    """The zone of a TZID; None if it is unknown.

    :param definition: its VTIMEZONE, or None.
    """
    zone = named(tzid)
    if definition and (zone is None or _is_fixed(tzid)):
        located = definition.text("X-LIC-LOCATION")
        own = named(located) if located and not zone else _defined(definition)
        if own and (zone is None or (isinstance(own, DefinedZone) and own.has_daylight)):
            return own
    return zone or _listed(tzid)


@cache
def _is_fixed(tzid: str) -> bool:
    zone = named(tzid)
    return zone is not None and len({t.astimezone(zone).utcoffset() for t in _FIXED_MONTHS}) == 1


def _defined(definition: Component) -> DefinedZone | None:
    """The zone that the rules of a VTIMEZONE define; None if they can't be followed."""
    said = tuple(
        (name, tuple(text for _, text in observance.lines.get(name, ())))
        for observance in definition.components
        if observance.name in _OBSERVANCES
        for name in _RULES
    )
    return _built(said)


# The calendars of one folder usually share a few definitions.
@lru_cache(maxsize=1024)
def _built(said: tuple[tuple[str, tuple[str, ...]], ...]) -> DefinedZone | None:
    size = len(_RULES)
    parts = [dict(said[i : i + size]) for i in range(0, len(said), size)]
    try:
        observances = tuple(_observance(part) for part in parts)
        zone = DefinedZone(observances)
        zone.utcoffset(datetime(2027, 1, 1))
    except (ValueError, IndexError, OverflowError):
        return None
    return zone


def _observance(said: dict[str, tuple[str, ...]]) -> _Observance:
    values = {
        n: [Property.parse(0, line).value.strip() for line in lines] for n, lines in said.items()
    }
    after = _offset(values["TZOFFSETTO"][0])
    before = _offset(values["TZOFFSETFROM"][0]) if values["TZOFFSETFROM"] else after
    first = _onset(values["DTSTART"][0], before)
    rule = Rule.parse(values["RRULE"][0]) if values["RRULE"] and values["RRULE"][0] else None
    fixed = [first]
    for dates in values["RDATE"]:
        fixed += [_onset(date.partition("/")[0], before) for date in dates.split(",")]
    if rule is None:
        return _Observance(before, after, first, tuple(sorted(fixed)), None)
    if rule.frequency not in ("YEARLY", "MONTHLY"):
        raise ValueError("an onset is yearly or monthly")
    if rule.until is None and rule.count is None and first.year < _EARLIEST_YEAR:
        # 1972 has a 29 February.
        first, fixed = first.replace(year=_EARLIEST_YEAR), []
    if rule.count is not None:
        zone, since = timezone(before), first.replace(tzinfo=timezone(before))
        if rule.count > _LONGEST_COUNT:
            raise ValueError("counts more onsets than can be followed")
        starts = rule.starts(first, zone, since, since + _LONGEST_COUNT * _YEAR)
        fixed += [start.astimezone(zone).replace(tzinfo=None) for start in starts]
        rule = None
    return _Observance(before, after, first, tuple(sorted(fixed)), rule)


def _offset(text: str) -> timedelta:
    match = _UTC_OFFSET.fullmatch(text)
    if not match:
        raise ValueError(f"'{text[:40]}' is not an offset")
    sign, *parts = match.groups()
    hours, minutes, seconds = (int(p or 0) for p in parts)
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if offset >= timedelta(days=1):
        raise ValueError(f"'{text[:40]}' is not an offset")
    return -offset if sign == "-" else offset


def _onset(text: str, before: timedelta) -> datetime:
    """The local time of an onset, with the offset before it."""
    match = _ONSET.fullmatch(text.strip())
    if not match:
        raise ValueError(f"'{text[:40]}' is not a time")
    year, month, day, hour, minute, second = (int(p or 0) for p in match.groups()[:6])
    local = datetime(year, month, day, hour, minute, second)
    return local + before if match[7] else local


@cache
def _listed(tzid: str) -> tzinfo | None:
    """The zone with a display name, such as `Eastern Time`, `Zurich` or `UTC+03:00`.

    `(UTC+01:00) Amsterdam, Berlin` is the zone of the first known city.
    """
    text = tzid.strip().strip('"').replace("\\", "").strip()
    match = _OFFSET.fullmatch(text)
    sign, hours, minutes, rest = match.groups() if match else (None, None, None, text)
    # `Central Time (US & Canada)`, `America/New_York (EST)`
    standard = re.sub(r"\s*\([^()]*\)\Z", "", rest)
    if zone := named(re.sub(r"(?<! Standard) Time$", " Standard Time", standard)):
        return zone
    for city in re.split(r"[,/]", rest):
        if zone := _cities().get(_plain(city)):
            return zone
    if sign or (text.upper().startswith(("(UTC)", "(GMT)"))):
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        is_offset = offset < timedelta(days=1) and (not rest or text.startswith("("))
        return timezone(-offset if sign == "-" else offset) if is_offset else None
    hours_west = _ABBREVIATIONS.get(text.upper())
    return timezone(timedelta(hours=hours_west)) if hours_west else None


@cache
def _cities() -> dict[str, ZoneInfo]:
    """Zones by the last part of their names, if only one zone has it."""
    found: dict[str, list[str]] = {}
    for name in available_timezones():
        area, _, city = name.rpartition("/")
        if area and not area.startswith(("Etc", "SystemV", "posix", "right")):
            found.setdefault(_plain(city), []).append(name)
    return {city: ZoneInfo(names[0]) for city, names in found.items() if len(names) == 1}
