"""Whatever happens in whatever order, the next `up` makes true what is declared."""

from __future__ import annotations

import random
import sys
import time

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from soak.machine import Soak, counts

STEPS = 10_000


def test_the_next_up_makes_true_what_is_declared(machine: type[Soak]) -> None:
    """In the form of `make test` a few hundred steps, in that of `make soak` ten thousand."""
    counts.clear()
    if settings.get_current_profile_name() == "soak":
        soak(machine)
    else:
        run_state_machine_as_test(machine, settings=settings.get_profile("short"))
    assert counts["examples"]


def soak(machine: type[Soak]) -> None:
    """Run rounds until enough steps are done, and say how far it got."""
    began = time.monotonic()
    machine.tell = staticmethod(say)
    while counts["steps"] < STEPS:
        number = random.randrange(2**32)
        say(f"{counts['steps']:>6} steps, {time.monotonic() - began:5.0f} s; seed {number}")
        run_state_machine_as_test(seed(number)(machine), settings=settings.get_profile("soak"))
    say(f"{counts['steps']:>6} steps, {time.monotonic() - began:5.0f} s; all is as declared")
    for what, count in sorted(counts.items()):
        say(f"{count:>6} {what}")


def say(line: str) -> None:
    """To the terminal, whatever pytest captures."""
    sys.stderr.write(f"{line}\n")
