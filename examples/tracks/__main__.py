"""Declares the stack's part of the schedule, with its own topic and queue."""

import pulumi
from split import STACKS, stack_of

from meeting_provider import Meeting, MeetingNotifications, schedule

stack = pulumi.get_stack()
if stack not in STACKS:
    raise pulumi.RunError(f"no part of the schedule is in the stack {stack}: {', '.join(STACKS)}")

events = schedule.load(pulumi.Config().get("schedule") or "../../schedule.yaml")
notifications = MeetingNotifications(f"meetings-{stack}")
meetings = {
    event.name: Meeting(
        event.name, notifications_configuration=notifications.configuration, **event.arguments
    )
    for event in events
    if stack_of(event) == stack
}

pulumi.export("queue_url", notifications.queue_url)
pulumi.export("meeting_ids", {name: meeting.id for name, meeting in meetings.items()})
pulumi.export("join_data", {name: meeting.join_data for name, meeting in meetings.items()})
