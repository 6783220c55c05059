"""The machine: rules that declare, change, end, drift, inject faults and kill, and what must hold.

Nothing here keeps a join token: tokens are compared by their digests, so that a failing example
can be printed whole.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support.emulator import Emulator
from support.host import REGION, Crashed, Host, Properties, Resource, Stack, StepFailed

from chime_sandbox.admin import AFTER, ANY, BEFORE, Meeting, SandboxError

NAMES = ("keynote", "clinic", "lesson")
PEOPLE = tuple(f"person-{i}" for i in range(6))
#: More than one create takes: with them, a create has a second batch.
CROWD = tuple(f"guest-{i:02}" for i in range(21))
UNDECLARED = ("visitor-0", "visitor-1")
CAPABILITIES = {
    "speaker": {"audio": "SendReceive", "video": "SendReceive", "content": "SendReceive"},
    "viewer": {"audio": "Receive", "video": "Receive", "content": "Receive"},
    "caller": {"audio": "SendReceive", "video": "None", "content": "None"},
}
#: What the service gives an attendee that is declared without capabilities.
DEFAULT = "speaker"
MEDIA_REGIONS = ("us-east-1", "eu-central-1")
TAGS = ("room", "track", "owner")

#: Longer than a meeting lives with nobody connected.
SIX_MINUTES = 360.0
CLEAR_ERROR = re.compile(r"meeting_provider\.errors\.\w+: meeting '.+': \w+ failed: .+; .+")
PASSING = ("ServiceFailure", "ServiceUnavailable", "Throttled", "Throttling")

WRITES = (
    "CreateMeetingWithAttendees",
    "BatchCreateAttendee",
    "DeleteAttendee",
    "UpdateAttendeeCapabilities",
    "BatchUpdateAttendeeCapabilitiesExcept",
    "TagResource",
    "UntagResource",
    "DeleteMeeting",
)
#: Kinds of faults, with when they can strike.
FAULTS = (
    ("throttle", BEFORE),
    ("failure", BEFORE),
    ("failure", AFTER),
    ("unavailable", BEFORE),
    ("drop", BEFORE),
    ("drop", AFTER),
    ("limit", BEFORE),
    ("forbidden", BEFORE),
    ("end", BEFORE),
    ("end", AFTER),
)

names = st.sampled_from(NAMES)
people = st.sampled_from(PEOPLE)
roles = st.sampled_from([None, *CAPABILITIES])
guests = st.dictionaries(people, roles, min_size=1, max_size=len(PEOPLE))
tag_sets = st.dictionaries(st.sampled_from(TAGS), st.sampled_from("abc"), max_size=len(TAGS))
#: Half of the faults and kills are for a call of any operation, since most updates make few calls.
operations = st.one_of(st.just(ANY), st.sampled_from(["ListAttendees", *WRITES]))
skips = st.integers(0, 3)
#: Which attendee of a meeting, modulo their number. What is drawn must not depend on the service:
#: calls that the provider makes concurrently arrive in any order.
indexes = st.integers(0, 30)

counts: Counter[str] = Counter()


class Hosts:
    """The host in use, and those that were killed."""

    def __init__(self, endpoint: str, root: Path) -> None:
        self._endpoint, self._root = endpoint, root
        self._number = 0
        self._leaked = 0
        self.tokens: set[str] = set()
        self.current = self._start()

    def kill(self) -> None:
        """Kill the host, and start another."""
        self.current.kill()
        self._count()
        self.current = self._start()

    def leaked(self) -> int:
        """How many of the `tokens` the hosts have printed."""
        self._count()
        return self._leaked

    def close(self) -> None:
        """Stop the host."""
        self.current.close()

    def _count(self) -> None:
        printed = self.current.output
        self._leaked += sum(token in printed for token in self.tokens)

    def _start(self) -> Host:
        self._number += 1
        return Host(self._endpoint, self._root / f"host-{self._number}")


@dataclass
class Declaration:
    """A meeting as the program has it: attendees with their role, None for the default."""

    attendees: dict[str, str | None]
    tags: dict[str, str]
    media_region: str
    lenient: bool = False

    def properties(self, name: str) -> Properties:
        """The program's properties."""
        return {
            "attendees": [
                {"external_user_id": i} | ({"capabilities": CAPABILITIES[role]} if role else {})
                for i, role in self.attendees.items()
            ],
            "external_meeting_id": name,
            "media_region": self.media_region,
            **({"tags": self.tags} if self.tags else {}),
            **({"ignore_undeclared_attendees": True} if self.lenient else {}),
        }


