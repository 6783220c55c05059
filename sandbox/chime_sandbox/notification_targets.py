"""The queues and topics that an emulated service sends to: moto's, by their ARNs.

These calls are not signed, so they use moto's backends directly. Moto doesn't evaluate policies:
the sender has to.
"""

import uuid
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from moto.backends import get_backend
from moto.core.exceptions import ServiceException
from moto.sqs.models import Message


class Undeliverable(Exception):
    """A message can't be delivered to a target; the text says why."""


class Target(ABC):
    """A queue or a topic, which needn't exist.

    :cvar actions: the actions that its policy has to allow.
    """

    service: ClassVar[str]
    actions: ClassVar[tuple[str, ...]]

    def __init__(self, arn: str) -> None:
        self.arn = arn
        _, _, _, self.region, self.account, self.name = arn.split(":", 5)

    @abstractmethod
    def policy(self) -> str | None:
        """Its policy, JSON as text. Raises Undeliverable if the target doesn't exist."""

    @abstractmethod
    def send(self, message: str) -> None:
        """Send a message. Raises Undeliverable."""

    @property
    def _backend(self) -> Any:
        backends: Any = get_backend(self.service)  # type: ignore[call-overload]
        return backends[self.account][self.region]


class Queue(Target):
    """A queue of SQS."""

    service = "sqs"
    actions = ("sqs:GetQueueUrl", "sqs:SendMessage")

    def policy(self) -> str | None:
        """GetQueueAttributes."""
        queue = self._backend.queues.get(self.name)
        if queue is None:
            raise Undeliverable("there is no such queue")
        said: str | None = queue.policy
        return said

    def send(self, message: str) -> None:
        """SendMessage, without the work of moto that grows with the length of the queue."""
        queue = self._backend.queues.get(self.name)
        if queue is None:
            raise Undeliverable("there is no such queue")
        if queue.fifo_queue:
            raise Undeliverable("a FIFO queue rejects messages without a group")
        written = Message(str(uuid.uuid4()), message)
        written.mark_sent(int(queue.delay_seconds))
        queue.add_message(written)


class Topic(Target):
    """A topic of SNS, with its subscribers."""

    service = "sns"
    actions = ("sns:Publish",)

    def policy(self) -> str | None:
        """GetTopicAttributes."""
        topic = self._backend.topics.get(self.arn)
        if topic is None:
            raise Undeliverable("there is no such topic")
        said: str = topic.policy
        return said

    def send(self, message: str) -> None:
        """Publish."""
        try:
            self._backend.publish(message, self.arn)
        except ServiceException as error:
            raise Undeliverable(error.message) from error
        except OSError as error:
            raise Undeliverable(f"a subscriber can't be reached: {error}") from error


KINDS: dict[str, type[Target]] = {"sqs": Queue, "sns": Topic}


def target(arn: str) -> Target:
    """The queue or topic with this ARN. Raises Undeliverable if the sandbox lacks the service."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        raise Undeliverable("that is not an ARN")
    if parts[2] not in KINDS:
        raise Undeliverable(f"the sandbox has no {parts[2]}")
    return KINDS[parts[2]](arn)
