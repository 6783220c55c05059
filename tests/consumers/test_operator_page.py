"""In a real browser, the operator's page follows what happens, on every screen.

With SCREENSHOTS=<folder> the pictures are kept there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.browser import Browser, follow
from support.checkout import until
from support.queues import queued
from support.site import STACK, build_page, reaching, serving

from desk import addresses, entries, links

LONG = "Quarterly-all-hands-of-every-region-and-department-" * 3
KEYNOTE, SECOND, LOBBY = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))
PEOPLE = ("ann", "bob@example.org", "a-very-long-external-user-id-" * 2 + "0123456", "語" * 30)


def times(hours: float) -> dict[str, str]:
    start = datetime.now(UTC) + timedelta(hours=hours)
    spans = {"opens": -0.25, "start": 0, "end": 1, "closes": 1.5}
    return {n: (start + timedelta(hours=h)).isoformat() for n, h in spans.items()}


@dataclass
class Event:
    """What an event's meeting is in the outputs of the meetings' stack."""

    title: str
    meeting: str | None
    people: tuple[str, ...] = ()
    times: dict[str, str] | None = None
    recording: dict[str, str] | None = None
    next: dict[str, str] | None = None


@dataclass
class Site:
    """A desk that serves, the parameters that it reads, and the queue."""

    url: str
    ssm: Any
    sqs: Any
    queue: str

    @property
    def link(self) -> str:
        return links.operator(self.url, "key", STACK)

    def put(self, **events: Event) -> None:
        """Have the parameters be those of these events, and no others."""
        opened = {name: e for name, e in events.items() if e.meeting}
        outputs = {
            "meeting_ids": {name: e.meeting for name, e in opened.items()},
            "join_data": {
                name: {
                    "Meeting": {"MeetingId": e.meeting},
                    "Attendees": {who: {"ExternalUserId": who} for who in e.people},
                }
                for name, e in opened.items()
            },
            "events": {
                name: {"title": e.title, "event": name, **(e.times or {})}
                for name, e in opened.items()
            },
            "upcoming": {
                name: {"title": e.title, "event": name, **e.next}
                for name, e in events.items()
                if e.next
            },
            "recordings": {name: e.recording for name, e in opened.items()},
        }
        kept = {p.address: p.value for p in entries.parameters(STACK, outputs, "meetings")}
        kept[addresses.link_key(STACK)] = "key"
        there = {
            found["Name"]: found["Value"]
            for page in self.ssm.get_paginator("get_parameters_by_path").paginate(
                Path="/meetings", Recursive=True, WithDecryption=True
            )
            for found in page["Parameters"]
        }
        for name in there.keys() - kept.keys():
            self.ssm.delete_parameter(Name=name)
        for name, value in kept.items():
            if there.get(name) != value:
                self.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def send(self, kind: str, who: str = "", meeting: str = KEYNOTE) -> None:
        """Have the queue receive an event, and wait until the desk has taken it."""
        about = {"attendeeId": f"id of {who}", "externalUserId": who} if who else {}
        stamp = int(datetime.now(UTC).timestamp() * 1000)
        detail = {"eventType": f"chime:{kind}", "meetingId": meeting, "timestamp": stamp, **about}
        event = {
            "source": "aws.chime", "detail-type": "Chime Meeting State Change", "detail": detail,
        }  # fmt: skip
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(event))
        until(lambda: queued(self.sqs, self.queue) == 0, "the desk takes the event")


@pytest.fixture(scope="module", autouse=True)
def page() -> None:
    """The page's files are built."""
    build_page()


def opened(endpoint: str, aws: Any, queue: str | None, folder: Path) -> Iterator[Site]:
    """The desk as a process of its own."""
    site = Site("", aws("ssm", endpoint), aws("sqs", endpoint), "")
    site.put()
    options: list[str] = []
    if queue:
        site.queue = site.sqs.create_queue(QueueName=queue)["QueueUrl"]
        options = ["--events-queue", site.queue, "--events-file", str(folder / "events.jsonl")]
    with serving(reaching(endpoint), *options) as site.url:
        yield site


@pytest.fixture
def site(endpoint: str, aws: Any, tmp_path: Path) -> Iterator[Site]:
    """A desk that receives the meetings' events."""
    yield from opened(endpoint, aws, f"events-{tmp_path.name}"[:80], tmp_path)


@pytest.fixture
def deaf_site(endpoint: str, aws: Any, tmp_path: Path) -> Iterator[Site]:
    """A desk that receives none."""
    yield from opened(endpoint, aws, None, tmp_path)


def texts(browser: Browser, selector: str) -> list[str]:
    found = browser.do(
        "evaluate",
        script=f"[...document.querySelectorAll({selector!r})].filter((e) => e.checkVisibility())"
        ".map((e) => e.innerText)",
    )
    return [str(text) for text in found]


