"""An emulated account, and how long and how hard to try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, Phase, settings

from sandbox.admin import Sandbox
from sandbox.cloud import running
from soak.engine import Hosts
from soak.machine import Soak

settings.register_profile(
    "soak",
    deadline=None,
    database=None,
    max_examples=20,
    stateful_step_count=50,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
#: The same examples each time, so that a change that breaks nothing breaks no test.
settings.register_profile(
    "short",
    settings.get_profile("soak"),
    derandomize=True,
    max_examples=7,
    stateful_step_count=30,
    phases=[Phase.generate],
)


@pytest.fixture(scope="session")
def machine() -> Iterator[type[Soak]]:
    """The machine, on an emulated account of its own."""
    with running() as endpoint:
        Soak.sandbox = Sandbox(endpoint)
        with closing(Hosts(endpoint)) as Soak.hosts:
            yield Soak
