"""Moto's queues, as the sandbox has them."""

import pytest
from moto.sqs.models import Message, Queue, SQSBackend

import chime_sandbox.moto_services  # noqa: F401

ACCOUNT, REGION, NAME = "123456789012", "us-east-1", "queue"


@pytest.fixture
def backend():
    backend = SQSBackend(REGION, ACCOUNT)
    backend.create_queue(NAME, MessageRetentionPeriod=60)
    return backend


def send(backend: SQSBackend, body: str, age: float = 0.0) -> None:
    message = Message(body, body)
    message.mark_sent()
    # Moto types it as what it is before.
    message.sent_timestamp -= 1000 * age  # type: ignore[operator, assignment]
    backend.get_queue(NAME).add_message(message)


def receive(backend: SQSBackend) -> list[str]:
    found = backend.receive_message(NAME, 10, 0, 60)
    return [message.body for message in found]


def test_receiving_counts_no_messages(backend, monkeypatch):
    """Reading the attributes of a queue counts all of its messages."""
    for number in range(20):
        send(backend, str(number))
    read: list[Queue] = []

    def attributes(queue: Queue) -> dict[str, str]:
        read.append(queue)
        return {}

    monkeypatch.setattr(Queue, "attributes", property(attributes))
    assert receive(backend) == [str(n) for n in range(10)]
    assert read == []


def test_a_message_is_received_until_its_retention_period_is_over(backend):
    send(backend, "young", age=50)
    assert receive(backend) == ["young"]
    send(backend, "old", age=70)
    assert receive(backend) == []
