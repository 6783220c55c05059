"""Each attendee is invited to what they may join, in a form that mail clients act on."""

from __future__ import annotations

import csv
import io
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import recurring_ical_events  # type: ignore[import-untyped]
from click.testing import CliRunner, Result
from icalendar import Calendar, Event

from desk import invitations, links
from meeting_provider import schedule

OUTPUTS = {"meetings": "dev", "base_url": "https://desk.example", "link_key": "key"}
UNTIMED = """\
events:
  - name: keynote
    title: Opening keynote
    attendees: [{external_user_id: ann@x.org}, {external_user_id: bob}]
"""
TIMED = """\
defaults: {zone: Europe/Berlin, opens_before: 15}
events:
  - name: keynote
    start: 2027-03-01T09:00
    end: 2027-03-01T10:30
    attendees: [{external_user_id: ann@x.org}, {external_user_id: bob}]
  - name: stand-up
    title: Daily stand-up
    description: What is next.
    start: 2027-03-01T08:00
    end: 2027-03-01T08:15
    recurrence: FREQ=DAILY
    exceptions: [2027-03-03]
    attendees: [{external_user_id: ann@x.org}]
"""
MARCH = "--now", "2027-02-28T09:00:00+01:00"
ANN = "ann@x.org.ics"

Write = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the invitations are written."""
    return tmp_path / "invitations"


@pytest.fixture
def write(tmp_path: Path, folder: Path) -> Write:
    """Writes the invitations of a schedule's text."""

    def run(text: str, *options: str, outputs: object = OUTPUTS) -> Result:
        file = tmp_path / "schedule.yaml"
        file.write_text(text)
        arguments = ["--to", str(folder), *options, str(file)]
        return CliRunner().invoke(invitations.main, arguments, input=json.dumps(outputs))

    return run


def event(file: Path) -> Event:
    (found,) = Calendar.from_ical(file.read_bytes()).events
    return found


def method(file: Path) -> str:
    return str(Calendar.from_ical(file.read_bytes())["METHOD"])


def test_an_attendee_with_an_address_gets_a_request_that_they_can_answer(
    write: Write, folder: Path
) -> None:
    """METHOD:REQUEST with ATTENDEE (RSVP), ORGANIZER, the title, the link and a reminder."""
    assert write(TIMED, *MARCH).exit_code == 0
    ann = folder / "stand-up" / ANN
    invitation = event(ann)
    link = links.link("https://desk.example", "key", "dev", "stand-up", "ann@x.org")
    assert method(ann) == "REQUEST"
    assert invitation["ATTENDEE"] == "mailto:ann@x.org"
    assert invitation["ATTENDEE"].params["RSVP"] == "TRUE"
    assert invitation["ORGANIZER"] == "mailto:noreply@desk.example"
    assert (invitation["SUMMARY"], invitation["STATUS"]) == ("Daily stand-up", "CONFIRMED")
    assert invitation["DESCRIPTION"] == f"What is next.\n\nJoin: {link}"
    assert invitation["LOCATION"] == invitation["URL"] == invitation["CONFERENCE"] == link
    (alarm,) = invitation.subcomponents
    assert alarm.decoded("TRIGGER") == timedelta(minutes=-10)


def test_a_series_is_one_file_with_its_rule_its_zone_and_its_exceptions(
    write: Write, folder: Path
) -> None:
    """Not a file for each day."""
    assert "3 invitations, 3 new or changed; 0 cancelled; 3 links" in write(TIMED, *MARCH).output
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*.ics")) == [
        f"keynote/{ANN}",
        "keynote/bob.ics",
        f"stand-up/{ANN}",
    ]
    text = (folder / "stand-up" / ANN).read_text()
    assert "RRULE:FREQ=DAILY\n" in text
    assert "DTSTART;TZID=Europe/Berlin:20270301T080000\n" in text
    assert "EXDATE;TZID=Europe/Berlin:20270303T080000\n" in text
    assert "BEGIN:VTIMEZONE\n" in text


