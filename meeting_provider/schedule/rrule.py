"""Calculates the times of a recurrence rule of RFC 5545 (3.3.10) within a span.

All parts of rules are supported, and an unknown part is an error. The calculation starts near the
requested span, however long ago the rule began, and stops at the end of the span. dateutil's rrule
searches until the year 9999, which takes seconds for a rule that never matches.

A local time that a change to daylight saving time skips has the offset before the change (3.3.5),
as in calendars. A local time that occurs twice is the first of the two.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from math import gcd
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

_UNITS: Final = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
_MONTHS: Final = {"MONTHLY": 1, "YEARLY": 12}
_FREQUENCIES: Final = (*_UNITS, *_MONTHS)
_FINE: Final = ("SECONDLY", "MINUTELY", "HOURLY")
_DAYS: Final = {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}
_WEEKDAYS: Final = {n: i for i, n in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
_WEEKDAY: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")

#: The numbers that a part may list, and whether they may be negative, to count from the end.
_RANGES: Final = {
    "BYSECOND": (range(60), False),
    "BYMINUTE": (range(60), False),
    "BYHOUR": (range(24), False),
    "BYMONTHDAY": (range(1, 32), True),
    "BYYEARDAY": (range(1, 367), True),
    "BYWEEKNO": (range(1, 54), True),
    "BYMONTH": (range(1, 13), False),
    "BYSETPOS": (range(1, 367), True),
}
_PARTS: Final = ("FREQ", "UNTIL", "COUNT", "INTERVAL", "WKST", "BYDAY", "RSCALE", "SKIP", *_RANGES)
_OF_DAY: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_DAY: Final = 24 * 60 * 60
_GREATEST_INTERVAL: Final = 10_000
_MOST_STEPS: Final = 100_000
# Where clocks change, local times differ from instants: by up to a day at the date line.
_SLACK: Final = timedelta(days=2)
_FINE_SLACK: Final = timedelta(hours=3)
_UNTIL: Final = re.compile(r"(\d{8})(?:T(\d{6})(Z)?)?")


def to_utc(local: datetime, zone: tzinfo) -> datetime:
    """The instant of a local time.

    :raises ValueError: it is outside of the years that Python supports.
    """
    try:
        return local.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{local} is out of reach") from error


@dataclass(frozen=True)
class Rule:
    """A recurrence rule. `until` is an instant if the rule has it in UTC, else a local time."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    by: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    wkst: str = "MO"
    skip: str = "OMIT"

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> Rule:
        """Read `FREQ=WEEKLY;BYDAY=MO`, with or without `RRULE:` before it.

        :raises ValueError: it is not a valid rule; the text says why in one sentence.
        """
        parts = _parts(text)
        frequency = parts.get("FREQ", "")
        if frequency not in _FREQUENCIES:
            raise ValueError(f"FREQ must be one of {', '.join(_FREQUENCIES)}")
        if parts.get("RSCALE", "GREGORIAN") != "GREGORIAN":
            raise ValueError(f"RSCALE={parts['RSCALE']} is not supported, only GREGORIAN")
        by: dict[str, tuple[Any, ...]] = {
            name: _numbers(name, parts[name]) for name in _RANGES if name in parts
        }
        if "BYDAY" in parts:
            by["BYDAY"] = _weekdays(parts["BYDAY"])
        wkst = parts.get("WKST", "MO")
        if wkst not in _WEEKDAYS:
            raise ValueError(f"WKST={wkst} is not a weekday")
        return cls(
            frequency,
            _number("INTERVAL", parts.get("INTERVAL", "1"), _GREATEST_INTERVAL),
            _number("COUNT", parts["COUNT"]) if "COUNT" in parts else None,
            _until(parts["UNTIL"]) if "UNTIL" in parts else None,
            tuple(by.items()),
            wkst,
            _skip(parts.get("SKIP", "OMIT"), frequency, by.keys()),
        )

    def for_days(self) -> Rule:
        """The rule of an event that takes whole days.

        Times of the day are ignored (RFC 5545, 3.3.10). An UNTIL in UTC is midnight in the writer's
        zone, so its date is the one twelve hours later.
        """
        until = self.until
        if until is not None and until.tzinfo:
            until = datetime.combine((until + timedelta(hours=12)).date(), time.max)
        by = tuple((n, v) for n, v in self.by if n not in _OF_DAY)
        return replace(self, until=until, by=by)

    def begins_with(self, first: datetime, zone: tzinfo) -> bool:
        """Whether `first`, a local time, is itself a recurrence.

        :raises ValueError: the rule can't be followed.
        """
        start = to_utc(first, zone)
        days = dict(self.by).get("BYDAY", ())
        # For most rules, the weekday decides.
        if len(self.by) == bool(days) and not any(place for _, place in days):
            on_day = not days or first.weekday() in dict(days)
            return on_day and not self._is_over(first, start)
        return self.has(start, first, zone)

    def has(self, start: datetime, first: datetime, zone: tzinfo) -> bool:
        """Whether an instant is one of the recurrences of a rule that begins at `first`."""
        return any(True for _ in self.starts(first, zone, start, start))

    def starts(
        self, first: datetime, zone: tzinfo, since: datetime, until: datetime
    ) -> Iterator[datetime]:
        """The recurrences from `since` to `until`, in UTC and in order.

        :param first: the local time in `zone` at which the rule begins.
        :raises ValueError: the calculation takes too many steps.
        """
        low, high = (t.astimezone(zone).replace(tzinfo=None) for t in (since, until))
        slack = _FINE_SLACK if self.frequency in _FINE else _SLACK
        for local in self._local_starts(first, low - slack, high + slack):
            start = to_utc(local, zone)
            if start > until or self._is_over(local, start):
                return
            if start >= since:
                yield start

    def _is_over(self, local: datetime, start: datetime) -> bool:
        if self.until is None:
            return False
        return (start if self.until.tzinfo else local) > self.until

    def _local_starts(self, first: datetime, low: datetime, high: datetime) -> Iterator[datetime]:
        if first > high:
            return
        begin, count = self._entry(first, low)
        if self.skip != "OMIT":
            found = self._with_skipped_days(first, high)
        elif self.frequency in _FINE:
            found = self._fine_starts(first, begin, high)
        else:
            found = self._coarse_starts(first, begin, high)
        if count is not None:
            found = islice(found, max(0, count))
        for passed, start in enumerate(found):
            if start >= low:
                yield start
            elif passed > _MOST_STEPS:
                raise ValueError("counts more steps than can be followed")

    def _coarse_starts(
        self, first: datetime, begin: datetime, high: datetime
    ) -> Iterator[datetime]:
        """The starts of a daily, weekly, monthly or yearly rule: the days, each at all times."""
        by = dict(self.by)
        times = sorted(
            time(hour, minute, second, first.microsecond)
            for hour in by.get("BYHOUR", (first.hour,))
            for minute in by.get("BYMINUTE", (first.minute,))
            for second in by.get("BYSECOND", (first.second,))
        )
        is_meant = self._is_meant(first)
        for days in self._periods(begin, high.date()):
            starts = [datetime.combine(day, t) for day in days if is_meant(day) for t in times]
            if "BYSETPOS" in by:
                starts = _picked(starts, by["BYSETPOS"])
            for start in starts:
                if begin <= start <= high:
                    yield start

    def _periods(self, begin: datetime, last: date) -> Iterator[Iterable[date]]:
        """The days of each period, from the period of `begin` on."""
        day = begin.date()
        if self.frequency in _MONTHS:
            months = dict(self.by).get("BYMONTH", range(1, 13))
            size, of_year = _MONTHS[self.frequency], begin.month - 1
            index = begin.year * 12 + (of_year if self.frequency == "MONTHLY" else 0)
            for period in range(index, last.year * 12 + last.month, size * self.interval):
                found = (m for m in range(period, period + size) if m % 12 + 1 in months)
                yield (day for month in found for day in _days_of(month))
            return
        size = 7 if self.frequency == "WEEKLY" else 1
        if size == 7:
            day -= timedelta(days=(day.weekday() - _WEEKDAYS[self.wkst]) % 7)
        for ordinal in range(day.toordinal(), last.toordinal() + 1, size * self.interval):
            yield map(date.fromordinal, range(ordinal, ordinal + size))

    def _is_meant(self, first: datetime) -> Callable[[date], bool]:
        """A test whether the rule selects a day. `first` implies the parts that it doesn't have."""
        by = dict(self.by)
        if not by.keys() & _DAYS:
            if self.frequency in _MONTHS:
                by["BYMONTHDAY"] = (first.day,)
            if self.frequency == "YEARLY":
                by.setdefault("BYMONTH", (first.month,))
            if self.frequency == "WEEKLY":
                by["BYDAY"] = ((first.weekday(), 0),)
        if by.keys() & _DAYS == {"BYWEEKNO"}:
            by["BYDAY"] = ((first.weekday(), 0),)
        months, monthdays, weekdays = (by.get(n) for n in ("BYMONTH", "BYMONTHDAY", "BYDAY"))
        yeardays, weeks = by.get("BYYEARDAY"), by.get("BYWEEKNO")
        of_month = self.frequency == "MONTHLY" or (self.frequency == "YEARLY" and bool(months))
        if weekdays and self.frequency not in _MONTHS:
            weekdays = tuple((weekday, 0) for weekday, _ in weekdays)

        def is_meant(day: date) -> bool:
            if months and day.month not in months:
                return False
            if weekdays and not any(
                day.weekday() == weekday and (not place or _is_nth(day, place, of_month))
                for weekday, place in weekdays
            ):
                return False
            return (
                (not monthdays or not _of_month(day).isdisjoint(monthdays))
                and (not yeardays or not _of_year(day).isdisjoint(yeardays))
                and (not weeks or not _weeks(day, _WEEKDAYS[self.wkst]).isdisjoint(weeks))
            )

        return is_meant

    def _fine_starts(self, first: datetime, begin: datetime, high: datetime) -> Iterator[datetime]:
        """The starts of an hourly, minutely or secondly rule: the days, and the times of each."""
        unit = int(_UNITS[self.frequency].total_seconds())
        step = unit * self.interval
        by = dict(self.by)
        hours, minutes, seconds = (by.get(n, ()) for n in _OF_DAY)

        def is_allowed(second: int) -> bool:
            return (
                (not hours or second // 3600 in hours)
                and (unit == 3600 or not minutes or second // 60 % 60 in minutes)
                and (unit > 1 or not seconds or second % 60 in seconds)
            )

        # A period has these times, in seconds after its beginning.
        within = [0]
        if unit > 1:
            of_minute = sorted(seconds or (first.second,))
            of_hour = sorted(minutes or (first.minute,)) if unit == 3600 else [0]
            within = [60 * m + s for m in of_hour for s in of_minute]
        if "BYSETPOS" in by:
            within = _picked(within, by["BYSETPOS"])
        midnight = datetime.combine(begin.date(), time())
        origin = int((begin - midnight).total_seconds()) // unit * unit
        each_day = gcd(step, _DAY)
        if not any(map(is_allowed, range(origin % each_day, _DAY, each_day))):
            return
        is_meant = self._is_meant(first)
        for passed in range((high - midnight).days + 1):
            day = midnight + timedelta(days=passed)
            if not is_meant(day):
                continue
            for second in range((origin - passed * _DAY) % step, _DAY, step):
                if is_allowed(second):
                    for more in within:
                        start = day + timedelta(seconds=second + more)
                        if first <= start <= high:
                            yield start

    def _with_skipped_days(self, first: datetime, high: datetime) -> Iterator[datetime]:
        """The starts of a rule with SKIP, which moves days that a month lacks (RFC 7529, 4.1)."""
        by = dict(self.by)
        days = by.get("BYMONTHDAY", (first.day,))
        months = by.get("BYMONTH", (first.month,) if self.frequency == "YEARLY" else ())
        step = self.interval * _MONTHS[self.frequency]
        begin = first.year * 12 + (first.month - 1 if self.frequency == "MONTHLY" else 0)
        latest = first - timedelta(microseconds=1)
        for period in range(begin, high.year * 12 + high.month, step):
            found = range(period, period + _MONTHS[self.frequency])
            wanted = [m for m in found if not months or m % 12 + 1 in months]
            for day in sorted(self._day(month, day) for month in wanted for day in days):
                start = datetime.combine(day, first.time())
                if latest < start <= high:
                    latest = start
                    yield start

    def _day(self, month: int, day: int) -> date:
        begin, after = _month(month, time()).date(), _month(month + 1, time()).date()
        found = (begin if day > 0 else after) + timedelta(days=day - (day > 0))
        if begin <= found < after:
            return found
        is_late = found >= after
        if self.skip == "FORWARD":
            return after if is_late else begin
        return (after if is_late else begin) - timedelta(days=1)

    def _entry(self, first: datetime, low: datetime) -> tuple[datetime, int | None]:
        """A later begin with the same recurrences from `low` on, and the remaining count."""
        each = self._in_each_period(first)
        if (self.count is not None and each is None) or self.skip != "OMIT":
            return first, self.count
        if self.frequency in _UNITS:
            period = _UNITS[self.frequency] * self.interval
            skipped = max(0, (low - first) // period - 1)
            return first + skipped * period, self._left(skipped * (each or 0))
        return self._month_entry(first, low)

    def _month_entry(self, first: datetime, low: datetime) -> tuple[datetime, int | None]:
        step = _MONTHS[self.frequency] * self.interval
        own = first.year * 12 + (first.month - 1 if self.frequency == "MONTHLY" else 0)
        skipped = (low.year * 12 + low.month - 1 - own) // step - 1
        if skipped < 1:
            return first, self.count
        begin = _month(own + skipped * step, first.time())
        if self.count is None:
            return begin, None
        after = _month(own + step, time())
        in_first = self._coarse_starts(first, first, after - timedelta(microseconds=1))
        return begin, self._left(len(list(in_first)) + skipped - 1)

    def _left(self, consumed: int) -> int | None:
        return None if self.count is None else self.count - consumed

    def _in_each_period(self, first: datetime) -> int | None:
        """How many recurrences each period has; None if the number varies."""
        by = dict(self.by)
        if self.frequency in _UNITS:
            if not by:
                return 1
            only_days = by.keys() == {"BYDAY"} and self.frequency == "WEEKLY"
            return len(dict(by["BYDAY"])) if only_days else None
        if self.frequency == "YEARLY" and len(by.pop("BYMONTH", (first.month,))) != 1:
            return None
        if self.frequency == "YEARLY" and by and "BYMONTH" not in dict(self.by):
            return None
        return 1 if _is_once_a_month(by, first.day) else None


def _is_once_a_month(by: Mapping[str, tuple[Any, ...]], day: int) -> bool:
    """Whether the rule selects exactly one day of every month."""
    if not by:
        return day <= 28
    if by.keys() == {"BYMONTHDAY"}:
        return len(by["BYMONTHDAY"]) == 1 and abs(by["BYMONTHDAY"][0]) <= 28
    days = by.get("BYDAY", ())
    if by.keys() == {"BYDAY"}:
        return len(days) == 1 and 0 < abs(days[0][1]) <= 4
    if by.keys() == {"BYDAY", "BYSETPOS"}:
        places = by["BYSETPOS"]
        return len(places) == 1 and abs(places[0]) <= 4 and not any(place for _, place in days)
    return False


def _month(index: int, at: time) -> datetime:
    return datetime.combine(date(index // 12, index % 12 + 1, 1), at)


def _days_of(month: int) -> Iterator[date]:
    begin, after = (_month(m, time()).toordinal() for m in (month, month + 1))
    return map(date.fromordinal, range(begin, after))


def _picked(found: Sequence[_T], places: Iterable[int]) -> list[_T]:
    """The elements that BYSETPOS selects."""
    count = len(found)
    indices = {place - 1 if place > 0 else count + place for place in places}
    return [found[i] for i in sorted(indices) if 0 <= i < count]


def _of_month(day: date) -> set[int]:
    return {day.day, day.day - monthrange(day.year, day.month)[1] - 1}


def _of_year(day: date) -> set[int]:
    number = day.toordinal() - date(day.year, 1, 1).toordinal() + 1
    return {number, number - (366 if isleap(day.year) else 365) - 1}


def _is_nth(day: date, place: int, of_month: bool) -> bool:
    numbers = _of_month(day) if of_month else _of_year(day)
    return place in {(n - 1) // 7 + 1 if n > 0 else -((-n - 1) // 7 + 1) for n in numbers}


def _weeks(day: date, first_weekday: int) -> set[int]:
    """The number of a day's week, from the beginning and from the end of the week's year."""
    # A week belongs to the year of its middle day.
    middle = day + timedelta(days=3 - (day.weekday() - first_weekday) % 7)
    return {(n - 1) // 7 + 1 if n > 0 else -((-n - 1) // 7 + 1) for n in _of_year(middle)}


def _skip(skip: str, frequency: str, parts: Set[str]) -> str:
    if skip == "OMIT":
        return skip
    if skip not in ("BACKWARD", "FORWARD"):
        raise ValueError(f"SKIP={skip} must be OMIT, BACKWARD or FORWARD")
    if frequency not in _MONTHS or parts - {"BYMONTH", "BYMONTHDAY"}:
        what = "FREQ=MONTHLY or YEARLY with BYMONTH and BYMONTHDAY"
        raise ValueError(f"SKIP={skip} is supported with {what} only")
    return skip


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in re.sub(r"\s+", "", text).upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not part or name.startswith("X-"):
            continue
        if name not in _PARTS or not equals:
            raise ValueError(f"{part} is not a part of a recurrence rule")
        if name in parts:
            raise ValueError(f"has {name} twice")
        parts[name] = value
    return parts


def _number(name: str, text: str, greatest: int | None = None) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise ValueError(f"{name}={text} is not a number of at least 1")
    if greatest and int(text) > greatest:
        raise ValueError(f"{name}={text} is more than {greatest}")
    return int(text)


def _numbers(name: str, text: str) -> tuple[int, ...]:
    allowed, from_the_end = _RANGES[name]
    found = []
    for item in text.split(","):
        number = int(item) if re.fullmatch(r"[+-]?\d{1,3}", item) else None
        if number is None or (abs(number) if from_the_end else number) not in allowed:
            raise ValueError(f"{name}={text} has {item or 'nothing'}, which is not allowed")
        found.append(number)
    return tuple(sorted(set(found)))


def _weekdays(text: str) -> tuple[tuple[int, int], ...]:
    """Weekdays, each with its place in the month or year; 0 for all of them."""
    found = []
    for item in text.split(","):
        match = _WEEKDAY.fullmatch(item)
        if not match or (match[1] and int(match[1]) == 0):
            raise ValueError(f"BYDAY={text} has {item or 'nothing'}, which is not a weekday")
        found.append((_WEEKDAYS[match[2]], int(match[1] or 0)))
    return tuple(found)


def _until(text: str) -> datetime:
    """The last possible instant or local time. A date includes its whole day."""
    match = _UNTIL.fullmatch(text)
    if not match:
        raise ValueError(f"UNTIL={text} is not a date or a time")
    try:
        day = datetime.strptime(match[1], "%Y%m%d")
        if match[2] is None:
            return datetime.combine(day, time.max)
        until = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")
    except ValueError as error:
        raise ValueError(f"UNTIL={text} is not a date or a time") from error
    return until.replace(tzinfo=UTC) if match[3] else until
