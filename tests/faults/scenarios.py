"""What meetings go through: how they are declared before, and how after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MAIN, COPY = "main", "copy"

#: The parts of a scenario that are declared, each with the arguments of its meeting.
Declared = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Scenario:
    """A change of what is declared. A part called copy is a replica of the part called main.

    :param in_place: whether the service can carry the change out on the meeting that there is.
    """

    name: str
    before: Declared
    after: Declared
    in_place: bool = True


def people(*names: str, **capabilities: str) -> list[dict[str, Any]]:
    """Attendees of these names; those named again by keyword may do just that."""
    every = [*names, *capabilities]
    return [
        {"external_user_id": name}
        | ({"capabilities": media(capabilities[name])} if name in capabilities else {})
        for name in every
    ]


def media(each: str) -> dict[str, str]:
    return {"audio": each, "video": each, "content": each}


def crowd(count: int) -> list[dict[str, Any]]:
    return people(*(f"guest-{number}" for number in range(count)))


def meeting(attendees: Iterable[dict[str, Any]], **arguments: Any) -> dict[str, Any]:
    return {"attendees": list(attendees), **arguments}


TRIO = meeting(people("ann", "bob", "cat"), tags={"room": "main", "track": "one"})
EXCHANGED = meeting(people("ann", "cat", "dan", "eve"), tags=TRIO["tags"])
MUTED = meeting(people("ann", "bob", cat="Receive"), tags=TRIO["tags"])
ELSEWHERE = {"media_region": "eu-central-1"}

SCENARIOS = (
    Scenario("create", {}, {MAIN: TRIO}),
    Scenario("create-large", {}, {MAIN: meeting(crowd(130))}),
    Scenario("read", {MAIN: TRIO}, {MAIN: TRIO}),
    Scenario("read-large", {MAIN: meeting(crowd(130))}, {MAIN: meeting(crowd(130))}),
    Scenario("attendees", {MAIN: TRIO}, {MAIN: TRIO | meeting(people("ann", "cat", "dan", "eve"))}),
    Scenario(
        "capability", {MAIN: TRIO}, {MAIN: TRIO | meeting(people("ann", "bob", cat="Receive"))}
    ),
    Scenario(
        "capabilities",
        {MAIN: meeting(people("ann", "bob", "cat", "dan", "eve"))},
        {MAIN: meeting(people("ann", bob="Receive", cat="Receive", dan="Receive", eve="Send"))},
    ),
    Scenario("tags", {MAIN: TRIO}, {MAIN: TRIO | {"tags": {"room": "side", "day": "two"}}}),
    Scenario(
        "everything",
        {MAIN: TRIO},
        {MAIN: meeting(people("ann", "dan", cat="Receive"), tags={"room": "side", "day": "two"})},
    ),
    Scenario("replace", {MAIN: TRIO}, {MAIN: TRIO | ELSEWHERE}, in_place=False),
    Scenario("delete", {MAIN: TRIO}, {}),
    Scenario("create-pair", {}, {MAIN: TRIO, COPY: TRIO}),
    Scenario(
        "replace-pair",
        {MAIN: TRIO, COPY: TRIO},
        {MAIN: TRIO | ELSEWHERE, COPY: TRIO | ELSEWHERE},
        in_place=False,
    ),
    Scenario("delete-pair", {MAIN: TRIO, COPY: TRIO}, {}),
)
