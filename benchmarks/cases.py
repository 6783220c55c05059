"""The benchmarks. Their docstrings are the titles on the page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import boto3
from botocore.config import Config

from .runs import SKIP, Figure, Stack, emulator

CHANGE: Final = "change an attendee and a tag of each"

#: The threads of the script that the provider is compared with.
THREADS: Final = 16

Commands = Mapping[str, str]

#: The timed commands, by name.
PLAIN: Final = {"create": "up", "refresh": "refresh", CHANGE: "up", "destroy": "destroy"}
REFRESHED: Final = {
    "create": "up --refresh",
    f"refresh, then {CHANGE}": "up --refresh",
    f"{CHANGE} with `--run-program`": "up --refresh --run-program",
    "refresh, then destroy": "destroy --refresh",
}


def day() -> Iterator[Figure]:
    """15 meetings of 11 attendees, at the quotas."""
    with emulator(limited=True) as (sandbox, folder):
        stack = Stack(sandbox, folder, MEETINGS=15, ATTENDEES=11)
        yield from (stack.time("up", what) for what in ("create", "unchanged"))


def thousand() -> Iterator[Figure]:
    """1,000 meetings of 10 attendees, at the quotas."""
    with emulator(limited=True):
        yield Figure("create, by a script", _by_script(1000, 10))
    yield from _compared(1000, 10, PLAIN, "meeting")


def _by_script(meetings: int, attendees: int) -> float:
    """Create meetings by boto3 alone, with its adaptive retries; how many seconds it took."""
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=THREADS
    )
    client = boto3.client("chime-sdk-meetings", config=config)

    def create(number: int) -> None:
        client.create_meeting_with_attendees(
            ClientRequestToken=f"session-{number}",
            ExternalMeetingId=f"session-{number}",
            MediaRegion="us-east-1",
            Attendees=[{"ExternalUserId": f"viewer-{number}-{i}"} for i in range(attendees)],
        )

    started = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(create, range(meetings)))
    return time.monotonic() - started


def large() -> Iterator[Figure]:
    """250 meetings of 20 attendees, at the quotas."""
    yield from _compared(250, 20, PLAIN, "meeting")


def refreshed() -> Iterator[Figure]:
    """The same with a refresh, which the plugin always does."""
    yield from _compared(250, 20, REFRESHED, "meeting", "plugin")


def _compared(meetings: int, attendees: int, commands: Commands, *kinds: str) -> Iterator[Figure]:
    """The figures of each kind of meeting, with the ideal provider's times."""
    least = [figure.seconds for figure in _life("ideal", meetings, attendees, commands)]
    for kind in kinds:
        for figure, minimum in zip(_life(kind, meetings, attendees, commands), least, strict=True):
            what = figure.what + ", by the plugin" * (kind == "plugin")
            yield replace(figure, what=what, minimum=minimum)


def _life(kind: str, meetings: int, attendees: int, commands: Commands) -> Iterator[Figure]:
    with emulator(limited=True) as (sandbox, folder):
        stack = Stack(sandbox, folder, MEETINGS=meetings, ATTENDEES=attendees, KIND=kind, **SKIP)
        for revision, (what, command) in enumerate(commands.items()):
            # None ends while others are changed.
            for meeting in sandbox.live():
                sandbox.join(meeting.meeting_id, meeting.attendees[0].attendee_id)
            yield stack.time(command, what, revision)


def overhead() -> Iterator[Figure]:
    """300 meetings of 10 attendees, without quotas."""
    kinds = {"meeting": "this provider", "plugin": "the plugin", "ideal": "an empty provider"}
    for kind, name in kinds.items():
        with emulator(limited=False) as (sandbox, folder):
            stack = Stack(
                sandbox, folder, MEETINGS=300, ATTENDEES=10, KIND=kind, QUOTAS="none", **SKIP
            )
            yield stack.time("up", f"create, {name}")


CASES: Final = {case.__name__: case for case in (day, thousand, large, refreshed, overhead)}
