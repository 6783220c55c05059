"""Every attendee is invited to what they may join, by a link that stays the same."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from icalendar import Calendar, Event

from desk import invitations, links
from meeting_provider import schedule

OUTPUTS = {"meetings": "dev", "base_url": "https://desk.example", "link_key": "key"}
UNTIMED = """\
events:
  - name: keynote
    attendees: [{external_user_id: ann@x}, {external_user_id: bob}]
"""
TIMED = """\
defaults: {zone: Europe/Berlin, opens_before: 15}
events:
  - name: keynote
    start: 2027-03-01T09:00
    end: 2027-03-01T10:30
    attendees: [{external_user_id: ann@x}, {external_user_id: bob}]
  - name: stand-up
    start: 2027-03-01T08:00
    end: 2027-03-01T08:15
    recurrence: FREQ=DAILY
    attendees: [{external_user_id: ann@x}]
"""

Write = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the invitations are written."""
    return tmp_path / "invitations"


@pytest.fixture
def write(tmp_path: Path, folder: Path) -> Write:
    """Writes the invitations of a programme's text."""

    def run(programme: str, *options: str, outputs: object = OUTPUTS) -> Result:
        file = tmp_path / "schedule.yaml"
        file.write_text(programme)
        arguments = ["--to", str(folder), *options, str(file)]
        return CliRunner().invoke(invitations.main, arguments, input=json.dumps(outputs))

    return run


def event(file: Path) -> Event:
    (found,) = Calendar.from_ical(file.read_bytes()).events
    return found


def test_an_event_on_a_day_is_an_invitation_for_each_attendee(write: Write, folder: Path) -> None:
    assert write(UNTIMED, "--day", "2027-03-01").exit_code == 0

    ann = folder / "keynote" / "ann.40x.ics"
    calendar = Calendar.from_ical(ann.read_bytes())
    assert (calendar["METHOD"], calendar["VERSION"]) == ("PUBLISH", "2.0")
    invitation = event(ann)
    link = links.link("https://desk.example", "key", "dev", "keynote", "ann@x")
    assert (invitation.start, invitation.end) == (date(2027, 3, 1), date(2027, 3, 2))
    assert (invitation["SUMMARY"], invitation["URL"]) == ("keynote", link)
    assert invitation["CONFERENCE"] == link
    assert invitation["ORGANIZER"] == "mailto:noreply@desk.example"
    assert "ATTENDEE" not in invitation
    assert event(folder / "keynote" / "bob.ics")["UID"] != invitation["UID"]


def test_links_are_written_also_for_events_without_times(write: Write, folder: Path) -> None:
    said = write(UNTIMED)
    assert said.output.endswith("0 invitations, 0 new or changed; 2 links\n")
    rows = list(csv.DictReader(io.StringIO((folder / "links.csv").read_text())))
    assert [row["external_user_id"] for row in rows] == ["ann@x", "bob"]
    assert len({row["link"] for row in rows}) == 2
    assert [p.name for p in folder.iterdir()] == ["links.csv"]


def test_only_the_owner_may_read_what_has_links_in_it(write: Write, folder: Path) -> None:
    write(UNTIMED, "--day", "2027-03-01")
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert len(files) == 3
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    for file in files:
        file.chmod(0o644)
    write(UNTIMED, "--day", "2027-03-01")
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*") if p.is_file()} == {0o600}


