"""What a programme's attendees are sent: an invitation each, with the link that they join by.

pulumi stack output --show-secrets --json | python -m desk.invitations --to FOLDER schedule.yaml

Reads the outputs of the stack `join_desk` from standard input. Invited are the attendees of the
meetings that are open, or open in the next days; an event without times is in nobody's calendar,
unless --day says on which day it is. `links.csv` has the links of all these meetings, those without
times too. Whoever has a link can use it: only the owner may read the files.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Self
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import click
from icalendar import Calendar, Event, vCalAddress, vUri
from pydantic import BaseModel, ValidationError

from desk import addresses, links
from meeting_provider import InvalidSchedule, schedule

#: For the owner alone to read and write.
_PRIVATE = 0o600

PRODUCT = "-//meeting-provider//join desk//EN"


class Outputs(BaseModel):
    """What the stack `join_desk` gives: whose links, where they lead, and what signs them.

    And by what people in calendars are known there, where that was set.
    """

    meetings: str
    base_url: str
    link_key: str
    attendee_ids: str | None = None
    attendee_key: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The outputs, from what `pulumi stack output --show-secrets --json` prints.

        Raises:
            ValueError: it is something else.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            # The cause would quote the key.
            raise ValueError("these are no outputs of the stack join_desk") from None


@dataclass(frozen=True)
class Invitation:
    """One attendee's invitation to one event. Where it has no start, it is a link alone."""

    stack: str
    meeting: str
    external_user_id: str
    link: str
    start: date | None
    end: date | None

    @property
    def file(self) -> Path:
        """Its place in the folder of all invitations."""
        name = f"{addresses.segment(self.external_user_id)}.ics"
        return Path(addresses.segment(self.meeting), name)

    def text(self, organizer: str, sequence: int, stamp: datetime) -> bytes:
        """A calendar that publishes the event, and asks nobody for an answer.

        Source: RFC 5546, section 3.2.1; CONFERENCE is from RFC 7986, section 5.11.
        """
        address = addresses.attendee(self.stack, self.meeting, self.external_user_id)
        uid = uuid5(NAMESPACE_URL, address)
        event = Event.new(
            uid=uid,
            summary=self.meeting,
            description=f"Join: {self.link}",
            url=self.link,
            organizer=vCalAddress(f"mailto:{organizer}"),
            start=self.start,
            end=self.end,
            sequence=sequence,
            stamp=stamp,
        )
        conference = vUri(self.link, params={"VALUE": "URI", "FEATURE": ["AUDIO", "VIDEO"]})
        event.add("CONFERENCE", conference)
        calendar = Calendar.new(uid=uid, prodid=PRODUCT, method="PUBLISH", subcomponents=[event])
        return bytes(calendar.to_ical())


def invitations(
    events: Iterable[schedule.Event], outputs: Outputs, day: date | None = None
) -> Iterator[Invitation]:
    """The invitation of every attendee of every event.

    Args:
        events: a programme's.
        outputs: the stack `join_desk`'s.
        day: when an event without times is; None where nobody can say.
    """
    for event in events:
        start, end = _times(event, day)
        for attendee in event.arguments["attendees"]:
            who = (outputs.meetings, event.name, attendee["external_user_id"])
            link = links.link(outputs.base_url, outputs.link_key, *who)
            yield Invitation(*who, link, start, end)


def _times(event: schedule.Event, day: date | None) -> tuple[date | None, date | None]:
    if event.window:
        return event.window.start.astimezone(UTC), event.window.end.astimezone(UTC)
    return day, day + timedelta(days=1) if day else None


def upcoming(
    path: str,
    now: datetime,
    until: datetime,
    disclosure: schedule.Disclosure | None = None,
) -> Iterator[schedule.Event]:
    """The meetings of a programme that are open at an instant, or open before another.

    Raises:
        InvalidSchedule: it has faults.
    """
    seen: set[str] = set()
    while now <= until:
        plan = schedule.plan(path, now, disclosure)
        yield from (event for event in plan.open if event.name not in seen)
        seen.update(event.name for event in plan.open)
        now = min((o.window.opens for o in plan.upcoming), default=until + timedelta.resolution)


def write(folder: Path, invitation: Invitation, organizer: str) -> bool:
    """Write an invitation where it isn't there yet or has changed; say whether that was so.

    A changed one has the next SEQUENCE, by which a calendar knows which is the newer.
    """
    path = folder / invitation.file
    there = path.read_bytes() if path.exists() else b""
    old = _event(there)
    if old and invitation.text(organizer, old.sequence, old.stamp) == there:
        path.chmod(_PRIVATE)
        return False
    sequence = old.sequence + 1 if old else 0
    _write_private(path, invitation.text(organizer, sequence, datetime.now(UTC)))
    return True


def _event(invitation: bytes) -> Event | None:
    """The event of an invitation that was written before; None where it is no longer one."""
    try:
        return Calendar.from_ical(invitation).events[0]
    except (ValueError, IndexError):
        return None


def write_links(path: Path, invited: Iterable[Invitation]) -> None:
    """Write a table of everybody's links."""
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(("meeting", "external_user_id", "link"))
    rows.writerows((i.meeting, i.external_user_id, i.link) for i in invited)
    _write_private(path, table.getvalue().encode())


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only the owner may read, whole or not at all."""
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


@click.command(help=__doc__)
@click.argument("file")
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True)
@click.option("--days", default=7, show_default=True, help="How far ahead to invite.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="When the events without times are.")
@click.option("--now", "at", help="RFC 3339: invite as of another time than the present one.")
@click.option("--organizer", help="An e-mail address; by default noreply@ where the links lead.")
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
        disclosure = schedule.Disclosure.of(outputs.attendee_ids, outputs.attendee_key)
        events = list(upcoming(file, now, now + timedelta(days=days), disclosure))
    except (ValueError, InvalidSchedule) as error:
        raise click.ClickException(str(error)) from error
    organizer = organizer or f"noreply@{urlsplit(outputs.base_url).hostname}"
    invited = list(invitations(events, outputs, day.date() if day else None))
    dated = [i for i in invited if i.start]
    changed = sum(write(folder, i, organizer) for i in dated)
    write_links(folder / "links.csv", invited)
    click.echo(
        f"{folder}: {len(dated)} invitations, {changed} new or changed; {len(invited)} links"
    )


if __name__ == "__main__":
    main()
