"""Fixtures for programs that make meetings, tested against the emulated AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chime_sandbox.admin import Sandbox


@pytest.fixture(scope="session")
def chime_sandbox_endpoint() -> Iterator[str]:
    """The URL of an emulated AWS that runs for the whole test session."""
    # pytest loads this module wherever the package is installed: it stays quick to import.
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
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return sandbox
