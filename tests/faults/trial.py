"""A scenario on a stack of its own, and at which of its calls something goes wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from faults.scenarios import COPY, MAIN, SCENARIOS, Declared, Scenario
from support.checkout import attend
from support.host import Host, IdOf, Resource, Stack

from chime_sandbox.admin import Sandbox

READS = frozenset({"ListAttendees", "ListTagsForResource"})


@dataclass(frozen=True)
class Position:
    """A call: the n-th of an operation on one of a scenario's meetings.

    :param refreshes: whether it belongs to the refresh at the beginning of the update.
    """

    part: str
    operation: str
    number: int
    refreshes: bool

    def __str__(self) -> str:
        return f"{self.part}-{self.operation}-{self.number}"


@dataclass(frozen=True)
class Before:
    """What has to be kept of a meeting."""

    meeting_id: str
    attendee_ids: Mapping[str, str]
    join_tokens: Mapping[str, str] = field(repr=False)


class Trial:
    """A scenario whose meetings and attendees have names that no other trial uses."""

    def __init__(self, name: str, scenario: Scenario) -> None:
        self.name = name
        self.scenario = replace(
            scenario, before=self._declared(scenario.before), after=self._declared(scenario.after)
        )
        self.stack = Stack()
        self.before: dict[str, Before] = {}
        #: Each join token that the stack has had. They are credentials.
        self.tokens: set[str] = set()

    def external_id(self, part: str) -> str:
        """The external_meeting_id of a part, which is its name in the stack too."""
        return f"{self.name}-{part}"

    def attendee(self, name: str) -> str:
        """The external_user_id of an attendee."""
        return f"{self.name}-{name}"

    def prepare(self, host: Host) -> None:
        """Bring the scenario's first declaration up."""
        self.stack.up(host, self._program(self.scenario.before))
        self.keep()

    def run(self, host: Host) -> None:
        """Bring the scenario's second declaration up."""
        try:
            self.stack.up(host, self._program(self.scenario.after))
        finally:
            self.note_tokens()

    def attend(self, cloud: Sandbox) -> None:
        """Have somebody be in each meeting of the state, so that the service ends none."""
        known = {resource.id for resource in self.stack.resources}
        attend(cloud, (m for m in cloud.live() if m.meeting_id in known))

    def keep(self) -> None:
        """Note what has to be kept of the meetings that the state has."""
        self.note_tokens()
        self.before = {
            part: Before(resource.id, resource.attendee_ids, resource.join_tokens)
            for part, resource in self.parts().items()
        }

    def note_tokens(self) -> None:
        """Note the join tokens that the state has."""
        for resource in self.stack.resources:
            self.tokens.update(resource.join_tokens.values())

    def parts(self) -> dict[str, Resource]:
        """The current resources by part."""
        return {name.rpartition("-")[2]: r for name, r in self.stack.current().items()}

    def _declared(self, declared: Declared) -> Declared:
        return {
            part: {
                **arguments,
                "attendees": [
                    {**a, "external_user_id": self.attendee(a["external_user_id"])}
                    for a in arguments["attendees"]
                ],
            }
            for part, arguments in declared.items()
        }

    def _program(self, declared: Declared) -> dict[str, dict[str, Any]]:
        return {
            self.external_id(part): {
                **arguments,
                "external_meeting_id": self.external_id(part),
                **({"primary_meeting_id": IdOf(self.external_id(MAIN))} if part == COPY else {}),
            }
            for part, arguments in declared.items()
        }


def record(host: Host, admin: Sandbox) -> dict[str, list[Position]]:
    """The calls that each scenario makes where nothing goes wrong."""
    trials = [Trial(f"recorded-{s.name}", s) for s in SCENARIOS]
    for trial in trials:
        trial.prepare(host)
    last = max((c.number for c in admin.requests()), default=0)
    for trial in trials:
        trial.run(host)
    names = {m.meeting_id: m.external_meeting_id for m in admin.meetings()}
    calls = defaultdict(list)
    for call in admin.requests(after=last):
        calls[names[call.meeting_id or ""]].append(call.operation)
    return {
        t.scenario.name: [
            position
            for part in (MAIN, COPY)
            for position in _positions(part, calls[t.external_id(part)], part in t.before)
        ]
        for t in trials
    }


def _positions(part: str, operations: list[str], existed: bool) -> Iterator[Position]:
    seen: dict[str, int] = defaultdict(int)
    refreshes = existed
    for operation in operations:
        refreshes = refreshes and operation in READS
        yield Position(part, operation, seen[operation], refreshes)
        seen[operation] += 1
