"""The emulator, empty for each test, and real clients that talk to it."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest

from chime_sandbox.admin import Sandbox
from chime_sandbox.pytest_plugin import client


@pytest.fixture(scope="session")
def endpoint(chime_sandbox_endpoint: str) -> str:
    return chime_sandbox_endpoint


@pytest.fixture
def sandbox(chime_sandbox: Sandbox) -> Sandbox:
    return chime_sandbox


@pytest.fixture(scope="session")
def clients(endpoint: str) -> Callable[..., Any]:
    """Returns boto3 clients by service and region; it creates each once."""
    return cache(partial(client, endpoint))


@pytest.fixture
def chime(clients: Callable[..., Any], sandbox: Sandbox) -> Any:  # noqa: ARG001
    return clients()


@pytest.fixture
def new(chime: Any) -> Callable[..., Any]:
    """Makes a meeting with attendees of these ids; keywords are further parameters."""
    numbers = iter(range(1000))

    def create(*external_user_ids: str, **parameters: Any) -> Any:
        defaults = {
            "ClientRequestToken": f"token-{next(numbers)}",
            "MediaRegion": "eu-central-1",
            "ExternalMeetingId": "keynote",
        }
        parameters = defaults | parameters
        if external_user_ids:
            parameters["Attendees"] = [{"ExternalUserId": each} for each in external_user_ids]
            return chime.create_meeting_with_attendees(**parameters)
        return chime.create_meeting(**parameters)

    return create
