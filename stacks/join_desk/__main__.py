"""The join desk: keeps each attendee's current join information where a join link finds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_aws import ssm

from desk import addresses
from meeting_provider import NoJoinData, join_info

config = pulumi.Config()
reference = config.get("meetings") or f"{pulumi.get_organization()}/meetings/{pulumi.get_stack()}"
stack = reference.rpartition("/")[2]
link_key = config.require_secret("link_key")


def keep(address: str, value: pulumi.Input[str]) -> None:
    """Declare a parameter, named after its address."""
    ssm.Parameter(
        address,
        name=address,
        type=ssm.ParameterType.SECURE_STRING,
        # A value of more than 4 KB needs an advanced parameter, which costs.
        tier="Intelligent-Tiering",
        value=value,
        # A create that was cut off, and that no state knows, is not in the way of the next.
        overwrite=True,
    )


def keep_all(outputs: Mapping[str, Any]) -> None:
    """Declare a parameter for every attendee.

    :param outputs: the meetings' ids and their join data, by the meetings' names.
    """
    try:
        entries = {
            meeting: join_info(outputs["join_data"].get(meeting, {}), f"{meeting} in {reference}")
            for meeting in outputs["meeting_ids"]
        }
    except NoJoinData as error:
        raise pulumi.RunError(str(error)) from None
    for meeting, attendees in entries.items():
        for external_user_id, entry in attendees.items():
            address = addresses.attendee(stack, meeting, external_user_id)
            keep(address, pulumi.Output.secret(json.dumps(entry, sort_keys=True)))


keep(addresses.link_key(stack), link_key)
meetings = pulumi.StackReference(reference)
needed = {name: meetings.require_output(name) for name in ("meeting_ids", "join_data")}
pulumi.Output.all(**needed).apply(keep_all)

pulumi.export("meetings", stack)
pulumi.export("base_url", config.require("base_url"))
pulumi.export("link_key", link_key)
for name in ("attendee_ids", "attendee_key"):
    pulumi.export(name, meetings.get_output(name))
