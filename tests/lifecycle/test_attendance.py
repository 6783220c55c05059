"""What happens in the emulated meetings comes through a queue into the report."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.queues import queued

from chime_sandbox.admin import Sandbox
from meeting_provider.attendance.__main__ import main
from meeting_provider.notifications import QUEUE_ACTIONS, policy

Create = Callable[..., Any]
#: boto3's client, the queue's URL and its ARN.
Queue = tuple[Any, str, str]

pytestmark = pytest.mark.usefixtures("set_up")


@pytest.fixture
def queue(clients: Callable[..., Any], sandbox: Sandbox) -> Queue:  # noqa: ARG001
    """A queue that admits the service."""
    sqs = clients("sqs")
    url = sqs.create_queue(QueueName="attendance")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = found["Attributes"]["QueueArn"]
    document = policy(
        arn, QUEUE_ACTIONS, partition="aws", region="us-east-1", account="123456789012"
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document)})
    return sqs, url, arn


def test_joins_and_leaves_come_from_the_queue_into_the_report_and_stay_in_the_file(
    queue: Queue, new: Create, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message leaves the queue once it is in the file; what is no event stays in the queue."""
    sqs, url, arn = queue
    made = new("ann", "bob", "eve", NotificationsConfiguration={"SqsQueueArn": arn})
    meeting = made["Meeting"]["MeetingId"]
    ann, bob, eve = (each["AttendeeId"] for each in made["Attendees"])
    sandbox.join(meeting, ann)
    sandbox.join(meeting, bob)
    sandbox.drop(meeting, bob)
    sandbox.join(meeting, bob)
    sandbox.leave(meeting, ann)
    sandbox.join(meeting, eve)
    sqs.send_message(QueueUrl=url, MessageBody="no event")
    archive = tmp_path / "events.jsonl"
    command = [
        *("--queue-url", url, "--archive", str(archive), "--region", "us-east-1"),
        *("--csv", "-"),
    ]

    assert main(command) == 0
    first = rows(capsys)
    sandbox.end(meeting)
    assert main(command) == 0
    second = rows(capsys)

    unended = [("ann", ""), ("bob", "connection lost")]
    assert [(r["external_user_id"], r["note"]) for r in first] == [
        *unended, ("bob", "no leave event so far"), ("eve", "no leave event so far"),
    ]  # fmt: skip
    assert [(r["external_user_id"], r["note"].partition(" at ")[0]) for r in second] == [
        *unended,
        ("bob", "no leave event; the meeting ended"),
        ("eve", "no leave event; the meeting ended"),
    ]
    assert {(r["external_meeting_id"], r["meeting_id"]) for r in second} == {("keynote", meeting)}
    assert [r["attendee_id"] for r in second] == [ann, bob, bob, eve]
    assert len(archive.read_text().splitlines()) == len(sandbox.notifications())
    assert queued(sqs, url) == 1


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_a_file_that_cannot_be_written_leaves_the_messages_in_the_queue(
    queue: Queue, new: Create, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sqs, url, arn = queue
    new("ann", NotificationsConfiguration={"SqsQueueArn": arn})
    sandbox.clear_requests()
    where = ["--queue-url", url, "--archive", str(tmp_path), "--region", "us-east-1"]
    assert main(where) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"error: {tmp_path}: Is a directory\n")
    assert queued(sqs, url) == 2


def test_a_queue_that_is_not_there_is_an_error_of_one_line(
    queue: Queue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{queue[1]}-of-nobody"
    where = ["--queue-url", url, "--archive", str(tmp_path / "x"), "--region", "us-east-1"]
    assert main(where) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: the queue {url} can't be used: ")


def test_names_that_the_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    detail = {"eventType": "chime:AttendeeJoined", "meetingId": "m", "timestamp": 1_800_000_000_000}
    event = {
        "source": "aws.chime",
        "detail-type": "Chime Meeting State Change",
        "detail": {**detail, "attendeeId": "a", "externalUserId": "語"},
    }
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(event))
    run = subprocess.run(
        [sys.executable, "-m", "meeting_provider.attendance", file],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "\\u8a9e" in run.stdout


def test_an_interrupt_ends_the_command_without_a_traceback() -> None:
    source, sink = os.pipe()
    with subprocess.Popen(
        (sys.executable, "-m", "meeting_provider.attendance", "-"),
        stdin=source,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(source)
        # More than a pipe holds: it is reading once this is written.
        os.write(sink, b"not a message\n" * 20_000)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        os.close(sink)
    assert process.returncode == -signal.SIGINT
    assert said == ""
