"""Pytest fixtures for testing programs against the emulated AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chime_sandbox.admin import Sandbox


@pytest.fixture(scope="session")
def chime_sandbox_endpoint() -> Iterator[str]:
    """The URL of an emulated AWS that runs for the whole test session."""
    # pytest loads this module in every session, so it must be quick to import.
    from chime_sandbox.server import running

    with running() as endpoint:
        yield endpoint


@pytest.fixture
def chime_sandbox(chime_sandbox_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The emulated AWS, empty, with the environment set so that boto3 and Pulumi use it."""
    from chime_sandbox.admin import Sandbox

    sandbox = Sandbox(chime_sandbox_endpoint)
    sandbox.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", chime_sandbox_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        # Some SDKs read only one of the two.
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return sandbox


def client(endpoint: str, service: str = "chime-sdk-meetings", region: str = "us-east-1") -> Any:
    """A boto3 client that makes each call once, and leaves all checks to the emulator."""
    import boto3
    from botocore.config import Config

    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # noqa: S106
        config=Config(
            retries={"total_max_attempts": 1},
            read_timeout=20,
            max_pool_connections=20,
            parameter_validation=False,
        ),
    )
