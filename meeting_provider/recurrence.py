"""A recurrence rule of RFC 5545 (3.3.10) -> the times that it gives within a span.

dateutil knows the rules. Here they are read in full (an unknown part is a fault, not a guess), get
a zone, and are entered near the span that is asked for, however long ago they began.

A local time that a change to daylight saving time leaves out is taken with the offset before the
change (3.3.5), as calendars show it; one that comes twice is the first of the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from dateutil import rrule
from dateutil.rrule import weekday

_UNITS: Final = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
_MONTHS: Final = {"MONTHLY": 1, "YEARLY": 12}
_FREQUENCIES: Final = {name: getattr(rrule, name) for name in (*_UNITS, *_MONTHS)}
_FINE: Final = ("SECONDLY", "MINUTELY", "HOURLY")
_DAYS: Final = {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}
_WEEKDAYS: Final = {n: getattr(rrule, n) for n in ("MO", "TU", "WE", "TH", "FR", "SA", "SU")}
_WEEKDAY: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")

#: The numbers that a part may list: the greatest, and whether it counts from the end too.
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
_GREATEST_INTERVAL: Final = 10_000
_MOST_STEPS: Final = 100_000
# Local times run ahead of and behind instants where clocks change, by a day at the date line.
_SLACK: Final = timedelta(days=2)
_FINE_SLACK: Final = timedelta(hours=3)
_UNTIL: Final = re.compile(r"(\d{8})(?:T(\d{6})(Z)?)?")


def to_utc(local: datetime, zone: tzinfo) -> datetime:
    """The instant of a local time.

    :raises ValueError: where it lies outside the years that a calendar has.
    """
    try:
        return local.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{local} is out of reach") from error


@dataclass(frozen=True)
class Rule:
    """A recurrence rule. `until` is an instant where the rule says so in UTC, or a local time."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    by: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    wkst: str = "MO"

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> Rule:
        """Read `FREQ=WEEKLY;BYDAY=MO`, with or without `RRULE:` before it.

        :raises ValueError: with what is wrong, in one sentence.
        """
        parts = _parts(text)
        frequency = parts.get("FREQ", "")
        if frequency not in _FREQUENCIES:
            raise ValueError(f"has no FREQ that there is ({', '.join(_FREQUENCIES)})")
        if parts.get("RSCALE", "GREGORIAN") != "GREGORIAN" or parts.get("SKIP", "OMIT") != "OMIT":
            raise ValueError("counts in another calendar than the Gregorian one")
        if "BYSETPOS" in parts and frequency in _FINE:
            raise ValueError(f"picks with BYSETPOS from what is {frequency}")
        by: dict[str, tuple[Any, ...]] = {
            name: _numbers(name, parts[name]) for name in _RANGES if name in parts
        }
        if "BYDAY" in parts:
            by["BYDAY"] = _weekdays(parts["BYDAY"])
        wkst = parts.get("WKST", "MO")
        if wkst not in _WEEKDAYS:
            raise ValueError(f"WKST={wkst} is no weekday")
        return cls(
            frequency,
            _number("INTERVAL", parts.get("INTERVAL", "1"), _GREATEST_INTERVAL),
            _number("COUNT", parts["COUNT"]) if "COUNT" in parts else None,
            _until(parts["UNTIL"]) if "UNTIL" in parts else None,
            tuple(by.items()),
            wkst,
        )

    def starts(
        self, first: datetime, zone: tzinfo, since: datetime, until: datetime
    ) -> Iterator[datetime]:
        """The recurrences from `since` to `until`, in UTC and in order.

        `first` is the local time in `zone` that the rule begins at.

        :raises ValueError: where getting there takes too many steps.
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
        if count is not None and count <= 0:
            return
        yield from rrule.rrule(
            _FREQUENCIES[self.frequency],
            dtstart=begin,
            interval=self.interval,
            wkst=_WEEKDAYS[self.wkst],
            count=count,
            # dateutil takes one or the other; with a count, whoever asks stops at `high`.
            until=None if count is not None else high,
            **self._arguments(first),
        )

    def _arguments(self, first: datetime) -> Mapping[str, Any]:
        """dateutil's arguments, with what a rule takes from its first time spelled out."""
        by = dict(self.by)
        if self.frequency in _MONTHS and not by.keys() & _DAYS:
            by["BYMONTHDAY"] = (first.day,)
            if self.frequency == "YEARLY":
                by.setdefault("BYMONTH", (first.month,))
        if by.keys() & _DAYS == {"BYWEEKNO"}:
            by["BYDAY"] = (first.weekday(),)
        return {("byweekday" if n == "BYDAY" else n.lower()): list(v) for n, v in by.items()}

    def _entry(self, first: datetime, low: datetime) -> tuple[datetime, int | None]:
        """A later beginning with the same recurrences from `low` on, and the count that is left."""
        each = self._in_each_period(first)
        if self.count is not None and each is None:
            self._bound_steps(first, low)
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
        in_first = rrule.rrule(
            _FREQUENCIES[self.frequency],
            dtstart=first,
            interval=self.interval,
            until=after - timedelta(microseconds=1),
            **self._arguments(first),
        )
        return begin, self._left(len(list(in_first)) + skipped - 1)

    def _left(self, consumed: int) -> int | None:
        return None if self.count is None else self.count - consumed

    def _in_each_period(self, first: datetime) -> int | None:
        """How many recurrences every period has; None where it is not always the same."""
        by = dict(self.by)
        if self.frequency in _UNITS:
            if not by:
                return 1
            only_days = by.keys() == {"BYDAY"} and self.frequency == "WEEKLY"
            return len({day.weekday for day in by["BYDAY"]}) if only_days else None
        if self.frequency == "YEARLY" and len(by.pop("BYMONTH", (first.month,))) != 1:
            return None
        if self.frequency == "YEARLY" and by and "BYMONTH" not in dict(self.by):
            return None
        return 1 if _is_once_a_month(by, first.day) else None

    def _bound_steps(self, first: datetime, low: datetime) -> None:
        unit = _UNITS.get(self.frequency, timedelta(days=28))
        if (low - first) // (unit * self.interval) > _MOST_STEPS:
            raise ValueError("counts more steps than can be followed")


