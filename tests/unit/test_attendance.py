"""Who joined and left when, from a day's messages, equals what a person reads out of them."""

from __future__ import annotations

import csv
import io
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from meeting_provider import InvalidEvent
from meeting_provider.attendance import __main__ as command
from meeting_provider.attendance import report
from meeting_provider.attendance.archive import Archive, BadMessage
from meeting_provider.attendance.matching import LONGEST_MEETING, End, attendance, read
from meeting_provider.events import MeetingEvent

DAY = datetime(2027, 3, 1, tzinfo=UTC)
KEYNOTE, AGAIN, PANEL = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))
NAMES = {KEYNOTE: "keynote", AGAIN: "keynote", PANEL: "panel"}


def at(time: str) -> datetime:
    return datetime.combine(DAY, datetime.strptime(time, "%H:%M:%S").time(), UTC)


def message(time: str, meeting: str, kind: str, who: str = "", **changed: Any) -> dict[str, Any]:
    """A message as EventBridge gives it, about an attendee whose id has the meeting's beginning."""
    detail: dict[str, Any] = {
        "version": "0",
        "eventType": f"chime:{kind}",
        "timestamp": int(at(time).timestamp() * 1000),
        "meetingId": meeting,
        "externalMeetingId": NAMES[meeting],
        "mediaRegion": "eu-central-1",
    }
    if who:
        detail |= {"attendeeId": f"{meeting[0]}-{who}", "externalUserId": who}
    return {
        "version": "0",
        "id": f"{time}-{meeting[0]}-{kind}-{who}",
        "source": "aws.chime",
        "detail-type": "Chime Meeting State Change",
        "account": "111122223333",
        "region": "eu-central-1",
        "time": f"{at(time):%Y-%m-%dT%H:%M:%SZ}",
        "resources": [],
        "detail": detail,
        **changed,
    }


#: A day: the order is the one in which the messages arrived.
MESSAGES = [
    message("09:00:00", KEYNOTE, "MeetingStarted"),
    message("09:00:00", KEYNOTE, "AttendeeAdded", "ann"),
    message("09:00:10", KEYNOTE, "AttendeeJoined", "ann"),
    # The service itself records the meeting.
    message("09:00:02", KEYNOTE, "AttendeeJoined", "aws:MediaPipeline-1a2b3"),
    # Bob's leave arrives before his join, and Ann's join a second time.
    message("09:30:00", KEYNOTE, "AttendeeLeft", "bob"),
    message("09:01:00", KEYNOTE, "AttendeeJoined", "bob"),
    message("09:00:10", KEYNOTE, "AttendeeJoined", "ann"),
    # Ann loses her connection, and is back.
    message("09:10:00", KEYNOTE, "AttendeeDropped", "ann"),
    message("09:10:30", KEYNOTE, "AttendeeJoined", "ann"),
    message("09:10:00", KEYNOTE, "AttendeeDropped", "ann"),
    # Eve joins again from another device: no message says that she left the first.
    message("09:05:00", KEYNOTE, "AttendeeJoined", "eve"),
    message("09:20:00", KEYNOTE, "AttendeeJoined", "eve"),
    message("09:21:00", KEYNOTE, "AttendeeVideoStarted", "eve"),
    message("09:40:00", KEYNOTE, "AttendeeLeft", "eve"),
    # Dan's join got lost, Fay is taken out, and Ann's leave got lost.
    message("09:45:00", KEYNOTE, "AttendeeLeft", "dan"),
    message("09:15:00", KEYNOTE, "AttendeeJoined", "fay"),
    message("09:50:00", KEYNOTE, "AttendeeDeleted", "fay"),
    message("10:00:00", KEYNOTE, "MeetingEnded"),
    # The next meeting of the same name, and one that goes on.
    message("10:30:00", AGAIN, "AttendeeJoined", "ann"),
    message("10:45:00", AGAIN, "AttendeeLeft", "ann"),
    message("10:45:01", AGAIN, "MeetingEnded"),
    message("10:46:00", AGAIN, "MeetingEnded"),
    message("10:05:00", PANEL, "AttendeeJoined", "gus"),
    # In one and the same second.
    message("10:20:00", PANEL, "AttendeeJoined", "gus"),
    message("10:20:00", PANEL, "AttendeeLeft", "gus"),
]

