"""Writes calendar invitations: a file with the join link for each attendee of each event.

pulumi stack output --show-secrets --json | python -m desk.invitations --to FOLDER schedule.yaml

It reads the outputs of the stack `join_desk` from standard input, and invites the attendees of the
events that take place now or in the next days. A recurring event is one file, with its rule and its
exceptions. Later runs update the files: a changed invitation has the next SEQUENCE, and an
invitation that is no longer scheduled becomes a cancellation. An event without times is written
only if --day sets its day. `links.csv` has all links, including those of events without times.
Anybody who has a link can join with it, so only the owner can read the files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, Self
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import click
from icalendar import Calendar, Event, vCalAddress
from pydantic import BaseModel, ValidationError

from desk import addresses, components, links
from meeting_provider import InvalidSchedule, schedule
from meeting_provider.attendance.report import inert, printable
from meeting_provider.schedule import Entry

#: Only the owner can read and write.
_PRIVATE: Final = 0o600

PRODUCT: Final = "-//meeting-provider//join desk//EN"

_NOT_OF_CANCELLATIONS: Final = (
    *("STATUS", "SEQUENCE", "DTSTAMP"),
    *("DESCRIPTION", "LOCATION", "URL", "CONFERENCE"),
)

#: File systems allow 255 bytes, including the ending and the random part of a temporary name.
_LONGEST_NAME: Final = 100
_ADDRESS: Final = re.compile(r"[^\s@:/<>'\"]+@[^\s@:/<>'\"]+")


class Outputs(BaseModel):
    """The outputs of the stack `join_desk`.

    :param meetings: the stack of the meetings.
    :param base_url: the desk's public URL.
    :param link_key: the key that signs the links.
    :param calendar_ids: the setting of the meetings' stack, if it is set.
    :param calendar_key: the setting of the meetings' stack, if it is set.
    """

    meetings: str
    base_url: str
    link_key: str
    calendar_ids: str | None = None
    calendar_key: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The outputs that `pulumi stack output --show-secrets --json` has printed.

        :raises ValueError: the text is something else.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            # The cause would quote the key.
            raise ValueError("these are not the outputs of the stack join_desk") from None


@dataclass(frozen=True)
class Invitation:
    """One attendee's invitation to one event: all parts of the event that have the attendee."""

    stack: str
    event: str
    external_user_id: str
    mail: str
    link: str = field(repr=False)
    parts: tuple[Entry, ...] = field(repr=False)
    occurrence: str = ""

    @property
    def file(self) -> Path:
        """Its path in the folder of all invitations, named after the event and the attendee."""
        name = file_name(self.mail or self.external_user_id)
        name += f"-{self.occurrence}" if self.occurrence else ""
        return Path(file_name(self.event), f"{name}.ics")

    @property
    def title(self) -> str:
        """The title of the event, or else its name."""
        return next((p.title for p in self.parts if p.title), self.event)

    def text(self, now: datetime, day: date | None, frame: _Frame) -> bytes:
        """The invitation: a request if the attendee has a mail address, else a publication.

        Source: RFC 5546, sections 3.2.1 and 3.2.2.
        """
        people: dict[str, Any] = {"ORGANIZER": vCalAddress(f"mailto:{frame.organizer}")}
        if self.mail:
            asked = {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"}
            people["ATTENDEE"] = vCalAddress(f"mailto:{self.mail}", params=asked)
        shown = components.Shown(self.link, people, now)
        if self.starts:
            events = list(components.events(self.parts, shown))
        else:
            assert day is not None
            events = [components.all_day(self.parts[0], day, shown)]
        address = addresses.attendee(self.stack, self.event, self.external_user_id)
        uid = uuid5(NAMESPACE_URL, f"{address}/{self.occurrence}")
        for event in events:
            event.add("UID", str(uid))
            event.add("SEQUENCE", frame.sequence)
            event.add("DTSTAMP", frame.stamp)
        return _calendar("REQUEST" if self.mail else "PUBLISH", events)

    @property
    def starts(self) -> bool:
        """Whether the event has times."""
        return any(p.series for p in self.parts)

    def takes_place(self, since: datetime, until: datetime) -> bool:
        """Whether one of its meetings is open at some time in the span."""
        return self.next(since, until) is not None

    def next(self, since: datetime, until: datetime) -> datetime | None:
        """When the next of its meetings opens, or opened if it is open now."""
        found = [
            next((w.opens for w in p.series.windows(p.margins, since, until)), None)
            for p in self.parts
            if p.series
        ]
        return min((opens for opens in found if opens), default=None)


@dataclass(frozen=True)
class _Frame:
    """The properties that all events of a file share."""

    organizer: str
    sequence: int
    stamp: datetime


def _calendar(method: str, events: Iterable[Event]) -> bytes:
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODUCT)
    calendar.add("METHOD", method)
    for event in events:
        calendar.add_component(event)
    _add_zones(calendar)
    return bytes(calendar.to_ical())


