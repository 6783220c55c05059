"""Meetings in components, one of them with a tag out of another."""

import os

import pulumi

from meeting_provider import AttendeeArgs, Meeting

SPEAKER: AttendeeArgs = {"external_user_id": "speaker"}


class Track(pulumi.ComponentResource):
    """Two meetings, the second with a tag out of the first."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("conference:index:Track", name, {}, opts)
        below = pulumi.ResourceOptions(parent=self)
        self.talk = Meeting(f"{name}-talk", [SPEAKER], opts=below)
        self.questions = Meeting(
            f"{name}-questions",
            [SPEAKER, {"external_user_id": os.environ.get("ASKING", "listener")}],
            tags={"after": self.talk.meeting_id},
            meeting_host_id=pulumi.Output.secret("a-host-that-nobody-may-know"),
            opts=below,
        )
        self.register_outputs({})


class Conference(pulumi.ComponentResource):
    """A track."""

    def __init__(self, name: str) -> None:
        super().__init__("conference:index:Conference", name)
        self.track = Track("main", pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


conference = Conference("pycon")
questions = conference.track.questions
pulumi.export("attendee_ids", questions.attendee_ids)
pulumi.export("attendees", questions.attendees)
pulumi.export("after", questions.tags)
