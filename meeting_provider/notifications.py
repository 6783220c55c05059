"""MeetingNotifications: the topic and the queue that receive the meetings' events.

Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/mtgs-sdk-notifications.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pulumi
import pulumi_aws as aws

from meeting_provider.errors import InvalidNotifications
from meeting_provider.validation import TARGET_SERVICES, region_problem, target_problem

#: The service's principal in a resource's policy.
PRINCIPAL: Final = "meetings.chime.amazonaws.com"

#: The service's actions on a queue and on a topic.
QUEUE_ACTIONS: Final = ("sqs:SendMessage", "sqs:GetQueueUrl")
TOPIC_ACTIONS: Final = ("sns:Publish",)

#: SQS's limit of maxReceiveCount.
MOST_RECEIVES: Final = 1000

#: The service's actions on a key that encrypts them.
KEY_ACTIONS: Final = ("kms:GenerateDataKey", "kms:Decrypt")

#: The arguments that take the ARN of an existing target, with their names in a configuration.
_TARGETS: Final = {
    "topic_arn": "sns_topic_arn",
    "queue_arn": "sqs_queue_arn",
    "lambda_function_arn": "lambda_function_arn",
}


def policy(
    resource_arn: str, actions: Sequence[str], *, partition: str, region: str, account: str
) -> dict[str, Any]:
    """A policy that allows only the service these actions, for this account's meetings.

    AWS documents the meetings' ARNs both with and without a region: the policy allows both.

    :param resource_arn: the queue or topic.
    :param actions: the allowed actions.
    :param partition: the AWS partition, such as `aws`.
    :param region: the control region of the meetings.
    :param account: the account of the meetings.
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
    """The statement that a KMS key's policy needs for a topic or queue that the key encrypts.

    A key that AWS manages (`alias/aws/sqs`) can't be used, since its policy can't be changed.
    """
    return {
        "Sid": "AllowChimeSdkMeetings",
        "Effect": "Allow",
        "Principal": {"Service": PRINCIPAL},
        "Action": list(KEY_ACTIONS),
        "Resource": "*",
    }


class _Refused(InvalidNotifications, pulumi.RunError):
    """Pulumi prints a RunError without a traceback."""


