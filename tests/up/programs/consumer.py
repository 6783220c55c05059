"""The meetings of a schedule, and in the same program what takes their join information."""

import json
from functools import partial

import pulumi
from pulumi_aws import ssm

from meeting_provider import Meeting, schedule


def keep(meeting: str, join_info: dict) -> None:
    for who, entry in join_info.items():
        value = pulumi.Output.secret(json.dumps(entry, sort_keys=True))
        ssm.Parameter(f"{meeting}-{who}", type="SecureString", value=value)


meetings = {
    event.name: Meeting(event.name, **event.arguments) for event in schedule.load("schedule.yaml")
}
for name, each in meetings.items():
    whole = pulumi.Output.json_dumps(each.join_info, sort_keys=True)
    ssm.Parameter(name, type="SecureString", value=whole, tier="Intelligent-Tiering")
    each.join_info.apply(partial(keep, name))

pulumi.export("meeting_ids", {name: m.id for name, m in meetings.items()})
pulumi.export("join_tokens", {name: m.join_tokens for name, m in meetings.items()})
pulumi.export("join_info", {name: m.join_info for name, m in meetings.items()})