def test_an_event_on_a_day_is_published_to_who_has_no_address(write: Write, folder: Path) -> None:
    """An event without times is in a calendar where --day says on which day it is."""
    assert write(UNTIMED, "--day", "2027-03-01").exit_code == 0
    bob = folder / "keynote" / "bob.ics"
    invitation = event(bob)
    assert method(bob) == "PUBLISH"
    assert "ATTENDEE" not in invitation
    assert (invitation.start, invitation.end) == (date(2027, 3, 1), date(2027, 3, 2))
    assert invitation["SUMMARY"] == "Opening keynote"
    assert event(folder / "keynote" / ANN)["UID"] != invitation["UID"]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("event-kickoff", "event-kickoff"),
        ("event-2027", "event-2027"),
        (f"event-{'0' * 20}", "Meeting"),
    ],
)
def test_an_event_without_a_title_has_its_name_unless_that_is_a_digest(
    write: Write, folder: Path, name: str, title: str
) -> None:
    """A digest is the name of an event whose UID has the address of a person."""
    untitled = UNTIMED.replace("    title: Opening keynote\n", "").replace("keynote", name)
    assert write(untitled, "--day", "2027-03-01").exit_code == 0
    assert event(folder / name / ANN)["SUMMARY"] == title


def test_links_are_written_also_for_events_without_times(write: Write, folder: Path) -> None:
    """With nothing to invite to, the command says why and what to do."""
    said = write(UNTIMED)
    assert "0 invitations, 0 new or changed; 0 cancelled; 2 links\n" in said.output
    assert "1 events have no times: their links are in links.csv, and --day" in said.output
    table = (folder / "links.csv").read_bytes().decode()
    assert "\r" not in table
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["attendee"] for row in rows] == ["ann@x.org", "bob"]
    assert {row["title"] for row in rows} == {"Opening keynote"}
    assert len({row["link"] for row in rows}) == 2
    assert [p.name for p in folder.iterdir()] == ["links.csv"]


def test_no_text_of_a_schedule_is_a_formula_beside_the_links(write: Write, folder: Path) -> None:
    """Calendars are others', and a formula in a spreadsheet could send all links to them."""
    text = UNTIMED.replace("Opening keynote", '"=HYPERLINK(E2)\\e[2J\\nx"').replace("bob", "=bob")
    assert write(text).exit_code == 0
    _, ann, bob = csv.reader(io.StringIO((folder / "links.csv").read_text()))
    assert ann[1:4] == [r"'=HYPERLINK(E2)\x1b[2J\nx", "ann@x.org", "ann@x.org"]
    assert bob[2:4] == ["'=bob", "'=bob"]


def test_nothing_near_says_when_the_next_event_is(write: Write) -> None:
    """And which option reaches it."""
    said = write(TIMED, "--now", "2027-01-01T09:00:00+01:00").output
    assert "nothing to invite to in the next 7 days" in said
    assert "The next event is Daily stand-up at 2027-03-01 07:45 CET: use --days 59" in said


def test_only_the_owner_may_read_what_has_links_in_it(write: Write, folder: Path) -> None:
    """All files, also those that were there before."""
    write(UNTIMED, "--day", "2027-03-01")
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert len(files) == 3
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    for file in files:
        file.chmod(0o644)
    write(UNTIMED, "--day", "2027-03-01")
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*") if p.is_file()} == {0o600}


@pytest.mark.parametrize("left", ["", "half", "no event"])
def test_what_was_cut_off_while_it_was_written_is_written_again(
    write: Write, folder: Path, left: str
) -> None:
    """An interrupted run leaves nothing that stays broken."""
    write(UNTIMED, "--day", "2027-03-01")
    ann = folder / "keynote" / ANN
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
    assert sorted(p.name for p in ann.parent.iterdir()) == [ANN, "bob.ics"]


def test_what_is_the_same_stays_byte_for_byte_and_what_has_changed_is_the_next_in_sequence(
    write: Write, folder: Path
) -> None:
    """Under the same UID, also where the event moved out of the days that are invited to."""
    write(TIMED, *MARCH)
    ann = folder / "keynote" / ANN
    first, sent = event(ann), ann.read_bytes()
    assert "3 invitations, 0 new or changed" in write(TIMED, *MARCH).output
    assert ann.read_bytes() == sent
    later = TIMED.replace("2027-03-01T09:00", "2027-05-01T09:00").replace("01T10:30", "01T10:30")
    write(later.replace("2027-03-01T10:30", "2027-05-01T10:30"), *MARCH)
    moved = event(ann)
    assert (moved["UID"], moved["URL"]) == (first["UID"], first["URL"])
    assert (first.sequence, moved.sequence) == (0, 1)
    assert f"{moved.start:%m-%d}" == "05-01"