#: What a person reads out of them.
BY_A_PERSON = """\
keynote 1 ann 09:00:10 09:10:00  590 connection lost
keynote 1 bob 09:01:00 09:30:00 1740
keynote 1 eve 09:05:00 -        -    no leave event; joined again at 2027-03-01T09:20:00Z
keynote 1 ann 09:10:30 -        -    no leave event; the meeting ended at 2027-03-01T10:00:00Z
keynote 1 fay 09:15:00 -        -    no leave event; the attendee was deleted at 2027-03-01T09:50:00Z
keynote 1 eve 09:20:00 09:40:00 1200
keynote 1 dan -        09:45:00 -    no join event
panel   3 gus 10:05:00 10:20:00  900
panel   3 gus 10:20:00 -        -    no leave event so far
keynote 2 ann 10:30:00 10:45:00  900
"""  # noqa: E501


def by_a_person() -> list[tuple[str, ...]]:
    ids = {meeting[0]: meeting for meeting in NAMES}

    def cell(text: str) -> str:
        return "" if text == "-" else text

    def time(text: str) -> str:
        return "" if text == "-" else f"2027-03-01T{text}Z"

    lines = [line.split(maxsplit=6) for line in BY_A_PERSON.splitlines()]
    return [
        (meeting, ids[number], who, f"{number}-{who}", time(joined), time(left), cell(seconds),
         "".join(note))
        for meeting, number, who, joined, left, seconds, *note in lines
    ]  # fmt: skip


def events(messages: list[dict[str, Any]]) -> list[MeetingEvent]:
    return [read(m) for m in messages]


def test_a_day_equals_the_table_of_a_person() -> None:
    found = report.rows(attendance(events(MESSAGES)), UTC)
    assert found == by_a_person()


@pytest.mark.parametrize("seed", range(20))
def test_the_order_in_which_messages_arrive_changes_nothing(seed: int) -> None:
    shuffled = [*MESSAGES, *MESSAGES[::3]]
    random.Random(seed).shuffle(shuffled)
    assert report.rows(attendance(events(shuffled)), UTC) == by_a_person()


def test_one_event_by_two_ways_counts_once() -> None:
    """The queue and EventBridge give the same event different ids."""
    twice = [message("09:00:00", PANEL, "AttendeeJoined", "gus", id=i) for i in ("a", "b")]
    [meeting] = attendance(events(twice))
    assert len(meeting.connections) == 1


def test_who_is_connected_now_is_who_has_joined_and_not_left() -> None:
    """A meeting lasts 24 hours at most: a join that is older is over."""
    meetings = {m.meeting_id: m for m in attendance(events(MESSAGES))}
    assert meetings[KEYNOTE].ended == at("10:00:00")
    assert meetings[AGAIN].ended == at("10:45:01")
    assert meetings[KEYNOTE].connected(at("11:00:00")) == []
    [gus] = meetings[PANEL].connected(at("11:00:00"))
    assert (gus.external_user_id, gus.joined, gus.end) == ("gus", at("10:20:00"), End.NONE)
    assert meetings[PANEL].ended is None
    assert meetings[PANEL].connected(at("10:20:00") + LONGEST_MEETING) == []


@pytest.mark.parametrize("first", ["AttendeeJoined", "AttendeeLeft"])
def test_a_join_and_a_leave_with_the_same_time_are_one_connection(first: str) -> None:
    """Of who isn't connected, the join comes first."""
    second = ({"AttendeeJoined", "AttendeeLeft"} - {first}).pop()
    both = [message("09:00:00", PANEL, kind, "gus") for kind in (first, second)]
    [meeting] = attendance(events(both))
    [connection] = meeting.connections
    assert connection.duration == timedelta()