class MeetingNotifications(pulumi.ComponentResource):
    """An SNS topic and an SQS queue that receive only the meetings' events.

    The queue has a dead-letter queue. All are in the meetings' control region. An existing queue,
    topic or function is not changed: its own policy has to allow the service to send.

    Queues are encrypted with keys that SQS manages, or with the KMS key in `kms_key_id`, like the
    topic. The policy of that key needs the statement of `key_policy_statement()`.
    """

    #: For `Meeting(notifications_configuration=...)`. Known only when the policies are in place, so
    #: that no event is missed.
    configuration: pulumi.Output[Any]
    #: The topic and the queues; None if there is none.
    topic_arn: pulumi.Output[str | None]
    queue_arn: pulumi.Output[str | None]
    #: None also for an existing queue.
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
        control_region: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the topic and the queue.

        :param name: the component's name, and the prefix of its resources' names.
        :param topic: whether to create a topic. Ignored if `topic_arn` is set.
        :param queue: whether to create a queue. Ignored if `queue_arn` is set.
        :param topic_arn: an existing topic.
        :param queue_arn: an existing queue.
        :param lambda_function_arn: an existing function for the service to call.
        :param kms_key_id: the id, the ARN or the alias of a key, for topic and queues.
        :param message_retention_seconds: how long the queue keeps a message, 60 to 1,209,600;
            345,600 (four days) by default. The dead-letter queue keeps it for 14 days.
        :param visibility_timeout_seconds: how long a received message is hidden, 0 to 43,200; 30
            by default.
        :param max_receive_count: how often a message is received before it goes to the
            dead-letter queue, 1 to 1,000.
        :param tags: for topic and queues.
        :param control_region: the meetings' control region; by default the stack's `aws:region`,
            else that of the environment.
        :param opts: Pulumi's resource options. An AWS provider has to use the control region.
        :raises InvalidNotifications: no target is requested; an ARN is of another service, of a
            FIFO target or not in the control region; that region has no meetings endpoint; the key
            is one that AWS manages; max_receive_count is out of range; or the AWS provider uses
            another region. It is a RunError, too. An `Output` is checked once it is known, before
            anything is created.
        """
        self._name = name
        self._control_region = control_region or _control_region()
        given = {
            "topic_arn": topic_arn,
            "queue_arn": queue_arn,
            "lambda_function_arn": lambda_function_arn,
        }
        makes_topic, makes_queue = topic and topic_arn is None, queue and queue_arn is None
        self._max_receive_count = max_receive_count
        self._refuse(given, kms_key_id, asks=makes_topic or makes_queue or any(given.values()))
        self._kms_key_id = kms_key_id and pulumi.Output.from_input(kms_key_id).apply(self._key)
        super().__init__("meeting-provider:index:MeetingNotifications", name, {}, opts)
        self._tags = tags
        self._where = pulumi.Output.all(
            partition=aws.get_partition_output(opts=_invoke(self)).partition,
            region=aws.get_region_output(opts=_invoke(self)).region,
            account=aws.get_caller_identity_output(opts=_invoke(self)).account_id,
        ).apply(self._agreeing)
        # Nothing is created before the regions are compared.
        self._child = pulumi.ResourceOptions(
            parent=self, depends_on=cast(Any, self._where.apply(lambda _: []))
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
                message_retention_seconds, visibility_timeout_seconds
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

    def _refuse(self, given: Mapping[str, object], kms_key_id: object, *, asks: bool) -> None:
        """Raise the errors that are known before anything is declared."""
        problems = [] if asks else ["needs a topic, a queue or a function"]
        region = self._control_region
        if region and (problem := region_problem(region)):
            problems.append(f"the control region {problem}")
        elif region:
            arns = {name: arn for name, arn in given.items() if isinstance(arn, str)}
            problems += filter(None, (_problem(n, arn, region) for n, arn in arns.items()))
        if isinstance(kms_key_id, str) and (problem := _key_problem(kms_key_id)):
            problems.append(problem)
        if not 1 <= (count := self._max_receive_count) <= MOST_RECEIVES:
            problems.append(f"max_receive_count {count} is not from 1 to {MOST_RECEIVES:,}")
        if problems:
            raise _Refused("\n".join(f"'{self._name}': {each}" for each in problems))

    def _agreeing(self, where: dict[str, str]) -> dict[str, str]:
        """The region of the AWS provider, after a check that it is the control region."""
        if self._control_region not in (None, where["region"]):
            raise _Refused(
                f"'{self._name}': its AWS provider is of {where['region']}, and the meetings' "
                f"control region is {self._control_region}; use a provider of that region, or set "
                "the same control_region for the meetings and MeetingNotifications"
            )
        return where

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
        redrive = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": self._max_receive_count}
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
        """The ARN of an existing target, after a check that the service can send events to it."""
        if arn is None:
            return _nothing()
        return pulumi.Output.all(arn, self._where).apply(
            lambda known: self._checked(argument, known[0], known[1]["region"])
        )

    def _key(self, kms_key_id: str) -> str:
        if problem := _key_problem(kms_key_id):
            raise _Refused(f"'{self._name}': {problem}")
        return kms_key_id

    def _checked(self, argument: str, arn: str, region: str) -> str:
        if problem := _problem(argument, arn, region):
            raise _Refused(f"'{self._name}': {problem}")
        return arn


def _problem(argument: str, arn: str, region: str) -> str | None:
    """Why the service can't send events to an existing target; None if it can."""
    problem = target_problem(arn, TARGET_SERVICES[_TARGETS[argument]], region)
    return f"{argument} '{arn}' {problem}" if problem else None


def _key_problem(kms_key_id: str) -> str | None:
    """Why the service can't use a key; None if it can."""
    if "alias/aws/" not in kms_key_id:
        return None
    why = "is a key that AWS manages: its policy can't allow the service to use it"
    return f"kms_key_id '{kms_key_id}' {why}"


def _control_region() -> str | None:
    """The default control region, if it is known without a call."""
    return (
        pulumi.Config("aws").get("region")
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
    )


def _nothing() -> pulumi.Output[Any]:
    return pulumi.Output.from_input(None)


def _invoke(parent: pulumi.Resource) -> pulumi.InvokeOptions:
    return pulumi.InvokeOptions(parent=parent)
