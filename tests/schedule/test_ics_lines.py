"""Files that were torn and joined anywhere: nothing of them is lost without a report."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meeting_provider import InvalidSchedule, schedule

NOW = datetime.fromisoformat("2027-03-01T09:10Z")

ZONE = """BEGIN:VTIMEZONE
TZID:Office
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""

EVENT = """BEGIN:VEVENT
UID:event-{uid}
DTSTAMP:20270101T000000Z
DTSTART;TZID=Office:20270301T100000
DTEND;TZID=Office:20270301T110000
SUMMARY:A meeting
 of event {uid}
ORGANIZER:mailto:olga@shop.example
BEGIN:VALARM
TRIGGER:-PT15M
ACTION:DISPLAY
END:VALARM
END:VEVENT
"""


def calendar(first: int, count: int) -> str:
    events = "".join(EVENT.format(uid=uid) for uid in range(first, first + count))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{ZONE}{events}END:VCALENDAR\n"


WHOLE = "\ufeff" + calendar(10, 3) + "\ufeff" + calendar(20, 1) + calendar(30, 2)
PLACES = st.integers(0, len(WHOLE))
#: Pieces of calendars, each from one place to another, one after the other.
PIECES = st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=4)


@contextmanager
def within_a_second() -> Iterator[None]:
    """Ends the test in what takes a second of the processor: it hangs."""

    def stop(*_: object) -> None:
        raise TimeoutError("hangs")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torn")


@settings(max_examples=600)
@given(PIECES, st.sampled_from(["\n", "\r\n", "\r"]))
@example([(0, len(WHOLE)), (0, len(WHOLE))], "\r\n")
def test_a_torn_and_joined_file_loses_no_event_without_a_report(
    folder: Path, pieces: list[tuple[int, int]], line_end: str
) -> None:
    text = "".join(WHOLE[slice(*sorted(piece))] for piece in pieces)
    path = folder / "torn.ics"
    path.write_text(text, newline=line_end)
    # In a folder with a whole calendar: there, that one is torn is a report.
    (folder / "whole.ics").write_text(calendar(90, 1))
    with within_a_second():
        found = schedule.plan(folder, NOW)
    names = {event.name.removesuffix("-20270301T0900Z") for event in found.open}
    assert "event-90" in names
    assert all(str(path) in report for report in found.reports)
    # What has both lines is an event, or its beginning.
    there = set(re.findall(r"^UID:(.+)\nDTSTAMP:", text, re.MULTILINE))
    assert found.reports or there <= names


@settings(max_examples=300)
@given(st.integers(1, len(WHOLE)))
def test_a_download_that_was_cut_off_is_an_error_or_ends_with_a_calendar(
    folder: Path, length: int
) -> None:
    text = WHOLE[:length]
    path = folder / "cut.ics"
    path.write_text(text)
    path = path.rename(folder.parent / "cut.ics")
    is_whole = text.rstrip("\n\ufeff").endswith("END:VCALENDAR")
    try:
        with within_a_second():
            found = schedule.plan(path, NOW)
    except InvalidSchedule:
        assert not is_whole
    else:
        assert is_whole
        assert len(found.open) == text.count("END:VEVENT")