def test_the_time_is_the_events_own() -> None:
    """In milliseconds; the envelope's, in seconds, where it has none."""
    first = message("09:00:00", PANEL, "AttendeeJoined", "gus")
    first["detail"]["timestamp"] += 250
    second = message("09:00:01", PANEL, "AttendeeLeft", "gus")
    del second["detail"]["timestamp"]
    [meeting] = attendance(events([second, first]))
    [connection] = meeting.connections
    assert connection.joined == at("09:00:00") + timedelta(milliseconds=250)
    assert connection.duration == timedelta(milliseconds=750)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"attendeeId": None}, "it names no attendee"),
        ({"timestamp": 10**30}, "its time is out of range"),
        ({"timestamp": -(10**14)}, "its time is out of range"),
    ],
)
def test_an_event_without_what_is_needed_is_refused(change: dict[str, Any], problem: str) -> None:
    bad = message("09:00:00", PANEL, "AttendeeJoined", "gus")
    bad["detail"] |= change
    with pytest.raises(InvalidEvent, match=problem):
        read(bad)


def test_an_event_without_a_time_is_refused() -> None:
    bad = message("09:00:00", PANEL, "MeetingEnded")
    del bad["detail"]["timestamp"], bad["time"]
    with pytest.raises(InvalidEvent, match="it has no time"):
        read(bad)


class TestArchive:
    """A file with a message on each line."""

    def test_every_way_that_messages_are_kept_is_read(self, tmp_path: Path) -> None:
        """EventBridge's form, SNS's envelope, Firehose's lines, and CloudWatch Logs' exports."""
        first, second, third, fourth, fifth = map(json.dumps, MESSAGES[2:7])
        envelope = json.dumps({"Type": "Notification", "Message": second})
        file = tmp_path / "events.jsonl"
        file.write_text(
            f"\ufeff{first}\n\n  {envelope}\r\n{third}{fourth}\n2027-03-01T09:00:10.000Z {fifth}"
        )
        assert list(Archive(file).read()) == events(MESSAGES[2:7])

    def test_what_cannot_be_read_is_named_by_its_line(self, tmp_path: Path) -> None:
        """And the messages beside it are read."""
        good = json.dumps(MESSAGES[2]).encode()
        foreign = b'{"source": "aws.s3"}'
        bad = [b"hello", foreign + good, b"\xff\xfe", b"[" * 100_000, good + b" tail"]
        file = tmp_path / "events.jsonl"
        file.write_bytes(b"\n".join([*bad, good[:-5], b"", good]))
        found = list(Archive(file).read())
        named = [f.line for f in found if isinstance(f, BadMessage)]
        assert named == [1, 2, 3, 4, 5, 6]
        assert [f for f in found if not isinstance(f, BadMessage)] == events([MESSAGES[2]] * 3)
        assert str(found[0]) == f"{file}:1: this is not an event of a meeting: it is not JSON: " + (
            "Expecting value: line 1 column 1 (char 0)"
        )

    def test_what_is_appended_is_read_again_also_after_a_torn_line(self, tmp_path: Path) -> None:
        """Only the owner may read the file."""
        file = tmp_path / "new" / "events.jsonl"
        archive = Archive(file)
        archive.append([json.dumps(MESSAGES[2], indent=2)])
        assert file.stat().st_mode & 0o777 == 0o600
        with file.open("a") as torn:
            torn.write(json.dumps(MESSAGES[3])[:40])
        archive.append([json.dumps(m) for m in MESSAGES[3:5]])
        found = list(archive.read())
        assert [f for f in found if not isinstance(f, BadMessage)] == events(MESSAGES[2:5])
        assert [f.line for f in found if isinstance(f, BadMessage)] == [2]


def written(tmp_path: Path, messages: list[dict[str, Any]]) -> str:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(m)}\n" for m in messages))
    return str(file)