def news(browser: Browser) -> list[str]:
    """What was announced, without the times, the latest first."""
    return [text.partition(" ")[2] for text in texts(browser, "#changes p")]


def day(**changed: Any) -> dict[str, Event]:
    keynote: dict[str, Any] = {
        "title": "Opening keynote", "meeting": KEYNOTE, "people": PEOPLE[:2], "times": times(-0.2),
        "recording": {"status": "InProgress", "destination": "s3://acme-recordings/keynote/"},
    }  # fmt: skip
    return {
        "keynote": Event(**{**keynote, **changed}),
        "lobby": Event("Lobby", LOBBY, ("ann",)),
        "closing": Event("Closing", None, next=times(48)),
    }


def test_the_page_shows_meetings_people_links_and_recordings(site: Site, browser: Browser) -> None:
    """What is open first; and who is connected, as the messages say."""
    site.put(**day())
    site.send("AttendeeJoined", "ann")
    browser.do("open", url=site.link)
    browser.do("wait", state="ready")
    assert texts(browser, "#groups h2") == ["Open now", "Later"]
    assert texts(browser, "h3") == ["Lobby", "Opening keynote", "Closing"]
    lobby, keynote, closing = texts(browser, ".state")
    assert lobby == "Open"
    assert keynote.startswith("Open until ")
    assert closing.startswith("Opens at ")
    facts = "\n".join(texts(browser, "article dl"))
    assert "destination: s3://acme-recordings/keynote/, status: InProgress" in facts
    assert "Join information updated" in facts
    follow(browser, lambda: texts(browser, "summary") == [
        "Attendees: 1, 0 connected", "Attendees: 2, 1 connected",
    ])  # fmt: skip
    seen = browser.do("look")
    assert (seen["violations"], seen["errors"], seen["overflows"]) == ([], [], False)


def test_what_happens_is_shown_and_announced_and_nothing_else_changes(
    site: Site, browser: Browser
) -> None:
    """Cards stay the same elements, lists stay open, and the focus stays where it is."""
    site.put(**day())
    browser.do("open", url=site.link)
    browser.do("wait", state="ready")
    assert texts(browser, "#unchanged") == ["None since this page was opened."]
    browser.do("evaluate", script="""
        document.querySelectorAll('article').forEach((card) => { card.marked = true; });
        document.querySelectorAll('details').forEach((list) => { list.open = true; });
        document.querySelectorAll('li button')[1].focus();
    """)  # fmt: skip
    browser.do("pass", seconds=30)
    assert news(browser) == []

    site.send("AttendeeJoined", "bob@example.org")
    follow(browser, lambda: news(browser) == ["bob@example.org joined Opening keynote."])
    site.send("AttendeeDropped", "bob@example.org")
    follow(browser, lambda: news(browser)[0] == "bob@example.org left Opening keynote.")
    site.send("MeetingEnded")
    follow(browser, lambda: news(browser)[0] == "Opening keynote has ended.")
    [ended] = [text for text in texts(browser, ".state") if "Ended at" in text]
    assert "It has not been replaced yet." in ended
    site.put(**day(meeting=SECOND, recording={"status": "Stopped"}))
    follow(browser, lambda: "Recording of Opening keynote: status: Stopped." in news(browser))
    follow(browser, lambda: "Opening keynote has a new meeting." in news(browser))
    assert not [text for text in texts(browser, ".state") if "Ended at" in text]
    ends = texts(browser, ".state")
    site.put(**day(meeting=SECOND, times=times(0.1)))
    follow(browser, lambda: texts(browser, ".state") != ends)
    site.put(**day(meeting=SECOND, times=times(0.1), people=("ann", "bob@example.org", "eve")))
    follow(browser, lambda: news(browser)[0] == "eve was added to Opening keynote.")
    # Other times are not another meeting, although they change all parameters.
    assert news(browser).count("Opening keynote has a new meeting.") == 1

    kept = browser.do("evaluate", script="""[
        [...document.querySelectorAll('article')].every((card) => card.marked),
        [...document.querySelectorAll('article:has(li) details')].every((list) => list.open),
        document.activeElement.getAttribute('aria-label'),
    ]""")  # fmt: skip
    assert kept == [True, True, "Copy link of ann"]
    live = browser.do("evaluate", script="document.querySelector('#changes').role")
    assert live == "log"


def test_an_event_whose_next_times_are_incomplete_is_shown(site: Site, browser: Browser) -> None:
    """The meetings' stack may export only some of them."""
    later = times(48)
    site.put(lobby=Event("Lobby", LOBBY, ("ann",), next={"opens": later["opens"]}),
             closing=Event("Closing", None, next={"start": later["start"]}))  # fmt: skip
    browser.do("open", url=site.link)
    browser.do("wait", state="ready")
    assert texts(browser, "h3") == ["Lobby", "Closing"]
    assert browser.do("look")["errors"] == []


