"""Attendance as CSV, and as a table for a terminal."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TextIO

from meeting_provider.attendance.matching import Connection, End, MeetingAttendance

#: The columns of a report. Times are in ISO 8601.
COLUMNS: Final = (
    *("external_meeting_id", "meeting_id", "external_user_id", "attendee_id"),
    *("joined", "left", "seconds", "note"),
)

#: The characters that begin a formula in a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@")

_NOTES: Final = {
    End.LEFT: "",
    End.DROPPED: "connection lost",
    End.JOINED_AGAIN: "no leave event; joined again at {}",
    End.DELETED: "no leave event; the attendee was deleted at {}",
    End.MEETING_ENDED: "no leave event; the meeting ended at {}",
    End.NONE: "no leave event so far",
}

Row = tuple[str, ...]


def rows(meetings: Iterable[MeetingAttendance], zone: tzinfo) -> list[Row]:
    """A row for each connection.

    :param zone: the time zone for all times.
    """
    return [
        (
            printable(meeting.external_meeting_id),
            printable(meeting.meeting_id),
            printable(connection.external_user_id),
            printable(connection.attendee_id),
            _time(connection.joined, zone),
            _time(connection.left, zone),
            _seconds(connection),
            _note(connection, zone),
        )
        for meeting in meetings
        for connection in meeting.connections
    ]


def write_csv(file: TextIO, found: Sequence[Row]) -> None:
    """Write rows with a header. Cells that a spreadsheet would read as formulas begin with `'`."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(tuple(map(inert, row)) for row in found)


def table(found: Sequence[Row]) -> str:
    """A table for each meeting, with its names above it.

    :raises ModuleNotFoundError: the extra `attendance` is not installed.
    """
    return "\n\n".join(_tables(found)) or "nobody joined a meeting"


def _tables(found: Sequence[Row]) -> Iterator[str]:
    from tabulate import tabulate

    columns = [COLUMNS.index(n) for n in ("external_user_id", "joined", "left", "seconds", "note")]
    headers = [COLUMNS[c] for c in columns]
    for meeting, group in groupby(found, key=itemgetter(0, 1)):
        cells: list[list[Any]] = [[row[c] for c in columns] for row in group]
        body = tabulate(
            cells, headers, disable_numparse=True,
            colalign=("left", "left", "left", "right", "left"),
        )  # fmt: skip
        yield f"{'  '.join(meeting)}\n{body}"


def printable(text: str) -> str:
    """Text of other programs, with control characters escaped, so that each row is one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def inert(cell: str) -> str:
    """The text of a cell that no spreadsheet takes for a formula.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) else cell


def _time(time: datetime | None, zone: tzinfo) -> str:
    if time is None:
        return ""
    text = time.astimezone(zone).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z") if zone is UTC else text


def _seconds(connection: Connection) -> str:
    lasted = connection.duration
    return "" if lasted is None else f"{lasted.total_seconds():.0f}"


def _note(connection: Connection, zone: tzinfo) -> str:
    notes = [
        "" if connection.joined else "no join event",
        _NOTES[connection.end].format(_time(connection.end_time, zone)),
    ]
    return "; ".join(filter(None, notes))