def _add_zones(calendar: Calendar) -> None:
    """Add the time zones that are used, for the next ten to twenty years."""
    years = [e.start.year for e in calendar.events]
    last = max(*years, datetime.now(UTC).year) // 10 * 10 + 20
    calendar.add_missing_timezones(date(min(years) - 1, 1, 1), date(last, 1, 1))
    for zone in calendar.timezones:
        for observance in zone.subcomponents:
            # ical.js reads only the first time of each RDATE.
            if listed := observance.pop("RDATE", None):
                for time in listed.dts:
                    observance.add("RDATE", time.dt)


def file_name(text: str) -> str:
    """A text as the name of a file or folder: unchanged if file systems allow it."""
    safe = re.sub(r"[^\w@.+=-]", "_", text).lstrip(".")
    if safe == text and len(safe.encode()) <= _LONGEST_NAME:
        return safe
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    cut = safe.encode()[: _LONGEST_NAME - 9].decode(errors="ignore")
    return f"{cut}-{digest}"


def invitations(entries: Iterable[Entry], outputs: Outputs) -> Iterator[Invitation]:
    """The invitation of each attendee of each event, including past ones."""
    parts: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    mails: dict[tuple[str, str], str] = {}
    for entry in entries:
        for external_user_id, address in entry.attendees.items():
            parts[entry.name, external_user_id].append(entry)
            is_address = _ADDRESS.fullmatch(address)
            mails[entry.name, external_user_id] = address if is_address else ""
    for (event, external_user_id), found in parts.items():
        stack = outputs.meetings
        link = links.link(outputs.base_url, outputs.link_key, stack, event, external_user_id)
        mail = mails[event, external_user_id]
        for occurrence, own in _files(found):
            yield Invitation(stack, event, external_user_id, mail, link, own, occurrence)


def _files(parts: Sequence[Entry]) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    """The parts that share a file: a series with its changes, or a single part without a series."""
    whole = [p for p in parts if p.series is None or p.series.stamp is None]
    changes = [p for p in parts if p.series and p.series.stamp is not None]
    if whole:
        yield "", (whole[0], *changes)
    for part in whole[1:] if whole else changes:
        assert part.series is not None
        mark = part.series.stamp or part.series.segment.since or part.series.first
        yield f"{mark:%Y%m%dT%H%M%S}", (part,)


@dataclass
class Folder:
    """The folder of the invitations that were written before.

    :param path: the folder.
    :param organizer: the organizer's mail address.
    :param now: the present time.
    """

    path: Path
    organizer: str
    now: datetime

    def write(self, invitation: Invitation, day: date | None) -> bool:
        """Write an invitation if it is new or has changed, and return whether it was written.

        A changed one has the next SEQUENCE, by which clients recognize the newer one.
        """
        path = self.path / invitation.file
        there = path.read_bytes() if path.exists() else b""
        old = _read(there)
        sequence, stamp = _frame(old)
        # The text depends on the present time only if a series is written as single times.
        if old and invitation.text(self.now, day, self._frame(sequence, stamp)) == there:
            path.chmod(_PRIVATE)
            return False
        frame = self._frame(sequence + 1 if old else 0, datetime.now(UTC))
        _write_private(path, invitation.text(self.now, day, frame))
        return True

    def has(self, invitation: Invitation) -> bool:
        """Whether the invitation was written before and has not been cancelled."""
        path = self.path / invitation.file
        old = _read(path.read_bytes()) if path.exists() else None
        return old is not None and old.get("METHOD") != "CANCEL"

    def cancel_others(self, known: Iterable[Invitation]) -> int:
        """Turn invitations that are no longer scheduled into cancellations; return how many.

        Source: RFC 5546, section 3.2.5.
        """
        kept = {self.path / i.file for i in known}
        count = 0
        for path in sorted(self.path.glob("*/*.ics")):
            old = _read(path.read_bytes())
            if path in kept or old is None or old.get("METHOD") == "CANCEL" or self._is_over(old):
                continue
            sequence, _ = _frame(old)
            events = [e for e in old.events if "RECURRENCE-ID" not in e] or list(old.events)
            for event in events:
                event.subcomponents.clear()
                for name in _NOT_OF_CANCELLATIONS:
                    event.pop(name, None)
                event.add("STATUS", "CANCELLED")
                event.add("SEQUENCE", sequence + 1)
                event.add("DTSTAMP", datetime.now(UTC))
            _write_private(path, _calendar("CANCEL", events))
            count += 1
        return count

    def _frame(self, sequence: int, stamp: datetime) -> _Frame:
        return _Frame(self.organizer, sequence, stamp)

    def _is_over(self, old: Calendar) -> bool:
        """Whether all times of an invitation are past."""
        return all(
            "RRULE" not in e and "RDATE" not in e and _instant(e.end) < self.now for e in old.events
        )


