"""The event program: reads a schedule of events, declares its meetings, exports the outputs."""

import asyncio
import os.path

import pulumi

from meeting_provider import (
    InvalidSchedule,
    Meeting,
    MeetingNotifications,
    Recording,
    RecordingBucket,
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
    notifications = MeetingNotifications(pulumi.get_project())
    shared["notifications_configuration"] = notifications.configuration
    pulumi.export("topic_arn", notifications.topic_arn)
    pulumi.export("queue_arn", notifications.queue_arn)
    pulumi.export("queue_url", notifications.queue_url)

given_arn = config.get("recording_bucket_arn")
if given_arn and "/" in given_arn:
    raise pulumi.RunError(
        f"recording_bucket_arn: '{given_arn}' has a prefix; name the bucket alone"
    )
bucket_arn = pulumi.Output.from_input(given_arn)
if plan.records and not given_arn:
    # Recordings stay when the stack is destroyed.
    kept = pulumi.ResourceOptions(retain_on_delete=True)
    bucket_arn = RecordingBucket(f"{pulumi.get_project()}-recordings", opts=kept).arn


def record(event: schedule.Event, meeting: Meeting) -> Recording:
    """Record a meeting. Since the bucket has no prefix, each recording has a folder of its own."""
    arguments = dict(event.recording or {})
    if arguments.pop("concatenate", True):
        arguments["concatenation_sink_arn"] = bucket_arn
    return Recording(event.name, meeting.meeting_arn, bucket_arn, **arguments)


def folders(recording: Recording) -> pulumi.Output[dict[str, str]]:
    """The folders of a recording: the captured files and, if there is one, the concatenation."""
    ids = [recording.media_pipeline_id, recording.concatenation_pipeline_id]
    return pulumi.Output.all(recording.sink_arn, *ids).apply(
        lambda known: {
            name: f"s3://{known[0].rpartition(':')[2]}/{pipeline_id}/"
            for name, pipeline_id in zip(("captured", "concatenated"), known[1:], strict=True)
            if pipeline_id
        }
    )


async def declare() -> pulumi.Inputs:
    """Declare the meetings, so that Pulumi creates the first ones while the others are declared."""
    meetings, recordings = {}, {}
    for event in plan.open:
        meeting = Meeting(event.name, **{**shared, **event.arguments})
        meetings[event.name] = meeting
        if event.recording is not None:
            recordings[event.name] = folders(record(event, meeting))
        await asyncio.sleep(0)
    return {
        **({"recordings": recordings} if recordings else {}),
        "meeting_ids": {name: m.id for name, m in meetings.items()},
        # Each meeting once, which keeps the state small: consumers call meeting_provider.join_info.
        "join_data": {name: m.join_data for name, m in meetings.items()},
        # Titles and times, for pages and invitations.
        "events": {event.name: event.details() for event in plan.open},
        "upcoming": {opening.name: opening.details() for opening in plan.upcoming},
        "attendee_directory": pulumi.Output.secret(dict(plan.directory)),
        # The program that writes invitations calculates the same ids.
        **{
            name: pulumi.Output.secret(value)
            for name in ("calendar_ids", "calendar_key")
            if (value := config.get(name))
        },
    }


pulumi.run(declare)
