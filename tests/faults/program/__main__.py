"""Declares the meetings of declared.json, each in a host process of its choice."""

import json
from pathlib import Path
from typing import Any

import pulumi

from meeting_provider import Meeting

declared: dict[str, dict[str, Any]] = json.loads(
    Path(pulumi.get_root_directory(), "declared.json").read_text("utf-8")
)
# A host of one's own sees what its resource says, and not the stack's settings.
region = {"aws:region": pulumi.Config("aws").require("region")}
hosts = {
    number: pulumi.ProviderResource("pulumi-python", f"host-{number}", dict(region))
    for number in sorted({each["host"] for each in declared.values()})
}
meetings: dict[str, Meeting] = {}
for name, each in declared.items():
    primary = each.get("primary")
    meetings[name] = Meeting(
        name,
        **each["arguments"],
        primary_meeting_id=meetings[primary].id if primary else None,
        opts=pulumi.ResourceOptions(provider=hosts[each["host"]]),
    )
