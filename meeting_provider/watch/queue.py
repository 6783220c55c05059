"""The queue that receives the stack's notifications: receive, hide and delete messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from meeting_provider.watch.errors import QueueFailed

#: How long a received message is hidden, in seconds. It is short, so that the messages of a killed
#: watcher return soon.
FIRST_SECONDS: Final = 5

#: How long a message that needs an `up` is hidden, in seconds. If the `up` takes longer, the
#: message is received again, which is harmless.
HOLD_SECONDS: Final = 60

#: SQS's limits: the longest wait for a message, in seconds, and the most messages of one call.
LONGEST_WAIT: Final = 20
_BATCH: Final = 10

_CONFIG: Final = Config(
    connect_timeout=3,
    read_timeout=LONGEST_WAIT + 10,
    retries={"mode": "standard", "total_max_attempts": 5},
)


@dataclass(frozen=True)
class Message:
    """A message as it was received. Its repr leaves out the body."""

    id: str
    receipt: str = field(repr=False)
    body: str = field(repr=False)


class Queue:
    """An SQS queue.

    :param url: the queue's URL.
    :param region: its region; None for that of boto3's own configuration.
    :param profile: a profile of AWS's configuration, or None.
    :raises QueueFailed: the queue can't be used. Every method raises this too.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
    """

    def __init__(self, url: str, region: str | None = None, profile: str | None = None) -> None:
        self._url = url
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            self._client = session.client("sqs", config=_CONFIG)
        except (BotoCoreError, ValueError) as error:
            raise QueueFailed(f"the queue {url} can't be used: {error}") from error

    def receive(self, wait: int = 0) -> list[Message]:
        """Up to ten messages, hidden for FIRST_SECONDS.

        :param wait: how long to wait for the first one, in seconds: 0 to LONGEST_WAIT.
        """
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=_BATCH,
            WaitTimeSeconds=wait,
            VisibilityTimeout=FIRST_SECONDS,
        )
        return [
            Message(m["MessageId"], m["ReceiptHandle"], m["Body"])
            for m in answer.get("Messages") or ()
        ]

    def hold(self, messages: Sequence[Message]) -> None:
        """Hide messages for HOLD_SECONDS from now."""
        for entries in _entries(messages):
            held = [{**entry, "VisibilityTimeout": HOLD_SECONDS} for entry in entries]
            self._call("change_message_visibility_batch", Entries=held)

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages. A message that can't be deleted is received again."""
        for entries in _entries(messages):
            self._call("delete_message_batch", Entries=entries)

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(
                QueueUrl=self._url, **request
            )
        except (BotoCoreError, ClientError) as error:
            said = " ".join(str(error).split())
            raise QueueFailed(f"the queue {self._url} can't be used: {said}") from error
        return answer


def _entries(messages: Sequence[Message]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(messages), _BATCH):
        batch = messages[start : start + _BATCH]
        yield [{"Id": str(i), "ReceiptHandle": m.receipt} for i, m in enumerate(batch)]
