"""Checkouts whose schedule is up, for what consumes it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.browser import Browser
from support.checkout import Checkout
from support.watching import Watch

from chime_sandbox.server import running

# A browser is no requirement of the project: where it isn't there, its test isn't either.
_BROWSING = ("chromium", "node", "npm")
_IN_A_BROWSER = [
    *("test_page.py", "test_page_states.py", "test_reopening.py"),
    "test_operator_page.py",
]
collect_ignore = [] if all(map(shutil.which, _BROWSING)) else _IN_A_BROWSER

SCHEDULE = """\
events:
  - name: keynote
    attendees: [{external_user_id: speaker-1}, {external_user_id: viewer-1}]
  - name: workshop
    attendees: [{external_user_id: speaker-2}]
  - name: panel
    media_region: eu-central-1
    attendees: [{external_user_id: speaker-3}]
  - name: clinic
    external_meeting_id: room-7
    attendees: [{external_user_id: doctor-1}]
"""


class Clock:
    """A clock that a test sets."""

    time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with four meetings, which are up."""
    with closing(Checkout.build(tmp_path_factory.mktemp("consumers") / "checkout")) as built:
        built.schedule = SCHEDULE
        selected = built.pulumi("stack", "select", "--create", "dev")
        assert selected.code == 0, selected.text
        _up(built)
        yield built


def _up(checkout: Checkout) -> None:
    run = checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert run.code == 0, run.text


@pytest.fixture
def watch(checkout: Checkout) -> Iterator[Watch]:
    """A watcher that watches; the schedule is as it was at first, up and attended."""
    checkout.cloud.clear_faults()
    if checkout.schedule != SCHEDULE:
        checkout.schedule = SCHEDULE
        _up(checkout)
    watch = Watch(checkout)
    watch.start()
    watch.until_attended()
    yield watch
    checkout.cloud.clear_faults()
    if watch.runs:
        watch.kill()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An emulated AWS."""
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def browser(javascript: Path) -> Iterator[Browser]:
    """A browser."""
    with closing(Browser(javascript)) as found:
        yield found


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: a folder that SCREENSHOTS names."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def aws() -> Any:
    """boto3's client for a service at an endpoint: `aws("ssm", endpoint)`."""

    def client(service: str, endpoint: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    return client
