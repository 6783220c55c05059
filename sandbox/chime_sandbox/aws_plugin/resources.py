"""The types that the stand-in does."""

from typing import Final

from chime_sandbox.aws_plugin.resource import Resource
from chime_sandbox.aws_plugin.sns import Topic, TopicPolicy, TopicSubscription
from chime_sandbox.aws_plugin.sqs import Queue, QueuePolicy, RedrivePolicy
from chime_sandbox.aws_plugin.ssm import Parameter

#: By type token.
RESOURCES: Final[dict[str, Resource]] = {
    resource.schema.token: resource
    for resource in (
        Topic(),
        TopicPolicy(),
        TopicSubscription(),
        Queue(),
        QueuePolicy(),
        RedrivePolicy(),
        Parameter(),
    )
}