@pytest.mark.parametrize("left", ["", "half", "no event"])
def test_what_was_cut_off_while_it_was_written_is_written_anew(
    write: Write, folder: Path, left: str
) -> None:
    write(UNTIMED, "--day", "2027-03-01")
    ann = folder / "keynote" / "ann.40x.ics"
    whole = ann.read_bytes()
    ann.write_bytes(
        {
            "": b"",
            "half": whole[: len(whole) // 2],
            "no event": whole[: whole.index(b"BEGIN:VEVENT")] + b"END:VCALENDAR\r\n",
        }[left]
    )
    assert "2 invitations, 1 new or changed" in write(UNTIMED, "--day", "2027-03-01").output
    assert event(ann).start == date(2027, 3, 1)
    assert sorted(p.name for p in ann.parent.iterdir()) == ["ann.40x.ics", "bob.ics"]


def test_what_has_not_changed_stays_byte_for_byte_and_what_has_is_the_next_in_sequence(
    write: Write, folder: Path
) -> None:
    write(UNTIMED, "--day", "2027-03-01")
    ann = folder / "keynote" / "ann.40x.ics"
    first, sent = event(ann), ann.read_bytes()

    assert "2 invitations, 0 new or changed" in write(UNTIMED, "--day", "2027-03-01").output
    assert ann.read_bytes() == sent

    assert "2 invitations, 2 new or changed" in write(UNTIMED, "--day", "2027-03-02").output
    moved = event(ann)
    assert (moved["UID"], moved["URL"]) == (first["UID"], first["URL"])
    assert (first.sequence, moved.sequence) == (0, 1)


def test_meetings_that_open_in_time_are_found_with_their_occurrences(tmp_path: Path) -> None:
    file = tmp_path / "schedule.yaml"
    file.write_text(TIMED)
    now, until = datetime(2027, 2, 28, tzinfo=UTC), datetime(2027, 3, 3, tzinfo=UTC)
    events = list(invitations.upcoming(str(file), now, until))
    outputs = invitations.Outputs.parse(json.dumps(OUTPUTS))
    invited = list(invitations.invitations(events, outputs))
    assert {(i.meeting, i.external_user_id, i.start, i.end) for i in invited} == {
        # Berlin is an hour ahead in winter.
        ("keynote", "ann@x", utc(1, 8), utc(1, 9, 30)),
        ("keynote", "bob", utc(1, 8), utc(1, 9, 30)),
        ("stand-up-20270301T0700Z", "ann@x", utc(1, 7), utc(1, 7, 15)),
        ("stand-up-20270302T0700Z", "ann@x", utc(2, 7), utc(2, 7, 15)),
    }
    assert len({i.link for i in invited}) == 4


@pytest.mark.parametrize(
    ("known_by", "ann"),
    [
        ({}, None),
        ({"attendee_key": "a-key"}, None),
        ({"attendee_ids": "address"}, "ann@example.org"),
    ],
    ids=["digest", "keyed digest", "address"],
)
def test_people_in_calendars_are_known_by_what_their_meetings_know_them_by(
    write: Write, tmp_path: Path, folder: Path, known_by: dict[str, str], ann: str | None
) -> None:
    opens = datetime.now(UTC) + timedelta(days=1)
    (tmp_path / "talks.ics").write_text(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:talk\r\nATTENDEE:mailto:ann@example.org\r\n"
        f"DTSTART:{opens:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    calendar = "calendars: [talks.ics]\n"
    disclosure = schedule.Disclosure.of(known_by.get("attendee_ids"), known_by.get("attendee_key"))
    run = write(calendar, outputs={**OUTPUTS, **known_by})
    assert run.exit_code == 0, run.output
    planned = schedule.plan(tmp_path / "schedule.yaml", opens, disclosure)
    (meeting,) = planned.open
    (attendee,) = meeting.arguments["attendees"]
    who = attendee["external_user_id"]
    assert ann is None or who == ann
    link = links.link("https://desk.example", "key", "dev", meeting.name, who)
    assert link in (folder / "links.csv").read_text()
    assert "a-key" not in run.output


def test_another_time_than_the_present_one_is_the_time_to_invite_as_of(
    write: Write, folder: Path
) -> None:
    assert "0 links" in write(TIMED, "--now", "2027-01-01T09:00:00+01:00").output
    run = write(TIMED, "--days", "1", "--now", "2027-02-28T09:00:00+01:00")
    assert "3 invitations" in run.output, run.output
    assert (folder / "stand-up-20270301T0700Z" / "ann.40x.ics").exists()
    assert "2027-02-28" in write(TIMED, "--now", "2027-02-28").output


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2027, 3, day, hour, minute, tzinfo=UTC)


def test_times_are_written_so_that_no_zone_is_needed_to_read_them() -> None:
    one = invitations.Invitation("dev", "m", "ann", "https://x", utc(1, 8), utc(1, 9))
    text = one.text("o@example.org", 0, utc(1, 0)).decode()
    assert "DTSTART:20270301T080000Z\r\n" in text
    assert "DTEND:20270301T090000Z\r\n" in text
    assert "TZID" not in text


@pytest.mark.parametrize("outputs", [{}, [], None, {**OUTPUTS, "link_key": None}])
def test_outputs_that_are_others_are_refused_in_one_sentence(write: Write, outputs: object) -> None:
    said = write(UNTIMED, outputs=outputs)
    assert said.exit_code == 1
    assert said.output == "Error: these are no outputs of the stack join_desk\n"
