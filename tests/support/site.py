"""A desk that serves as a process of its own, on an emulated AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chime_sandbox import server
from desk import addresses, links
from support.checkout import ROOT, Checkout, locked

STACK = "dev"
PAGE = "stacks/join_desk/page"
NAME = "stand-up"


@dataclass
class Site:
    """A desk that serves, and the parameters that it reads."""

    url: str
    endpoint: str
    ssm: Any

    def link(self, event: str = NAME, who: str = "ann", key: str = "key") -> str:
        """A join link."""
        return links.link(self.url, key, STACK, event, who)

    def put(self, meeting: str | None, **about: Any) -> None:
        """Have the event be so, and Ann's meeting be this one, which the service doesn't know."""
        entries = meeting and [{**joining(meeting), "Times": {}}]
        self.put_event({"title": "Stand-up", **about}, entries)

    def put_event(self, about: dict[str, Any], entries: Any) -> None:
        """Have the event's parameter and Ann's be so."""
        name = addresses.attendee(STACK, NAME, "ann")
        if entries:
            self.set(name, json.dumps(entries))
        else:
            self._remove(name)
        self.set(addresses.about(STACK, NAME), json.dumps(about))

    def set(self, name: str, value: str) -> None:
        """Put a parameter."""
        self.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def _remove(self, name: str) -> None:
        self.ssm.delete_parameters(Names=[name])

    def forget(self) -> None:
        """Have no such event."""
        self._remove(addresses.about(STACK, NAME))


def joining(meeting: str) -> dict[str, Any]:
    """What an attendee of a meeting joins with."""
    host = "00000000000000000000000000000000.k.m1.ec1.app.chime.aws"
    return {
        "Meeting": {
            "MeetingId": meeting,
            "ExternalMeetingId": NAME,
            "MediaRegion": "eu-central-1",
            "MediaPlacement": {
                "AudioHostUrl": f"{host}:3478",
                "SignalingUrl": f"wss://signal.m1.ec1.app.chime.aws/control/{meeting}",
                "TurnControlUrl": "https://ccp.cp.ec1.app.chime.aws/v2/turn_sessions",
            },
        },
        "Attendee": {
            "AttendeeId": "22222222-2222-4222-8222-222222222222",
            "ExternalUserId": "ann",
            "JoinToken": "dG9rZW4",
        },
    }


def build_page() -> None:
    """Build the page where its sources are newer: other tests may be looking at it."""
    with locked(ROOT / PAGE / "package.json"):
        run = Checkout(ROOT).make(f"{PAGE}/build/join.js")
        assert run.code == 0, run.text


def reaching(endpoint: str) -> dict[str, str]:
    """An environment that leads AWS's SDK to an emulated AWS."""
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }


@contextmanager
def serving(environment: Mapping[str, str], *options: str, root: Path = ROOT) -> Iterator[str]:
    """The desk of a checkout as a process of its own; its URL."""
    command = (sys.executable, "-m", "desk.server", "--stack", STACK, "--region", "us-east-1")
    with subprocess.Popen(
        (*command, "--port", "0", *options),
        env={**environment, "PYTHONPATH": f"{root}:{root / 'stacks/join_desk'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@contextmanager
def open_site(aws: Callable[[str, str], Any]) -> Iterator[Site]:
    """The page built, and a desk that serves it.

    :param aws: makes boto3's client for a service at an endpoint.
    """
    build_page()
    with server.running() as endpoint:
        found = Site("", endpoint, aws("ssm", endpoint))
        found.set(addresses.link_key(STACK), "key")
        found.set(addresses.about(STACK, NAME), json.dumps({"title": "Stand-up"}))
        with serving(reaching(endpoint)) as found.url:
            yield found
