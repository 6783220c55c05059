"""Reads iCalendar files: their events, with times and attendees.

An event without a usable time or an attendee without an address is reported with file, line and
UID, and everything else is used. A damaged file is an error, but in a folder only a report.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from meeting_provider.models import MAX_ATTENDEES
from meeting_provider.schedule import ics_lines, vevent
from meeting_provider.schedule.disclosure import Disclosure
from meeting_provider.schedule.ics_attendees import (
    Person,
    addresses,
    names_somebody,
    people,
    without_addresses,
)
from meeting_provider.schedule.ics_lines import Component
from meeting_provider.schedule.occurrences import Segment, Series
from meeting_provider.schedule.rrule import to_utc
from meeting_provider.schedule.vevent import Calendar, Revision, Unusable

#: Methods of messages that don't contain the event itself, such as replies and refresh requests.
_NOT_EVENTS: Final = ("REPLY", "COUNTER", "DECLINECOUNTER", "REFRESH")
# The rest of a meeting's 64 characters is for the time of a recurrence: `-20270301T090000Z`.
_TAME: Final = re.compile(r"(?!aws:)[A-Za-z0-9][A-Za-z0-9._@+=-]{1,46}", re.IGNORECASE)

#: The name of an event whose UID is invalid or has an address.
DIGEST: Final = re.compile(r"event-[0-9a-f]{20}")


class NoCalendar(ValueError):
    """There is no calendar, or the file is incomplete: an export may have failed."""


@dataclass(frozen=True)
class Report:
    """A part of a calendar that can't be used, with its file, line and UID."""

    path: str
    line: int
    uid: str
    message: str

    def __str__(self) -> str:
        event = f"event '{self.uid}': " if self.uid else ""
        return f"{self.path}:{self.line}: {event}{self.message}"


@dataclass(frozen=True)
class Identity:
    """The identity of an event: the same in all of its components, revisions and recurrences."""

    components: Sequence[Component]

    @cached_property
    def uid(self) -> str:
        """The UID; without one, a digest of the event's properties."""
        event = self.components[0]
        if event.uid:
            return event.uid
        said = [event.text(n) for n in ("DTSTART", "RRULE", "SUMMARY", "RECURRENCE-ID")]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    @cached_property
    def is_private(self) -> bool:
        """Whether the UID contains the address of any person, even of one who declined."""
        return any(names_somebody(self.uid, c) for c in self.components)

    @cached_property
    def name(self) -> str:
        """The name of its meetings: the UID, or a digest if that is invalid or has an address.

        A valid name has up to 47 letters, digits and `._@+=-`, which leaves room for a time.
        """
        if self.components[0].uid and _TAME.fullmatch(self.uid) and not self.is_private:
            return self.uid
        # DIGEST is its pattern.
        return f"event-{hashlib.sha256(self.uid.encode()).hexdigest()[:20]}"


@dataclass(frozen=True)
class Invitation:
    """An event, or a part of it that has its own times or people."""

    path: str
    line: int
    identity: Identity
    component: Component
    series: Series
    uninvited: frozenset[str] = frozenset()

    @cached_property
    def _people(self) -> tuple[list[Person], list[tuple[int, str]]]:
        return people(self.component, self.uninvited)

    def texts(self, disclosure: Disclosure) -> tuple[str, str]:
        """Title and description, which aren't secret. Private and confidential events have none."""
        if self.component.text("CLASS").upper() in ("PRIVATE", "CONFIDENTIAL"):
            return "", ""
        title, description = map(self.component.prose, ("SUMMARY", "DESCRIPTION"))
        if disclosure.addresses:
            return title, description
        return (
            without_addresses(title, self.component),
            without_addresses(description, self.component),
        )

    @property
    def name(self) -> str:
        """The name of its meetings, without the time of a recurrence."""
        return self.identity.name

    def attendees(self, disclosure: Disclosure) -> list[dict[str, Any]]:
        """The attendees to declare."""
        return [p.attendee(self.identity.uid, disclosure) for p in self._people[0]]

    def directory(self, disclosure: Disclosure) -> dict[str, str]:
        """The mail address of each external_user_id."""
        uid = self.identity.uid
        return {p.external_user_id(uid, disclosure): p.address for p in self._people[0]}

    def reports(self) -> Iterator[Report]:
        """The attendees that can't be used, and why there can't be a meeting."""
        found, unusable = self._people
        yield from (self.report(message, line) for line, message in unusable)
        if not found:
            yield self.report("has nobody to invite: no attendee and no organizer")
        if len(found) > MAX_ATTENDEES:
            yield self.report(f"has {len(found)} attendees; a meeting has at most {MAX_ATTENDEES}")

    @property
    def can_meet(self) -> bool:
        """Whether the event has attendees, and no more than a meeting can have."""
        return 0 < len(self._people[0]) <= MAX_ATTENDEES

    def report(self, message: str, line: int | None = None) -> Report:
        """A report about this event."""
        uid = "" if self.identity.is_private else self.component.uid
        return Report(self.path, line or self.line, uid, message)


