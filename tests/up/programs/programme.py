"""The meetings of a programme, and nothing beside them."""

import pulumi

from meeting_provider import Meeting, schedule

events = schedule.load("schedule.yaml")
meetings = {event.name: Meeting(event.name, **event.arguments) for event in events}

pulumi.export("meeting_ids", {name: m.id for name, m in meetings.items()})
pulumi.export("join_tokens", {name: m.join_tokens for name, m in meetings.items()})
pulumi.export("join_info", {name: m.join_info for name, m in meetings.items()})
