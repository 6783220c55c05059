"""The lifecycle of meetings over real boto3, against the emulator."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import count
from typing import Any

import pytest

from chime_sandbox.admin import Sandbox
from chime_sandbox.pytest_plugin import client
from meeting_provider.client import ChimeClient
from meeting_provider.lifecycle import Lifecycle

# Node is no requirement of the project: where it isn't there, its tests aren't either.
collect_ignore = [] if shutil.which("node") and shutil.which("npm") else ["test_javascript.py"]


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


@pytest.fixture(scope="session")
def provider_client(endpoint: str) -> Iterator[Callable[[str, str | None], ChimeClient]]:
    """The provider's own clients by control region, set up as a user sets them up."""
    with pytest.MonkeyPatch.context() as environment:
        _set_up(environment, endpoint)
        made = {region: ChimeClient(region) for region in ("eu-central-1", "us-east-1")}
        yield lambda region, _: made[region]


@pytest.fixture
def lifecycle(
    provider_client: Callable[[str, str | None], ChimeClient],
    sandbox: Sandbox,  # noqa: ARG001
) -> Callable[[], Lifecycle]:
    """Makes the lifecycle of a new provider host."""
    return lambda: Lifecycle(provider_client)


@pytest.fixture
def set_up(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that leads AWS's SDK to the emulated cloud."""
    _set_up(monkeypatch, endpoint)


def _set_up(environment: pytest.MonkeyPatch, endpoint: str) -> None:
    environment.setenv("AWS_ENDPOINT_URL", endpoint)
    environment.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        environment.delenv(name, raising=False)


@pytest.fixture
def chime(clients: Callable[..., Any], sandbox: Sandbox) -> Any:  # noqa: ARG001
    """boto3's client, as another program has it."""
    return clients()


@pytest.fixture
def new(chime: Any) -> Callable[..., Any]:
    """Makes a meeting with attendees of these ids; keywords are further parameters."""
    tokens = (f"token-{number}" for number in count())

    def create(*ids: str, **parameters: Any) -> Any:
        given = {"MediaRegion": "eu-central-1", "ExternalMeetingId": "keynote"} | parameters
        given.setdefault("ClientRequestToken", next(tokens))
        if not ids:
            return chime.create_meeting(**given)
        attendees = [{"ExternalUserId": each} for each in ids]
        return chime.create_meeting_with_attendees(Attendees=attendees, **given)

    return create
