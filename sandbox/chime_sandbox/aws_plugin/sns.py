"""SNS: Topic, TopicPolicy and TopicSubscription.

Sources: terraform-provider-aws `internal/service/sns/topic{,_policy,_subscription}.go`; the
attributes are those of https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html and
https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pulumi_aws.sns import topic, topic_policy, topic_subscription

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

_FEEDBACK: Final = tuple(
    f"{protocol}{outcome}"
    for protocol in ("application", "firehose", "http", "lambda", "sqs")
    for outcome in ("FailureFeedbackRoleArn", "SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate")
)
_TOPIC: Final = {
    "arn": "TopicArn",
    **{
        name: name[0].upper() + name[1:]
        for name in (
            *_FEEDBACK,
            "archivePolicy",
            "beginningArchiveTime",
            "contentBasedDeduplication",
            "deliveryPolicy",
            "displayName",
            "fifoThroughputScope",
            "fifoTopic",
            "kmsMasterKeyId",
            "maximumMessageSize",
            "owner",
            "policy",
            "signatureVersion",
            "tracingConfig",
        )
    },
    **{name: name.replace("http", "HTTP", 1) for name in _FEEDBACK if name.startswith("http")},
}
_SUBSCRIPTION: Final = {
    "arn": "SubscriptionArn",
    "confirmationWasAuthenticated": "ConfirmationWasAuthenticated",
    "deliveryPolicy": "DeliveryPolicy",
    "endpoint": "Endpoint",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "ownerId": "Owner",
    "pendingConfirmation": "PendingConfirmation",
    "protocol": "Protocol",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "replayPolicy": "ReplayPolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
    "topic": "TopicArn",
}
#: moto's GetTopicAttributes doesn't return these.
_UNREPORTED: Final = frozenset(
    {
        *_FEEDBACK,
        "archivePolicy",
        "beginningArchiveTime",
        "fifoThroughputScope",
        "maximumMessageSize",
        "signatureVersion",
        "tracingConfig",
    }
)


class Topic(Resource):
    """A topic; its id is its ARN."""

    service = "sns"
    schema = Schema(topic.Topic, topic.TopicArgs)
    rules = Rules(
        replaces=frozenset({"name", "namePrefix", "fifoTopic"}),
        computed=frozenset(
            {
                "fifoThroughputScope",
                "maximumMessageSize",
                "name",
                "namePrefix",
                "policy",
                "signatureVersion",
                "tracingConfig",
            }
        ),
        unreported=_UNREPORTED,
        policies=frozenset({"policy"}),
        documents=frozenset({"archivePolicy", "deliveryPolicy"}),
        ranges={
            "maximumMessageSize": range(1024, 1_048_577),
            "signatureVersion": range(1, 3),
            **{name: range(101) for name in _FEEDBACK if name.endswith("Rate")},
        },
        choices={
            "fifoThroughputScope": ("Topic", "MessageGroup"),
            "tracingConfig": ("PassThrough", "Active"),
        },
        conflicts=(("name", "namePrefix"),),
        naming=Naming(r"[0-9A-Za-z_-]{1,256}", fifo="fifoTopic"),
    )

    def failures(self, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
        """Arguments that only FIFO topics have."""
        if not inputs.get("fifoTopic"):
            for name in ("archivePolicy", "contentBasedDeduplication", "fifoThroughputScope"):
                if inputs.get(name):
                    yield CheckFailure(name, "this can only be set for FIFO topics")

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """CreateTopic with all attributes, so that a failure doesn't leave an incomplete topic."""
        name = inputs.get("name") or naming.from_prefix(inputs["namePrefix"]) + (
            ".fifo" if inputs.get("fifoTopic") else ""
        )
        sent = {key: value for key, value in inputs.items() if value not in (False, "")}
        reply = client.create_topic(
            Name=name,
            Attributes=to_attributes(_TOPIC, sent),
            Tags=_tag_list(inputs.get("tags", {})),
        )
        return str(reply["TopicArn"])

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetTopicAttributes and ListTagsForResource."""
        attributes = client.get_topic_attributes(TopicArn=identity)["Attributes"]
        tags = client.list_tags_for_resource(ResourceArn=identity)["Tags"]
        name = identity.rsplit(":", 1)[-1]
        return {
            **from_attributes(_TOPIC, attributes, self.schema.outputs),
            "name": name,
            "namePrefix": naming.prefix_of(name),
            "region": identity.split(":")[3],
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
        }

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """SetTopicAttributes, once for each that changed."""
        for name, text in to_attributes(_TOPIC, values_of(changes, self.schema)).items():
            client.set_topic_attributes(TopicArn=identity, AttributeName=name, AttributeValue=text)

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """DeleteTopic."""
        client.delete_topic(TopicArn=identity)

    def retag(
        self, client: Any, identity: str, tags: Mapping[str, str], removed: Iterable[str]
    ) -> None:
        """UntagResource and TagResource."""
        if gone := list(removed):
            client.untag_resource(ResourceArn=identity, TagKeys=gone)
        if tags:
            client.tag_resource(ResourceArn=identity, Tags=_tag_list(tags))


class TopicPolicy(Resource):
    """A topic's policy; its id is the topic's ARN."""

    service = "sns"
    schema = Schema(topic_policy.TopicPolicy, topic_policy.TopicPolicyArgs)
    rules = Rules(replaces=frozenset({"arn"}), policies=frozenset({"policy"}))

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """SetTopicAttributes."""
        _set_policy(client, inputs["arn"], inputs["policy"])
        return str(inputs["arn"])

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetTopicAttributes."""
        attributes = client.get_topic_attributes(TopicArn=identity)["Attributes"]
        region = identity.split(":")[3]
        return {**from_attributes(_TOPIC, attributes, self.schema.outputs), "region": region}

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """SetTopicAttributes."""
        _set_policy(client, identity, news["policy"])

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """SetTopicAttributes with the policy of a new topic, since a topic must have one."""
        _set_policy(client, identity, _default_policy(identity))


