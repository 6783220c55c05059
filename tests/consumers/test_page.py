"""A browser opens an invitation's link, and the real JavaScript client makes its session of it."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from icalendar import Calendar
from support.browser import Browser, follow
from support.checkout import Checkout, until

from chime_sandbox.admin import Meeting

SCHEDULE = """\
events:
  - name: keynote
    attendees: [{external_user_id: speaker-1}, {external_user_id: ann@example.org}]
"""


@dataclass
class Visitor:
    """A browser, and a checkout whose desk is open."""

    checkout: Checkout
    browser: Browser

    def open(self, link: str) -> dict[str, Any]:
        """What the page shows, and what was answered."""
        self.browser.do("open", url=link)
        found: dict[str, Any] = self.browser.do("look")
        return found

    def invitation(self, file: str) -> str:
        """The link in an invitation."""
        text = (self.checkout.root / ".sandbox" / "invitations" / file).read_bytes()
        (event,) = Calendar.from_ical(text).events
        return str(event["URL"])

    @property
    def keynote(self) -> Meeting:
        """The keynote as the service has it."""
        (found,) = self.checkout.cloud.live()
        return found


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory, javascript: Path) -> Iterator[Visitor]:
    """A schedule that is up, everybody invited, and the desk open as `make desk` opens it."""
    with closing(Checkout.build(tmp_path_factory.mktemp("page") / "checkout")) as checkout:
        checkout.schedule = SCHEDULE
        port = free_port()
        settings = checkout.root / "stacks/join_desk/Pulumi.dev.yaml"
        settings.write_text(settings.read_text().replace(":8047", f":{port}"))
        checkout.environment |= {"PORT": str(port), "INVITE": "--day 2027-03-01"}
        for command in ("up", "invitations", "stacks/join_desk/page/build/join.js"):
            run = checkout.make(command)
            assert run.code == 0, run.text
        with (checkout.root / "desk.log").open("w") as log:
            desk = subprocess.Popen(
                ["make", "desk"], cwd=checkout.root, env=checkout.env(), stdout=log, stderr=log
            )
            browser = Browser(javascript)
            try:
                until(lambda: opens(f"http://127.0.0.1:{port}/join.css"), "the desk opens")
                yield Visitor(checkout, browser)
            finally:
                browser.close()
                desk.send_signal(signal.SIGTERM)
                desk.wait()


def free_port() -> int:
    """One of those that the system gives to nobody who doesn't ask for them."""
    while True:
        port = random.randrange(10_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def opens(url: str) -> bool:
    with suppress(OSError), urlopen(url):
        return True
    return False


def test_an_invitations_link_makes_the_session_of_the_meeting_that_is_there_now(
    visitor: Visitor,
) -> None:
    link = visitor.invitation("keynote/ann@example.org.ics")
    first = visitor.keynote
    assert_joins(visitor.open(link), first)

    visitor.checkout.cloud.end(first.meeting_id)
    run = visitor.checkout.make("up")
    assert run.code == 0, run.text

    successor = visitor.keynote
    assert successor.meeting_id != first.meeting_id
    assert_joins(visitor.open(link), successor)


def assert_joins(seen: dict[str, Any], meeting: Meeting) -> None:
    attendees = {a.external_user_id: a.attendee_id for a in meeting.attendees}
    assert seen["errors"] == []
    assert seen["shown"] == {
        "meetingId": meeting.meeting_id,
        "externalMeetingId": "keynote",
        "attendeeId": attendees["ann@example.org"],
        "externalUserId": "ann@example.org",
        "signalingUrl": meeting.media_placement["SignalingUrl"],
        "audioHostUrl": meeting.media_placement["AudioHostUrl"],
    }
    assert seen["title"] == "keynote"
    assert "Ready to join." in seen["text"]


def test_a_removed_attendee_sees_a_message(visitor: Visitor) -> None:
    """The link leads to no token any more, and the page says why."""
    link = visitor.invitation("keynote/speaker-1.ics")
    visitor.checkout.schedule = SCHEDULE.replace("{external_user_id: speaker-1}, ", "")
    run = visitor.checkout.make("up")
    assert run.code == 0, run.text
    seen = visitor.open(link)
    assert seen["answers"]["/join/keynote/speaker-1/session"] == 404
    assert seen["state"] == "not_invited"
    assert seen["shown"]["meetingId"] == ""


def test_the_desk_writes_down_who_asked_for_what_and_no_signature(visitor: Visitor) -> None:
    link = visitor.invitation("keynote/ann@example.org.ics")
    visitor.open(link)
    log = (visitor.checkout.root / "desk.log").read_text()
    assert "GET /join/keynote/ann.40example.2Eorg/session 200" in log
    signature = link.partition("signature=")[2]
    assert (signature in log or "JoinToken" in log) is False


def test_make_desk_shows_the_operators_link_and_its_page_follows_who_joins(
    visitor: Visitor,
) -> None:
    """And what the desk keeps of the events is what the attendance report reads."""
    checkout, browser = visitor.checkout, visitor.browser
    [line] = [
        text
        for text in (checkout.root / "desk.log").read_text().splitlines()
        if text.startswith("the operator's page: ")
    ]
    browser.do("open", url=line.split()[-1])
    [ann] = [a for a in visitor.keynote.attendees if a.external_user_id == "ann@example.org"]
    checkout.cloud.join(visitor.keynote.meeting_id, ann.attendee_id)
    summary = "document.querySelector('summary').textContent"
    follow(browser, lambda: browser.do("evaluate", script=summary).endswith(", 1 connected"))
    assert browser.do("look")["violations"] == []
    report = checkout.run(
        *(".venv/bin/python", "-m", "meeting_provider.attendance"), ".sandbox/events-dev.jsonl"
    )
    assert report.code == 0, report.text
    assert "ann@example.org" in report.out
    assert "no leave event so far" in report.out
