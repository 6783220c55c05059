"""Zones that a VTIMEZONE defines, held against the IANA database's."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meeting_provider.schedule import ics_lines, timezones

NEW_YORK = ZoneInfo("America/New_York")
CASES = Path(__file__).with_name("cases")


def defined(file: str) -> tzinfo:
    """The zone that a file defines."""
    (calendar,) = ics_lines.read((CASES / file).read_bytes()).calendars
    (definition,) = [c for c in calendar.components if c.name == "VTIMEZONE"]
    zone = timezones.of(definition.text("TZID"), definition)
    assert zone is not None
    return zone


OWN = defined("32-gap-in-own-zone.ics")
# These rules of the United States hold since 2007.
LOCAL = st.datetimes(datetime(2008, 1, 1), datetime(2190, 1, 1))


@given(LOCAL, st.integers(0, 1))
@example(datetime(2027, 3, 14, 2, 30), 0)
@example(datetime(2027, 3, 14, 2, 30), 1)
@example(datetime(2027, 11, 7, 1, 30), 0)
@example(datetime(2027, 11, 7, 1, 30), 1)
def test_a_local_time_has_the_offset_of_the_same_zone_in_the_database(
    local: datetime, fold: int
) -> None:
    """In the hour that is left out, and in the one that comes twice, too."""
    local = local.replace(fold=fold)
    assert local.replace(tzinfo=OWN).utcoffset() == local.replace(tzinfo=NEW_YORK).utcoffset()


@given(LOCAL)
@example(datetime(2027, 3, 14, 6, 59, 59))
@example(datetime(2027, 3, 14, 7))
@example(datetime(2027, 11, 7, 5, 59, 59))
@example(datetime(2027, 11, 7, 6))
def test_an_instant_has_the_local_time_of_the_same_zone_in_the_database(instant: datetime) -> None:
    found = instant.replace(tzinfo=UTC).astimezone(OWN)
    expected = instant.replace(tzinfo=UTC).astimezone(NEW_YORK)
    assert found.replace(tzinfo=None) == expected.replace(tzinfo=None)
    assert found.fold == expected.fold
    assert found.astimezone(UTC).replace(tzinfo=None) == instant


def built(lines: list[str]) -> tzinfo | None:
    """The zone of a definition with these lines in its one part."""
    begin = ["BEGIN:VCALENDAR", "BEGIN:VTIMEZONE", "TZID:Own", "BEGIN:STANDARD"]
    end = ["END:STANDARD", "END:VTIMEZONE", "END:VCALENDAR"]
    (calendar,) = ics_lines.read("\n".join([*begin, *lines, *end]).encode()).calendars
    return timezones.of("Own", calendar.components[0])


OBSERVANCE = {
    "DTSTART": "19700101T000000",
    "TZOFFSETFROM": "+0100",
    "TZOFFSETTO": "+0100",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"RRULE": "FREQ=SECONDLY"},
        {"RRULE": "FREQ=DAILY"},
        {"RRULE": "FREQ=YEARLY;COUNT=999999"},
        {"RRULE": "nonsense"},
        {"TZOFFSETTO": "+9999"},
        {"TZOFFSETTO": "east"},
        {"DTSTART": "once"},
        {"DTSTART": "19700230T000000"},
        {"RDATE": "later"},
    ],
)
def test_a_definition_that_cannot_be_followed_gives_no_zone(wrong: dict[str, str]) -> None:
    lines = [f"{name}:{value}" for name, value in {**OBSERVANCE, **wrong}.items()]
    assert built(lines) is None


@pytest.mark.parametrize(
    "rule", ["FREQ=YEARLY;BYMONTH=3;COUNT=3", "FREQ=YEARLY;BYMONTH=3;UNTIL=19990331"]
)
def test_the_last_onset_of_a_rule_that_has_ended_still_counts(rule: str) -> None:
    lines = ["DTSTART:19970330T020000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200", f"RRULE:{rule}"]
    zone = built(lines)
    assert str(datetime(2027, 1, 1, tzinfo=zone).utcoffset()) == "2:00:00"
    assert str(datetime(1997, 1, 1, tzinfo=zone).utcoffset()) == "1:00:00"


@pytest.mark.parametrize("name", ["Japan", "Asia/Tokyo", "UTC", "Etc/GMT+5"])
def test_a_name_with_a_fixed_offset_goes_before_rules_without_daylight_time(name: str) -> None:
    (calendar,) = ics_lines.read((CASES / "29-no-tzoffsetfrom.ics").read_bytes()).calendars
    assert timezones.of(name, calendar.components[0]) == ZoneInfo(name)
