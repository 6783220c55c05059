"""Calculates when a meeting should exist: an event's times, and the window around each of them.

Instants are in UTC. The event's zone is for local times, and for the times that are shown.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Final

from meeting_provider.schedule.rrule import Rule, to_utc

#: How far ahead to look for the next opening. All common rules have an occurrence in a year.
HORIZON: Final = timedelta(days=366)

#: More simultaneous occurrences of one event than this are a mistake in its rule.
MOST_AT_ONCE: Final = 100

#: A rule without a time in this span never has one: even a Monday, 29 February is in each span.
_EVER: Final = timedelta(days=41 * 366)

_MINUTE: Final = timedelta(minutes=1)
# A wall-clock day is longer than 24 hours by at most this, if a zone crosses the date line.
_LONGER: Final = timedelta(days=1)


class TooManyAtOnce(ValueError):
    """More than MOST_AT_ONCE meetings of one event would be open at once."""


@dataclass(frozen=True)
class Margins:
    """How long before an event a meeting is created, and how long after the event it stays."""

    before: timedelta = 15 * _MINUTE
    after: timedelta = 30 * _MINUTE


@dataclass(frozen=True)
class Window:
    """The time that one meeting should exist: from `opens` until just before `closes`.

    All times are in the event's zone. `recurrence` names the occurrence of a recurring event by its
    original time, even if it was moved.
    """

    opens: datetime
    start: datetime
    end: datetime
    closes: datetime
    recurrence: str = ""


@dataclass(frozen=True)
class Segment:
    """The part of a series that was moved as a whole: its recurrences from `since` up to `until`.

    Source: RFC 5545 3.2.13, RANGE=THISANDFUTURE.
    """

    since: datetime | None = None
    until: datetime | None = None
    moved: timedelta = timedelta()

    def has(self, recurrence: datetime) -> bool:
        """Whether a recurrence belongs to this part."""
        return (self.since is None or self.since <= recurrence) and (
            self.until is None or recurrence < self.until
        )


@dataclass(frozen=True)
class Series:
    """All times of an event.

    :param first: the local time of the first start.
    :param zone: the zone of local times.
    :param lasts: the length: elapsed time, or, if `nominal`, wall-clock time (a day is a day, even
        if it has 23 hours).
    :param added: more starts, each with its own length or None.
    :param includes_first: whether `first` takes place even if the rule doesn't include it.
    :param excluded: instants, and dates whose occurrences are all left out.
    :param stamp: the mark of a single recurrence of another series; None for all others.
    """

    first: datetime
    zone: tzinfo
    lasts: timedelta = timedelta()
    nominal: bool = False
    all_day: bool = False
    rule: Rule | None = None
    added: tuple[tuple[datetime, timedelta | None], ...] = ()
    includes_first: bool = False
    excluded: frozenset[datetime | date] = frozenset()
    segment: Segment = Segment()
    stamp: datetime | date | None = None

    @property
    def recurs(self) -> bool:
        """Whether a meeting's name needs the time of its occurrence."""
        return self.rule is not None or bool(self.added) or self.stamp is not None

    def mark(self, recurrence: datetime) -> datetime | date:
        """The mark of a recurrence: its instant, in UTC, or, if it takes whole days, its day."""
        return self._local(recurrence).date() if self.all_day else recurrence

    def windows(self, margins: Margins, since: datetime, until: datetime) -> Iterator[Window]:
        """The windows that open up to `until` and close after `since`, in order.

        :raises ValueError: the rule can't be followed that far.
        """
        nominally = _LONGER if self.nominal or self.segment.moved else timedelta()
        lasts = max([self.lasts, *(length for _, length in self.added if length)])
        longest = lasts + margins.after + nominally + abs(self.segment.moved)
        latest = until + margins.before + nominally + abs(self.segment.moved)
        for recurrence in self._recurrences(since - longest, latest):
            window = self._window(recurrence, margins)
            if window.opens > until:
                return
            if window.closes > since:
                yield window

    def first_recurrence(self) -> datetime | None:
        """The first recurrence that is not excluded, in UTC; None if there is none.

        :raises ValueError: the rule can't be followed.
        """
        first = to_utc(self.first, self.zone)
        return next(self._recurrences(first, first + _EVER), None)

    def has(self, recurrence: datetime) -> bool:
        """Whether an instant is one of the series' recurrences."""
        return any(True for _ in self._recurrences(recurrence, recurrence))

    def _recurrences(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """The times of the rule and the additions, without the exceptions, in UTC."""
        own = self.rule.starts(self.first, self.zone, since, until) if self.rule else iter(())
        added = [a for a, _ in self.added]
        if self.includes_first or not self.rule:
            added.append(to_utc(self.first, self.zone))
        added = sorted(a for a in added if since <= a <= until)
        for recurrence, _ in groupby(heapq.merge(own, added)):
            if self.segment.has(recurrence) and not self._is_excluded(recurrence):
                yield recurrence

    def _is_excluded(self, recurrence: datetime) -> bool:
        if not self.excluded:
            return False
        return recurrence in self.excluded or self._local(recurrence).date() in self.excluded

    def _local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)

    def _window(self, recurrence: datetime, margins: Margins) -> Window:
        start, local = recurrence, self._local(recurrence)
        if self.segment.moved:
            local += self.segment.moved
            start = to_utc(local, self.zone)
        own = dict(self.added).get(recurrence) if self.added else None
        if own is not None:
            end = start + own
        else:
            end = to_utc(local + self.lasts, self.zone) if self.nominal else start + self.lasts
        opens, closes = start - margins.before, end + margins.after
        opens, start, end, closes = (t.astimezone(self.zone) for t in (opens, start, end, closes))
        name = _name(self.stamp or self.mark(recurrence)) if self.recurs else ""
        return Window(opens, start, end, closes, name)


def _name(mark: datetime | date) -> str:
    """A recurrence's name: `20270301T0900Z`, or `20270301` for a day."""
    if not isinstance(mark, datetime):
        return f"{mark:%Y%m%d}"
    precise = "%Y%m%dT%H%M%SZ" if mark.second else "%Y%m%dT%H%MZ"
    return mark.astimezone(UTC).strftime(precise)


def at(now: datetime, series: Series, margins: Margins) -> tuple[list[Window], Window | None]:
    """The windows that are open now, and the one that opens next within HORIZON.

    :raises TooManyAtOnce: too many are open.
    :raises ValueError: the series can't be followed.
    """
    found: list[Window] = []
    for window in series.windows(margins, now, now + HORIZON):
        if window.opens > now:
            return found, window
        found.append(window)
        if len(found) > MOST_AT_ONCE:
            raise TooManyAtOnce(f"has more than {MOST_AT_ONCE} occurrences at once")
    return found, None
