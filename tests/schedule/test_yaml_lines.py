"""What YAML lets pass, or makes of a schedule, is said with its line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from meeting_provider import InvalidSchedule, schedule
from meeting_provider.schedule import Plan

ANN = "attendees: [{external_user_id: ann}]"
Load = Callable[[str | bytes], Plan]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Plans a schedule of this text."""

    def written(text: str | bytes) -> Plan:
        path = tmp_path / "day.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return schedule.plan(path, datetime.fromisoformat("2027-03-01T09:10Z"))

    return written


def errors(load: Load, text: str | bytes) -> list[str]:
    with pytest.raises(InvalidSchedule) as raised:
        load(text)
    return [f.partition("day.yaml:")[2] for f in raised.value.issues]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("events: [{name: one, external: 1, name: two}]", "events[0].name"),
        (f"events: [{{name: one, {ANN}, attendees: []}}]", "events[0].attendees"),
        ("{events: [], events: []}", "events"),
        (f"events: [{{name: one, {ANN}, tags: {{a: b, 'a': c}}}}]", "events[0].tags.a"),
        ("x-a: &a {}\nx-b: &b {}\nevents: [{<<: *a, name: one, <<: *b}]", "events[0].<<"),
    ],
)
def test_a_key_that_stands_twice_is_an_error_also_on_one_line(
    load: Load, text: str, path: str
) -> None:
    line = text.count("\n") + 1
    said = f"{line}: {path}: is a duplicate key; line {line} has it already"
    shown = said.replace(".<<", '["<<"]')
    assert shown in errors(load, text)


LEVELS = range(1, 25)
BOMBS = {
    "lists": ["x-0: &b0 [a, a]", *(f"x-{i}: &b{i} [*b{i - 1}, *b{i - 1}]" for i in LEVELS)],
    "mappings": [
        "x-0: &b0 {a: a}",
        *(f"x-{i}: &b{i} {{a: *b{i - 1}, b: *b{i - 1}}}" for i in LEVELS),
    ],
    "merges": [
        "x-0: &b0 {a: a}",
        *(f"x-{i}: &b{i} {{<<: [*b{i - 1}, *b{i - 1}]}}" for i in LEVELS),
    ],
    "texts": [f"x-0: &b0 {'a' * 1_000_000}", f"x-1: [{', '.join(['*b0'] * 1000)}]"],
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_aliases_that_stand_for_too_much_are_refused_with_their_line(load: Load, bomb: str) -> None:
    """Before they are followed: 2 to the 24th entries would take minutes and gigabytes."""
    (said,) = errors(load, "\n".join([*BOMBS[bomb], "events: []"]))
    line, _, message = said.partition(": ")
    assert message.startswith("is not YAML: has ")
    assert message.endswith("entries with what its aliases stand for, which is too many")
    assert 1 < int(line) <= len(BOMBS[bomb])


def test_aliases_of_a_school_are_followed(load: Load) -> None:
    """300 events that share 250 attendees."""
    people = "\n".join(f"  - {{external_user_id: pupil-{i}}}" for i in range(250))
    events = "\n".join(f"  - {{name: lesson-{i}, attendees: *all}}" for i in range(300))
    found = load(f"x-all: &all\n{people}\nevents:\n{events}")
    assert [len(e.arguments["attendees"]) for e in found.open] == [250] * 300


def test_of_ten_thousand_errors_the_first_fifty_are_printed(load: Load) -> None:
    with pytest.raises(InvalidSchedule) as raised:
        load("events:\n" + "  - {}\n" * 5000)
    assert len(raised.value.issues) == 10_000
    first, *lines = str(raised.value).splitlines()
    assert first.endswith("has 10000 errors:")
    assert [line.strip() for line in lines[:-1]] == list(raised.value.issues[:50])
    assert lines[-1].strip() == "and 9950 more"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("name: 2027", "name: is required, and a string; YAML reads 2027 as a number, 2027"),
        ("name: on", "name: is required, and a string; YAML reads on as a boolean"),
        ("name: 0123", "name: is required, and a string; YAML reads 0123 as a number, 83"),
        ("title: 12:30", "title: is not a string; YAML reads 12:30 as a number, 750"),
        ("tags: {day: 2027-03-01}", "tags.day: 2027-03-01 is not a string; YAML reads 2027-03-01"),
        ("meeting_host_id: 1.50", "meeting_host_id: 1.5 is not a string; YAML reads 1.50 as a"),
        (
            "start: 2027-03-01T09:00:00Z, end: 10:00",
            "end: '600' is not a time; write 2027-03-01T09:00:00+01:00, or 2027-03-01T09:00 and a "
            "`zone`; YAML reads 10:00 as a number, 600",
        ),
    ],
)
def test_what_yaml_makes_of_a_text_is_said_and_how_to_write_it(
    load: Load, entry: str, said: str
) -> None:
    named = entry if entry.startswith("name") else f"name: one, {entry}"
    (first,) = errors(load, f"events:\n  - {{{named}, {ANN}}}")
    written = said.partition("YAML reads ")[2].partition(" ")[0]
    assert first.startswith(f"2: events[0].{said}")
    assert first.endswith(f"; quote it: '{written}'")