def _instant(time: date) -> datetime:
    if isinstance(time, datetime):
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return datetime(time.year, time.month, time.day, tzinfo=UTC)


def _read(content: bytes) -> Calendar | None:
    """An invitation that was written before; None if the file is not an invitation."""
    try:
        calendar = Calendar.from_ical(content)
    except (ValueError, IndexError):
        return None
    return calendar if isinstance(calendar, Calendar) and calendar.events else None


def _frame(old: Calendar | None) -> tuple[int, datetime]:
    if old is None:
        return 0, datetime.now(UTC)
    event = old.events[0]
    return int(event.get("SEQUENCE", 0)), event.stamp or datetime.now(UTC)


def write_links(path: Path, invited: Iterable[Invitation]) -> None:
    """Write a table of all links. Its lines end with a line feed only, for `cut`."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("event", "title", "attendee", "external_user_id", "link"))
    cells = (
        (i.event, i.title, i.mail or i.external_user_id, i.external_user_id, i.link)
        for i in invited
    )
    rows.writerows([inert(printable(cell)) for cell in row] for row in cells)
    _write_private(path, table.getvalue().encode())


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only the owner can read, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        fresh = Path(file.name)
        try:
            file.write(content)
            file.close()
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise


def _nothing(file: str, every: Sequence[Invitation], now: datetime, days: int) -> str:
    """Why there are no invitations, and what to do."""
    untimed = len({i.event for i in every if not i.starts})
    later = [(opens, i.title) for i in every if (opens := i.next(now, now + components.AHEAD))]
    said = [f"{file} has nothing to invite to in the next {days} days."]
    if later:
        opens, title = min(later)
        needed = (opens.astimezone(UTC) - now).days + 1
        said.append(f"The next event is {title} at {opens:%Y-%m-%d %H:%M %Z}: use --days {needed}.")
    if untimed:
        said.append(
            f"{untimed} events have no times: their links are in links.csv, and --day 2027-03-01 "
            "puts them into calendars on a day."
        )
    if not every:
        said.append("It has no attendees.")
    return " ".join(said)


@click.command(help=__doc__)
@click.argument("file")
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True)
@click.option(
    "--days",
    type=click.IntRange(0, 3660),
    default=7,
    show_default=True,
    help="How far ahead to invite.",
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="When the events without times are.")
@click.option("--now", "at", help="The time to invite at, in RFC 3339; by default the present.")
@click.option("--organizer", help="A mail address; by default noreply@ the host of the links.")
def main(
    file: str,
    folder: Path,
    days: int,
    day: datetime | None,
    at: str | None,
    organizer: str | None,
) -> None:
    """Write the invitations."""
    try:
        now = schedule.instant(at) if at else datetime.now(UTC)
        outputs = Outputs.parse(sys.stdin.read())
        disclosure = schedule.Disclosure.of(outputs.calendar_ids, outputs.calendar_key)
        every = list(invitations(schedule.entries(file, disclosure), outputs))
        until = now + timedelta(days=days)
        near = [i for i in every if i.takes_place(now, until)]
    except (ValueError, InvalidSchedule) as error:
        raise click.ClickException(str(error)) from error
    host = urlsplit(outputs.base_url).hostname
    written = Folder(folder, organizer or f"noreply@{host}", now)
    untimed = [i for i in every if not i.starts]
    try:
        # The invitation to an event that was moved out of the next days is updated too.
        moved = [i for i in every if i.starts and i not in near and written.has(i)]
        sent = [*near, *moved, *(untimed if day else ())]
        changed = sum(written.write(i, day.date() if day else None) for i in sent)
        cancelled = written.cancel_others(every)
        write_links(folder / "links.csv", [*near, *untimed])
    except OSError as error:
        raise click.ClickException(f"{folder} can't be written: {error}") from error
    click.echo(
        f"{folder}: {len(sent)} invitations, {changed} new or changed; {cancelled} cancelled; "
        f"{len(near) + len(untimed)} links"
    )
    if not sent:
        click.echo(_nothing(file, every, now, days), err=True)


if __name__ == "__main__":
    main()
