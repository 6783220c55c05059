"""In a real browser, a join link never leads into a meeting that has ended.

The page follows to the next meeting by itself. Signaling is a server on this machine that says what
the service says when a meeting ends, or nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.browser import Browser
from support.site import NAME, Site, open_site

from chime_sandbox.admin import Sandbox


@dataclass
class Meetings:
    """A desk on an emulated AWS, and the event's meetings, which a test creates and ends."""

    site: Site
    chime: Any
    cloud: Sandbox
    signaling: str
    meetings: list[dict[str, Any]] = field(default_factory=list)

    def create(self) -> str:
        """Create the next meeting; its id."""
        answer = self.chime.create_meeting_with_attendees(
            ClientRequestToken=str(uuid.uuid4()),
            ExternalMeetingId=NAME,
            MediaRegion="us-east-1",
            Attendees=[{"ExternalUserId": "ann"}],
        )
        meeting, (attendee,) = answer["Meeting"], answer["Attendees"]
        meeting_id: str = meeting["MeetingId"]
        meeting["MediaPlacement"]["SignalingUrl"] = f"{self.signaling}/control/{meeting_id}"
        self.meetings.append({"Meeting": meeting, "Attendee": attendee})
        return meeting_id

    def publish(self) -> float:
        """Have the link lead to the last meeting; when."""
        last = self.meetings[-1]
        ids = {n: last["Meeting"][n] for n in ("MeetingId", "MeetingArn", "ExternalMeetingId")}
        self.site.put_event({"title": "Stand-up", "open": [ids]}, [{**last, "Times": {}}])
        return time.monotonic()


@pytest.fixture(scope="module")
def site(aws: Any) -> Iterator[Site]:
    """A desk that serves."""
    with open_site(aws) as found:
        yield found


@pytest.fixture
def event(site: Site, browser: Browser, aws: Any) -> Meetings:
    """An event with a meeting."""
    found = Meetings(
        site,
        aws("chime-sdk-meetings", site.endpoint),
        Sandbox(site.endpoint),
        browser.do("signaling"),
    )
    found.create()
    found.publish()
    return found


def path(meeting_id: str) -> str:
    return f"/control/{meeting_id}"


@pytest.mark.parametrize("code", [4410, 4403, None], ids=["ended", "forbidden", "silent"])
def test_who_joins_a_meeting_that_ends_joins_the_next_one_by_itself(
    event: Meetings, browser: Browser, code: int | None
) -> None:
    """Whatever the signaling says, or if it says nothing."""
    first = event.meetings[-1]["Meeting"]["MeetingId"]
    browser.do("open", url=event.site.link())
    browser.do("click", name="Join")
    assert browser.do("joined", path=path(first))
    event.cloud.end(first)
    if code:
        browser.do("hangUp", path=path(first), code=code)
    browser.do("wait", state="reopening")
    seen = browser.do("look")
    assert "The meeting is being reopened." in seen["text"]
    assert "You will join automatically." in seen["text"]
    assert (seen["violations"], seen["errors"]) == ([], [])
    second = event.create()
    published = event.publish()
    assert browser.do("joined", path=path(second))
    print(f"\n{code}: in the next meeting {time.monotonic() - published:.1f} s after its parameter")
    assert browser.do("look")["shown"]["meetingId"] == second


def test_a_link_to_a_meeting_that_has_ended_says_so_and_is_ready_by_itself(
    event: Meetings, browser: Browser
) -> None:
    """The answer has no token of it. After half a minute the page says what one can do."""
    event.cloud.end(event.meetings[-1]["Meeting"]["MeetingId"])
    browser.do("open", url=event.site.link())
    seen = browser.do("look")
    assert seen["state"] == "reopening"
    assert seen["shown"]["meetingId"] == ""
    assert "It will be ready in a moment." in seen["text"]
    browser.do("pass", seconds=31)
    assert "contact the organizer" in browser.do("look")["text"]
    second = event.create()
    published = event.publish()
    browser.do("wait", state="ready")
    print(f"\nready {time.monotonic() - published:.1f} s after the parameter")
    assert browser.do("look")["shown"]["meetingId"] == second


def test_who_clicks_join_while_a_meeting_is_reopened_joins_by_itself(
    event: Meetings, browser: Browser
) -> None:
    """Also where the page was ready for the meeting that has ended."""
    browser.do("open", url=event.site.link())
    browser.do("wait", state="ready")
    event.cloud.end(event.meetings[-1]["Meeting"]["MeetingId"])
    # The desk keeps an answer of the service for two seconds.
    time.sleep(2)
    browser.do("click", name="Join")
    browser.do("wait", state="reopening")
    second = event.create()
    event.publish()
    assert browser.do("joined", path=path(second))


def test_who_cancels_is_not_joined(event: Meetings, browser: Browser) -> None:
    """The next meeting is ready, and its signaling hears nothing."""
    event.cloud.end(event.meetings[-1]["Meeting"]["MeetingId"])
    browser.do("open", url=event.site.link())
    browser.do("click", name="Join")
    browser.do("click", name="Cancel")
    second = event.create()
    event.publish()
    browser.do("wait", state="ready")
    assert not browser.do("joined", path=path(second), patience=1)


def test_where_the_service_can_not_be_asked_the_page_follows_all_the_same(
    event: Meetings, browser: Browser
) -> None:
    """A denied or throttled GetMeeting counts as a meeting that is there."""
    first = event.meetings[-1]["Meeting"]["MeetingId"]
    browser.do("open", url=event.site.link())
    browser.do("click", name="Join")
    assert browser.do("joined", path=path(first))
    event.cloud.fault("forbidden", "GetMeeting", count=1000)
    event.cloud.end(first)
    browser.do("hangUp", path=path(first), code=4410)
    browser.do("wait", state="reopening")
    second = event.create()
    event.publish()
    assert browser.do("joined", path=path(second))
    event.cloud.clear_faults()
