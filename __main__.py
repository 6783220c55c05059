"""The event program: reads a programme of events, declares its meetings, exports the outputs."""

import os.path

import pulumi

from meeting_provider import InvalidProgramme, Meeting, MeetingNotifications, programme

config = pulumi.Config()
path = os.path.join(
    os.path.relpath(pulumi.get_root_directory()),
    config.get("programme") or "programme.yaml",
)
try:
    events = programme.load(os.path.normpath(path))
except InvalidProgramme as error:
    raise pulumi.RunError(str(error)) from None

shared = {}
if config.get_bool("notifications") is not False:
    told = MeetingNotifications(pulumi.get_project())
    shared["notifications_configuration"] = told.configuration
    pulumi.export("topic_arn", told.topic_arn)
    pulumi.export("queue_arn", told.queue_arn)
    pulumi.export("queue_url", told.queue_url)

meetings = {event.name: Meeting(event.name, **{**shared, **event.arguments}) for event in events}

pulumi.export("meeting_ids", {name: m.id for name, m in meetings.items()})
pulumi.export("media_placements", {name: m.media_placement for name, m in meetings.items()})
pulumi.export("join_tokens", {name: m.join_tokens for name, m in meetings.items()})
pulumi.export("join_info", {name: m.join_info for name, m in meetings.items()})
