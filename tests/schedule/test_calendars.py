"""Calendars as programs write them, held against ical.js, which has its own idea of all of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_provider import InvalidSchedule, schedule
from meeting_provider.schedule import Disclosure, Plan
from meeting_provider.schedule.occurrences import Margins

FOLDER = Path(__file__).with_name("calendars")
#: The files that ical.js can't read at all. Their expected meetings are written out below.
STOPPING = ("broken.ics",)
FILES = sorted(p for p in FOLDER.glob("*.ics") if p.name not in STOPPING)

#: The week from the first Monday of March, and the one in which Europe's clocks change.
WEEKS = tuple(datetime(2027, 3, day, tzinfo=UTC) for day in (1, 22))
WEEK = timedelta(days=7)
USUAL = Margins()

#: What ical.js can't know without a VTIMEZONE, in terms of Node's own zones.
ZONES = {
    "Tokyo Standard Time": "Asia/Tokyo",
    "Romance Standard Time": "Europe/Paris",
    "Europe/Brussels": "Europe/Brussels",
    "Europe/Berlin": "Europe/Berlin",
    "Europe/Helsinki": "Europe/Helsinki",
    "Europe/Zurich": "Europe/Zurich",
    "America/New_York": "America/New_York",
    "Australia/Lord_Howe": "Australia/Lord_Howe",
}


@dataclass(frozen=True, order=True)
class Happening:
    """A meeting: when its event begins and ends, and who comes."""

    start: datetime
    end: datetime
    people: tuple[str, ...]


def plan(path: Path, now: datetime) -> Plan:
    return schedule.plan(path, now)


def open_at(path: Path, now: datetime) -> list[Happening]:
    found = plan(path, now)
    return sorted(
        Happening(
            event.window.start.astimezone(UTC),
            event.window.end.astimezone(UTC),
            tuple(
                sorted(found.directory[a["external_user_id"]] for a in event.arguments["attendees"])
            ),
        )
        for event in found.open
        if event.window
    )


def at_once(happenings: Iterable[Happening], now: datetime) -> list[Happening]:
    """Those whose windows are open, computed from what ical.js says of the times."""
    return sorted(
        h for h in happenings if h.start - USUAL.before <= now < h.end + USUAL.after and h.people
    )


@lru_cache(maxsize=1)
def by_ical_js(folder: Path, paths: tuple[Path, ...]) -> dict[str, list[Happening]]:
    question = {
        "zones": ZONES,
        "files": [{"path": str(p), "zone": "UTC"} for p in paths],
        "since": (WEEKS[0] - WEEK).isoformat(),
        "until": (WEEKS[-1] + 2 * WEEK).isoformat(),
    }
    ran = subprocess.run(
        ["node", "occurrences.mjs"],
        cwd=folder,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
    )
    return {path: [_happening(o) for o in found] for path, found in json.loads(ran.stdout).items()}


def _happening(said: dict[str, Any]) -> Happening:
    start, end = (datetime.fromtimestamp(said[k] / 1000, UTC) for k in ("start", "end"))
    return Happening(start, end, tuple(said["people"]))


def moments(happenings: Iterable[Happening], week: datetime) -> Iterator[datetime]:
    """Every six hours of a week, and each time in it at which a window opens or closes."""
    yield from (week + timedelta(hours=6 * i) for i in range(28))
    for h in happenings:
        for edge in (h.start - USUAL.before, h.end + USUAL.after):
            yield from (t for t in (edge, edge - timedelta(seconds=1)) if week <= t < week + WEEK)


if shutil.which("node") and shutil.which("npm"):

    @pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
    def test_the_meetings_of_a_week_are_those_that_ical_js_finds(
        path: Path, javascript: Path
    ) -> None:
        expected = by_ical_js(javascript, tuple(FILES))[str(path)]
        seen = 0
        for week in WEEKS:
            for now in sorted(set(moments(expected, week))):
                found = at_once(expected, now)
                assert open_at(path, now) == found, now.isoformat()
                seen += len(found)
        assert seen > 0 or path.stem == "pretalx-nobody"


def test_there_are_calendars_of_every_kind() -> None:
    assert len(FILES) + len(STOPPING) >= 20


def at(path: Path, now: str) -> Plan:
    return plan(path, datetime.fromisoformat(now))


def names(found: Plan) -> list[str]:
    return [event.name for event in found.open]


def test_what_cannot_be_used_is_reported_with_line_and_uid_and_the_rest_goes_on() -> None:
    path = FOLDER / "broken.ics"
    found = at(path, "2027-03-01T09:10Z")
    assert names(found)[0].startswith("event-")
    assert names(found)[1:] == [
        "ends-before-it-starts",
        "bad-exdate-20270301T0900Z",
        "no-mail",
        "unknown-zone",
        "after-the-torn-one",
    ]
    said = [report.removeprefix(f"{path}:").split(": ", 2)[:2] for report in found.reports]
    assert sorted(said, key=lambda s: int(s[0])) == [
        ["10", "event 'no-start'"],
        ["17", "event 'bad-start'"],
        ["20", "event 'ends-before-it-starts'"],
        ["29", "event 'bad-rule'"],
        ["37", "event 'bad-exdate'"],
        ["44", "event 'no-mail'"],
        ["45", "event 'no-mail'"],
        ["50", "event 'unknown-zone'"],
        ["51", "event 'unknown-zone'"],
        ["54", "event 'every-second'"],
        ["62", "event 'year-zero'"],
        ["65", "event 'torn'"],
        ["68", "event 'torn'"],
        ["74", "event 'cut-off'"],
        ["77", "event 'cut-off'"],
    ]


def calendar(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""])


def event(*lines: str, uid: str = "one", start: str = "DTSTART:20270301T090000Z") -> list[str]:
    who = (
        []
        if any("ORGANIZER" in line or "ATTENDEE" in line for line in lines)
        else ["ORGANIZER:mailto:ann@example.org"]
    )
    end = [] if any(line.startswith(("DTEND", "DURATION")) for line in lines) else ["DURATION:PT1H"]
    return ["BEGIN:VEVENT", f"UID:{uid}", start, *end, *who, *lines, "END:VEVENT"]


@pytest.fixture
def ics(tmp_path: Path) -> Path:
    return tmp_path / "team.ics"


NOW = "2027-03-01T09:10Z"


def test_somebody_invited_has_a_digest_for_an_id_and_the_directory_says_who_it_is(
    ics: Path,
) -> None:
    ics.write_text(calendar(*event('ATTENDEE;CN="Doe, Ann";ROLE=CHAIR:MAILTO:Ann@Example.org')))
    found = at(ics, NOW)
    (attendee,) = found.open[0].arguments["attendees"]
    assert found.directory == {attendee["external_user_id"]: "ann@example.org"}
    assert attendee["tags"] == {"role": "chair"}
    assert "ann" not in repr(found.open).lower()
    assert "ann" not in repr(found).lower()


def test_an_id_stays_the_same_in_one_event_and_is_another_in_the_next(ics: Path) -> None:
    ics.write_text(calendar(*event("RRULE:FREQ=DAILY"), *event(uid="two")))
    first, other = at(ics, NOW).open
    (next_day,) = at(ics, "2027-03-02T09:10Z").open
    ids = [e.arguments["attendees"][0]["external_user_id"] for e in (first, next_day, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_key_changes_every_digest(ics: Path) -> None:
    ics.write_text(calendar(*event()))
    now = datetime.fromisoformat(NOW)
    plain = schedule.plan(ics, now)
    keyed = schedule.plan(ics, now, Disclosure(key="secret"))
    assert plain.directory.keys() != keyed.directory.keys()
    assert "secret" not in repr(Disclosure(key="secret"))


def test_addresses_are_ids_and_names_are_tags_where_that_is_asked_for(ics: Path) -> None:
    long = "a" * 60 + "@example.org"
    ics.write_text(
        calendar(*event('ATTENDEE;CN="Doe, Ann":mailto:ann@example.org', f"ATTENDEE:mailto:{long}"))
    )
    found = schedule.plan(ics, datetime.fromisoformat(NOW), Disclosure(addresses=True))
    ann, other = found.open[0].arguments["attendees"]
    assert ann == {"external_user_id": "ann@example.org", "tags": {"name": "Doe, Ann"}}
    assert len(other["external_user_id"]) == 32
    assert found.directory[other["external_user_id"]] == long


@pytest.mark.parametrize(
    ("addresses", "title"), [(False, "Call [address]"), (True, "Call Ann@Example.org")]
)
def test_a_title_has_an_invited_persons_address_only_where_that_is_asked_for(
    ics: Path, addresses: bool, title: str
) -> None:
    """Titles and descriptions are in an output that is not a secret."""
    lines = ("SUMMARY:Call Ann@Example.org", "DESCRIPTION:Or ann@example.org\\, by mail")
    ics.write_text(calendar(*event(*lines)))
    found = schedule.plan(ics, datetime.fromisoformat(NOW), Disclosure(addresses=addresses))
    assert found.open[0].title == title
    assert ("ann@" in found.open[0].description) == addresses


@pytest.mark.parametrize(
    "uid",
    ["x" * 48, "with space", "aws:one", "ümlaut", "ann@example.org-2027", "a/b", "-x", "a"],
)
def test_a_uid_that_does_not_fit_or_names_somebody_is_digested(ics: Path, uid: str) -> None:
    ics.write_text(calendar(*event("RRULE:FREQ=DAILY", uid=uid)), "utf-8")
    (name,) = names(at(ics, NOW))
    assert name.startswith("event-")
    assert name.endswith("-20270301T0900Z")
    assert len(name) <= 64


WEEKLY = {"uid": "weekly-ann@example.org"}


@pytest.mark.parametrize(
    "ann",
    [
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org",
        "ATTENDEE;PARTSTAT=DELEGATED:mailto:ann@example.org",
        "ATTENDEE;CUTYPE=ROOM:mailto:ann@example.org",
    ],
)
def test_a_uid_that_names_somebody_is_digested_whether_they_come_or_not(
    ics: Path, ann: str
) -> None:
    ics.write_text(calendar(*event(ann, "ATTENDEE:mailto:ben@example.org", **WEEKLY)))
    assert names(at(ics, NOW)) == ["event-6517f8332bd647c179f6"]


@pytest.mark.parametrize(
    ("master", "override"),
    [("ann", "ben"), ("ben", "ann")],
)
@pytest.mark.parametrize("status", ["CONFIRMED", "CANCELLED"])
def test_all_recurrences_have_one_name_whichever_of_them_has_the_address_in_the_uid(
    ics: Path, master: str, override: str, status: str
) -> None:
    moved = event(
        "RECURRENCE-ID:20270302T090000Z",
        f"STATUS:{status}",
        f"ATTENDEE:mailto:{override}@example.org",
        start="DTSTART:20270301T093000Z",
        **WEEKLY,
    )
    series = event("RRULE:FREQ=DAILY", f"ATTENDEE:mailto:{master}@example.org", **WEEKLY)
    ics.write_text(calendar(*series, *moved))
    found = {name.rpartition("-")[0] for name in names(at(ics, NOW))}
    assert found == {"event-6517f8332bd647c179f6"}


def test_a_report_of_a_recurrence_leaves_out_a_uid_that_names_somebody_of_another(
    ics: Path,
) -> None:
    nobody = event(
        "RECURRENCE-ID:20270302T090000Z", "ATTENDEE;PARTSTAT=DECLINED:mailto:ben@x", **WEEKLY
    )
    series = event("RRULE:FREQ=DAILY", "ATTENDEE:mailto:ann@example.org", **WEEKLY)
    ics.write_text(calendar(*series, *nobody))
    (report,) = at(ics, NOW).reports
    assert report.startswith(f"{ics}:10: has nobody to invite")


def test_a_moved_recurrence_keeps_the_name_of_its_first_time(ics: Path) -> None:
    moved = event("RECURRENCE-ID:20270302T090000Z", start="DTSTART:20270303T150000Z")
    ics.write_text(calendar(*event("RRULE:FREQ=DAILY"), *moved))
    assert names(at(ics, "2027-03-02T09:10Z")) == []
    assert names(at(ics, "2027-03-03T15:10Z")) == ["one-20270302T0900Z"]


BERLIN, A_DAY = "X-WR-TIMEZONE:Europe/Berlin", "DURATION:P1D"
DAY = "DTSTART;VALUE=DATE:20270301"
IN_NEW_YORK = "DTSTART;TZID=America/New_York:20270308T090000"


@pytest.mark.parametrize(
    ("first", "recurrence", "moved", "name"),
    [
        (DAY, ";VALUE=DATE:20270308", IN_NEW_YORK, "one-20270308"),
        (DAY, ";VALUE=DATE;RANGE=THISANDFUTURE:20270308", IN_NEW_YORK, "one-20270308"),
        (DAY, ":20270308T000000", IN_NEW_YORK, "one-20270308"),
        ("DTSTART:20270301T090000", ":20270308T090000", IN_NEW_YORK, "one-20270308T0800Z"),
        (
            "DTSTART:20270301T090000Z",
            ":20270308T090000Z",
            "DTSTART;VALUE=DATE:20270308",
            "one-20270308T0900Z",
        ),
        (
            "DTSTART:20270301T090000Z",
            ";VALUE=DATE:20270308",
            "DTSTART:20270308T140000Z",
            "one-20270308T0900Z",
        ),
    ],
)
def test_a_recurrence_keeps_its_name_also_where_it_is_moved_into_another_zone_or_to_a_whole_day(
    ics: Path, first: str, recurrence: str, moved: str, name: str
) -> None:
    series = event(A_DAY, "RRULE:FREQ=WEEKLY", start=first)
    ics.write_text(calendar(BERLIN, *series))
    assert names(at(ics, "2027-03-08T08:55Z")) == [name]
    change = event(A_DAY, f"RECURRENCE-ID{recurrence}", start=moved)
    ics.write_text(calendar(BERLIN, *series, *change))
    assert names(at(ics, "2027-03-08T14:10Z")) == [name]


def test_whole_days_that_are_moved_for_good_keep_the_names_of_their_days(ics: Path) -> None:
    change = event(
        A_DAY, "RECURRENCE-ID;VALUE=DATE;RANGE=THISANDFUTURE:20270308", start=IN_NEW_YORK
    )
    ics.write_text(calendar(BERLIN, *event(A_DAY, "RRULE:FREQ=WEEKLY", start=DAY), *change))
    assert names(at(ics, "2027-03-01T14:10Z")) == ["one-20270301"]
    assert names(at(ics, "2027-03-08T10:00Z")) == []
    assert names(at(ics, "2027-03-22T14:10Z")) == ["one-20270322"]


@pytest.mark.parametrize(
    ("recurrence", "start", "name"),
    [
        (";VALUE=DATE:20270308", IN_NEW_YORK, "one-20270308"),
        (":20270308T090000Z", "DTSTART;VALUE=DATE:20270308", "one-20270308T0900Z"),
    ],
)
def test_a_recurrence_without_its_series_is_named_as_its_recurrence_id_is_written(
    ics: Path, recurrence: str, start: str, name: str
) -> None:
    ics.write_text(calendar(BERLIN, *event(A_DAY, f"RECURRENCE-ID{recurrence}", start=start)))
    assert names(at(ics, "2027-03-08T14:10Z")) == [name]


def test_the_newer_revision_counts_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_text(
        calendar(*event("SEQUENCE:3", start="DTSTART:20270301T120000Z"))
    )
    (tmp_path / "b.ics").write_text(calendar(*event("SEQUENCE:2")))
    (tmp_path / "notes.txt").write_text("not a calendar")
    (tmp_path / "page.ics").write_text("<html>502 Bad Gateway</html>")
    assert names(at(tmp_path, NOW)) == []
    found = at(tmp_path, "2027-03-01T12:10Z")
    assert names(found) == ["one"]
    assert [r.split(": ", 1)[1] for r in found.reports] == [
        "is not a calendar: it has no BEGIN:VCALENDAR"
    ]


def test_a_cancellation_ends_the_event_and_an_answer_does_not(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_text(calendar(*event("SEQUENCE:1", "RRULE:FREQ=DAILY")))
    answer = calendar("METHOD:REPLY", *event("SEQUENCE:1", "LAST-MODIFIED:20280101T000000Z"))
    (tmp_path / "b.ics").write_text(answer)
    found = at(tmp_path, NOW)
    assert names(found) == ["one-20270301T0900Z"]
    assert "METHOD:REPLY" in found.reports[0]
    (tmp_path / "c.ics").write_text(calendar("METHOD:CANCEL", *event("SEQUENCE:2")))
    assert names(at(tmp_path, NOW)) == []


@pytest.mark.parametrize("text", ["", "<html>502 Bad Gateway</html>", "BEGIN:VEVENT\nEND:VEVENT"])
def test_what_is_no_calendar_at_all_never_ends_every_meeting(ics: Path, text: str) -> None:
    ics.write_text(text)
    with pytest.raises(InvalidSchedule, match="is not a calendar"):
        at(ics, NOW)


def test_a_missing_file_and_an_empty_folder_are_faults(tmp_path: Path) -> None:
    with pytest.raises(InvalidSchedule, match="can't be read: No such file"):
        at(tmp_path / "gone.ics", NOW)
    with pytest.raises(InvalidSchedule, match="a folder without calendars"):
        at(tmp_path, NOW)


@pytest.mark.parametrize("listed", ["page.ics", "folder", "gone.ics"])
def test_what_is_listed_and_is_no_calendar_is_an_error_whatever_else_is_there(
    tmp_path: Path, listed: str
) -> None:
    """Or the meetings of a calendar whose download failed would be ended."""
    (tmp_path / "good.ics").write_text(calendar(*event()))
    (tmp_path / "page.ics").write_text("<html>Log in</html>")
    (tmp_path / "folder").mkdir()
    listing = tmp_path / "schedule.yaml"
    always = "events: [{name: always, attendees: [{external_user_id: ann}]}]"
    listing.write_text(f"{always}\ncalendars: [good.ics, {listed}]")
    with pytest.raises(InvalidSchedule, match=listed):
        at(listing, NOW)


def test_an_empty_calendar_has_no_meetings(ics: Path) -> None:
    ics.write_text(calendar())
    assert at(ics, NOW) == Plan(datetime.fromisoformat(NOW), ())


def test_no_report_names_anybody(ics: Path) -> None:
    ics.write_text(
        calendar(
            *event('ATTENDEE;CN="Ann Smith ann@example.org', uid="torn"),
            *event("ATTENDEE:mailto:ben@example.org", "EXDATE:soon", uid="ben@example.org-1"),
        )
    )
    reports = at(ics, NOW).reports
    lines = {r.removeprefix(f"{ics}:").split(": ", 1)[0] for r in reports}
    assert lines == {"3", "7", "14"}
    assert "ATTENDEE can't be read" in "".join(reports)
    assert not [r for r in reports if "ann" in r.lower() or "ben" in r]


def test_a_crowd_is_reported_and_left_out(ics: Path) -> None:
    crowd = [f"ATTENDEE:mailto:guest{i}@example.org" for i in range(251)]
    ics.write_text(calendar(*event(*crowd), *event(uid="two")))
    found = at(ics, NOW)
    assert names(found) == ["two"]
    assert found.reports[0].endswith("event 'one': has 251 attendees; a meeting has at most 250")


def test_a_zone_with_a_colon_may_stand_unquoted(ics: Path) -> None:
    start = "DTSTART;TZID=tzone://Microsoft/Utc:20270301T090000"
    zone = ["BEGIN:VTIMEZONE", "TZID:tzone://Microsoft/Utc", "BEGIN:STANDARD"]
    zone += ["DTSTART:16010101T000000", "TZOFFSETFROM:+0000", "TZOFFSETTO:+0000"]
    zone += ["END:STANDARD", "END:VTIMEZONE"]
    ics.write_text(calendar(*zone, *event(start=start)))
    assert names(at(ics, NOW)) == ["one"]
    assert at(ics, NOW).reports == ()


@pytest.mark.parametrize(
    ("tzid", "hours"),
    [
        ("W. Europe Standard Time 1", 1),
        ("W. Europe Daylight Time", 1),
        ('"(UTC+01:00) Amsterdam, Berlin, Bern, Rom, Stockholm, Wien"', 1),
        ("(GMT-05.00) Eastern Time (US & Canada)", -5),
        ("(UTC+05:30) Chennai\\, Kolkata\\, Mumbai\\, New Delhi", 5.5),
        ("/freeassociation.sourceforge.net/Tzfile/America/Argentina/Buenos_Aires", -3),
        ("america/sao_paulo", -3),
        ("(UTC-03:00) Nowhere at all", -3),
        ("America/New_York (EST)", -5),
        ("Central Time (US and Canada)", -6),
        ("New York", -5),
        ("Europe Berlin", 1),
        ("europe/berlin ", 1),
        ("Mountain Daylight Time", -7),
        ("GMT+2", 2),
        ("UTC-03:30", -3.5),
        ("-0800", -8),
        ("PDT", -7),
    ],
)
def test_zones_are_known_by_the_names_that_programs_give_them(
    ics: Path, tzid: str, hours: float
) -> None:
    quoted = tzid if tzid.startswith('"') else f'"{tzid}"'
    local = datetime.fromisoformat(NOW) + timedelta(hours=hours)
    ics.write_text(calendar(*event(start=f"DTSTART;TZID={quoted}:{local:%Y%m%dT%H%M%S}")))
    (window,) = [e.window for e in at(ics, NOW).open]
    assert window is not None
    assert window.start == datetime.fromisoformat(NOW)


def test_a_line_that_was_broken_without_a_fold_is_no_harm(ics: Path) -> None:
    ics.write_text(calendar(*event("DESCRIPTION:broken", "", "and going on", " here")))
    assert names(at(ics, NOW)) == ["one"]


def test_a_period_adds_its_beginning(ics: Path) -> None:
    ics.write_text(
        calendar(*event("RDATE;VALUE=PERIOD:20270305T090000Z/PT3H,20270306T090000Z/P1D"))
    )
    days = [names(at(ics, f"2027-03-0{day}T09:10Z")) for day in (1, 2, 5, 6)]
    assert [len(found) for found in days] == [1, 0, 1, 1]


def test_a_day_that_ends_on_itself_is_a_whole_day(ics: Path) -> None:
    day = event("DTEND;VALUE=DATE:20270301", start="DTSTART;VALUE=DATE:20270301")
    ics.write_text(calendar(*day))
    assert names(at(ics, "2027-03-01T23:59Z")) == ["one"]
    assert names(at(ics, "2027-03-02T00:30Z")) == []


def test_utf_16_is_read(ics: Path) -> None:
    ics.write_bytes(calendar(*event()).encode("utf-16"))
    assert names(at(ics, NOW)) == ["one"]


def test_thousands_of_events_are_planned(ics: Path) -> None:
    lines = [
        line
        for i in range(3000)
        for line in event("RRULE:FREQ=WEEKLY;COUNT=200", uid=f"e{i}", start=_start(i))
    ]
    ics.write_text(calendar(*lines))
    found = at(ics, "2027-03-03T12:00Z")
    # Event i starts i times 7 minutes after Monday midnight, week for week, for an hour; its
    # window is 105 minutes, and so 15 of each week's 1,440 starts are open at any time. 3,000
    # events go 2 and 1/12 times around the week.
    opens = {i: (i * 7 - 15) % 10080 for i in range(3000)}
    wednesday_noon = 2 * 1440 + 720
    assert names(found) == [
        f"e{i}-{_occurrence(i):%Y%m%dT%H%MZ}"
        for i, o in opens.items()
        if 0 <= (wednesday_noon - o) % 10080 < 105 and i * 7 - 15 <= 61 * 10080 + wednesday_noon
    ]
    assert len(found.upcoming) > 2900


def _start(i: int) -> str:
    return f"DTSTART:{datetime(2025, 12, 29) + timedelta(minutes=7 * i):%Y%m%dT%H%M%SZ}"


def _occurrence(i: int) -> datetime:
    """The one of the week of 3 March 2027 that is at most an hour and a half before noon."""
    first = datetime(2025, 12, 29) + timedelta(minutes=7 * i)
    noon = datetime(2027, 3, 3, 12, 15)
    return first + (noon - first) // WEEK * WEEK


PIECES = st.sampled_from(
    [
        *(FOLDER / "google.ics").read_text().splitlines(),
        *(FOLDER / "broken.ics").read_text().splitlines(),
        *(FOLDER / "rules.ics").read_text().splitlines(),
        "RRULE:FREQ=MINUTELY;BYSETPOS=2;COUNT=9",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY;COUNT=999999999",
        "RRULE;X=:",
        "EXDATE;VALUE=DATE:20270301",
        "DURATION:-P99999999W",
        "DURATION:P",
        "DTEND:99991231T235959Z",
        "DTSTART;TZID=/:20270301T090000",
        "ATTENDEE;CN=\x00;;=:mailto:%ff@x",
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20270301T090000Z",
        "SEQUENCE:-1",
        "TZOFFSETTO:+9999",
        "\x00\x0b\x85",
        ";:",
        "BEGIN:",
        "END:",
        "BEGIN:VTIMEZONE",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=60), st.sampled_from(["\r\n", "\n", "\r"]))
def test_no_calendar_however_broken_is_a_crash(pieces: list[str], line_end: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.ics"
        lines = ["BEGIN:VCALENDAR", "BEGIN:VEVENT", *pieces, "END:VCALENDAR"]
        path.write_text(line_end.join(lines), newline="")
        found = at(path.parent, NOW)
        assert all(str(path) in report for report in found.reports)


def test_the_dynamic_host_needs_no_calendar_library() -> None:
    code = (
        "import sys, meeting_provider, meeting_provider.provider as p;"
        "print([m for m in ('icalendar', 'dateutil.rrule', 'meeting_provider.schedule')"
        " if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
