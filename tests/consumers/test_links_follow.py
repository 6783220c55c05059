"""With the watcher, a link leads to the next meeting soon: after an end, and after a first click.

`make recoveries` measures both with the example's schedule and its 148 attendees, and writes the
figures into docs/performance.md.
"""

from __future__ import annotations

import json
import os
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import cycle
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from support.checkout import PATIENCE, Checkout, attend
from support.site import PAGE, serving
from support.watching import Watch

from benchmarks import page
from benchmarks.__main__ import FIGURES
from chime_sandbox.admin import Meeting
from desk import addresses, links

ALL = os.environ.get("RECOVERIES") == "all"
ENDS, ROUNDS = (50, 10) if ALL else (2, 1)
CLICKS = 20
HOUR = 3600.0

SCHEDULE = """\
events:
  - name: keynote
    attendees: [{external_user_id: speaker-1}, {external_user_id: viewer-1}]
  - name: workshop
    attendees: [{external_user_id: speaker-2}, {external_user_id: viewer-1}]
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose meetings and desk are up."""
    with closing(Checkout.build(tmp_path_factory.mktemp("follow") / "checkout")) as built:
        if not ALL:
            built.schedule = SCHEDULE
        run = built.make("up")
        assert run.code == 0, run.text
        yield built


class Event:
    """An event of the schedule, by the meeting that is there now, and what its links lead to."""

    def __init__(self, checkout: Checkout, ssm: Any, name: str) -> None:
        self._cloud = checkout.cloud
        self._ssm = ssm
        self.name = name
        (self.meeting,) = self.live()
        self.people = self.meeting.external_user_ids

    def live(self) -> list[Meeting]:
        return [m for m in self._cloud.live() if m.external_meeting_id == self.name]

    def made(self) -> int:
        """How many meetings it has had."""
        return sum(m.external_meeting_id == self.name for m in self._cloud.meetings())

    def attend(self) -> None:
        """Have somebody be in the meeting, so that it stays."""
        (self.meeting,) = self.live()
        attend(self._cloud, [self.meeting])

    def until_all_links_lead_elsewhere(self) -> None:
        """Wait until each attendee's parameter has another meeting than the one that was there."""
        deadline = time.monotonic() + PATIENCE
        waiting = [addresses.attendee("dev", self.name, who) for who in self.people]
        while waiting:
            assert time.monotonic() < deadline, waiting
            waiting = [n for n in waiting if self._leads_to(n) == self.meeting.meeting_id]
            time.sleep(0.05)

    def _leads_to(self, name: str) -> str:
        value = self._ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        found: str = json.loads(value)[0]["Meeting"]["MeetingId"]
        return found


@pytest.fixture
def events(checkout: Checkout, aws: Any) -> list[Event]:
    """The events that have one meeting, and somebody in each of the meetings."""
    run = checkout.make("up")
    assert run.code == 0, run.text
    ssm = aws("ssm", checkout.cloud.endpoint)
    names = sorted({m.external_meeting_id for m in checkout.cloud.live()})
    # Those of a series have a time in their name.
    found = [Event(checkout, ssm, name) for name in names if not name.endswith("Z")]
    attend(checkout.cloud, checkout.cloud.live())
    return found


@contextmanager
def watching(checkout: Checkout, *options: str) -> Iterator[Watch]:
    watch = Watch(checkout, "--then", "stacks/join_desk", *options)
    # As `make watch` does.
    watch.environment["PULUMI_SKIP_CHECKPOINTS"] = "true"
    watch.start()
    watch.until_updated("join_desk", 1)
    try:
        yield watch
    finally:
        watch.stop()


def report(kind: str, seconds: list[float]) -> None:
    median, worst = statistics.median(seconds), max(seconds)
    times = len(seconds)
    print(
        f"\n{page.LINKS[kind]}: {times} times, {median:.1f} s at the median, {worst:.1f} at worst"
    )
    if ALL:
        figures = json.loads(FIGURES.read_text())
        found = {"times": times, "median": median, "worst": worst}
        figures["links"] = {**figures.get("links", {}), kind: found}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        page.write(figures)