def test_an_attendee_who_is_taken_out_gets_a_cancellation(write: Write, folder: Path) -> None:
    """METHOD:CANCEL with the next SEQUENCE under the same UID, once, and not for what is over."""
    write(TIMED, *MARCH)
    bob = folder / "keynote" / "bob.ics"
    first = event(bob)
    without = TIMED.replace(", {external_user_id: bob}", "")
    assert "1 cancelled; 2 links" in write(without, *MARCH).output
    gone = event(bob)
    assert (method(bob), gone["STATUS"]) == ("CANCEL", "CANCELLED")
    assert (gone["UID"], gone.sequence) == (first["UID"], first.sequence + 1)
    assert "signature" not in bob.read_text().replace("\n ", "")
    assert "0 cancelled" in write(without, *MARCH).output
    write(TIMED, *MARCH)
    again = event(bob)
    assert (method(bob), again["UID"], again.sequence) == ("PUBLISH", first["UID"], 2)
    past = "--now", "2027-04-01T09:00:00+02:00"
    assert "0 cancelled" in write(without, *past).output


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ann@example.org", "ann@example.org"),
        ("speaker-01", "speaker-01"),
        ("a/b: c", "a_b__c-"),
        ("語" * 64, "語" * 30 + "-"),
        ("..", "-"),
    ],
)
def test_a_file_has_the_name_of_its_person(text: str, name: str) -> None:
    """Where a file system takes it; else what it takes of it, and a digest."""
    found = invitations.file_name(text)
    assert found.startswith(name)
    assert len(found.encode()) <= 100
    assert (found == text) is (not name.endswith("-"))


SERIES = """\
BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:team
SUMMARY:Team
DTSTART;TZID=Europe/Berlin:20270301T090000
DTEND;TZID=Europe/Berlin:20270301T093000
RRULE:FREQ=WEEKLY;COUNT=7
EXDATE;TZID=Europe/Berlin:20270308T090000
ATTENDEE:mailto:ann@example.org
ATTENDEE:mailto:bob@example.org
END:VEVENT
BEGIN:VEVENT
UID:team
SUMMARY:Team in the afternoon
RECURRENCE-ID;TZID=Europe/Berlin:20270315T090000
DTSTART;TZID=Europe/Berlin:20270316T140000
DTEND;TZID=Europe/Berlin:20270316T150000
ATTENDEE:mailto:ann@example.org
ATTENDEE:mailto:bob@example.org
END:VEVENT
BEGIN:VEVENT
UID:team
STATUS:CANCELLED
SUMMARY:Team
RECURRENCE-ID;TZID=Europe/Berlin:20270322T090000
DTSTART;TZID=Europe/Berlin:20270322T090000
END:VEVENT
BEGIN:VEVENT
UID:team
SUMMARY:Team with Cleo
RECURRENCE-ID;TZID=Europe/Berlin:20270329T090000
DTSTART;TZID=Europe/Berlin:20270329T090000
DTEND;TZID=Europe/Berlin:20270329T093000
ATTENDEE:mailto:ann@example.org
ATTENDEE:mailto:cleo@example.org
END:VEVENT
END:VCALENDAR
"""

#: What each person's calendar shows: Berlin has daylight saving time from 28 March.
TABLE = {
    "ann@example.org": [
        ("2027-03-01T08:00", "2027-03-01T08:30", "Team"),
        ("2027-03-16T13:00", "2027-03-16T14:00", "Team in the afternoon"),
        ("2027-03-29T07:00", "2027-03-29T07:30", "Team with Cleo"),
        ("2027-04-05T07:00", "2027-04-05T07:30", "Team"),
        ("2027-04-12T07:00", "2027-04-12T07:30", "Team"),
    ],
    "bob@example.org": [
        ("2027-03-01T08:00", "2027-03-01T08:30", "Team"),
        ("2027-03-16T13:00", "2027-03-16T14:00", "Team in the afternoon"),
        ("2027-04-05T07:00", "2027-04-05T07:30", "Team"),
        ("2027-04-12T07:00", "2027-04-12T07:30", "Team"),
    ],
    "cleo@example.org": [("2027-03-29T07:00", "2027-03-29T07:30", "Team with Cleo")],
}


def by_icalendar(file: Path) -> list[tuple[str, str, str]]:
    """What a calendar shows, by recurring-ical-events on icalendar."""
    calendar = Calendar.from_ical(file.read_bytes())
    if calendar["METHOD"] == "CANCEL":
        assert {str(e["STATUS"]) for e in calendar.events} == {"CANCELLED"}
        return []
    found = recurring_ical_events.of(calendar).between((2027, 1, 1), (2028, 1, 1))
    return sorted((shown(e.start), shown(e.end), str(e["SUMMARY"])) for e in found)


