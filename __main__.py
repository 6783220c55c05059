"""The event program: reads a schedule of events, declares its meetings, exports the outputs."""

import asyncio
import os.path

import pulumi

from meeting_provider import (
    InvalidNotifications,
    InvalidSchedule,
    Meeting,
    MeetingNotifications,
    schedule,
)

config = pulumi.Config()
path = os.path.join(
    os.path.relpath(pulumi.get_root_directory()),
    config.get("schedule") or "schedule.yaml",
)
try:
    now = config.get("now")
    disclosure = schedule.Disclosure.of(config.get("calendar_ids"), config.get("calendar_key"))
    plan = schedule.plan(os.path.normpath(path), schedule.instant(now) if now else None, disclosure)
except (InvalidSchedule, ValueError) as error:
    raise pulumi.RunError(str(error)) from None
for report in plan.reports:
    pulumi.log.warn(report)
for line in plan.news():
    pulumi.log.info(line)

shared = {}
if config.get_bool("notifications") is not False:
    try:
        notifications = MeetingNotifications(pulumi.get_project())
    except InvalidNotifications as error:
        raise pulumi.RunError(str(error)) from None
    shared["notifications_configuration"] = notifications.configuration
    pulumi.export("topic_arn", notifications.topic_arn)
    pulumi.export("queue_arn", notifications.queue_arn)
    pulumi.export("queue_url", notifications.queue_url)


async def declare() -> pulumi.Inputs:
    """Declare the meetings: while the first are being made, Pulumi takes the next."""
    meetings = {}
    for event in plan.open:
        meetings[event.name] = Meeting(event.name, **{**shared, **event.arguments})
        await asyncio.sleep(0)
    return {
        "meeting_ids": {name: m.id for name, m in meetings.items()},
        # Each meeting stands once here: consumers call meeting_provider.join_info.
        "join_data": {name: m.join_data for name, m in meetings.items()},
        # What the meetings are, and when, for those who write pages and invitations.
        "events": {event.name: event.details() for event in plan.open},
        "upcoming": {opening.name: opening.details() for opening in plan.upcoming},
        "attendee_directory": pulumi.Output.secret(dict(plan.directory)),
        # Who writes invitations has to know people by the same ids.
        **{
            name: pulumi.Output.secret(value)
            for name in ("calendar_ids", "calendar_key")
            if (value := config.get(name))
        },
    }


pulumi.run(declare)
