"""The join desk: stores each attendee's current join information in SSM parameters."""

from __future__ import annotations

import asyncio

import pulumi
from pulumi_aws import sns, sqs, ssm

from desk import addresses, entries, links

config = pulumi.Config()
reference = config.get("meetings") or f"{pulumi.get_organization()}/meetings/{pulumi.get_stack()}"
stack = reference.rpartition("/")[2]
link_key = config.require_secret("link_key")
base_url = config.require("base_url")
if problems := links.problems(base_url, config.require("link_key")):
    raise pulumi.RunError("\n".join(problems))

#: How long an event waits for the server: 14 days, SQS's maximum.
EVENTS_KEPT_SECONDS = 1_209_600


class Event(pulumi.ComponentResource):
    """The parent of an event's parameters. The watcher finds them by the event's name."""

    def __init__(self, name: str) -> None:
        super().__init__("join_desk:index:Event", name)
        self.register_outputs({})


def keep(address: str, value: pulumi.Input[str], event: Event | None = None) -> None:
    """Declare a parameter, named after its address."""
    ssm.Parameter(
        address,
        name=address,
        type=ssm.ParameterType.SECURE_STRING,
        # A value of more than 4 KB needs an advanced parameter, which AWS charges for.
        tier="Intelligent-Tiering",
        value=value,
        # Otherwise a parameter that an interrupted create left behind would block the next one.
        overwrite=True,
        opts=pulumi.ResourceOptions(parent=event),
    )


def receive(topic_arn: str) -> pulumi.Output[str]:
    """Declare a queue that receives the meetings' events for the server; returns its URL."""
    queue = sqs.Queue(
        "events", sqs_managed_sse_enabled=True, message_retention_seconds=EVENTS_KEPT_SECONDS
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    admission = sqs.QueuePolicy(
        "events",
        queue_url=queue.url,
        policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    sns.TopicSubscription(
        "events",
        topic=topic_arn,
        protocol="sqs",
        endpoint=queue.arn,
        # Messages that SNS sends before the policy is in place would be lost.
        opts=pulumi.ResourceOptions(depends_on=[admission]),
    )
    return queue.url


async def declare() -> pulumi.Inputs:
    """Declare a parameter for each event and for each attendee."""
    meetings = pulumi.StackReference(reference)
    # The outputs of a meeting that an update with --target left out are unknown. The known ones are
    # used, in a preview as in an update.
    outputs = await meetings.outputs.future(with_unknowns=True)
    try:
        kept = list(entries.parameters(stack, outputs, reference))
        known_by = {
            n: entries.text(outputs, n, reference) for n in ("calendar_ids", "calendar_key")
        }
    except entries.Incomplete as error:
        raise pulumi.RunError(str(error)) from None
    keep(addresses.link_key(stack), link_key)
    if queue := entries.queue(outputs):
        keep(addresses.queue(stack), queue)
    events = {name: Event(name) for name in sorted({p.event for p in kept})}
    for parameter in kept:
        keep(parameter.address, pulumi.Output.secret(parameter.value), events[parameter.event])
        # The engine creates the first ones while the others are being declared.
        await asyncio.sleep(0)
    topic_arn = outputs.get("topic_arn")
    return {
        "meetings": stack,
        "base_url": base_url,
        "link_key": link_key,
        "operator_link": link_key.apply(lambda key: links.operator(base_url, key, stack)),
        **({"events_queue_url": receive(topic_arn)} if isinstance(topic_arn, str) else {}),
        **{name: value and pulumi.Output.secret(value) for name, value in known_by.items()},
    }


pulumi.run(declare)
