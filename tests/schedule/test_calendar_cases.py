"""Calendars of kinds that public bug reports describe, each with what it must give at an instant.

Windows open 15 minutes before the start and close 30 minutes after the end.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meeting_provider import InvalidSchedule, schedule
from meeting_provider.schedule import Plan

CASES = Path(__file__).with_name("cases")
OLGA, BERT = "olga@shop.example", "bert@shop.example"


@dataclass(frozen=True)
class Case:
    """A file or folder, an instant, the meetings open then (name, start, end), and reports."""

    path: str
    now: str
    open: tuple[str, ...]
    #: A part of each report, in order.
    reports: tuple[str, ...] = ()


def plan(path: str | Path, now: str) -> Plan:
    return schedule.plan(CASES / path, datetime.fromisoformat(now))


def shown(found: Plan) -> list[str]:
    """The open meetings, without what their names need for recurrences: `a-1 08:00-09:00`."""
    return [
        f"{e.name.partition('-2027')[0]} {e.window.start.astimezone(UTC):%d %H:%M}"
        f" - {e.window.end.astimezone(UTC):%d %H:%M}"
        for e in found.open
        if e.window
    ]


NO_END = "has no END:VEVENT"
OUTLOOK = "01-outlook-no-end-vevent.ics"
NICKNAMES = (
    "zurich 01 09:00 - 01 10:00",
    "eastern 01 09:00 - 01 10:00",
    "pst 01 09:00 - 01 10:00",
    "plus3 01 09:00 - 01 10:00",
    "space 01 09:00 - 01 10:00",
    "pt 01 09:00 - 01 10:00",
)

TABLE = [
    Case(
        OUTLOOK,
        "2027-03-01T08:30Z",
        ("a-1 01 08:00 - 01 09:00", "a-2 01 08:15 - 01 09:15", "a-3 01 08:30 - 01 09:30"),
        ("has no END:VCALENDAR", NO_END, NO_END),
    ),
    Case(
        "03-end-vcalendar-after-vtimezone.ics",
        "2027-03-01T08:20Z",
        ("lesson-1 01 08:00 - 01 09:00", "lesson-2 01 08:15 - 01 09:00"),
        ("follows END:VCALENDAR",),
    ),
    Case(
        "04-two-boms.ics",
        "2027-03-01T09:10Z",
        ("first 01 09:00 - 01 10:00", "second 01 09:00 - 01 10:00"),
    ),
    Case("05-rdate-period.ics", "2027-03-03T16:30Z", ("workshop 03 12:00 - 03 17:00",)),
    Case("05-rdate-period.ics", "2027-03-03T17:29Z", ("workshop 03 12:00 - 03 17:00",)),
    Case("05-rdate-period.ics", "2027-03-03T17:30Z", ()),
    Case("05-rdate-period.ics", "2027-03-04T18:29Z", ("workshop 04 12:00 - 04 18:00",)),
    Case("05-rdate-period.ics", "2027-03-04T18:30Z", ()),
    Case(
        "10-allday-until-utc-no-zone.ics",
        "2026-10-20T12:00Z",
        ("anniversary-20261020 20 00:00 - 21 00:00",),
    ),
    Case("10-allday-until-utc-no-zone.ics", "2027-10-20T12:00Z", ()),
    Case("10-london.yaml", "2026-10-20T12:00Z", ("anniversary-20261020 19 23:00 - 20 23:00",)),
    Case("10c-allday-until-utc-berlin.ics", "2027-03-05T12:00Z", ("sprint 04 23:00 - 05 23:00",)),
    Case("10c-allday-until-utc-berlin.ics", "2027-03-06T12:00Z", ()),
    Case("11-allday-byhour.ics", "2027-03-01T03:00Z", ("fair 01 00:00 - 02 00:00",)),
    Case("12-weekly-bysetpos-first-week.ics", "2027-03-05T09:10Z", ()),
    Case(
        "12-weekly-bysetpos-first-week.ics",
        "2027-03-08T09:10Z",
        ("pair 08 09:00 - 08 10:00",),
    ),
    Case(
        "12-weekly-bysetpos-first-week.ics",
        "2027-03-10T09:10Z",
        ("pair 10 09:00 - 10 10:00",),
    ),
    Case(
        "13-dtstart-not-in-rule.ics",
        "2027-03-04T19:10Z",
        ("kickoff 04 19:00 - 04 20:00",),
        ("RRULE doesn't give the time of DTSTART",),
    ),
    Case("14-skip-backward.ics", "2027-02-28T09:10Z", ("month-end 28 09:00 - 28 10:00",)),
    Case("14-skip-backward.ics", "2027-03-01T12:00Z", ("leap 01 00:00 - 02 00:00",)),
    *(
        Case(
            "15-rule-and-recurrence-id.ics",
            f"2027-03-{day:02}T08:40Z",
            (f"040000008200E00074C5B7101A82E008copied {day:02} 08:30 - {day:02} 09:00",),
        )
        for day in (1, 8, 15, 22)
    ),
    # 29 March would be the fifth week.
    Case("15-rule-and-recurrence-id.ics", "2027-03-29T07:40Z", ()),
    Case(
        "16-newer-master-excludes-override.ics",
        "2027-03-08T11:10Z",
        (),
        ("the newer revision of the series no longer has",),
    ),
    Case("17-range-and-single-same-id.ics", "2027-03-04T14:05Z", ("standup 04 14:00 - 04 14:15",)),
    Case("17-range-and-single-same-id.ics", "2027-03-04T10:05Z", ()),
    Case("17-range-and-single-same-id.ics", "2027-03-05T10:05Z", ("standup 05 10:00 - 05 10:15",)),
    Case("17c-range-then-later-single.ics", "2027-03-06T14:05Z", ("standup 06 14:00 - 06 14:15",)),
    Case("17c-range-then-later-single.ics", "2027-03-06T10:05Z", ()),
    Case("20-recurrence-id-utc-of-allday.ics", "2027-03-03T12:00Z", ()),
    Case("20-recurrence-id-utc-of-allday.ics", "2027-03-02T12:00Z", ("day 01 23:00 - 02 23:00",)),
    Case(
        "27-loose-times.ics",
        "2027-03-01T09:10Z",
        tuple(
            f"{name} 01 09:00 - 01 10:00"
            for name in (
                *("iso-with-tzid", "iso-utc", "no-seconds", "fraction", "lower", "offset"),
                "half-iso",
            )
        ),
    ),
    Case("28-zone-nicknames.ics", "2027-03-01T09:30Z", NICKNAMES, ("known by its offset only",)),
    Case(
        "28-zone-nicknames.ics",
        "2027-06-01T10:30Z",
        ("est 01 10:00 - 01 11:00",),
        ("known by its offset only",),
    ),
    Case("29-no-tzoffsetfrom.ics", "2027-03-01T09:30Z", ("au 01 09:00 - 01 10:00",)),
    Case(
        "30-rdate-only-zone.ics",
        "2027-03-01T09:30Z",
        ("event-50e721e49c013f00c62c 01 09:00 - 01 10:00",),
    ),
    Case(
        "30-rdate-only-zone.ics",
        "2027-06-01T08:30Z",
        ("event-043a718774c572bd8a25 01 08:00 - 01 09:00",),
    ),
    Case("31-zone-until-last-onset.ics", "2027-06-01T08:10Z", ("summer 01 08:00 - 01 09:00",)),
    Case(
        "32-gap-in-own-zone.ics",
        "2027-03-14T07:40Z",
        ("own 14 07:30 - 14 08:30", "iana 14 07:30 - 14 08:30"),
    ),
    Case("34-est-with-daylight.ics", "2027-06-01T13:10Z", ("lab 01 13:00 - 01 14:00",)),
    Case("35-x-wr-timezone-custom.ics", "2027-03-01T09:30Z", ("fl 01 09:00 - 01 10:00",)),
    Case(
        "35b-x-wr-timezone-unknown.ics",
        "2027-03-01T10:30Z",
        ("fl 01 10:00 - 01 11:00",),
        ("X-WR-TIMEZONE 'Middle Earth' is unknown",),
    ),
    Case("37-cancel", "2027-03-01T09:30Z", ()),
    Case("38-uninvite", "2027-03-01T09:30Z", ("review 01 09:00 - 01 10:00",)),
    Case("40-status-canceled.ics", "2027-03-01T09:30Z", (), ("STATUS:CANCELED",)),
    Case(
        "41-outlook-canceled-subject.ics",
        "2027-03-01T09:30Z",
        (),
        ("is cancelled according to its subject",),
    ),
    Case("42-method-add", "2027-03-03T14:10Z", ("course 03 14:00 - 03 15:00",)),
    Case("42-method-add", "2027-03-08T09:10Z", ("course 08 09:00 - 08 10:00",)),
    Case("42-method-add", "2027-03-10T14:10Z", ()),
    Case(
        "45-two-dtstarts.ics",
        "2028-02-26T11:50Z",
        ("twice@google.com 26 11:45 - 26 12:00",),
        ("has DTSTART again; the one of line 5 counts", "has DTEND again"),
    ),
    Case("46b-empty-rrule-calendarlabs.ics", "2027-03-01T12:00Z", ("holiday 01 00:00 - 02 00:00",)),
    *(
        Case(path, "2027-03-01T09:30Z", (), ("RRULE gives no time at all",))
        for path in ("63-minutely-never.ics", "64-daily-count-never.ics")
    ),
    *(
        Case(path, "2027-01-01T12:30Z", ("never 01 12:00 - 01 13:00",), ("RRULE gives no time",))
        for path in ("63-minutely-never.ics", "64-daily-count-never.ics")
    ),
    Case(
        "65-zone-secondly.ics",
        "2027-03-01T10:30Z",
        ("event-594e519ae499312b2943 01 10:00 - 01 11:00",),
        ("TZID 'Own' is unknown",),
    ),
]


@pytest.mark.parametrize("case", TABLE, ids=lambda c: f"{c.path} {c.now}")
def test_a_calendar_gives_what_is_right_at_an_instant(case: Case) -> None:
    found = plan(case.path, case.now)
    assert shown(found) == list(case.open)
    assert len(found.reports) == len(case.reports), found.reports
    for report, part in zip(found.reports, case.reports, strict=True):
        assert part in report


def people(path: str) -> set[str]:
    return set(plan(path, "2027-03-01T09:10Z").directory.values())


def test_an_address_is_read_whatever_the_name_beside_it_is() -> None:
    mails = {f"{name}@shop.example" for name in ("head", "bert", "ida")}
    assert people("22-cn-escaped-quotes.ics") == mails


def test_addresses_have_no_quotes_names_or_doubled_schemes() -> None:
    names = ("head", "bert", "cleo", "dana", "emil", "fay")
    assert people("26-odd-addresses.ics") == {f"{name}@shop.example" for name in names}


def test_who_is_uninvited_is_not_in_the_meeting() -> None:
    assert people("38-uninvite") == {OLGA}


def test_googles_placeholder_for_an_organizer_is_nobody() -> None:
    assert people("55-unknown-organizer.ics") == {BERT}


def test_what_is_not_a_duration_is_reported() -> None:
    found = plan("36-durations.ics", "2027-03-01T09:10Z")
    unusable = ("p", "pt1d", "p90m", "neg")
    assert len(found.reports) == len(unusable)
    for report, uid in zip(found.reports, unusable, strict=True):
        assert f"event '{uid}': " in report
    hours = {name: ends for name, *_, ends in map(str.split, shown(found))}
    assert hours["plus"] == hours["lower"] == "10:00"
    assert {hours[uid] for uid in unusable[1:]} == {"09:00"}
    assert shown(found)[3] == "mixed 01 09:00 - 10 12:00"
    assert shown(found)[6] == "week 01 09:00 - 08 09:00"


def test_a_calendar_that_was_cut_off_is_an_error_where_it_is_listed(tmp_path: Path) -> None:
    """As for no calendar: the meetings of what is missing would be ended."""
    listing = tmp_path / "day.yaml"
    listing.write_text(f"calendars: [{CASES / '02-cut-at-event-boundary.ics'}]")
    for path in (listing, "02-cut-at-event-boundary.ics"):
        with pytest.raises(InvalidSchedule, match=r"02-cut.*\.ics:1: is cut off"):
            plan(path, "2027-03-01T09:10Z")


def test_a_calendar_that_was_cut_off_is_a_report_in_a_folder(tmp_path: Path) -> None:
    """Its whole events take place."""
    (tmp_path / "a.ics").write_bytes((CASES / "02-cut-at-event-boundary.ics").read_bytes())
    (tmp_path / "b.ics").write_bytes((CASES / "29-no-tzoffsetfrom.ics").read_bytes())
    found = plan(tmp_path, "2027-03-01T09:10Z")
    assert shown(found) == ["kept 01 09:00 - 01 10:00", "au 01 09:00 - 01 10:00"]
    assert [r.partition("a.ics")[2] for r in found.reports] == [
        ":1: is cut off: the calendar has no END:VCALENDAR"
    ]


@pytest.mark.parametrize(
    "text",
    [
        # The last event of Outlook's feed is the only one that has an end.
        (CASES / OUTLOOK).read_text().rpartition("END:VEVENT")[0],
        "END:VEVENT\nBEGIN:VCALENDAR\nEND:VCALENDAR",
        "BEGIN:VEVENT\nUID:a\nEND:VEVENT\nBEGIN:VCALENDAR\nEND:VCALENDAR",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nBEGIN:VCALENDAR\nEND:VCALENDAR",
        "BEGIN:VCALENDAR\nUID:a\nDTSTART:20270301T090000Z\nEND:VEVENT\nEND:VCALENDAR",
    ],
)
def test_a_file_that_is_not_whole_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "team.ics"
    path.write_text(text)
    with pytest.raises(InvalidSchedule):
        plan(path, "2027-03-01T09:10Z")


def test_an_attachment_of_megabytes_is_read(tmp_path: Path) -> None:
    """Unfolding takes time in proportion to the size; else this would take minutes."""
    content = "ATTACH;ENCODING=BASE64;VALUE=BINARY:" + base64.b64encode(bytes(12 << 20)).decode()
    folded = "\r\n ".join(content[i : i + 74] for i in range(0, len(content), 74))
    whole = (CASES / "29-no-tzoffsetfrom.ics").read_text()
    path = tmp_path / "attached.ics"
    path.write_text(whole.replace("UID:au\n", f"UID:au\n{folded}\n"), newline="")
    assert shown(plan(path, "2027-03-01T09:30Z")) == ["au 01 09:00 - 01 10:00"]


def test_zones_of_their_own_are_read_once_for_a_folder(tmp_path: Path) -> None:
    """1,500 files with a definition each give the same zone, not 1,500."""
    text = (CASES / "35-x-wr-timezone-custom.ics").read_text()
    for number in range(1500):
        own = text.replace("UID:fl", f"UID:e{number}").replace("Our Office", f"Office {number}")
        (tmp_path / f"{number}.ics").write_text(own)
    found = plan(tmp_path, "2027-03-01T09:30Z")
    zones = {id(e.window.start.tzinfo) for e in found.open if e.window}
    assert (len(found.open), len(zones)) == (1500, 1)


def ics(method: str, *events: str) -> str:
    whole = "".join(f"BEGIN:VEVENT\nUID:one\n{lines}\nEND:VEVENT\n" for lines in events)
    return f"BEGIN:VCALENDAR\nMETHOD:{method}\n{whole}END:VCALENDAR\n"


PEOPLE = f"ORGANIZER:mailto:{OLGA}\nATTENDEE:mailto:{BERT}"
WEEKLY = f"DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\nSEQUENCE:1\n{PEOPLE}"
ADDED = f"DTSTART:20270303T140000Z\nDURATION:PT1H\nSEQUENCE:2\n{PEOPLE}"
THE_8TH = "RECURRENCE-ID:20270308T090000Z"


@pytest.mark.parametrize(
    ("files", "now", "attendees"),
    [
        # Called off without a DTSTART: one time of the series, and one that was added.
        ([("CANCEL", f"SEQUENCE:2\nSTATUS:CANCELLED\n{THE_8TH}")], "08T09:10", None),
        ([("CANCEL", f"SEQUENCE:2\nSTATUS:CANCELLED\n{THE_8TH}")], "15T09:10", 2),
        (
            [
                ("ADD", ADDED),
                ("CANCEL", "SEQUENCE:3\nSTATUS:CANCELLED\nRECURRENCE-ID:20270303T140000Z"),
            ],
            "03T14:10",
            None,
        ),
        # The whole event, and what had been added to it.
        ([("ADD", ADDED), ("CANCEL", "SEQUENCE:3\nSTATUS:CANCELLED")], "03T14:10", None),
        # A cancellation that is older than the request.
        ([("CANCEL", "SEQUENCE:0\nSTATUS:CANCELLED")], "08T09:10", 2),
        # Bert is uninvited: from all, from one time, and before he is invited again.
        ([("CANCEL", f"SEQUENCE:2\nATTENDEE:mailto:{BERT}")], "08T09:10", 1),
        ([("CANCEL", f"SEQUENCE:2\n{THE_8TH}\nATTENDEE:mailto:{BERT}")], "08T09:10", 1),
        ([("CANCEL", f"SEQUENCE:2\n{THE_8TH}\nATTENDEE:mailto:{BERT}")], "15T09:10", 2),
        ([("CANCEL", f"SEQUENCE:0\nATTENDEE:mailto:{BERT}")], "08T09:10", 2),
        ([("ADD", ADDED), ("CANCEL", f"SEQUENCE:3\nATTENDEE:mailto:{BERT}")], "03T14:10", 1),
        # An addition recurs by a rule of its own.
        ([("ADD", f"{ADDED}\nRRULE:FREQ=WEEKLY")], "10T14:10", 2),
    ],
)
def test_messages_about_an_event_change_it(
    tmp_path: Path, files: list[tuple[str, str]], now: str, attendees: int | None
) -> None:
    """RFC 5546, 3.2.4 and 3.2.5."""
    for number, (method, text) in enumerate([("REQUEST", WEEKLY), *files]):
        (tmp_path / f"{number}.ics").write_text(ics(method, text))
    found = plan(tmp_path, f"2027-03-{now}Z")
    assert found.reports == ()
    assert [len(e.arguments["attendees"]) for e in found.open] == ([attendees] if attendees else [])


@pytest.mark.parametrize(
    ("rdate", "now", "is_open", "is_reported"),
    [
        (";TZID=Europe/Berlin;VALUE=PERIOD:20270303T130000/20270303T180000", "17:29", True, False),
        (";TZID=Europe/Berlin;VALUE=PERIOD:20270303T130000/20270303T180000", "17:30", False, False),
        (":20270303T120000Z/pt5h", "17:29", True, False),
        (";VALUE=PERIOD:20270303T120000Z/-PT5H", "12:10", False, True),
        (";VALUE=PERIOD:20270303T120000Z/P", "12:10", False, True),
        (";VALUE=PERIOD:20270303T120000Z/", "12:10", False, True),
        (";VALUE=PERIOD:20270303T120000Z/PT5H\nEXDATE:20270303T120000Z", "12:10", False, False),
    ],
)
def test_a_period_has_its_own_end(
    tmp_path: Path, rdate: str, now: str, is_open: bool, is_reported: bool
) -> None:
    event = f"DTSTART:20270301T090000Z\nDURATION:PT1H\nRDATE{rdate}\n{PEOPLE}"
    path = tmp_path / "one.ics"
    path.write_text(ics("PUBLISH", event))
    found = plan(path, f"2027-03-03T{now}Z")
    assert bool(found.open) == is_open
    assert bool(found.reports) == is_reported