def test_a_number_where_a_number_belongs_is_none_to_quote(load: Load) -> None:
    found = errors(load, f"defaults: {{opens_before: 1.5}}\nevents: [{{name: one, {ANN}}}]")
    assert found == ["1: defaults.opens_before: '1.5' is not a number of minutes from 0 to 10080"]


def test_a_key_is_the_text_that_is_written(load: Load) -> None:
    (event,) = load(f"events: [{{name: one, {ANN}, tags: {{on: x, 0123: y}}}}]").open
    assert event.arguments["tags"] == {"on": "x", "0123": "y"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"events:\n  - name: M\xfcller", "2: can't be read: it is not UTF-8: invalid start byte"),
        (b"a: 1\nb: \x00", "2: can't be read: the character U+0000 is not allowed in YAML"),
        ("events: []".encode("utf-16-le"), "1: can't be read: the character U+0000 is not allowed"),
        ("a: 1\n\x01".encode("utf-16"), "2: can't be read: the character U+0001 is not allowed"),
        (b"\xff\xfea", "1: can't be read: it is not UTF-16-LE: truncated data"),
        (b"a: 1\nb: " + b"[" * 5000, "2: nests too deep"),
        (b"a:\n" + b"- " * 5000, "2: nests too deep"),
    ],
)
def test_what_is_not_text_has_a_place(load: Load, data: bytes, said: str) -> None:
    (only,) = errors(load, data)
    assert only.startswith(said)


def test_utf_16_with_its_mark_is_read(load: Load) -> None:
    (event,) = load(f"events: [{{name: one, title: Grüße, {ANN}}}]".encode("utf-16")).open
    assert event.title == "Grüße"


TIMES = "start: 2027-03-01T09:00:00Z, end: 2027-03-01T10:00:00Z"


@pytest.mark.parametrize(
    "recurrence",
    [
        "FREQ=DAILY;UNTIL=20270228",
        "FREQ=DAILY;UNTIL=20270301T085959Z",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=MINUTELY;BYMONTH=4;BYMONTHDAY=31",
        "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
    ],
)
def test_a_recurrence_that_never_happens_is_an_error(load: Load, recurrence: str) -> None:
    (only,) = errors(load, f"events:\n- {{name: one, {TIMES}, recurrence: {recurrence}, {ANN}}}")
    assert only.startswith("2: events[0].recurrence: never happens")


def test_a_recurrence_whose_every_time_is_an_exception_is_an_error(load: Load) -> None:
    entry = f"name: one, {TIMES}, recurrence: FREQ=DAILY;COUNT=1, exceptions: [2027-03-01]"
    (only,) = errors(load, f"events:\n- {{{entry}, {ANN}}}")
    assert only.startswith("2: events[0].recurrence: never happens")


def test_a_leap_day_that_is_a_monday_happens(load: Load) -> None:
    rule = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO"
    assert load(f"events:\n- {{name: one, {TIMES}, recurrence: {rule}, {ANN}}}").open == ()


def test_an_event_has_a_title_a_description_and_its_times_for_people(load: Load) -> None:
    text = f"title: Stand-up, description: 'Daily, short', {ANN}"
    plain, timed = load(f"events:\n- {{name: one, {text}}}\n- {{name: two, {TIMES}, {ANN}}}").open
    assert plain.details() == {
        "event": "one",
        "title": "Stand-up",
        "description": "Daily, short",
    }
    assert timed.details() == {
        "event": "two",
        "opens": "2027-03-01T08:45:00+00:00",
        "start": "2027-03-01T09:00:00+00:00",
        "end": "2027-03-01T10:00:00+00:00",
        "closes": "2027-03-01T10:30:00+00:00",
    }
    assert "title" not in plain.arguments


@pytest.mark.parametrize(("private", "title"), [("PUBLIC", "Review, part 2"), ("PRIVATE", "")])
def test_a_calendars_summary_and_description_are_kept_unless_the_event_is_private(
    load: Load, tmp_path: Path, private: str, title: str
) -> None:
    lines = (
        *("BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:one", f"CLASS:{private}"),
        *("SUMMARY;LANGUAGE=en:Review\\, part 2", "DESCRIPTION:First\\nsecond"),
        *("DTSTART:20270301T090000Z", "DURATION:PT1H", "ATTENDEE:mailto:ann@example.org"),
        *("END:VEVENT", "END:VCALENDAR"),
    )
    (tmp_path / "team.ics").write_text("\n".join(lines))
    (event,) = load("calendars: [team.ics]").open
    assert event.title == title
    assert event.description == ("First\nsecond" if title else "")