class TestCommand:
    """`python -m meeting_provider.attendance`."""

    def test_csv_has_the_table_of_a_person(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = written(tmp_path, MESSAGES)
        assert command.main([file, "--csv", "-"]) == 0
        header, *found = csv.reader(io.StringIO(capsys.readouterr().out))
        assert tuple(header) == report.COLUMNS
        assert [tuple(row) for row in found] == by_a_person()
        target = tmp_path / "attendance.csv"
        assert command.main([file, "--csv", str(target)]) == 0
        assert list(csv.reader(target.open(newline="")))[1:] == found

    def test_several_files_and_standard_input_are_one_report(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = written(tmp_path, MESSAGES[::2])
        rest = "".join(f"{json.dumps(m)}\n" for m in MESSAGES[1::2]).encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rest)))
        assert command.main([file, "-", "--csv", "-"]) == 0
        found = list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:]
        assert [tuple(row) for row in found] == by_a_person()

    def test_the_table_has_a_part_for_each_meeting(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        zone = ["--timezone", "Europe/Berlin"]
        assert command.main([written(tmp_path, MESSAGES), *zone]) == 0
        parts = capsys.readouterr().out.split("\n\n")
        assert [p.splitlines()[0] for p in parts] == [
            f"keynote  {KEYNOTE}",
            f"panel  {PANEL}",
            f"keynote  {AGAIN}",
        ]
        assert parts[2].split()[-4:] == [
            "ann", "2027-03-01T11:30:00+01:00", "2027-03-01T11:45:00+01:00", "900",
        ]  # fmt: skip

    def test_bad_messages_are_counted_and_named_and_the_rest_is_reported(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = written(tmp_path, MESSAGES)
        with Path(file).open("a") as more:
            more.write("hello\n{}\n")
        assert command.main([file, "--csv", "-"]) == 0
        said = capsys.readouterr()
        last = len(MESSAGES)
        assert [line.split(": ")[0] for line in said.err.splitlines()] == [
            f"{file}:{last + 1}", f"{file}:{last + 2}", "warning",
        ]  # fmt: skip
        assert "2 messages could not be read" in said.err
        assert len(said.out.splitlines()) == 1 + len(by_a_person())

    def test_nothing_a_message_says_is_a_formula_or_controls_a_terminal(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        link = '=HYPERLINK("https://x")'
        odd = [link, "+1", "-1", "@a", "\tb", "\x1b[2J", " =1", "\ud800", "ann"]
        joined = [message("09:00:00", PANEL, "AttendeeJoined", who) for who in odd]
        file = written(tmp_path, joined)
        assert command.main([file, "--csv", "-"]) == 0
        rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:]
        assert {row[2] for row in rows} == {
            f"'{link}", "'+1", "'-1", "'@a", "\\tb", "\\x1b[2J", "' =1", "\\ud800", "ann",
        }  # fmt: skip
        assert command.main([file]) == 0
        shown = capsys.readouterr().out
        assert all(c.isprintable() for line in shown.splitlines() for c in line)

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ([], "name a FILE, or a queue with --queue-url"),
            (["--queue-url", "https://q"], "--queue-url needs --archive"),
            (["--archive", "x"], "--archive needs --queue-url"),
            (["x", "--timezone", "Mars/Base"], "'Mars/Base' is not a time zone"),
            (["x", "--timezone", "../UTC"], "'../UTC' is not a time zone"),
        ],
    )
    def test_wrong_usage_is_an_error(
        self, arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == 2
        assert problem in capsys.readouterr().err

    def test_files_that_cannot_be_read_are_all_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command.main([str(tmp_path), str(tmp_path / "none"), "--csv", "-"]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.splitlines() == [
            f"error: {tmp_path}: Is a directory",
            f"error: {tmp_path / 'none'}: No such file or directory",
        ]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_a_full_disk_is_an_error_that_names_the_file(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command.main([written(tmp_path, MESSAGES), "--csv", "/dev/full"]) == 1
        assert capsys.readouterr().err == "error: /dev/full: No space left on device\n"


def test_times_are_shown_in_the_zone() -> None:
    [(*_, joined, _, _, _)] = report.rows(
        attendance(events([message("09:00:00", PANEL, "AttendeeJoined", "gus")])),
        ZoneInfo("America/New_York"),
    )
    assert joined == "2027-03-01T04:00:00-05:00"