def _is_once_a_month(by: Mapping[str, tuple[Any, ...]], day: int) -> bool:
    """Whether every month has the one day that is meant, exactly once."""
    if not by:
        return day <= 28
    if by.keys() == {"BYMONTHDAY"}:
        return len(by["BYMONTHDAY"]) == 1 and abs(by["BYMONTHDAY"][0]) <= 28
    days = by.get("BYDAY", ())
    if by.keys() == {"BYDAY"}:
        return len(days) == 1 and bool(days[0].n) and abs(days[0].n) <= 4
    if by.keys() == {"BYDAY", "BYSETPOS"}:
        places = by["BYSETPOS"]
        return len(places) == 1 and abs(places[0]) <= 4 and not any(d.n for d in days)
    return False


def _month(index: int, at: time) -> datetime:
    return datetime.combine(date(index // 12, index % 12 + 1, 1), at)


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in re.sub(r"\s+", "", text).upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not part or name.startswith("X-"):
            continue
        if name not in _PARTS or not equals:
            raise ValueError(f"{part} is no part of a recurrence rule")
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
            raise ValueError(f"{name}={text} has {item or 'nothing'}, which can't be")
        found.append(number)
    return tuple(found)


def _weekdays(text: str) -> tuple[weekday, ...]:
    found = []
    for item in text.split(","):
        match = _WEEKDAY.fullmatch(item)
        place = int(match[1]) if match and match[1] else None
        if not match or place == 0:
            raise ValueError(f"BYDAY={text} has {item or 'nothing'}, which is no weekday")
        day = _WEEKDAYS[match[2]]
        found.append(day(place) if place else day)
    return tuple(found)


def _until(text: str) -> datetime:
    """The last instant or local time that may be; a date stands for all of its day."""
    match = _UNTIL.fullmatch(text)
    if not match:
        raise ValueError(f"UNTIL={text} is no time")
    try:
        day = datetime.strptime(match[1], "%Y%m%d")
        if match[2] is None:
            return datetime.combine(day, time.max)
        until = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")
    except ValueError as error:
        raise ValueError(f"UNTIL={text} is no time") from error
    return until.replace(tzinfo=UTC) if match[3] else until
