"""The join desk: keeps each attendee's current join information where a join link finds it."""

from __future__ import annotations

import asyncio

import pulumi
from pulumi_aws import ssm

from desk import addresses, entries

config = pulumi.Config()
reference = config.get("meetings") or f"{pulumi.get_organization()}/meetings/{pulumi.get_stack()}"
stack = reference.rpartition("/")[2]
link_key = config.require_secret("link_key")


class Event(pulumi.ComponentResource):
    """What is kept of an event, under its name: the watcher updates it after a recovery."""

    def __init__(self, name: str) -> None:
        super().__init__("join_desk:index:Event", name)
        self.register_outputs({})


def keep(address: str, value: pulumi.Input[str], event: Event | None = None) -> None:
    """Declare a parameter, named after its address."""
    ssm.Parameter(
        address,
        name=address,
        type=ssm.ParameterType.SECURE_STRING,
        # A value of more than 4 KB needs an advanced parameter, which costs.
        tier="Intelligent-Tiering",
        value=value,
        # A parameter of an interrupted create, which no state has, doesn't block the next one.
        overwrite=True,
        opts=pulumi.ResourceOptions(parent=event),
    )


async def declare() -> pulumi.Inputs:
    """Declare a parameter for each event and for each attendee."""
    meetings = pulumi.StackReference(reference)
    # Of a meeting that an update with --target left out, the outputs are unknown. A preview takes
    # the others nevertheless, as an update does.
    outputs = await meetings.outputs.future(with_unknowns=True)
    try:
        kept = list(entries.parameters(stack, outputs, reference))
        known_by = {
            n: entries.text(outputs, n, reference) for n in ("attendee_ids", "attendee_key")
        }
    except entries.Incomplete as error:
        raise pulumi.RunError(str(error)) from None
    keep(addresses.link_key(stack), link_key)
    if queue := entries.queue(outputs):
        keep(addresses.queue(stack), queue)
    events = {name: Event(name) for name in sorted({p.event for p in kept})}
    for parameter in kept:
        keep(parameter.address, pulumi.Output.secret(parameter.value), events[parameter.event])
        # The engine takes the first ones while the others are being declared.
        await asyncio.sleep(0)
    return {
        "meetings": stack,
        "base_url": config.require("base_url"),
        "link_key": link_key,
        **{name: value and pulumi.Output.secret(value) for name, value in known_by.items()},
    }


pulumi.run(declare)
