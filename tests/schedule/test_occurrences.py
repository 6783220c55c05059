"""When a meeting should exist: rules, zones, windows, and what a schedule may say of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_provider import InvalidSchedule, schedule
from meeting_provider.schedule import Plan
from meeting_provider.schedule.rrule import Rule

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "schedule.yaml"


def entry(*lines: str, name: str = "one") -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"  - name: {name}\n{body}    attendees: [{{external_user_id: ann}}]\n"


def plan(path: Path, text: str, now: str) -> Plan:
    path.write_text(f"events:\n{text}" if text.startswith("  -") else text)
    return schedule.plan(path, datetime.fromisoformat(now))


def names(path: Path, text: str, now: str) -> list[str]:
    return [event.name for event in plan(path, text, now).open]


TIMED = entry("start: 2027-03-01T09:00:00+01:00", "end: 2027-03-01T10:00:00+01:00")


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2027-03-01T07:44:59Z", False),
        ("2027-03-01T07:45:00Z", True),
        ("2027-03-01T09:29:59Z", True),
        ("2027-03-01T09:30:00Z", False),
    ],
)
def test_a_window_opens_a_quarter_before_the_start_and_closes_half_an_hour_after_the_end(
    path: Path, now: str, is_open: bool
) -> None:
    assert names(path, TIMED, now) == (["one"] if is_open else [])


def test_an_event_without_times_always_exists(path: Path) -> None:
    assert names(path, entry(), "1999-01-01T00:00Z") == ["one"]
    assert list(plan(path, entry(), "1999-01-01T00:00Z").news()) == []


def test_margins_are_settable_for_one_event_and_for_the_whole_schedule(path: Path) -> None:
    text = (
        "defaults: {opens_before: 0, stays_after: 60, zone: UTC}\nevents:\n"
        + entry("start: 2027-03-01T09:00", "end: 2027-03-01T10:00")
        + entry("start: 2027-03-01T09:00", "end: 2027-03-01T10:00", "opens_before: 5", name="two")
        + entry("start: 2027-03-01T09:00", "end: 2027-03-01T10:00", "stays_after: 0", name="three")
    )
    assert names(path, text, "2027-03-01T08:55Z") == ["two"]
    assert names(path, text, "2027-03-01T09:00Z") == ["one", "two", "three"]
    assert names(path, text, "2027-03-01T10:59Z") == ["one", "two"]


@pytest.mark.parametrize(
    ("now", "name"),
    [
        ("2027-03-22T08:00Z", "one-20270322T0800Z"),
        ("2027-03-29T07:00Z", "one-20270329T0700Z"),
        ("2027-03-29T08:50Z", None),
        ("2027-11-01T08:00Z", "one-20271101T0800Z"),
    ],
)
def test_a_local_time_stays_what_it_is_when_the_clocks_change(
    path: Path, now: str, name: str | None
) -> None:
    text = entry(
        "start: 2027-03-01T09:00",
        "end: 2027-03-01T10:00",
        "zone: Europe/Berlin",
        "recurrence: FREQ=WEEKLY",
    )
    assert names(path, text, now) == ([name] if name else [])


def test_a_time_that_the_clocks_leave_out_is_an_hour_later_and_one_that_comes_twice_the_first(
    path: Path,
) -> None:
    nightly = entry(
        "start: 2027-01-01T02:30",
        "end: 2027-01-01T02:45",
        "zone: Europe/Berlin",
        "recurrence: FREQ=DAILY",
    )
    # 28 March: 02:30 would be UTC+1, and so 01:30 UTC, which the clocks there show as 03:30.
    assert names(path, nightly, "2027-03-28T01:30Z") == ["one-20270328T0130Z"]
    # 31 October has 02:30 at 00:30 UTC and again at 01:30.
    assert names(path, nightly, "2027-10-31T00:30Z") == ["one-20271031T0030Z"]
    assert names(path, nightly, "2027-10-31T01:31Z") == []


def ends(path: Path, lines: list[str], now: str) -> list[str]:
    text = entry(*lines, "zone: Europe/Berlin", "recurrence: FREQ=DAILY")
    found = plan(path, f"defaults: {{opens_before: 0, stays_after: 0}}\nevents:\n{text}", now)
    return [event.window.end.isoformat() for event in found.open if event.window]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2027-01-01T23:30", "2027-01-02T07:30"),
        ("2027-03-27T23:30", "2027-03-28T07:30"),
        ("2026-10-24T23:30", "2026-10-25T07:30"),
    ],
)
@pytest.mark.parametrize(
    ("now", "end_then"),
    [
        ("2027-03-27T23:00Z", "2027-03-28T07:30:00+02:00"),
        ("2027-03-28T23:00Z", "2027-03-29T07:30:00+02:00"),
        ("2027-10-30T23:00Z", "2027-10-31T07:30:00+01:00"),
        ("2027-10-31T23:00Z", "2027-11-01T07:30:00+01:00"),
    ],
)
def test_a_local_end_stays_what_it_is_whenever_the_clocks_change_and_the_series_begins(
    path: Path, start: str, end: str, now: str, end_then: str
) -> None:
    assert ends(path, [f"start: {start}", f"end: {end}"], now) == [end_then]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2027-03-20T22:00:00+01:00", "2027-03-21T06:00:00+01:00"),
        ("2027-03-20T22:00", "2027-03-21T06:00:00+01:00"),
        ("2027-03-20T22:00:00+01:00", "2027-03-21T06:00"),
    ],
)
def test_what_has_an_offset_lasts_as_long_over_a_change_of_clocks_as_at_any_other_time(
    path: Path, start: str, end: str
) -> None:
    lines = [f"start: {start}", f"end: {end}"]
    assert ends(path, lines, "2027-03-28T04:59Z") == ["2027-03-28T07:00:00+02:00"]


def test_what_begins_in_an_hour_that_the_clocks_leave_out_is_an_hour_later_as_a_whole(
    path: Path,
) -> None:
    lines = ["start: 2027-01-01T02:30", "end: 2027-01-01T03:15"]
    assert ends(path, lines, "2027-03-28T01:30Z") == ["2027-03-28T04:15:00+02:00"]


def test_what_happens_once_ends_when_it_says_over_a_change_of_clocks(path: Path) -> None:
    text = entry("start: 2027-03-28T02:30", "end: 2027-03-28T07:30", "zone: Europe/Berlin")
    (event,) = plan(path, text, "2027-03-28T05:00Z").open
    assert event.window is not None
    assert event.window.end.isoformat() == "2027-03-28T07:30:00+02:00"


def test_a_start_with_an_offset_recurs_in_the_zone_that_is_named(path: Path) -> None:
    text = entry(
        "start: 2027-03-01T08:00:00Z",
        "end: 2027-03-01T09:00:00Z",
        "zone: Europe/Berlin",
        "recurrence: FREQ=WEEKLY",
    )
    assert names(path, text, "2027-03-29T07:00Z") == ["one-20270329T0700Z"]


def test_exceptions_are_days_or_single_times(path: Path) -> None:
    text = entry(
        "start: 2027-03-01T09:00",
        "end: 2027-03-01T09:30",
        "zone: UTC",
        "recurrence: FREQ=DAILY;BYHOUR=9,15",
        "exceptions: [2027-03-02, 2027-03-03T15:00, 2027-03-04T10:00:00+01:00]",
    )
    expected = {1: (9, 15), 2: (), 3: (9,), 4: (15,)}
    for day, hours in expected.items():
        found = [h for h in (9, 15) if names(path, text, f"2027-03-{day:02}T{h:02}:00Z")]
        assert tuple(found) == hours, day


def test_a_preview_says_what_is_open_and_what_opens_next(path: Path) -> None:
    text = (
        TIMED
        + entry(
            "start: 2027-02-01T09:00",
            "end: 2027-02-01T10:00",
            "zone: Europe/Berlin",
            "recurrence: FREQ=MONTHLY",
            name="monthly",
        )
        + entry("start: 2020-01-01T00:00:00Z", "end: 2020-01-02T00:00:00Z", name="over")
    )
    assert list(plan(path, text, "2027-03-01T08:00Z").news()) == [
        "one is open until 2027-03-01T10:30+01:00",
        "monthly-20270301T0800Z is open until 2027-03-01T10:30+01:00",
        "monthly-20270401T0700Z opens at 2027-04-01T08:45+02:00, "
        "for 2027-04-01T09:00+02:00 to 2027-04-01T10:00+02:00",
    ]


START, END = "start: 2027-03-01T09:00:00Z", "end: 2027-03-01T10:00:00Z"


@pytest.mark.parametrize(
    ("lines", "issue"),
    [
        (["start: tomorrow", END], "3: events[0].start: 'tomorrow' is not a time"),
        (
            ["start: 2027-02-30T09:00Z", END],
            "3: events[0].start: '2027-02-30T09:00Z' is not a time",
        ),
        (["start: 2027-03-01", END], "3: events[0].start: '2027-03-01' is not a time"),
        (["start: 2027-03-01T09:00", END], "3: events[0].start: '2027-03-01T09:00' has neither"),
        ([START], "3: events[0].start: requires `end`"),
        ([END], "3: events[0].end: requires `start`"),
        ([START, "end: 2027-03-01T09:00:00Z"], "4: events[0].end: is not after the start"),
        ([START, "end: 2029-03-01T09:00:00Z"], "4: events[0].end: is more than a year later"),
        ([START, END, "zone: Mars/Olympus"], "5: events[0].zone: 'Mars/Olympus' is not a zone"),
        ([START, END, "zone: [UTC]"], "5: events[0].zone: "),
        ([START, END, "opens_before: -1"], "5: events[0].opens_before: '-1' is not a number of"),
        ([START, END, "stays_after: soon"], "5: events[0].stays_after: 'soon' is not a number of"),
        ([START, END, "recurrence: FREQ=NEVER"], "5: events[0].recurrence: FREQ must be"),
        ([START, END, "recurrence: FREQ=DAILY;BYDAY=XX"], "5: events[0].recurrence: BYDAY=XX has"),
        ([START, END, "recurrence: FREQ=DAILY;COUNT=0"], "5: events[0].recurrence: COUNT=0"),
        ([START, END, "recurrence: FREQ=DAILY;BYHOUR=24"], "5: events[0].recurrence: BYHOUR=24"),
        ([START, END, "recurrence: FREQ=DAILY;EVERY=2"], "5: events[0].recurrence: EVERY=2 is no"),
        ([START, END, "recurrence: FREQ=DAILY;UNTIL=soon"], "5: events[0].recurrence: UNTIL=SOON"),
        ([START, END, "recurrence: 3"], "5: events[0].recurrence: FREQ must be"),
        ([START, END, "exceptions: [2027-03-01]"], "5: events[0].exceptions: requires `recurr"),
        (
            [START, END, "recurrence: FREQ=DAILY", "exceptions: 3"],
            "6: events[0].exceptions: is not a list",
        ),
        (
            [START, END, "recurrence: FREQ=DAILY", "exceptions: [noon]"],
            "6: events[0].exceptions[0]: 'noon' is not a time",
        ),
        (
            ["zone: Europe/Berlin", "start: 2027-03-28T02:30", "end: 2027-03-28T03:30"],
            "5: events[0].end: is not after the start, since the clocks go forward in between",
        ),
        ([START, END, "begin: 3"], "5: events[0].begin: is not an argument of a meeting"),
    ],
)
def test_an_issue_of_the_times_is_said_with_its_line(
    path: Path, lines: list[str], issue: str
) -> None:
    with pytest.raises(InvalidSchedule) as raised:
        plan(path, entry(*lines), "2027-03-01T09:00Z")
    (said,) = raised.value.issues
    assert said.startswith(f"{path}:{issue}")


def test_all_issues_are_said_at_once_and_those_of_the_defaults_once(path: Path) -> None:
    text = "defaults: {zone: Nowhere, opens_before: x}\nevents:\n" + entry(START) + entry(END)
    with pytest.raises(InvalidSchedule) as raised:
        plan(path, text, "2027-03-01T09:00Z")
    issues = [f.removeprefix(f"{path}:").split(": ")[:2] for f in raised.value.issues]
    assert issues == [
        ["1", "defaults.zone"],
        ["1", "defaults.opens_before"],
        ["4", "events[0].start"],
        ["7", "events[1].end"],
        ["6", "events[1].name"],
    ]


def test_names_leave_room_for_the_time_of_a_recurrence(path: Path) -> None:
    long = entry(START, END, "recurrence: FREQ=DAILY", name="x" * 48)
    with pytest.raises(InvalidSchedule, match="48 characters; at most 47"):
        plan(path, long, "2027-03-01T09:00Z")
    (event,) = plan(path, long.replace("x" * 48, "x" * 47), "2027-03-01T09:00Z").open
    assert len(event.name) <= 64


def test_no_event_may_have_the_name_of_an_occurrence(path: Path) -> None:
    text = entry(START, END, "recurrence: FREQ=DAILY") + entry(name="one-20270301T0900Z")
    with pytest.raises(InvalidSchedule, match="may be an occurrence of 'one' too"):
        plan(path, text, "2027-03-01T09:00Z")


def test_a_schedule_names_calendars_beside_it(path: Path) -> None:
    (path.parent / "team.ics").write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:sync\nDTSTART:20270301T090000\nDURATION:PT1H\n"
        "ORGANIZER:mailto:ann@example.org\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    text = (
        "defaults: {zone: Asia/Tokyo, opens_before: 60, media_region: ap-northeast-1}\n"
        "calendars: [team.ics]\n"
    )
    (event,) = plan(path, text, "2027-02-28T23:00Z").open
    assert event.name == "sync"
    assert event.arguments["media_region"] == "ap-northeast-1"
    with pytest.raises(InvalidSchedule, match=r"calendars\[0\]: 'gone.ics' is neither a file"):
        plan(path, "calendars: [gone.ics]\n", "2027-02-28T23:00Z")


def test_a_rule_that_opens_a_hundred_meetings_at_once_is_reported(path: Path) -> None:
    text = entry(START, END, "recurrence: FREQ=SECONDLY")
    found = plan(path, text, "2027-03-01T09:59Z")
    assert found.open == ()
    assert found.reports == (f"{path}:2: events[0]: has more than 100 occurrences at once",)


COUNTED = st.one_of(
    st.none(),
    st.integers(1, 500).map("COUNT={}".format),
    st.integers(0, 900).map(lambda d: f"UNTIL={datetime(2025, 1, 1) + timedelta(d):%Y%m%d}T100000"),
)
DAYS = st.lists(
    st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=4, unique=True
)
PLACES = st.sampled_from(("1", "2", "-1", "-2", "4", "5"))


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 5))}"]
    if counted := draw(COUNTED):
        parts.append(counted)
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(('MO', 'SU', 'WE')))}")
    days = draw(st.none() | DAYS)
    if days and frequency in ("MONTHLY", "YEARLY") and draw(st.booleans()):
        days = [draw(PLACES) + day for day in days]
    if days:
        parts.append("BYDAY=" + ",".join(days))
    if draw(st.integers(0, 3)) == 0:
        parts.append(f"BYMONTH={draw(st.sampled_from(('3', '1,2,3', '12', '2')))}")
    if draw(st.integers(0, 3)) == 0 and frequency != "WEEKLY":
        parts.append(f"BYMONTHDAY={draw(st.sampled_from(('1', '-1', '29', '31', '5,10', '28')))}")
    if days and frequency in ("MONTHLY", "YEARLY") and draw(st.integers(0, 2)) == 0:
        parts.append(f"BYSETPOS={draw(PLACES)}")
    return ";".join(parts)


@settings(max_examples=400, deadline=None)
@given(
    rules(),
    st.datetimes(datetime(2022, 1, 1), datetime(2026, 12, 31)).map(
        lambda d: d.replace(microsecond=0)
    ),
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)),
)
def test_entering_a_rule_late_changes_none_of_its_recurrences(
    text: str, first: datetime, since: datetime
) -> None:
    until = since + timedelta(days=40)
    rule = Rule.parse(text)
    found = rule.starts(first, UTC, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))
    assert [f.replace(tzinfo=None) for f in found] == list(
        from_the_start(text, first, since, until)
    )


def from_the_start(
    text: str, first: datetime, since: datetime, until: datetime
) -> Iterator[datetime]:
    """The same by dateutil, step by step from the first recurrence on."""
    for start in rrule.rrulestr(text, dtstart=first):
        if start > until:
            return
        if start >= since:
            yield start


@pytest.mark.parametrize(
    ("rule", "first", "expected"),
    [
        ("FREQ=SECONDLY;INTERVAL=3600", "1990-01-01T00:00", 24),
        ("FREQ=MINUTELY;BYHOUR=9;BYMINUTE=0,30", "1970-01-01T00:00", 2),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "1601-01-01T00:00", 0),
        ("FREQ=DAILY;COUNT=99999", "1970-01-01T12:00", 1),
        ("FREQ=YEARLY", "1900-03-01T12:00", 1),
        ("FREQ=YEARLY", "2024-02-29T12:00", 0),
    ],
)
def test_rules_that_began_long_ago_or_tick_fast_are_followed_at_once(
    rule: str, first: str, expected: int
) -> None:
    begin = datetime(2027, 3, 1, tzinfo=UTC)
    found = Rule.parse(rule).starts(
        datetime.fromisoformat(first), UTC, begin, begin + timedelta(hours=23, minutes=59)
    )
    assert len(list(found)) == expected


def test_a_rule_that_counts_what_cannot_be_counted_is_refused() -> None:
    begin = datetime(2027, 3, 1, tzinfo=UTC)
    rule = Rule.parse("FREQ=SECONDLY;COUNT=999999999;BYHOUR=9")
    with pytest.raises(ValueError, match="more steps than can be followed"):
        list(rule.starts(datetime(1990, 1, 1), UTC, begin, begin + timedelta(days=1)))


def test_a_last_day_is_included_and_a_last_instant_is_exact() -> None:
    def days(until: str) -> list[int]:
        rule = Rule.parse(f"FREQ=DAILY;UNTIL={until}")
        begin = datetime(2027, 3, 1, tzinfo=BERLIN)
        found = rule.starts(datetime(2027, 3, 1, 9), BERLIN, begin, begin + timedelta(days=9))
        return [f.day for f in found]

    assert days("20270303") == [1, 2, 3]
    assert days("20270303T090000") == [1, 2, 3]
    assert days("20270303T080000Z") == [1, 2, 3]
    assert days("20270303T075959Z") == [1, 2]
