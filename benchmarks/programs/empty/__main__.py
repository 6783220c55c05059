"""As many resources of a provider that does nothing: what Pulumi itself takes."""

import asyncio

import pulumi

from benchmarks.empty import Nothing

config = pulumi.Config()


async def declare() -> pulumi.Inputs:
    """Declare the resources."""
    resources = []
    for number in range(config.require_int("meetings")):
        people: dict[str, object] = {
            f"viewer-{number}-{i}": {} for i in range(config.require_int("attendees"))
        }
        resources.append(Nothing(f"session-{number}", people))
        await asyncio.sleep(0)
    return {"ids": [resource.id for resource in resources]}


pulumi.run(declare)
