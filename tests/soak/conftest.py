"""An emulated account and a host, and how long the machine runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, Phase, settings
from support.emulator import Emulator

from soak.machine import Hosts, Soak

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
)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Soak]]:
    """The machine, on an emulated account of its own."""
    root = tmp_path_factory.mktemp("soak")
    with (
        closing(Emulator(root)) as Soak.emulator,
        closing(Hosts(Soak.emulator.endpoint, root)) as Soak.hosts,
    ):
        yield Soak