def test_all_links_of_a_meeting_follow_its_end(checkout: Checkout, events: list[Event]) -> None:
    """From the end of a meeting to the last of its links."""
    seconds = []
    with watching(checkout) as watch:
        watch.until_quiet()
        for event, _ in zip(cycle(events), range(ENDS), strict=False):
            began = time.monotonic()
            checkout.cloud.end(event.meeting.meeting_id)
            event.until_all_links_lead_elsewhere()
            seconds.append(time.monotonic() - began)
            event.attend()
            watch.until_updated("join_desk", len(seconds) + 1)
            watch.until_quiet()
        # Each update of the desk is of the one event.
        assert len(seconds) == ENDS
        assert watch.log.count("dev of join_desk is up to date") == ENDS + 1
    report("ends", seconds)


@contextmanager
def desk(checkout: Checkout, watch: Watch) -> Iterator[str]:
    """A desk that requests meetings; its URL."""
    built = checkout.root / PAGE / "build"
    built.mkdir(exist_ok=True)
    for file in ("join.js", "join.css"):
        (built / file).touch()
    with serving(watch.environment, "--request-meetings", root=checkout.root) as url:
        yield url


def key(ssm: Any) -> str:
    name = addresses.link_key("dev")
    return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def test_the_first_click_brings_back_a_meeting_that_nobody_used_for_an_hour(
    checkout: Checkout, events: list[Event], aws: Any
) -> None:
    """One meeting for 20 clicks at once, and none of the others."""
    ssm = aws("ssm", checkout.cloud.endpoint)
    seconds = []
    with watching(checkout, "--on-request") as watch, desk(checkout, watch) as url:
        for meeting in checkout.cloud.live():
            (attendee,) = (each for each in meeting.attendees if each.connected)
            checkout.cloud.leave(meeting.meeting_id, attendee.attendee_id)
        for event, _ in zip(cycle(events), range(ROUNDS), strict=False):
            checkout.cloud.advance(HOUR)
            assert event.live() == []
            made = [each.made() for each in events]
            person = links.link(url, key(ssm), "dev", event.name, event.people[0])
            began = time.monotonic()
            with ThreadPoolExecutor(CLICKS) as pool:
                gate = threading.Barrier(CLICKS)
                opened = [
                    pool.submit(until_open, person, gate, event.meeting.meeting_id)
                    for _ in range(CLICKS)
                ]
                seconds.append(max(each.result() for each in opened) - began)
            watch.until(lambda: watch.waits, "it waits")
            watch.until(lambda: watch.queued() == 0, "the queue is empty")
            now = [each.made() for each in events]
            assert [b - a for a, b in zip(made, now, strict=True)] == [
                int(each is event) for each in events
            ]
            (event.meeting,) = event.live()
        assert watch.log.count("is requested") == ROUNDS
        assert watch.log.count("has ended") == 0
    report("clicks", seconds)


def until_open(link: str, gate: threading.Barrier, ended: str) -> float:
    """Ask like a page that waits, until there is another meeting; when there was."""
    gate.wait()
    base, _, query = link.partition("?")
    deadline = time.monotonic() + PATIENCE
    known = ""
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{base}/session?{query}{known}") as answer:
                found = json.load(answer)
        except HTTPError as error:
            found = json.load(error)
        # A slow service lets a page into the meeting that has ended, or makes it try again.
        assert found["state"] in ("reopening", "open", "unavailable")
        if found["state"] == "open":
            if found["Meeting"]["MeetingId"] != ended:
                return time.monotonic()
        elif found["state"] == "reopening":
            known = f"&meeting={found['MeetingId']}"
        time.sleep(0.75)
    raise AssertionError("the meeting is not there in time")
