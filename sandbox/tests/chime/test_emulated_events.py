"""What the emulator announces to those who subscribe."""

from chime_sandbox.chime.clock import Clock
from chime_sandbox.chime.events import Announcer, Event
from chime_sandbox.chime.meetings import Meetings
from chime_sandbox.chime.settings import Settings

LISTEN = {"Audio": "Receive", "Video": "Receive", "Content": "Receive"}


def test_everything_that_happens_in_a_meeting_is_announced_in_order():
    clock, announcer, seen = Clock(), Announcer(), []
    announcer.subscribe(lambda event: seen.append((str(event.type), event.attendee)))
    meetings = Meetings(clock, Settings(), announcer)
    meeting = meetings.create(
        ("123456789012", "us-east-1"),
        "aws",
        {"ClientRequestToken": "token", "MediaRegion": "us-east-1"},
        {},
    )
    ana = meetings.add_attendee(meeting, "ana", None)
    ben = meetings.add_attendee(meeting, "ben", None)
    meetings.set_capabilities(meeting, [ana, ben], LISTEN)
    meetings.set_capabilities(meeting, [ana, ben], LISTEN)
    meetings.join(meeting, ana.attendee_id)
    meetings.leave(meeting, ana.attendee_id)
    meetings.join(meeting, ana.attendee_id)
    meetings.leave(meeting, ana.attendee_id, dropped=True)
    meetings.delete_attendee(meeting, ben.attendee_id)
    clock.advance(301)
    meetings.end_the_overdue()
    assert seen == [
        ("chime:MeetingStarted", None),
        ("chime:AttendeeAdded", ana),
        ("chime:AttendeeAdded", ben),
        ("chime:AttendeeCapabilitiesUpdated", ana),
        ("chime:AttendeeCapabilitiesUpdated", ben),
        ("chime:AttendeeJoined", ana),
        ("chime:AttendeeLeft", ana),
        ("chime:AttendeeJoined", ana),
        ("chime:AttendeeDropped", ana),
        ("chime:AttendeeDeleted", ben),
        ("chime:MeetingEnded", None),
    ]


def test_an_end_is_announced_with_the_time_at_which_it_came():
    clock, announcer = Clock(), Announcer()
    seen: list[Event] = []
    announcer.subscribe(seen.append)
    meetings = Meetings(clock, Settings(), announcer)
    request = {"ClientRequestToken": "token", "MediaRegion": "us-east-1"}
    meeting = meetings.create(("123456789012", "us-east-1"), "aws", request, {})
    clock.advance(4000)
    meetings.end_the_overdue()
    assert seen[-1].time == meeting.created_at + 300