@dataclass
class Seen:
    """How a meeting was after a successful update, and what has since given cause to change it.

    :param tokens: the digests of the attendees' tokens.
    :param disturbed: the attendees whose token may change: a declaration or somebody outside
        Pulumi removed them.
    :param replaced: whether an `up` was to replace or to end the meeting.
    """

    meeting_id: str
    media_region: str
    tokens: dict[str, str]
    disturbed: set[str] = field(default_factory=set)
    replaced: bool = False


class Soak(RuleBasedStateMachine):
    """Meetings of one stack, in one emulated account."""

    emulator: ClassVar[Emulator]
    hosts: ClassVar[Hosts]
    #: Is called with the progress.
    report: Callable[[str], object] = staticmethod(str)

    def __init__(self) -> None:
        super().__init__()
        self.admin = self.emulator.admin
        self.admin.reset()
        self.client = _client(self.emulator.endpoint)
        self.stack = Stack()
        self.declared: dict[str, Declaration] = {}
        self.seen: dict[str, Seen] = {}
        #: The living meetings that the state doesn't have.
        self.orphaned: set[str] = set()
        #: By meeting, who else is in it, and whether an `up` must leave that attendee alone.
        self.undeclared: dict[str, dict[str, bool]] = {}
        self.read_join_tokens = True
        self.is_set_up = False
        counts["examples"] += 1
        self.report(f"{counts['steps']:>6} steps in {counts['examples']} examples")

    @initialize(read_join_tokens=st.booleans(), first=guests)
    def set_up(self, read_join_tokens: bool, first: dict[str, str | None]) -> None:
        self.is_set_up = True
        self.read_join_tokens = read_join_tokens
        self.admin.settings(read_join_tokens=read_join_tokens)
        self.declared[NAMES[0]] = Declaration(first, {}, MEDIA_REGIONS[0])

    # Declarations

    @rule(
        name=names,
        attendees=guests,
        crowded=st.booleans(),
        tags=tag_sets,
        media_region=st.sampled_from(MEDIA_REGIONS),
        lenient=st.booleans(),
    )
    def declare(
        self,
        name: str,
        attendees: dict[str, str | None],
        crowded: bool,
        tags: dict[str, str],
        media_region: str,
        lenient: bool,
    ) -> None:
        self._count("declare")
        everyone = {**attendees, **(dict.fromkeys(CROWD) if crowded else {})}
        self.declared[name] = Declaration(everyone, tags, media_region, lenient)

    @precondition(lambda self: self.declared)
    @rule(data=st.data(), attendees=guests)
    def exchange_attendees(self, data: st.DataObject, attendees: dict[str, str | None]) -> None:
        self._count("exchange attendees")
        one = self._one_declared(data)
        crowd = {i: role for i, role in one.attendees.items() if i in CROWD}
        one.attendees = {**attendees, **crowd}

    @precondition(lambda self: self.declared)
    @rule(data=st.data(), external_user_id=people, role=roles)
    def invite(self, data: st.DataObject, external_user_id: str, role: str | None) -> None:
        self._count("invite")
        self._one_declared(data).attendees[external_user_id] = role

    @precondition(lambda self: self.declared)
    @rule(data=st.data(), role=roles)
    def set_capabilities_of_the_crowd(self, data: st.DataObject, role: str | None) -> None:
        self._count("set capabilities of the crowd")
        one = self._one_declared(data)
        one.attendees |= {i: role for i in one.attendees if i in CROWD}

    @precondition(lambda self: self.declared)
    @rule(data=st.data(), tags=tag_sets)
    def tag(self, data: st.DataObject, tags: dict[str, str]) -> None:
        self._count("tag")
        self._one_declared(data).tags = tags

    @precondition(lambda self: self.declared)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        self._count("move to another media region")
        one = self._one_declared(data)
        one.media_region = next(r for r in MEDIA_REGIONS if r != one.media_region)

    @precondition(lambda self: self.declared)
    @rule(data=st.data())
    def take_out(self, data: st.DataObject) -> None:
        self._count("take out")
        del self.declared[data.draw(st.sampled_from(sorted(self.declared)), label="name")]

    # A meeting's life

    @rule(name=names)
    def end(self, name: str) -> None:
        if meeting := self._alive(name):
            self._count("end")
            self.admin.end(meeting.meeting_id)

    @rule(name=names)
    def join(self, name: str) -> None:
        meeting = self._alive(name)
        if meeting and meeting.attendees:
            self._count("join")
            self.admin.join(meeting.meeting_id, meeting.attendees[0].attendee_id)

    @rule(seconds=st.sampled_from([SIX_MINUTES, 24 * 3600.0]))
    def let_time_pass(self, seconds: float) -> None:
        self._count("let time pass")
        self.admin.advance(seconds)
        assert not self.orphaned & {m.meeting_id for m in self.admin.live()}
        self.orphaned = set()

    # Drift

    @rule(name=names, external_user_id=st.sampled_from(PEOPLE + UNDECLARED), role=roles)
    def add_outside(self, name: str, external_user_id: str, role: str | None) -> None:
        meeting = self._alive(name)
        if meeting and external_user_id not in meeting.external_user_ids:
            self._count("add outside Pulumi")
            asked = {"Capabilities": _as_in_the_api(role)} if role else {}
            self.client.create_attendee(
                MeetingId=meeting.meeting_id, ExternalUserId=external_user_id, **asked
            )
            self.undeclared.setdefault(meeting.meeting_id, {})[external_user_id] = True

    @rule(name=names, index=indexes, again=st.booleans())
    def remove_outside(self, name: str, index: int, again: bool) -> None:
        """`again` re-creates the attendee: with the same name, and another id and token."""
        meeting = self._alive(name)
        if not meeting or not meeting.attendees:
            return
        self._count("remove outside Pulumi")
        one = meeting.attendees[index % len(meeting.attendees)]
        self.client.delete_attendee(MeetingId=meeting.meeting_id, AttendeeId=one.attendee_id)
        undeclared = self.undeclared.setdefault(meeting.meeting_id, {})
        undeclared.pop(one.external_user_id, None)
        if again:
            self.client.create_attendee(
                MeetingId=meeting.meeting_id, ExternalUserId=one.external_user_id
            )
            undeclared[one.external_user_id] = False
        if seen := self.seen.get(meeting.external_meeting_id):
            seen.disturbed.add(one.external_user_id)

    @rule(name=names, index=indexes, role=st.sampled_from(list(CAPABILITIES)))
    def set_capabilities_outside(self, name: str, index: int, role: str) -> None:
        meeting = self._alive(name)
        if meeting and meeting.attendees:
            self._count("set capabilities outside Pulumi")
            one = meeting.attendees[index % len(meeting.attendees)]
            self.client.update_attendee_capabilities(
                MeetingId=meeting.meeting_id,
                AttendeeId=one.attendee_id,
                Capabilities=_as_in_the_api(role),
            )

    @rule(name=names, tags=tag_sets, gone=st.lists(st.sampled_from(TAGS), max_size=2))
    def tag_outside(self, name: str, tags: dict[str, str], gone: list[str]) -> None:
        meeting = self._alive(name)
        if not meeting or not (tags or gone):
            return
        self._count("tag outside Pulumi")
        if gone:
            self.client.untag_resource(ResourceARN=meeting.arn, TagKeys=gone)
        if tags:
            pairs = [{"Key": k, "Value": v} for k, v in tags.items()]
            self.client.tag_resource(ResourceARN=meeting.arn, Tags=pairs)

    # Updates

    @rule()
    def up(self) -> None:
        self._count("up")
        self._up_and_check()

    @rule(fault=st.sampled_from(FAULTS), operation=operations, skip=skips)
    def up_with_a_fault(self, fault: tuple[str, str], operation: str, skip: int) -> None:
        self._count("up with a fault")
        kind, when = fault
        self.admin.fault(kind, operation, when=when, skip=skip, seconds=0.2)
        ended = self._up()
        struck = not self.admin.pending_faults()["calls"]
        self.admin.clear_faults()
        self._count(f"  {kind} {when}", struck)
        if kind in ("limit", "forbidden"):
            assert ended is None or struck, ended
            # The tags of a meeting that has ended are read in vain, whatever the answer is.
            assert ended is not None or not struck or operation == ANY
        elif kind != "end":
            assert ended is None, ended
        if ended is None and kind != "end":
            self._check()

    @rule(
        code=st.sampled_from([*PASSING, "Forbidden", "PreconditionFailed"]),
        external_user_id=people,
    )
    def up_with_an_attendee_refused(self, code: str, external_user_id: str) -> None:
        self._count("up with an attendee refused")
        self.admin.refuse_attendees(code, external_user_ids=[external_user_id])
        ended = self._up()
        struck = not self.admin.pending_faults()["attendees"]
        self.admin.clear_faults()
        self._count(f"  refused as {code}", struck)
        assert ended is None or (struck and code not in PASSING), ended
        if ended is None:
            self._check()

    @rule(
        operation=operations,
        when=st.sampled_from([BEFORE, AFTER]),
        skip=skips,
        victim=st.sampled_from(["host", "engine", "emulator"]),
        lost=st.booleans(),
    )
    def up_that_is_killed(
        self, operation: str, when: str, skip: int, victim: str, lost: bool
    ) -> None:
        """At a call of the operation; `lost` is whether the call never reaches the service."""
        self._count("up that is killed")
        self._note_causes()
        self.admin.hold(operation, when=when, skip=skip)
        with ThreadPoolExecutor(1) as thread:
            run = thread.submit(self._attempt)
            struck = self._kill_when_held(run, victim, lost and when == BEFORE)
            ended = run.result()
        self._find_orphaned(self.stack.unanswered_creates if struck else 0)
        self.admin.clear_faults()
        self.admin.clear_requests()
        self._count(f"  {victim} killed {when} a call", struck)
        if not struck or victim == "emulator":
            assert ended is None, ended
            self._check()

    def teardown(self) -> None:
        """After one more `up` and six minutes, the declared meetings alone are alive."""
        if not self.is_set_up or sys.exc_info()[0] is not None:
            return
        self._up_and_check()
        self._keep_the_declared_alive()
        self.admin.advance(SIX_MINUTES)
        assert {m.meeting_id for m in self.admin.live()} == {r.id for r in self.stack.resources}
        self.orphaned = set()
        self.admin.clear_requests()
        self._up_and_check()
        assert [c.operation for c in self.admin.writes()] == []

    # How an `up` goes

    def _up_and_check(self) -> None:
        ended = self._up()
        assert ended is None, ended
        self._check()

    def _up(self) -> StepFailed | None:
        """Do an `up` that nothing kills; the answer is what it ended with."""
        self._note_causes()
        ended = self._attempt()
        assert not isinstance(ended, Crashed), ended
        self._find_orphaned(0)
        return ended

    def _attempt(self) -> StepFailed | Crashed | None:
        """Have the state and the service changed; the answer is what it ended with."""
        program = {n: d.properties(n) for n, d in self.declared.items()}
        try:
            self.stack.up(self.hosts.current, program)
        except StepFailed as error:
            lines = str(error).strip().splitlines()
            assert CLEAR_ERROR.fullmatch(lines[-1]), lines[-1]
            assert len(lines) <= 20, lines
            return error
        except Crashed as error:
            return error
        finally:
            for resource in self.stack.resources:
                self.hosts.tokens.update(resource.join_tokens.values())
        return None

    def _kill_when_held(
        self, run: Future[StepFailed | Crashed | None], victim: str, lost: bool
    ) -> bool:
        """Kill at the held call, and then let it end, with or without effect."""
        while not run.done():
            with suppress(SandboxError):
                held = self.admin.wait_held(timeout=0.05)
                if victim == "emulator":
                    self.emulator.kill()
                    self.emulator.start()
                    return True
                calls = len(self.admin.requests())
                if victim == "host":
                    self.hosts.kill()
                else:
                    self.stack.kill()
                self.admin.release(held.number, drop=lost)
                while len(self.admin.requests()) == calls:
                    time.sleep(0.005)
                return True
        return False

    def _note_causes(self) -> None:
        """What the coming `up` is to do, whether it gets there or not, is a cause from now on."""
        for name, seen in self.seen.items():
            declared = self.declared.get(name)
            if declared is None or declared.media_region != seen.media_region:
                seen.replaced = True
            if declared is not None:
                seen.disturbed |= seen.tokens.keys() - declared.attendees.keys()
        for name, resource in self.stack.current().items():
            declared = self.declared.get(name)
            was_lenient = resource.outputs.get("ignore_undeclared_attendees")
            undeclared = self.undeclared.setdefault(resource.id, {})
            safe = declared is not None and declared.lenient
            if safe and not was_lenient:
                # A refresh can't tell whether a program declared these. All of them may stay.
                for external_user_id in resource.attendees:
                    undeclared.setdefault(external_user_id, False)
            for external_user_id in undeclared:
                undeclared[external_user_id] &= bool(
                    safe and declared and external_user_id not in declared.attendees
                )

    # What must hold

    def _find_orphaned(self, most: int) -> None:
        """Only a kill leaves meetings that no state has, and one for each create under way."""
        known = {r.id for r in self.stack.resources}
        orphaned = {m.meeting_id for m in self.admin.live()} - known
        assert len(orphaned - self.orphaned) <= most, "meetings that the state doesn't have"
        self.orphaned = orphaned

    def _check(self) -> None:
        """After an `up` that succeeded, everything is as declared, and nobody lost a token."""
        current = self.stack.current()
        assert [r.name for r in self.stack.resources if r.pending_delete] == []
        assert current.keys() == self.declared.keys()
        live = {m.meeting_id: m for m in self.admin.live()}
        tokens = self._tokens([r.id for r in current.values()])
        for name, declared in self.declared.items():
            resource = current[name]
            assert resource.id in live, f"{name} has ended"
            self._check_service(name, declared, live[resource.id])
            self._check_state(declared, resource, tokens[resource.id])
            self._check_continuity(name, resource.id, tokens[resource.id])
        self.seen = {
            name: Seen(
                current[name].id,
                declared.media_region,
                {i: tokens[current[name].id][i] for i in declared.attendees},
            )
            for name, declared in self.declared.items()
        }

    def _check_service(self, name: str, declared: Declaration, meeting: Meeting) -> None:
        assert meeting.external_meeting_id == name
        assert meeting.request["MediaRegion"] == declared.media_region
        assert meeting.tags == declared.tags
        undeclared = self.undeclared.get(meeting.meeting_id, {})
        allowed = undeclared.keys() if declared.lenient else set()
        others = {*meeting.external_user_ids} - declared.attendees.keys()
        assert declared.attendees.keys() <= {*meeting.external_user_ids}
        assert others <= allowed
        if declared.lenient:
            assert {i for i, is_safe in undeclared.items() if is_safe} <= others
        self.undeclared[meeting.meeting_id] = dict.fromkeys(others, True)
        found = {a.external_user_id: a.capabilities for a in meeting.attendees}
        assert {i: found[i] for i in declared.attendees} == {
            i: _as_in_the_api(role or DEFAULT) for i, role in declared.attendees.items()
        }

    def _check_state(
        self, declared: Declaration, resource: Resource, tokens: dict[str, str]
    ) -> None:
        assert resource.attendees == declared.attendees.keys()
        assert resource.attendee_ids.keys() == declared.attendees.keys()
        kept = {i: _digest(token) for i, token in resource.join_tokens.items()}
        assert kept == {i: tokens[i] for i in declared.attendees}

    def _check_continuity(self, name: str, meeting_id: str, tokens: dict[str, str]) -> None:
        seen = self.seen.get(name)
        if seen is None:
            return
        if seen.meeting_id != meeting_id:
            old = {m.meeting_id: m for m in self.admin.meetings()}.get(seen.meeting_id)
            assert seen.replaced or old is None or old.end_reason not in (None, "deleted"), (
                f"{name} was replaced without a cause"
            )
            return
        kept = (seen.tokens.keys() & self.declared[name].attendees.keys()) - seen.disturbed
        assert {i for i in kept if seen.tokens[i] != tokens[i]} == set(), (
            f"attendees of {name} have other tokens without a cause"
        )

    def _tokens(self, meeting_ids: list[str]) -> dict[str, dict[str, str]]:
        """The digests of the tokens that the service has, by meeting and attendee."""
        self.admin.settings(read_join_tokens=True)
        found = {
            i: {
                a["ExternalUserId"]: _digest(a["JoinToken"])
                for a in self.client.list_attendees(MeetingId=i)["Attendees"]
            }
            for i in meeting_ids
        }
        self.admin.settings(read_join_tokens=self.read_join_tokens)
        return found

    # What rules need

    def _alive(self, name: str) -> Meeting | None:
        """The living meeting that the state has by this name, if there is one."""
        resource = self.stack.current().get(name)
        live = {m.meeting_id: m for m in self.admin.live()} if resource else {}
        return live.get(resource.id) if resource else None

    def _one_declared(self, data: st.DataObject) -> Declaration:
        return self.declared[data.draw(st.sampled_from(sorted(self.declared)), label="name")]

    def _keep_the_declared_alive(self) -> None:
        known = {r.id for r in self.stack.resources}
        for meeting in self.admin.live():
            if meeting.meeting_id in known:
                self.admin.join(meeting.meeting_id, meeting.attendees[0].attendee_id)

    def _count(self, what: str, happened: bool = True) -> None:
        counts[what] += happened
        counts["steps"] += not what.startswith(" ")


def _as_in_the_api(role: str) -> dict[str, str]:
    return {medium.capitalize(): value for medium, value in CAPABILITIES[role].items()}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _client(endpoint: str) -> Any:
    return boto3.Session(
        aws_access_key_id="outside", aws_secret_access_key="outside", region_name=REGION
    ).client(
        "chime-sdk-meetings",
        endpoint_url=endpoint,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
