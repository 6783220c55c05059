"""Follow the events of meetings: print each one as it arrives in their queue.

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

#: SQS's limits for one call: the longest wait, and the most messages.
LONGEST_WAIT_SECONDS = 20
MOST_AT_ONCE = 10


class Interrupted(BaseException):
    """A signal came while the program was waiting.

    It is not an Exception, because boto3 would retry the call.
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
        try:
            _, _, _, region, account, name = arn.split(":")
        except ValueError:
            sys.exit(f"Error: '{arn}' is not the ARN of a queue")
        self._sqs = boto3.client("sqs", region_name=region)
        self._url = self._sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)[
            "QueueUrl"
        ]

    def receive(self, seconds: float, most: int) -> list[Mapping[str, Any]]:
        """Up to `most` messages, waiting up to `seconds` for the first."""
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
    """Print events as they arrive, until there were `count`, or none for `idle` seconds."""
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
    """An event as one line of text."""
    detail = event.detail
    kind = str(detail.event_type).removeprefix("chime:")
    shown = [f"{event.time:%Y-%m-%d %H:%M:%S}" if event.time else "-", f"{kind:27}"]
    shown += [detail.meeting_id, detail.external_meeting_id or "", detail.external_user_id or ""]
    # Names and ids come from other programs: no control character may reach the terminal.
    text = "  ".join(shown).rstrip()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def main() -> None:
    """Follow the queue that the command line names."""
    parser = argparse.ArgumentParser(description="Print the events of meetings.")
    parser.add_argument("queue", metavar="QUEUE_ARN", help="the stack's output queue_arn")
    parser.add_argument(
        "--count", type=int, default=math.inf, metavar="N", help="stop after N events"
    )
    parser.add_argument(
        "--idle",
        type=float,
        default=math.inf,
        metavar="SECONDS",
        help="stop after SECONDS without an event",
    )
    asked = parser.parse_args()
    try:
        follow(Queue(asked.queue), Stop(), count=asked.count, idle=asked.idle)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
