"""A meeting whose media region can be set and, with AFTER, another one after it."""

import os

import pulumi

from meeting_provider import Meeting

standup = Meeting(
    "standup",
    [{"external_user_id": "ann"}, {"external_user_id": "bob"}],
    media_region=os.environ.get("REGION", "eu-central-1"),
)
pulumi.export("meeting_ids", {"standup": standup.id})
if os.environ.get("AFTER"):
    Meeting(
        "retro",
        [{"external_user_id": "ann"}],
        opts=pulumi.ResourceOptions(depends_on=[standup]),
    )
