"""A desk that serves as a process of its own, on an emulated AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chime_sandbox import server
from desk import addresses, links
from support.checkout import ROOT

STACK = "dev"
DESK = ROOT / "stacks/join_desk"
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
    """Build the page with its own packages."""
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock",
                    "--ignore-scripts", "--silent"], cwd=DESK / "page", check=True)  # fmt: skip
    subprocess.run(
        ["npm", "run", "build", "--silent"], cwd=DESK / "page", check=True, capture_output=True
    )


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
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "PYTHONPATH": f"{ROOT}:{DESK}",
        }
        with subprocess.Popen(
            [sys.executable, "-m", "desk.server", "--stack", STACK, "--region", "us-east-1",
             "--port", "0"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            found.url = process.stdout.readline().split()[-1]
            yield found
            process.terminate()
