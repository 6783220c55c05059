"""How the cost of each meeting grows with their number: in one stack, and in stacks of 200."""

from __future__ import annotations

from collections.abc import Iterator

from .figures import Figure
from .settings import SETTINGS
from .stage import UP, Stage

NUMBERS = SETTINGS["numbers"]
OF_A_STACK = SETTINGS["of_a_stack"]
ALLOWED = 1.2

CHECKPOINTS = {"PULUMI_SKIP_CHECKPOINTS": "false"}


def figures() -> Iterator[Figure]:
    """Scenario g."""
    least: dict[str, float] = {}
    for number in NUMBERS:
        each = _one_stack(number, {})
        first = least.setdefault("without", each)
        title = f"each of {number} meetings in one stack, without checkpoints"
        yield _figure(f"g-{number}", title, each, first, ALLOWED if number == NUMBERS[-1] else None)
        # An engine writes the whole state around every step: the square of the number.
        each = _one_stack(number, CHECKPOINTS)
        first = least.setdefault("with", each)
        title = f"each of {number} meetings in one stack, with checkpoints"
        yield _figure(f"g-{number}-checkpoints", title, each, first, None)
        if number > OF_A_STACK:
            each = _stacks(number, CHECKPOINTS)
            title = f"each of {number} meetings in stacks of {OF_A_STACK}, with checkpoints"
            yield _figure(f"g-{number}-split", title, each, least["with"], None)


def _figure(key: str, title: str, each: float, least: float, allowed: float | None) -> Figure:
    is_ = f"a meeting's cost among {NUMBERS[0]}"
    return Figure(key, title, each * 1000, "ms", least * 1000, is_, allowed)


def _one_stack(number: int, env: dict[str, str]) -> float:
    with Stage.unlimited() as stage:
        stage.pulumi("meetings", *UP, count=0)
        return stage.pulumi("meetings", *UP, env=env, count=number).seconds / number


def _stacks(number: int, env: dict[str, str]) -> float:
    taken = 0.0
    with Stage.unlimited() as stage:
        for first in range(0, number, OF_A_STACK):
            count = min(OF_A_STACK, number - first)
            stack = f"part-{first // OF_A_STACK}"
            run = stage.pulumi("meetings", *UP, stack=stack, env=env, count=count, first=first)
            taken += run.seconds
    return taken / number