def _set_policy(client: Any, arn: str, policy: str) -> None:
    client.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


def _default_policy(arn: str) -> str:
    """The owner's rights, as CreateTopic gives them."""
    actions = (
        "Publish Subscribe Receive ListSubscriptionsByTopic GetTopicAttributes SetTopicAttributes "
        "AddPermission RemovePermission DeleteTopic"
    )
    return json.dumps(
        {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": [
                {
                    "Sid": "__default_statement_ID",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": [f"SNS:{action}" for action in actions.split()],
                    "Resource": arn,
                    "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
                }
            ],
        }
    )


class TopicSubscription(Resource):
    """An endpoint that a topic's messages go to; its id is the subscription's ARN."""

    service = "sns"
    schema = Schema(topic_subscription.TopicSubscription, topic_subscription.TopicSubscriptionArgs)
    rules = Rules(
        replaces=frozenset({"endpoint", "protocol", "topic"}),
        computed=frozenset({"filterPolicyScope"}),
        defaults={"confirmationTimeoutInMinutes": 1},
        unreported=frozenset({"confirmationTimeoutInMinutes", "endpointAutoConfirms"}),
        documents=frozenset({"deliveryPolicy", "filterPolicy", "redrivePolicy", "replayPolicy"}),
        choices={
            "filterPolicyScope": ("MessageAttributes", "MessageBody"),
            "protocol": (
                *("application", "email", "email-json", "firehose", "http"),
                *("https", "lambda", "sms", "sqs"),
            ),
        },
    )

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """Subscribe."""
        own = {"endpoint", "protocol", "topic"}
        sent = {key: value for key, value in inputs.items() if value and key not in own}
        reply = client.subscribe(
            TopicArn=inputs["topic"],
            Protocol=inputs["protocol"],
            Endpoint=inputs["endpoint"],
            Attributes=to_attributes(_SUBSCRIPTION, sent),
            ReturnSubscriptionArn=True,
        )
        return str(reply["SubscriptionArn"])

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetSubscriptionAttributes."""
        reply = client.get_subscription_attributes(SubscriptionArn=identity)
        found = from_attributes(_SUBSCRIPTION, reply["Attributes"], self.schema.outputs)
        return {**found, "region": identity.split(":")[3]}

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """SetSubscriptionAttributes. A wider scope is set first, and a narrower one last."""
        attributes = to_attributes(_SUBSCRIPTION, values_of(changes, self.schema))
        widened = attributes.get("FilterPolicyScope") == "MessageBody"
        for name in sorted(attributes, key=lambda name: (name == "FilterPolicyScope") != widened):
            text = attributes[name] or ("{}" if name == "FilterPolicy" else "")
            client.set_subscription_attributes(
                SubscriptionArn=identity, AttributeName=name, AttributeValue=text
            )

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """Unsubscribe."""
        client.unsubscribe(SubscriptionArn=identity)


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


RESOURCES: Final = (
    Topic(),
    TopicPolicy(),
    TopicSubscription(),
)
