"""The emulated cloud as a child process, and real clients that talk to it."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from meeting_provider.client import ChimeClient
from meeting_provider.lifecycle import Lifecycle
from sandbox.admin import Sandbox
from sandbox.cloud import running

# Node is no requirement of the project: where it isn't there, its tests aren't either.
collect_ignore = [] if shutil.which("node") and shutil.which("npm") else ["test_javascript.py"]


def client(endpoint: str, service: str = "chime-sdk-meetings", region: str = "us-east-1") -> Any:
    """A boto3 client that tries each call once."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
        config=Config(
            retries={"total_max_attempts": 1},
            read_timeout=20,
            max_pool_connections=20,
            parameter_validation=False,
        ),
    )


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def sandbox(endpoint: str) -> Sandbox:
    """The admin route of an empty cloud."""
    admin = Sandbox(endpoint)
    admin.reset()
    return admin


@pytest.fixture(scope="session")
def clients(endpoint: str) -> Callable[..., Any]:
    """Clients by service and region, made once."""
    made: dict[tuple[str, str], Any] = {}

    def get(service: str = "chime-sdk-meetings", region: str = "us-east-1") -> Any:
        if (service, region) not in made:
            made[service, region] = client(endpoint, service, region)
        return made[service, region]

    return get


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