def test_a_link_is_copied_with_the_keyboard_alone(site: Site, browser: Browser) -> None:
    """Tab, Enter, Tab, Enter; and without the permission the link is shown, to be copied."""
    site.put(keynote=Event("Keynote", KEYNOTE, ("ann", "bob")))
    permissions = ["clipboard-read", "clipboard-write"]
    wanted = links.link(site.url, "key", STACK, "keynote", "ann")
    browser.do("open", url=site.link, permissions=permissions)
    for key in ("Tab", "Enter", "Tab", "Enter"):
        browser.do("press", key=key)
    follow(browser, lambda: texts(browser, "#copied") == ["The link of ann was copied."])
    assert browser.do("evaluate", script="navigator.clipboard.readText()") == wanted

    browser.do("open", url=site.link)
    browser.do("evaluate", script="navigator.clipboard.writeText = () => Promise.reject()")
    for key in ("Tab", "Enter", "Tab", "Enter"):
        browser.do("press", key=key)
    follow(
        browser, lambda: browser.do("evaluate", script="document.activeElement.tagName") == "INPUT"
    )
    assert browser.do("evaluate", script="getSelection().toString()") == wanted
    assert browser.do("look")["violations"] == []


def test_the_pages_own_policy_lets_all_of_it_in(site: Site, browser: Browser) -> None:
    """Its script, its styles and its requests."""
    site.put(**day())
    browser.do("open", url=site.link, strict=True)
    browser.do("wait", state="ready")
    assert texts(browser, "h3") == ["Lobby", "Opening keynote", "Closing"]
    styled = "getComputedStyle(document.querySelector('article')).borderStyle"
    assert browser.do("evaluate", script=styled) == "solid"


def test_without_a_queue_the_page_says_that_it_does_not_know(
    deaf_site: Site, browser: Browser
) -> None:
    deaf_site.put(keynote=Event("Keynote", KEYNOTE, ("ann",)))
    browser.do("open", url=deaf_site.link)
    browser.do("wait", state="ready")
    [said] = texts(browser, "#connections")
    assert "this server was started without --events-queue" in said
    assert texts(browser, "summary") == ["Attendees: 1"]
    deaf_site.put()
    follow(browser, lambda: texts(browser, "#none") == ["There are no meetings."])
    assert news(browser) == ["Keynote was removed."]


def test_a_desk_that_is_gone_and_a_new_key_are_said(site: Site, browser: Browser) -> None:
    """What was there stays; and the page is current again by itself."""
    site.put(keynote=Event("Keynote", KEYNOTE, ("ann",)))
    browser.do("open", url=site.link)
    browser.do("wait", state="ready")
    browser.do("evaluate", script="globalThis.real = fetch; fetch = () => Promise.reject()")
    browser.do("pass", seconds=6)
    browser.do("wait", state="unavailable")
    assert "This page tries again by itself." in texts(browser, "#status")[0]
    assert texts(browser, "h3") == ["Keynote"]
    browser.do("evaluate", script="fetch = globalThis.real")
    browser.do("pass", seconds=6)
    browser.do("wait", state="ready")
    assert texts(browser, "#status") == []
    browser.do("open", url=site.link[:-3])
    assert "Wrong link" in texts(browser, "h1")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_every_screen_and_is_accessible(
    site: Site, browser: Browser, pictures: Path, width: int, dark: bool
) -> None:
    """Long names overflow nothing, and axe finds nothing, with every list open."""
    site.put(
        keynote=Event(
            LONG, KEYNOTE, PEOPLE, times(-0.2),
            {"status": "InProgress", "destination": "s3://acme-recordings/" + "long/" * 20},
            times(24),
        ),
        lobby=Event("Lobby", LOBBY, ("ann",)),
        workshop=Event("Workshop", None, next=times(0.5)),
        closing=Event("Closing", None, next=times(48)),
    )  # fmt: skip
    for who in PEOPLE[:3]:
        site.send("AttendeeJoined", who)
    site.send("MeetingEnded", meeting=LOBBY)
    browser.do("open", url=site.link, width=width, dark=dark)
    browser.do("wait", state="ready")
    site.send("AttendeeLeft", PEOPLE[2])
    follow(browser, lambda: len(news(browser)) == 1)
    browser.do(
        "evaluate", script="document.querySelectorAll('details').forEach((d) => d.open = true)"
    )
    shade = "dark" if dark else "light"
    seen = browser.do("look", screenshot=str(pictures / f"operator-{width}-{shade}.png"))
    assert (seen["violations"], seen["errors"]) == ([], [])
    assert seen["overflows"] is False
    assert (seen["background"] == "rgb(255, 255, 255)") is not dark
