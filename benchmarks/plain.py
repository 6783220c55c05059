"""What a user would write instead: a script with boto3 and a pool of threads.

    python -m benchmarks.plain create --count 1000 --mode adaptive --kept FILE

It remembers what it made in a file, and starts over with what failed in spite of botocore's
retries. Besides, it checks nothing and repairs nothing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .settings import SETTINGS

THREADS = SETTINGS["script_threads"]
ATTEMPTS = 10
FIRST, BATCH = 20, 100


class Plain:
    """The things that the script does, each for one meeting."""

    def __init__(self, mode: str) -> None:
        retries = {"mode": mode, "total_max_attempts": ATTEMPTS}
        config = Config(retries=retries, max_pool_connections=THREADS)
        self.chime: Any = boto3.client("chime-sdk-meetings", config=config)

    def create(self, meeting: dict[str, Any]) -> dict[str, Any]:
        """Make a meeting with its attendees."""
        items = [{"ExternalUserId": f"guest-{n}"} for n in range(meeting["attendees"])]
        answer = self.chime.create_meeting_with_attendees(
            ClientRequestToken=meeting.setdefault("token", uuid.uuid4().hex),
            MediaRegion="us-east-1",
            ExternalMeetingId=meeting["name"],
            Attendees=items[:FIRST],
        )
        meeting_id = answer["Meeting"]["MeetingId"]
        for start in range(FIRST, len(items), BATCH):
            self.chime.batch_create_attendee(
                MeetingId=meeting_id, Attendees=items[start : start + BATCH]
            )
        leaving = answer["Attendees"][-1]["AttendeeId"]
        return meeting | {"id": meeting_id, "leaving": leaving}

    def exchange(self, meeting: dict[str, Any]) -> dict[str, Any]:
        """Exchange one attendee."""
        if "leaving" in meeting:
            self.chime.delete_attendee(MeetingId=meeting["id"], AttendeeId=meeting["leaving"])
            del meeting["leaving"]
        self.chime.batch_create_attendee(
            MeetingId=meeting["id"], Attendees=[{"ExternalUserId": "another"}]
        )
        return meeting

    def see(self, meeting: dict[str, Any]) -> dict[str, Any]:
        """Look at who is there, as a create does."""
        self.chime.list_attendees(MeetingId=meeting["id"], MaxResults=100)
        return meeting

    def read(self, meeting: dict[str, Any]) -> dict[str, Any]:
        """Look at what is there, as a refresh does."""
        self.see(meeting)
        arn = f"arn:aws:chime:us-east-1:123456789012:meeting/{meeting['id']}"
        self.chime.list_tags_for_resource(ResourceARN=arn)
        return meeting

    def delete(self, meeting: dict[str, Any]) -> dict[str, Any]:
        """End a meeting."""
        self.chime.delete_meeting(MeetingId=meeting["id"])
        return meeting


def attempt(
    work: Callable[[dict[str, Any]], dict[str, Any]], meeting: dict[str, Any]
) -> dict[str, Any] | None:
    """Do it; None where it failed through all of botocore's retries."""
    try:
        return work(meeting)
    except (ClientError, BotoCoreError):
        return None


@click.command(help=__doc__)
@click.argument("what", type=click.Choice(["create", "see", "read", "exchange", "delete"]))
@click.option("--count", default=1)
@click.option("--attendees", default=10)
@click.option("--mode", type=click.Choice(["standard", "adaptive"]), default="standard")
@click.option("--kept", type=click.Path(path_type=Path), required=True)
def main(what: str, count: int, attendees: int, mode: str, kept: Path) -> None:
    """Do one thing for every meeting."""
    if what == "create":
        meetings = [{"name": f"meeting-{n:04}", "attendees": attendees} for n in range(count)]
    else:
        meetings = json.loads(kept.read_text())
    work = getattr(Plain(mode), what)
    done, failed = [], 0
    with ThreadPoolExecutor(THREADS) as pool:
        while meetings:
            tried = list(pool.map(lambda meeting: attempt(work, meeting), meetings))
            done += [result for result in tried if result]
            meetings = [m for m, result in zip(meetings, tried, strict=True) if not result]
            failed += len(meetings)
    kept.write_text(json.dumps(done))
    click.echo(f"failed: {failed}")


if __name__ == "__main__":
    main()
