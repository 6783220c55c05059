"""MeetingNotifications: the topic and the queue that meetings tell what happens in them.

Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/mtgs-sdk-notifications.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from meeting_provider.errors import InvalidNotifications
from meeting_provider.models import CONTROL_REGIONS

#: Who the service is in a resource's policy.
PRINCIPAL: Final = "meetings.chime.amazonaws.com"

#: What the service does with a queue and with a topic.
QUEUE_ACTIONS: Final = ("sqs:SendMessage", "sqs:GetQueueUrl")
TOPIC_ACTIONS: Final = ("sns:Publish",)

#: What the service does with a key that encrypts them.
KEY_ACTIONS: Final = ("kms:GenerateDataKey", "kms:Decrypt")

#: The service that an argument's ARN has to be of.
_SERVICES: Final = {"topic_arn": "sns", "queue_arn": "sqs", "lambda_function_arn": "lambda"}


def policy(
    resource_arn: str, actions: Sequence[str], *, partition: str, region: str, account: str
) -> dict[str, Any]:
    """The policy that lets exactly the service do this to a resource, for this account's meetings.

    AWS documents the meetings' ARNs both without a region and with one: both are let in.
    """
    sources = [f"arn:{partition}:chime:{place}:{account}:*" for place in ("", region)]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AllowChimeSdkMeetings",
                "Effect": "Allow",
                "Principal": {"Service": PRINCIPAL},
                "Action": list(actions) if len(actions) > 1 else actions[0],
                "Resource": resource_arn,
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": sources},
                },
            }
        ],
    }


def key_policy_statement() -> dict[str, Any]:
    """What the policy of a KMS key has to say, so that the service can use what it encrypts.

    A key that AWS manages (`alias/aws/sqs`) has a policy that can't be changed: it won't do.
    """
    return {
        "Sid": "AllowChimeSdkMeetings",
        "Effect": "Allow",
        "Principal": {"Service": PRINCIPAL},
        "Action": list(KEY_ACTIONS),
        "Resource": "*",
    }


class MeetingNotifications(pulumi.ComponentResource):
    """An SNS topic and an SQS queue that meetings, and nothing else, may talk to.

    The queue has a dead-letter queue. Both queues and the topic are in the region of `aws:region`,
    which is the meetings' control region. A queue, topic or function that exists already is taken
    by its ARN and left as it is: its own policy has to let the service in.

    Queues are encrypted with keys that SQS manages, or, like the topic, with the KMS key that is
    named. The policy of that key has to have the statement of `key_policy_statement()`.
    """

    #: For `Meeting(notifications_configuration=...)`: known once the policies are in place, so that
    #: no meeting starts before it can be told of.
    configuration: pulumi.Output[dict[str, str]]
    #: The topic and the queues; None where there is none.
    topic_arn: pulumi.Output[str | None]
    queue_arn: pulumi.Output[str | None]
    #: None also where the queue is one that existed already.
    queue_url: pulumi.Output[str | None]
    dead_letter_queue_arn: pulumi.Output[str | None]
    dead_letter_queue_url: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        *,
        topic: bool = True,
        queue: bool = True,
        topic_arn: pulumi.Input[str] | None = None,
        queue_arn: pulumi.Input[str] | None = None,
        lambda_function_arn: pulumi.Input[str] | None = None,
        kms_key_id: pulumi.Input[str] | None = None,
        message_retention_seconds: pulumi.Input[int] | None = None,
        visibility_timeout_seconds: pulumi.Input[int] | None = None,
        max_receive_count: int = 5,
        tags: Mapping[str, pulumi.Input[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Provision what is asked for.

        :param name: the component's name, and the beginning of the others'.
        :param topic: whether to make a topic. Not where `topic_arn` names one.
        :param queue: whether to make a queue. Not where `queue_arn` names one.
        :param topic_arn: a topic that exists already.
        :param queue_arn: a queue that exists already.
        :param lambda_function_arn: a function that the service is to call; passed through.
        :param kms_key_id: the id, the ARN or the alias of a key, for topic and queues.
        :param message_retention_seconds: how long the queue keeps a message, 60 to 1,209,600;
            345,600 (four days) by default. The dead-letter queue keeps it for 14 days.
        :param visibility_timeout_seconds: how long a received message is hidden, 0 to 43,200.
        :param max_receive_count: how often a message is received before it goes to the
            dead-letter queue.
        :param tags: for topic and queues.
        :param opts: Pulumi's resource options.
        :raises InvalidNotifications: nothing is asked for, an ARN is of something else or in
            another region than the meetings' control region, or that region has no endpoint. An
            ARN that is an `Output` is looked at once it is known.
        """
        self._name = name
        self._control_region = _control_region()
        given = {
            "topic_arn": topic_arn,
            "queue_arn": queue_arn,
            "lambda_function_arn": lambda_function_arn,
        }
        makes_topic, makes_queue = topic and topic_arn is None, queue and queue_arn is None
        self._refuse(given, asks=makes_topic or makes_queue or any(given.values()))
        super().__init__("meeting-provider:index:MeetingNotifications", name, {}, opts)
        self._tags = tags
        self._kms_key_id = kms_key_id
        self._child = pulumi.ResourceOptions(parent=self)
        self._where = pulumi.Output.all(
            partition=aws.get_partition_output(opts=_invoke(self)).partition,
            region=aws.get_region_output(opts=_invoke(self)).region,
            account=aws.get_caller_identity_output(opts=_invoke(self)).account_id,
        )
        existing = {argument: self._existing(argument, arn) for argument, arn in given.items()}
        self.topic_arn, self.queue_arn = existing["topic_arn"], existing["queue_arn"]
        self.queue_url = self.dead_letter_queue_arn = self.dead_letter_queue_url = _nothing()
        policies: list[pulumi.Output[str]] = []
        if makes_topic:
            made, topic_policy = self._topic()
            self.topic_arn = made.arn
            policies.append(topic_policy.id)
        if makes_queue:
            dead, alive, queue_policy = self._queues(
                message_retention_seconds, visibility_timeout_seconds, max_receive_count
            )
            self.queue_arn, self.queue_url = alive.arn, alive.url
            self.dead_letter_queue_arn, self.dead_letter_queue_url = dead.arn, dead.url
            policies.append(queue_policy.id)
        arns = pulumi.Output.all(
            lambda_function_arn=existing["lambda_function_arn"],
            sns_topic_arn=self.topic_arn,
            sqs_queue_arn=self.queue_arn,
        )
        self.configuration = pulumi.Output.all(arns, *policies).apply(
            lambda known: {k: v for k, v in known[0].items() if v is not None}
        )
        self.register_outputs(
            {
                "configuration": self.configuration,
                "topic_arn": self.topic_arn,
                "queue_arn": self.queue_arn,
                "queue_url": self.queue_url,
                "dead_letter_queue_arn": self.dead_letter_queue_arn,
                "dead_letter_queue_url": self.dead_letter_queue_url,
            }
        )

    def _refuse(self, given: Mapping[str, object], *, asks: bool) -> None:
        """Say before anything is declared what can be said by then."""
        if not asks:
            raise InvalidNotifications(
                f"'{self._name}' asks for no topic, no queue and no function"
            )
        region = self._control_region
        if region is None:
            return
        if region not in CONTROL_REGIONS:
            raise InvalidNotifications(
                f"'{self._name}': '{region}', as in aws:region, has no endpoint for meetings; "
                f"one of {', '.join(CONTROL_REGIONS)} has"
            )
        for argument, arn in given.items():
            if isinstance(arn, str):
                self._checked(argument, arn, region)

    def _topic(self) -> tuple[aws.sns.Topic, aws.sns.TopicPolicy]:
        topic = aws.sns.Topic(
            self._name, kms_master_key_id=self._kms_key_id, tags=self._tags, opts=self._child
        )
        admission = aws.sns.TopicPolicy(
            self._name,
            arn=topic.arn,
            policy=self._policy(topic.arn, TOPIC_ACTIONS),
            opts=self._child,
        )
        return topic, admission

    def _queues(
        self,
        retention: pulumi.Input[int] | None,
        visibility: pulumi.Input[int] | None,
        max_receive_count: int,
    ) -> tuple[aws.sqs.Queue, aws.sqs.Queue, aws.sqs.QueuePolicy]:
        encryption: dict[str, Any] = (
            {"sqs_managed_sse_enabled": True}
            if self._kms_key_id is None
            else {"kms_master_key_id": self._kms_key_id}
        )
        dead = aws.sqs.Queue(
            f"{self._name}-dead-letters",
            message_retention_seconds=1_209_600,
            tags=self._tags,
            opts=self._child,
            **encryption,
        )
        redrive = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": max_receive_count}
        queue = aws.sqs.Queue(
            self._name,
            message_retention_seconds=retention,
            visibility_timeout_seconds=visibility,
            redrive_policy=pulumi.Output.json_dumps(redrive),
            tags=self._tags,
            opts=self._child,
            **encryption,
        )
        admission = aws.sqs.QueuePolicy(
            self._name,
            queue_url=queue.url,
            policy=self._policy(queue.arn, QUEUE_ACTIONS),
            opts=self._child,
        )
        return dead, queue, admission

    def _policy(self, arn: pulumi.Output[str], actions: Sequence[str]) -> pulumi.Output[str]:
        return pulumi.Output.all(arn, self._where).apply(
            lambda parts: json.dumps(policy(parts[0], actions, **parts[1]))
        )

    def _existing(self, argument: str, arn: pulumi.Input[str] | None) -> pulumi.Output[Any]:
        """An ARN that was given, once it is seen to be where the meetings are made."""
        if arn is None:
            return _nothing()
        region = self._control_region or self._where.apply(lambda where: where["region"])
        return pulumi.Output.all(arn, region).apply(
            lambda known: self._checked(argument, known[0], known[1])
        )

    def _checked(self, argument: str, arn: str, region: str) -> str:
        if fault := fault_of(argument, arn, region):
            raise InvalidNotifications(f"'{self._name}': {argument} '{arn}' {fault}")
        return arn


def fault_of(argument: str, arn: str, region: str) -> str | None:
    """Why an ARN that was given can't be told of meetings that are made in a region, if it can't.

    :param argument: the argument of MeetingNotifications that it was given as.
    """
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not parts[5]:
        return "is not an ARN"
    _, _, service, place, _, _ = parts
    if service != _SERVICES[argument]:
        return f"is of {service}, not of {_SERVICES[argument]}"
    if place != region:
        return (
            f"is in {place or 'no region'}, and the meetings are made in {region}: "
            "the service tells only what is in the same region"
        )
    return None


def _control_region() -> str | None:
    """Where meetings are made, as far as that is known before anything is asked."""
    return (
        pulumi.Config("aws").get("region")
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
    )


def _nothing() -> pulumi.Output[Any]:
    return pulumi.Output.from_input(None)


def _invoke(parent: pulumi.Resource) -> pulumi.InvokeOptions:
    return pulumi.InvokeOptions(parent=parent)