def read(path: Path, zone: tzinfo = UTC) -> tuple[list[Invitation], list[Report]]:
    """The events of a calendar file, or of all files of a folder, and reports on unusable ones.

    :param path: the file or folder.
    :param zone: the zone of floating times and days, unless the calendar names one itself.
    :raises NoCalendar: there is no calendar, or the file isn't complete: the meetings of missing
        events would be ended. In a folder with other calendars, this is only a report.
    """
    reports: list[Report] = []
    damage: list[Report] = []
    revisions: dict[str, list[Revision]] = defaultdict(list)
    calendars = [c for file in _files(path) for c in _calendars(file, zone, reports, damage)]
    if not path.is_dir() and damage:
        raise NoCalendar("; ".join(map(str, damage)))
    reports += damage
    if not calendars:
        said = [str(r) for r in reports] or [f"{path}: is a folder without calendars (*.ics)"]
        raise NoCalendar("; ".join(said))
    for calendar in calendars:
        for revision in _events(calendar, reports):
            # An event without a UID can't be a revision of another one.
            own = f"\n{calendar.path}\n{revision.component.line}"
            revisions[revision.uid or own].append(revision)
    invitations = [i for group in revisions.values() for i in _invitations(group, reports)]
    return invitations, reports


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(f for f in path.rglob("*") if f.suffix.lower() == ".ics" and f.is_file())


def _calendars(
    file: Path, zone: tzinfo, reports: list[Report], damage: list[Report]
) -> Iterator[Calendar]:
    path = str(file)
    try:
        stream = ics_lines.read(file.read_bytes())
    except OSError as error:
        damage.append(Report(path, 1, "", f"can't be read: {error.strerror}"))
        return
    if not stream.calendars:
        damage.append(Report(path, 1, "", "is not a calendar: it has no BEGIN:VCALENDAR"))
        return
    damage += [Report(path, line, "", what) for line, what in stream.damage]
    reports += [Report(path, line, "", what) for line, what in stream.notes]
    yield from (Calendar(path, c, zone) for c in stream.calendars)


def _events(calendar: Calendar, reports: list[Report]) -> Iterator[Revision]:
    if calendar.method in _NOT_EVENTS:
        what = f"is a message about events, not a calendar: METHOD:{calendar.method}"
        reports.append(Report(calendar.path, calendar.component.line, "", what))
        return
    reports += [Report(calendar.path, line, "", what) for line, what in calendar.notes]
    for event in calendar.component.components:
        if event.name != "VEVENT":
            continue
        try:
            revision = vevent.read(event, calendar)
        except Unusable as error:
            reports.append(_report(calendar.path, event, str(error), error.line))
        except Exception as error:
            # An event that can't be read must not affect the other events of the calendar.
            what = f"can't be read: {type(error).__name__}: {error}"
            reports.append(_report(calendar.path, event, what))
        else:
            reports += [_report(calendar.path, event, said, n) for n, said in revision.notes]
            yield revision


def _report(path: str, event: Component, message: str, line: int | None = None) -> Report:
    """A report about an event, without its UID if that contains an address."""
    uid = "" if names_somebody(event.uid, event) else event.uid
    return Report(path, line or event.line, uid, message)


def _invitations(revisions: Sequence[Revision], reports: list[Report]) -> Iterator[Invitation]:
    """The parts of one event: its series, moved parts of them, and single occurrences."""
    identity = Identity([r.component for r in revisions])
    uninvitations = [r for r in revisions if r.is_uninvitation]
    additions = [r for r in revisions if r.is_addition]
    revisions = [r for r in revisions if not r.is_addition and not r.is_uninvitation]
    masters = _newest_masters([r for r in revisions if r.recurrence is None])
    changes = [r for r in revisions if r.recurrence is not None]
    if not masters:
        # Outlook copies a series with a RECURRENCE-ID.
        copies = [r for r in changes if r.whole.rule]
        changes = [r for r in changes if not r.whole.rule]
        masters = _newest_masters([replace(r, series=r.whole, recurrence=None) for r in copies])
    newest = masters[-1].age[0] if masters else 0
    additions = [a for a in additions if not a.is_cancelled and a.age[0] >= newest]
    if masters and all(m.is_cancelled for m in masters):
        masters, changes = [], []
    changes = [c for c in changes if _is_current(c, masters, reports)]
    changes = _newest_changes(
        [*changes, *_uninvited_from(uninvitations, changes, masters)], masters
    )
    for master in masters:
        if not master.is_cancelled:
            yield from _series(master, changes, identity, len(masters) > 1, uninvitations)
    for addition in additions:
        yield _invitation(addition, identity, _named_by_time(addition, changes), uninvitations)
    for change in changes:
        if not change.is_cancelled and not (change.is_future and masters):
            yield _invitation(change, identity, change.series, uninvitations)