def shown(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="minutes").removesuffix("+00:00")


def by_ical_js(files: list[Path], javascript: Path) -> dict[str, list[tuple[str, str]]]:
    """What calendars show, by ical.js."""
    request = {
        "zones": {},
        "files": [{"path": str(f), "zone": "UTC"} for f in files],
        "since": "2027-01-01T00:00:00Z",
        "until": "2028-01-01T00:00:00Z",
    }
    ran = subprocess.run(
        ["node", "occurrences.mjs"],
        cwd=javascript,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr

    def time(milliseconds: int) -> str:
        return shown(datetime.fromtimestamp(milliseconds / 1000, UTC))

    return {
        path: sorted((time(e["start"]), time(e["end"])) for e in found)
        for path, found in json.loads(ran.stdout).items()
    }


@pytest.fixture
def invite(tmp_path: Path, folder: Path) -> Callable[[str], Result]:
    """Invites to a calendar, in which people are known by their addresses."""

    def run(calendar: str) -> Result:
        file = tmp_path / "team.ics"
        file.write_text(calendar)
        arguments = ["--to", str(folder), "--days", "60", *MARCH, str(file)]
        return CliRunner().invoke(invitations.main, arguments, input=json.dumps(OUTPUTS))

    return run


def people(folder: Path) -> dict[str, Path]:
    return {
        p.name.removesuffix(".ics").removesuffix("-20270329T070000"): p
        for p in folder.glob("team/*.ics")
    }


class TestSeries:
    """A series with an exception, a moved, a cancelled and a differently attended occurrence."""

    def test_shows_in_icalendar_as_the_table_says(
        self, invite: Callable[[str], Result], folder: Path
    ) -> None:
        """By recurring-ical-events' own expansion."""
        run = invite(SERIES)
        assert run.exit_code == 0, run.output
        assert {who: by_icalendar(p) for who, p in people(folder).items()} == TABLE
        assert {method(p) for p in people(folder).values()} == {"REQUEST"}

    @pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
    def test_shows_in_ical_js_as_the_table_says(
        self, invite: Callable[[str], Result], folder: Path, javascript: Path
    ) -> None:
        """By ical.js's own expansion."""
        assert invite(SERIES).exit_code == 0
        found = by_ical_js(list(people(folder).values()), javascript)
        expected = {who: [(start, end) for start, end, _ in rows] for who, rows in TABLE.items()}
        assert {who: found[str(p)] for who, p in people(folder).items()} == expected

    def test_an_attendee_taken_out_has_none_and_the_others_have_the_same(
        self, invite: Callable[[str], Result], folder: Path
    ) -> None:
        """Bob is taken out of all of it: a cancellation of the series."""
        invite(SERIES)
        before = {who: p.read_bytes() for who, p in people(folder).items()}
        run = invite(SERIES.replace("ATTENDEE:mailto:bob@example.org\n", ""))
        assert "1 cancelled" in run.output
        assert {who: by_icalendar(p) for who, p in people(folder).items()} == {
            **TABLE,
            "bob@example.org": [],
        }
        after = {who: p.read_bytes() for who, p in people(folder).items()}
        assert {who for who in after if after[who] != before[who]} == {"bob@example.org"}

    def test_an_occurrence_that_is_cancelled_later_is_an_exception_of_the_next_revision(
        self, invite: Callable[[str], Result], folder: Path
    ) -> None:
        """A REQUEST with the next SEQUENCE, which has all of the series."""
        invite(SERIES)
        invite(SERIES.replace("EXDATE;", "EXDATE;TZID=Europe/Berlin:20270405T090000\nEXDATE;"))
        ann = people(folder)["ann@example.org"]
        assert [r for r in by_icalendar(ann) if r[0].startswith("2027-04-05")] == []
        assert {e.sequence for e in Calendar.from_ical(ann.read_bytes()).events} == {1}


@pytest.mark.parametrize(
    ("start", "rule", "exceptions"),
    [
        ("2027-03-01T08:00", "FREQ=DAILY;COUNT=5", ""),
        ("2027-03-02T08:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=6", ""),
        ("2027-03-01T08:00", "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20270901", ""),
        ("2027-03-31T08:00", "FREQ=MONTHLY;COUNT=4", ""),
        ("2027-03-31T08:00", "FREQ=MONTHLY;SKIP=BACKWARD;COUNT=4", ""),
        ("2027-03-01T08:00", "FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=1,15;COUNT=4", ""),
        ("2027-03-20T08:00", "FREQ=WEEKLY;COUNT=4", "2027-03-27"),
        ("2027-03-01T08:00:00+02:00", "FREQ=WEEKLY;COUNT=3", ""),
    ],
)
def test_a_calendar_shows_the_times_that_the_meetings_are_open_for(
    write: Write, tmp_path: Path, folder: Path, start: str, rule: str, exceptions: str
) -> None:
    """Of every rule: what the provider opens, and what the invitation shows, are the same."""
    zone = "" if "+" in start else "zone: Europe/Berlin, "
    text = f"""\
events:
  - {{name: talk, {zone}start: '{start}', end: '{start.replace("08:00", "08:30", 1)}',
     recurrence: '{rule}', exceptions: [{exceptions}], attendees: [{{external_user_id: ann}}]}}
"""
    run = write(text, "--now", "2027-02-28T09:00:00Z", "--days", "60")
    assert run.exit_code == 0, run.output
    (entry,) = schedule.entries(tmp_path / "schedule.yaml")
    assert entry.series is not None
    windows = entry.series.windows(
        entry.margins, datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 12, 31, tzinfo=UTC)
    )
    expected = [(shown(w.start), shown(w.end)) for w in windows]
    assert len(expected) > 2
    assert [row[:2] for row in by_icalendar(folder / "talk" / "ann.ics")] == expected


