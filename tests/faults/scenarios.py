"""What happens to meetings: how they are declared before, and how after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MAIN, COPY = "main", "copy"

#: The declared parts of a scenario, each with the arguments of its meeting.
Declared = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Scenario:
    """A change of the declaration. A part called copy is a replica of the part called main.

    :param in_place: whether the API can change the existing meeting accordingly.
    """

    name: str
    before: Declared
    after: Declared
    in_place: bool = True


def people(*names: str, **capabilities: str) -> list[dict[str, Any]]:
    """Attendees with these names; keywords name attendees with these capabilities."""
    return [{"external_user_id": name} for name in names] + [
        {
            "external_user_id": name,
            "capabilities": {"audio": each, "video": each, "content": each},
        }
        for name, each in capabilities.items()
    ]


def crowd(count: int) -> list[dict[str, Any]]:
    return people(*(f"guest-{number}" for number in range(count)))


def meeting(attendees: Iterable[dict[str, Any]], **arguments: Any) -> dict[str, Any]:
    return {"attendees": list(attendees), **arguments}


TRIO = meeting(people("ann", "bob", "cat"), tags={"room": "main", "track": "one"})
FIVE = meeting(people("ann", "bob", "cat", "dan", "eve"))
ELSEWHERE = {"media_region": "eu-central-1"}
ENGLISH = {"transcription": {"engine_transcribe_settings": {"language_code": "en-GB"}}}
GERMAN = {"transcription": {"engine_transcribe_settings": {"language_code": "de-DE"}}}

SCENARIOS = (
    Scenario("create", {}, {MAIN: TRIO}),
    Scenario("create-25", {}, {MAIN: meeting(crowd(25))}),
    Scenario("create-130", {}, {MAIN: meeting(crowd(130))}),
    Scenario("create-pair", {}, {MAIN: TRIO, COPY: TRIO}),
    Scenario("read", {MAIN: TRIO}, {MAIN: TRIO}),
    Scenario("read-130", {MAIN: meeting(crowd(130))}, {MAIN: meeting(crowd(130))}),
    Scenario("add", {MAIN: meeting(people("ann"))}, {MAIN: meeting(crowd(130) + people("ann"))}),
    Scenario("remove", {MAIN: FIVE}, {MAIN: meeting(people("ann"))}),
    Scenario("exchange", {MAIN: TRIO}, {MAIN: TRIO | meeting(people("ann", "cat", "dan", "eve"))}),
    Scenario(
        "capability", {MAIN: TRIO}, {MAIN: TRIO | meeting(people("ann", "bob", cat="Receive"))}
    ),
    Scenario(
        "capabilities",
        {MAIN: FIVE},
        {MAIN: meeting(people("ann", bob="Receive", cat="Receive", dan="Receive", eve="Send"))},
    ),
    Scenario("tags", {MAIN: TRIO}, {MAIN: TRIO | {"tags": {"room": "side", "day": "two"}}}),
    Scenario("create-transcribed", {}, {MAIN: TRIO | ENGLISH}),
    Scenario("transcription", {MAIN: TRIO | ENGLISH}, {MAIN: TRIO | GERMAN}),
    Scenario("no transcription", {MAIN: TRIO | ENGLISH}, {MAIN: TRIO}),
    Scenario(
        "everything",
        {MAIN: TRIO},
        {MAIN: meeting(people("ann", "dan", cat="Receive"), tags={"room": "side", "day": "two"})},
    ),
    Scenario("replace", {MAIN: TRIO}, {MAIN: TRIO | ELSEWHERE}, in_place=False),
    Scenario(
        "replace-25",
        {MAIN: meeting(crowd(25))},
        {MAIN: meeting(crowd(25)) | ELSEWHERE},
        in_place=False,
    ),
    Scenario(
        "replace-pair",
        {MAIN: TRIO, COPY: TRIO},
        {MAIN: TRIO | ELSEWHERE, COPY: TRIO | ELSEWHERE},
        in_place=False,
    ),
    Scenario("delete", {MAIN: TRIO}, {}),
    Scenario("delete-pair", {MAIN: TRIO, COPY: TRIO}, {}),
)