def _is_current(change: Revision, masters: Sequence[Revision], reports: list[Report]) -> bool:
    """Whether the newest revision of a series still has the recurrence that was changed."""
    if masters and change.whole.rule:
        what = "RRULE of a changed recurrence is not supported"
        reports.append(_report(change.calendar.path, change.component, what))
    if not masters or change.is_future or change.age[0] >= masters[-1].age[0]:
        return True
    at = change.recurrence.within(masters[-1].series) if change.recurrence else None
    try:
        if at is None or any(m.series.has(at) for m in masters):
            return True
    except ValueError:
        return True
    what = "changes a recurrence that the newer revision of the series no longer has"
    reports.append(_report(change.calendar.path, change.component, what))
    return False


def _uninvited_from(
    uninvitations: Sequence[Revision], changes: Sequence[Revision], masters: Sequence[Revision]
) -> Iterator[Revision]:
    """The single recurrences from which attendees were removed, as changes of their series."""
    for uninvitation in uninvitations:
        recurrence = uninvitation.recurrence
        if recurrence is None:
            continue
        for master in masters:
            at = recurrence.within(master.series)
            known = [c.recurrence.within(master.series) for c in changes if c.recurrence]
            if at not in known and master.series.has(at):
                yield vevent.single(master, at, recurrence)


def _named_by_time(revision: Revision, changes: Sequence[Revision] = ()) -> Series:
    """The series of a revision beside others of its event, without the changed recurrences."""
    series = revision.series
    placed = [c.recurrence for c in changes if c.recurrence and not c.is_future]
    singles = {r.mark(series.zone, series.all_day) for r in placed}
    series = replace(series, excluded=series.excluded | singles)
    if series.recurs:
        return series
    return replace(series, stamp=series.mark(to_utc(series.first, series.zone)))


def _series(
    master: Revision,
    changes: Sequence[Revision],
    identity: Identity,
    is_split: bool,
    uninvitations: Sequence[Revision],
) -> Iterator[Invitation]:
    series = master.series
    placed = [(c.recurrence, c) for c in changes if c.recurrence]
    singles = {r.mark(series.zone, series.all_day) for r, c in placed if not c.is_future}
    futures = sorted({r.within(series): c for r, c in placed if c.is_future}.items())
    series = replace(series, excluded=series.excluded | singles)
    if is_split:
        series = _named_by_time(replace(master, series=series))
    ends = [at for at, _ in futures]
    first = replace(series, segment=Segment(until=ends[0])) if ends else series
    yield _invitation(master, identity, first, uninvitations)
    for (at, change), until in zip(futures, [*ends[1:], None], strict=False):
        if not change.is_cancelled:
            moved = vevent.future(series, change.series, at, until)
            yield _invitation(change, identity, moved, uninvitations)


def _invitation(
    revision: Revision, identity: Identity, series: Series, uninvitations: Sequence[Revision]
) -> Invitation:
    event = revision.component
    uninvited: set[str] = set()
    for uninvitation in uninvitations:
        at = uninvitation.recurrence
        is_of_it = at is None or at.mark(series.zone, series.all_day) == series.stamp
        if is_of_it and uninvitation.age >= revision.age:
            uninvited |= addresses(uninvitation.component)
    path = revision.calendar.path
    return Invitation(path, event.line, identity, event, series, frozenset(uninvited))


def _newest_masters(masters: Sequence[Revision]) -> list[Revision]:
    """The newest revision, and those of its calendar with the same SEQUENCE and other starts."""
    if not masters:
        return []
    newest = max(masters, key=lambda m: m.age)
    alike = [m for m in masters if m.calendar is newest.calendar and m.age[0] == newest.age[0]]
    by_start = {m.series.first: m for m in sorted(alike, key=lambda m: m.age)}
    return list(by_start.values())


def _newest_changes(changes: Sequence[Revision], masters: Sequence[Revision]) -> list[Revision]:
    """The newest revision of each recurrence, by the masters' mark of it."""
    if masters:
        changes = [vevent.known_to(masters[-1].series, c) for c in changes]
    newest = {(c.series.stamp, c.is_future): c for c in sorted(changes, key=lambda c: c.age)}
    return list(newest.values())