@pytest.mark.parametrize(
    ("known_by", "ann"),
    [
        ({}, None),
        ({"calendar_key": "a-key"}, None),
        ({"calendar_ids": "address"}, "ann@example.org"),
    ],
    ids=["digest", "keyed digest", "address"],
)
def test_links_of_people_in_calendars_are_of_the_ids_that_their_meetings_have(
    write: Write, tmp_path: Path, folder: Path, known_by: dict[str, str], ann: str | None
) -> None:
    """The file has the person's address in any case, and the link the attendee's id."""
    opens = datetime.now(UTC) + timedelta(days=1)
    (tmp_path / "talks.ics").write_text(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:talk\r\nATTENDEE:mailto:ann@example.org\r\n"
        f"DTSTART:{opens:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    calendar = "calendars: [talks.ics]\n"
    disclosure = schedule.Disclosure.of(known_by.get("calendar_ids"), known_by.get("calendar_key"))
    run = write(calendar, outputs={**OUTPUTS, **known_by})
    assert run.exit_code == 0, run.output
    planned = schedule.plan(tmp_path / "schedule.yaml", opens, disclosure)
    (meeting,) = planned.open
    (attendee,) = meeting.arguments["attendees"]
    who = attendee["external_user_id"]
    assert ann is None or who == ann
    link = links.link("https://desk.example", "key", "dev", meeting.details()["event"], who)
    assert link in (folder / "links.csv").read_text()
    assert event(folder / "talk" / "ann@example.org.ics")["ATTENDEE"] == "mailto:ann@example.org"
    assert "a-key" not in run.output


@pytest.mark.parametrize("days", ["-1", "3661", "99999999"])
def test_a_span_of_days_outside_the_limits_is_refused(write: Write, days: str) -> None:
    said = write(UNTIMED, "--days", days)
    assert said.exit_code == 2
    assert f"{days} is not in the range 0<=x<=3660" in said.output


@pytest.mark.parametrize("taken", [".", "keynote", "links.csv"])
def test_a_folder_that_can_not_be_written_is_named(write: Write, folder: Path, taken: str) -> None:
    """In one line, also if only a part of it can't be written."""
    if taken == "links.csv":
        (folder / taken).mkdir(parents=True)
    else:
        (folder / taken).parent.mkdir(parents=True, exist_ok=True)
        (folder / taken).touch()
    said = write(UNTIMED, "--day", "2027-03-01")
    assert said.exit_code == 1
    assert said.output.startswith(f"Error: {folder} can't be written: ")
    assert said.output.count("\n") == 1


@pytest.mark.parametrize("outputs", [{}, [], None, {**OUTPUTS, "link_key": None}])
def test_outputs_of_another_stack_are_refused_in_one_sentence(
    write: Write, outputs: object
) -> None:
    """Nothing of them is quoted."""
    said = write(UNTIMED, outputs=outputs)
    assert said.exit_code == 1
    assert said.output == "Error: these are not the outputs of the stack join_desk\n"
