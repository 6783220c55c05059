"""SQS: Queue, QueuePolicy and RedrivePolicy.

Sources: terraform-provider-aws `internal/service/sqs/{queue,attribute_funcs}.go`; the limits are
those of https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from pulumi_aws.sqs import queue, queue_policy, redrive_policy

from chime_sandbox.aws_plugin import naming
from chime_sandbox.aws_plugin.resource import (
    Change,
    Naming,
    Resource,
    Rules,
    from_attributes,
    to_attributes,
    values_of,
)
from chime_sandbox.aws_plugin.schema import CheckFailure, Schema
from chime_sandbox.aws_plugin.values import is_unknown

_ATTRIBUTES: Final = {
    "arn": "QueueArn",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _attributes(client: Any, url: str) -> dict[str, str]:
    reply = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return dict(reply.get("Attributes", {}))


_setting: Final = threading.Lock()


def _set_attributes(client: Any, url: str, attributes: Mapping[str, str]) -> None:
    """SetQueueAttributes, always with the policy, because moto removes it otherwise."""
    with _setting:
        policy = _attributes(client, url).get("Policy")
        kept = {"Policy": policy} if policy else {}
        client.set_queue_attributes(QueueUrl=url, Attributes={**kept, **attributes})


class Queue(Resource):
    """A queue; its id is its URL."""

    service = "sqs"
    schema = Schema(queue.Queue, queue.QueueArgs)
    rules = Rules(
        replaces=frozenset({"name", "namePrefix", "fifoQueue"}),
        computed=frozenset(
            {
                "deduplicationScope",
                "fifoThroughputLimit",
                "kmsDataKeyReusePeriodSeconds",
                "name",
                "namePrefix",
                "policy",
                "redriveAllowPolicy",
                "redrivePolicy",
                "sqsManagedSseEnabled",
            }
        ),
        defaults={
            "maxMessageSize": 262_144,
            "messageRetentionSeconds": 345_600,
            "visibilityTimeoutSeconds": 30,
        },
        policies=frozenset({"policy"}),
        documents=frozenset({"redrivePolicy", "redriveAllowPolicy"}),
        ranges={
            "delaySeconds": range(901),
            "kmsDataKeyReusePeriodSeconds": range(60, 86_401),
            "maxMessageSize": range(1024, 1_048_577),
            "messageRetentionSeconds": range(60, 1_209_601),
            "receiveWaitTimeSeconds": range(21),
            "visibilityTimeoutSeconds": range(43_201),
        },
        choices={
            "deduplicationScope": ("messageGroup", "queue"),
            "fifoThroughputLimit": ("perQueue", "perMessageGroupId"),
        },
        conflicts=(("name", "namePrefix"), ("kmsMasterKeyId", "sqsManagedSseEnabled")),
        naming=Naming(r"[0-9A-Za-z_-]{1,80}", fifo="fifoQueue"),
    )

    def failures(self, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
        """Content-based deduplication is for FIFO queues only."""
        if inputs.get("contentBasedDeduplication") is True and not inputs.get("fifoQueue"):
            yield CheckFailure("contentBasedDeduplication", "this can only be set for FIFO queues")

    def is_same(self, name: str, old: Any, new: Any, news: Mapping[str, Any]) -> bool:
        """SQS reports the reuse period of data keys only with a KMS key, and ignores it without."""
        if name == "kmsDataKeyReusePeriodSeconds" and not news.get("kmsMasterKeyId"):
            return True
        return super().is_same(name, old, new, news)

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """CreateQueue. False booleans are not sent, because SQS rejects FifoQueue=false."""
        name = inputs.get("name") or naming.from_prefix(inputs["namePrefix"]) + (
            ".fifo" if inputs.get("fifoQueue") else ""
        )
        sent = {
            key: value
            for key, value in inputs.items()
            if value is not False or key == "sqsManagedSseEnabled"
        }
        reply = client.create_queue(
            QueueName=name,
            Attributes=to_attributes(_ATTRIBUTES, sent),
            tags=inputs.get("tags", {}),
        )
        return str(reply["QueueUrl"])

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetQueueAttributes and ListQueueTags."""
        found = from_attributes(_ATTRIBUTES, _attributes(client, identity), self.schema.outputs)
        name = identity.rsplit("/", 1)[-1]
        return {
            "kmsDataKeyReusePeriodSeconds": 300,
            **found,
            "name": name,
            "namePrefix": naming.prefix_of(name),
            "region": found["arn"].split(":")[3],
            "tags": client.list_queue_tags(QueueUrl=identity).get("Tags", {}),
            "url": identity,
        }

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """SetQueueAttributes, with only the changed ones."""
        if attributes := to_attributes(_ATTRIBUTES, values_of(changes, self.schema)):
            _set_attributes(client, identity, attributes)

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """DeleteQueue."""
        client.delete_queue(QueueUrl=identity)

    def retag(
        self, client: Any, identity: str, tags: Mapping[str, str], removed: Iterable[str]
    ) -> None:
        """UntagQueue and TagQueue."""
        if gone := list(removed):
            client.untag_queue(QueueUrl=identity, TagKeys=gone)
        if tags:
            client.tag_queue(QueueUrl=identity, Tags=dict(tags))


class _QueueDocument(Resource):
    """One document among a queue's attributes, as a resource; its id is the queue's URL."""

    service = "sqs"
    key: ClassVar[str]

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """SetQueueAttributes."""
        url = str(inputs["queueUrl"])
        self._set(client, url, inputs[self.key])
        return url

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetQueueAttributes. Empty if the queue has no such document."""
        attributes = _attributes(client, identity)
        document = attributes.get(_ATTRIBUTES[self.key])
        if not document:
            return {}
        region = attributes["QueueArn"].split(":")[3]
        return {self.key: document, "queueUrl": identity, "region": region}

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """SetQueueAttributes."""
        self._set(client, identity, news[self.key])

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """SetQueueAttributes with an empty document."""
        self._set(client, identity, "")

    def _set(self, client: Any, url: str, document: str) -> None:
        _set_attributes(client, url, {_ATTRIBUTES[self.key]: document})


class QueuePolicy(_QueueDocument):
    """A queue's policy."""

    schema = Schema(queue_policy.QueuePolicy, queue_policy.QueuePolicyArgs)
    rules = Rules(replaces=frozenset({"queueUrl"}), policies=frozenset({"policy"}))
    key = "policy"


class RedrivePolicy(_QueueDocument):
    """Where a queue's undeliverable messages go."""

    schema = Schema(redrive_policy.RedrivePolicy, redrive_policy.RedrivePolicyArgs)
    rules = Rules(replaces=frozenset({"queueUrl"}), documents=frozenset({"redrivePolicy"}))
    key = "redrivePolicy"

    def failures(self, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
        """SQS accepts `maxReceiveCount` only as a whole number."""
        given = inputs.get("redrivePolicy")
        if given is None or is_unknown(given):
            return
        document = json.loads(given)
        if not isinstance(document, dict) or type(document.get("maxReceiveCount")) is not int:
            yield CheckFailure("redrivePolicy", "maxReceiveCount must be a whole number")


RESOURCES: Final = (
    Queue(),
    QueuePolicy(),
    RedrivePolicy(),
)
