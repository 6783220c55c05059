"""Follow what happens in meetings: print each event as it arrives in their queue.

    python examples/subscriber.py arn:aws:sqs:eu-central-1:123456789012:meetings-7c2ec30

A message is deleted from the queue after its event is printed. Messages that are not events stay in
the queue, which moves them to its dead-letter queue. Ctrl-C and SIGTERM stop the program.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from meeting_provider import InvalidEvent, MeetingEvent
from meeting_provider.events import parse

#: The longest that SQS lets a call wait for messages.
LONGEST_WAIT_SECONDS = 20
MOST_AT_ONCE = 10


class Interrupted(BaseException):
    """A signal came while there was nothing to do but wait.

    It is not an Exception, which boto3 would take for a failed call and retry.
    """


class Stop:
    """SIGINT and SIGTERM interrupt a wait. Received messages are still printed and deleted."""

    def __init__(self) -> None:
        self.is_asked = self._waits = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A context that a signal may interrupt."""
        self._waits = not self.is_asked
        with suppress(Interrupted):
            try:
                yield
            finally:
                self._waits = False

    def _ask(self, *_: object) -> None:
        self.is_asked = True
        if self._waits:
            raise Interrupted


class Queue:
    """An SQS queue, by its ARN."""

    def __init__(self, arn: str) -> None:
        _, _, _, region, account, name = arn.split(":")
        self._sqs = boto3.client("sqs", region_name=region)
        self._url = self._sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)[
            "QueueUrl"
        ]

    def receive(self, seconds: float, most: int) -> list[Mapping[str, Any]]:
        """The next messages, waiting so long for the first."""
        answer: Mapping[str, Any] = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=round(min(seconds, LONGEST_WAIT_SECONDS)),
        )
        return list(answer.get("Messages", ()))

    def delete(self, message: Mapping[str, Any]) -> None:
        """Delete a received message."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


def follow(queue: Queue, stop: Stop, *, count: float, idle: float) -> None:
    """Print events as they arrive, until there were so many, or none for so many seconds."""
    heard = time.monotonic()
    while count > 0 and not stop.is_asked and (left := heard + idle - time.monotonic()) > 0:
        messages: list[Mapping[str, Any]] = []
        with stop.waiting():
            messages = queue.receive(left, int(min(count, MOST_AT_ONCE)))
        for message in messages:
            try:
                print(line(parse(message["Body"])), flush=True)
            except InvalidEvent as error:
                print(f"{message['MessageId']}: {error}", file=sys.stderr)
                continue
            queue.delete(message)
            count, heard = count - 1, time.monotonic()


def line(event: MeetingEvent) -> str:
    """An event as people read it."""
    detail = event.detail
    kind = str(detail.event_type).removeprefix("chime:")
    shown = [f"{event.time:%Y-%m-%d %H:%M:%S}" if event.time else "-", f"{kind:27}"]
    shown += [detail.meeting_id, detail.external_meeting_id or "", detail.external_user_id or ""]
    # Names and ids are others' text: no control character reaches the terminal.
    text = "  ".join(shown).rstrip()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def main() -> None:
    """Follow the queue that the command line names."""
    parser = argparse.ArgumentParser(description="Print what happens in meetings.")
    parser.add_argument("queue", metavar="QUEUE_ARN", help="the stack's output queue_arn")
    parser.add_argument(
        "--count", type=int, default=math.inf, metavar="N", help="stop after N events"
    )
    parser.add_argument(
        "--idle", type=float, default=math.inf, metavar="SECONDS", help="stop after so long without"
    )
    asked = parser.parse_args()
    try:
        follow(Queue(asked.queue), Stop(), count=asked.count, idle=asked.idle)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
