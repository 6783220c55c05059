"""Whatever happens in whatever order, the next `up` brings about what is declared."""

from __future__ import annotations

import random
import sys
import time

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from soak.machine import Soak, counts

STEPS = 10_000
SOAK = "soak"


# Two hours are for the ten thousand steps.
@pytest.mark.timeout(7200)
def test_the_next_up_brings_about_what_is_declared(machine: type[Soak]) -> None:
    """`make test` runs a few hundred steps, `make soak` ten thousand."""
    counts.clear()
    if settings.get_current_profile_name() == SOAK:
        soak(machine)
    else:
        run_state_machine_as_test(machine, settings=settings.get_profile("short"))
    assert counts["examples"]
    assert machine.hosts.leaked() == 0, "join tokens in the output of a host"


def soak(machine: type[Soak]) -> None:
    """Run rounds until there were enough steps, and report the progress."""
    began = time.monotonic()
    machine.report = staticmethod(say)
    while counts["steps"] < STEPS:
        number = random.randrange(2**32)
        say(f"{counts['steps']:>6} steps, {time.monotonic() - began:5.0f} s; seed {number}")
        run_state_machine_as_test(seed(number)(machine), settings=settings.get_profile(SOAK))
    say(f"{counts['steps']:>6} steps, {time.monotonic() - began:5.0f} s; all is as declared")
    for what, count in sorted(counts.items()):
        say(f"{count:>6} {what}")


def say(line: str) -> None:
    """Print a line to the terminal, also where pytest captures output."""
    sys.__stderr__.write(f"{line}\n")  # type: ignore[union-attr]
