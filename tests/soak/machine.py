"""The machine: rules that declare, change, end, drift, fault and crash, and what must hold.

Nothing here keeps a join token: tokens are compared by their digests, so that a failing example
can be printed whole.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support.windows import window

from meeting_provider.state import attendees_in, join_info, kept
from sandbox.admin import AFTER, ANY, BEFORE, Meeting, Sandbox, SandboxError
from soak.engine import REGION, Crashed, Engine, Hosts, Properties, Resource, StepFailed

NAMES = ("keynote", "clinic", "lesson")
PEOPLE = tuple(f"person-{i}" for i in range(6))
#: More than one create takes: with them, a create has a second batch.
CROWD = tuple(f"guest-{i:02}" for i in range(21))
STRANGERS = ("stranger-0", "stranger-1")
CAPABILITIES = {
    "speaker": {"audio": "SendReceive", "video": "SendReceive", "content": "SendReceive"},
    "viewer": {"audio": "Receive", "video": "Receive", "content": "Receive"},
    "caller": {"audio": "SendReceive", "video": "None", "content": "None"},
}
#: What the service gives whoever is declared without.
DEFAULT = "speaker"
MEDIA_REGIONS = ("us-east-1", "eu-central-1")
TAGS = ("room", "track", "owner")

#: Longer than a meeting lives with nobody connected.
IDLE = 301.0
CLEAN_ERROR = re.compile(r"meeting_provider\.errors\.\w+: meeting '.+': \w+ failed: .+; .+")
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
operations = st.sampled_from([ANY, "ListAttendees", *WRITES])
skips = st.integers(0, 2)

counts: Counter[str] = Counter()


@dataclass
class Declaration:
    """A meeting as the program has it: attendees with their role, None for the service's own."""

    attendees: dict[str, str | None]
    tags: dict[str, str]
    media_region: str
    lenient: bool = False

    def properties(self, name: str, identity: str) -> Properties:
        """The program's properties."""
        return {
            "attendees": [
                {"external_user_id": who} | ({"capabilities": CAPABILITIES[role]} if role else {})
                for who, role in self.attendees.items()
            ],
            "external_meeting_id": name,
            "media_region": self.media_region,
            "identity": f"{identity}-{name}",
            **({"tags": self.tags} if self.tags else {}),
            **({"ignore_undeclared_attendees": True} if self.lenient else {}),
        }


@dataclass
class Seen:
    """How a meeting was when all was well, and what has since given cause to change.

    :param tokens: the digests of the attendees' tokens.
    :param disturbed: whose token may be another: they were removed by hand or by declaration.
    :param remade: whether an `up` was to replace or to end the meeting.
    """

    meeting_id: str
    media_region: str
    tokens: dict[str, str]
    disturbed: set[str] = field(default_factory=set)
    remade: bool = False


@dataclass(frozen=True)
class Stray:
    """A living meeting that no state knows, from an `up` that was killed in these windows."""

    meeting: Meeting
    windows: frozenset[int]


class Soak(RuleBasedStateMachine):
    """Meetings of one stack, in one emulated account."""

    hosts: Hosts
    sandbox: Sandbox
    #: Is told how far it has got.
    tell: Callable[[str], object] = staticmethod(str)

    def __init__(self) -> None:
        super().__init__()
        self.sandbox.reset()
        self.client = _client(self.sandbox.endpoint)
        self.engine = Engine(self.hosts)
        self.identity = uuid.uuid4().hex
        self.declared: dict[str, Declaration] = {}
        self.seen: dict[str, Seen] = {}
        self.strays: dict[str, Stray] = {}
        self.by_hand: dict[str, dict[str, bool]] = {}
        self.knobs: dict[str, Any] = {}
        counts["examples"] += 1
        self.tell(f"{counts['steps']:>6} steps in {counts['examples']} examples")

    # What the service does where nobody has verified it

    @initialize(
        ended_token=st.sampled_from(["dead", "new"]),
        repeated_attendees=st.sampled_from(["original", "none"]),
        changed_parameters=st.sampled_from(["original", "conflict"]),
        read_join_tokens=st.booleans(),
        first=guests,
    )
    def turn_knobs(self, first: dict[str, str | None], **knobs: Any) -> None:
        self.knobs = knobs
        self.sandbox.knobs(**knobs)
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
        crowd = {who: role for who, role in one.attendees.items() if who in CROWD}
        one.attendees = {**attendees, **crowd}

    @precondition(lambda self: self.declared)
    @rule(data=st.data(), who=people, role=roles)
    def invite(self, data: st.DataObject, who: str, role: str | None) -> None:
        self._count("invite")
        self._one_declared(data).attendees[who] = role

    @precondition(lambda self: self.declared)
    @rule(data=st.data(), role=roles)
    def recast_the_crowd(self, data: st.DataObject, role: str | None) -> None:
        self._count("recast the crowd")
        one = self._one_declared(data)
        one.attendees |= {who: role for who in one.attendees if who in CROWD}

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

    @precondition(lambda self: self.engine.resources)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        if meeting := self._one_alive(data):
            self._count("end")
            self.sandbox.end(meeting.meeting_id)

    @precondition(lambda self: self.engine.resources)
    @rule(data=st.data())
    def join(self, data: st.DataObject) -> None:
        meeting = self._one_alive(data)
        if meeting and meeting.attendees:
            self._count("join")
            self.sandbox.join(meeting.meeting_id, meeting.attendees[0].attendee_id)

    @precondition(lambda self: self.engine.resources)
    @rule(seconds=st.sampled_from([IDLE, 24 * 3600.0]))
    def let_time_pass(self, seconds: float) -> None:
        self._count("let time pass")
        self.sandbox.advance(seconds)

    # Drift

    @precondition(lambda self: self.engine.resources)
    @rule(data=st.data(), who=st.sampled_from(PEOPLE + STRANGERS), role=roles)
    def add_by_hand(self, data: st.DataObject, who: str, role: str | None) -> None:
        meeting = self._one_alive(data)
        if meeting and who not in meeting.external_user_ids:
            self._count("add by hand")
            asked = {"Capabilities": _wire(role)} if role else {}
            self.client.create_attendee(MeetingId=meeting.meeting_id, ExternalUserId=who, **asked)
            self.by_hand.setdefault(meeting.meeting_id, {})[who] = True

    @precondition(lambda self: self.engine.resources)
    @rule(data=st.data(), again=st.booleans())
    def remove_by_hand(self, data: st.DataObject, again: bool) -> None:
        """`again` makes the attendee anew: with the same name, and another id and token."""
        meeting = self._one_alive(data)
        if not meeting or not meeting.attendees:
            return
        self._count("remove by hand")
        one = data.draw(st.sampled_from(meeting.attendees), label="attendee")
        self.client.delete_attendee(MeetingId=meeting.meeting_id, AttendeeId=one.attendee_id)
        by_hand = self.by_hand.setdefault(meeting.meeting_id, {})
        by_hand.pop(one.external_user_id, None)
        if again:
            self.client.create_attendee(
                MeetingId=meeting.meeting_id, ExternalUserId=one.external_user_id
            )
            by_hand[one.external_user_id] = False
        if seen := self.seen.get(meeting.external_meeting_id):
            seen.disturbed.add(one.external_user_id)

    @precondition(lambda self: self.engine.resources)
    @rule(data=st.data(), role=st.sampled_from(list(CAPABILITIES)))
    def recast_by_hand(self, data: st.DataObject, role: str) -> None:
        meeting = self._one_alive(data)
        if meeting and meeting.attendees:
            self._count("recast by hand")
            one = data.draw(st.sampled_from(meeting.attendees), label="attendee")
            self.client.update_attendee_capabilities(
                MeetingId=meeting.meeting_id,
                AttendeeId=one.attendee_id,
                Capabilities=_wire(role),
            )

    @precondition(lambda self: self.engine.resources)
    @rule(data=st.data(), tags=tag_sets, gone=st.lists(st.sampled_from(TAGS), max_size=2))
    def tag_by_hand(self, data: st.DataObject, tags: dict[str, str], gone: list[str]) -> None:
        meeting = self._one_alive(data)
        if not meeting or not (tags or gone):
            return
        self._count("tag by hand")
        if gone:
            self.client.untag_resource(ResourceARN=meeting.arn, TagKeys=gone)
        if tags:
            pairs = [{"Key": k, "Value": v} for k, v in tags.items()]
            self.client.tag_resource(ResourceARN=meeting.arn, Tags=pairs)

    # Updates

    @precondition(lambda self: self.declared or self.engine.resources)
    @rule()
    def up(self) -> None:
        self._count("up")
        self._up_and_check()

    @precondition(lambda self: self.declared or self.engine.resources)
    @rule(fault=st.sampled_from(FAULTS), operation=operations, skip=skips)
    def up_with_a_fault(self, fault: tuple[str, str], operation: str, skip: int) -> None:
        self._count("up with a fault")
        kind, when = fault
        self.sandbox.fault(kind, operation, when=when, skip=skip, seconds=0.2)
        ended = self._up(lambda: self.engine.up(self._program()))
        struck = not self.sandbox.pending_faults()["calls"]
        self.sandbox.clear_faults()
        self._count(f"  {kind} {when}", struck)
        if kind in ("limit", "forbidden"):
            assert (ended is not None) == struck, ended
        elif kind != "end":
            assert ended is None, ended
        if ended is None and kind != "end":
            self._check()

    @precondition(lambda self: self.declared or self.engine.resources)
    @rule(code=st.sampled_from([*PASSING, "Forbidden", "PreconditionFailed"]), who=people)
    def up_with_an_attendee_refused(self, code: str, who: str) -> None:
        self._count("up with an attendee refused")
        self.sandbox.refuse_attendees(code, external_user_ids=[who])
        ended = self._up(lambda: self.engine.up(self._program()))
        struck = not self.sandbox.pending_faults()["attendees"]
        self.sandbox.clear_faults()
        self._count(f"  refused as {code}", struck)
        assert ended is None or (struck and code not in PASSING), ended
        if ended is None:
            self._check()

    @precondition(lambda self: self.declared or self.engine.resources)
    @rule(
        operation=operations,
        when=st.sampled_from([BEFORE, AFTER]),
        skip=skips,
        killed=st.sampled_from(["host", "engine"]),
        lost=st.booleans(),
    )
    def up_that_is_killed(
        self, operation: str, when: str, skip: int, killed: str, lost: bool
    ) -> None:
        """At a call of the operation; `lost` is whether the call never reaches the service."""
        self._count("up that is killed")
        self.sandbox.hold(operation, when=when, skip=skip)
        with ThreadPoolExecutor(1) as thread:
            run = thread.submit(self._up, lambda: self.engine.up(self._program()))
            struck = self._kill_when_held(run, killed, lost and when == BEFORE)
            ended = run.result()
        self.sandbox.clear_faults()
        self.sandbox.clear_journal()
        self._count(f"  {killed} killed {when} a call", struck)
        if not struck:
            assert ended is None, ended
            self._check()

    def teardown(self) -> None:
        """After all of it: one `up`, and then only the declared live on, and nothing is to do."""
        if self.knobs and sys.exc_info()[0] is None:
            self._up_and_check()
            self._keep_the_declared_alive()
            self.sandbox.advance(IDLE)
            alive = {m.meeting_id for m in self.sandbox.live()}
            assert alive == {r.id for r in self.engine.resources}
            self.strays = {}
            self.sandbox.clear_journal()
            self._up_and_check()
            assert [c.operation for c in self.sandbox.writes()] == []

    # How an `up` goes

    def _up_and_check(self) -> None:
        ended = self._up(lambda: self.engine.up(self._program()))
        assert ended is None, ended
        self._check()

    def _up(self, run: Callable[[], None]) -> Exception | None:
        """Do an `up`; what it ended with. Whatever it was, no new stray is left but by a kill."""
        self._note_causes()
        began = window()
        ended: Exception | None = None
        try:
            run()
        except (StepFailed, Crashed) as error:
            ended = error
        if isinstance(ended, StepFailed):
            _check_clean(str(ended))
        # A call that was held is let go before the host's death is noticed, or right after it.
        for _, meeting_id in self.engine.created:
            self.by_hand[meeting_id] = dict.fromkeys(self.by_hand.get(meeting_id, ()), False)
        self._look_for_strays(frozenset({began, window()}), crashed=isinstance(ended, Crashed))
        return ended

    def _kill_when_held(self, run: Future[Exception | None], killed: str, lost: bool) -> bool:
        """Kill at the held call, and then let it end, with or without effect."""
        while not run.done():
            with suppress(SandboxError):
                held = self.sandbox.wait_held(timeout=0.05)
                calls = len(self.sandbox.journal())
                if killed == "host":
                    self.engine.kill_host()
                else:
                    self.engine.kill()
                self.sandbox.release(held.number, drop=lost)
                while len(self.sandbox.journal()) == calls:
                    time.sleep(0.005)
                return True
        return False

    def _program(self) -> Mapping[str, Properties]:
        return {n: d.properties(n, self.identity) for n, d in self.declared.items()}

    def _note_causes(self) -> None:
        """What the coming `up` is to do, whether it gets there or not, is a cause from now on."""
        for name, seen in self.seen.items():
            declared = self.declared.get(name)
            if declared is None or declared.media_region != seen.media_region:
                seen.remade = True
            if declared is not None:
                seen.disturbed |= seen.tokens.keys() - declared.attendees.keys()
        for name, state in self.engine.state().items():
            declared = self.declared.get(name)
            was_lenient = state.outputs.get("ignore_undeclared_attendees")
            by_hand = self.by_hand.setdefault(state.id, {})
            safe = declared is not None and declared.lenient
            if safe and not was_lenient:
                # Nobody knows of these whether they were declared or came by themselves: all stay.
                for attendee in attendees_in(state.outputs["attendees"]):
                    by_hand.setdefault(attendee["external_user_id"], False)
            for who in by_hand:
                by_hand[who] &= bool(safe and declared and who not in declared.attendees)

    # What must hold

    def _look_for_strays(self, windows: frozenset[int], *, crashed: bool) -> None:
        """Only a kill leaves a meeting that no state knows, and the next create finds it again."""
        known = {r.id for r in self.engine.resources}
        live = {m.meeting_id: m for m in self.sandbox.live()}
        strays = {i: self.strays.get(i) or Stray(m, windows) for i, m in live.items()}
        strays = {i: s for i, s in strays.items() if i not in known}
        for name, meeting_id in self.engine.created:
            made = live.get(meeting_id)
            for stray in self.strays.values():
                if made and stray.meeting.meeting_id in strays:
                    assert not self._is_found_again(stray, made, windows), name
        if not crashed:
            new = [s.meeting.external_meeting_id for i, s in strays.items() if i not in self.strays]
            assert new == []
        self.strays = strays

    def _is_found_again(self, stray: Stray, made: Meeting, windows: frozenset[int]) -> bool:
        """Whether the create of `made` should have brought back the stray instead."""
        asked, before = (_request(m) for m in (made, stray.meeting))
        if self.knobs["changed_parameters"] == "original":
            asked, before = asked[:2], before[:2]
        return asked == before and len(windows) == 1 and windows == stray.windows

    def _check(self) -> None:
        """After an `up` that succeeded, everything is as declared, and nobody lost anything."""
        states = self.engine.state()
        assert [r.name for r in self.engine.resources if r.going] == []
        assert states.keys() == self.declared.keys()
        live = {m.meeting_id: m for m in self.sandbox.live()}
        assert len({r.id for r in states.values()}) == len(states)
        tokens = self._tokens([r.id for r in states.values()])
        for name, declared in self.declared.items():
            state = states[name]
            assert state.id in live, f"{name} has ended"
            self._check_service(name, declared, live[state.id])
            self._check_state(declared, state, tokens[state.id])
            self._check_continuity(name, state.id, tokens[state.id])
        self.seen = {
            n: Seen(
                states[n].id,
                d.media_region,
                {who: tokens[states[n].id][who] for who in d.attendees},
            )
            for n, d in self.declared.items()
        }

    def _check_service(self, name: str, declared: Declaration, meeting: Meeting) -> None:
        assert meeting.external_meeting_id == name
        assert meeting.request["MediaRegion"] == declared.media_region
        assert meeting.tags == declared.tags
        by_hand = self.by_hand.get(meeting.meeting_id, {})
        allowed = by_hand.keys() if declared.lenient else set()
        others = {*meeting.external_user_ids} - declared.attendees.keys()
        assert declared.attendees.keys() <= {*meeting.external_user_ids}
        assert others <= allowed
        if declared.lenient:
            assert {who for who, is_safe in by_hand.items() if is_safe} <= others
        self.by_hand[meeting.meeting_id] = dict.fromkeys(others, True)
        can = {a.external_user_id: a.capabilities for a in meeting.attendees}
        assert {i: can[i] for i in declared.attendees} == {
            i: _wire(role or DEFAULT) for i, role in declared.attendees.items()
        }

    def _check_state(self, declared: Declaration, state: Resource, tokens: dict[str, str]) -> None:
        outputs = state.outputs
        attendees = attendees_in(outputs["attendees"])
        assert {a["external_user_id"] for a in attendees} == declared.attendees.keys()
        info = {who: i["Attendee"]["JoinToken"] for who, i in join_info(outputs).items()}
        true = {who: tokens[who] for who in declared.attendees}
        assert {who: _digest(t) for who, t in kept(outputs["join_tokens"]).items()} == true
        assert {who: _digest(t) for who, t in info.items()} == true

    def _check_continuity(self, name: str, meeting_id: str, tokens: dict[str, str]) -> None:
        seen = self.seen.get(name)
        if seen is None:
            return
        if seen.meeting_id != meeting_id:
            old = {m.meeting_id: m for m in self.sandbox.meetings()}.get(seen.meeting_id)
            assert seen.remade or old is None or old.end_reason not in (None, "deleted"), (
                f"{name} was replaced without a cause"
            )
            return
        kept = (seen.tokens.keys() & self.declared[name].attendees.keys()) - seen.disturbed
        assert {i for i in kept if seen.tokens[i] != tokens[i]} == set(), (
            f"attendees of {name} have other tokens without a cause"
        )

    def _tokens(self, meeting_ids: list[str]) -> dict[str, dict[str, str]]:
        """The digests of the tokens that the service has, by meeting and attendee."""
        self.sandbox.knobs(read_join_tokens=True)
        found = {
            i: {
                a["ExternalUserId"]: _digest(a["JoinToken"])
                for a in self.client.list_attendees(MeetingId=i)["Attendees"]
            }
            for i in meeting_ids
        }
        self.sandbox.knobs(read_join_tokens=self.knobs["read_join_tokens"])
        return found

    # What rules need

    def _alive(self) -> list[Meeting]:
        """The living meetings that the state knows, oldest first."""
        known = {r.id for r in self.engine.resources}
        return [m for m in self.sandbox.live() if m.meeting_id in known] if known else []

    def _one_alive(self, data: st.DataObject) -> Meeting | None:
        by_name = {m.external_meeting_id: m for m in self._alive()}
        if not by_name:
            return None
        return by_name[data.draw(st.sampled_from(sorted(by_name)), label="name")]

    def _one_declared(self, data: st.DataObject) -> Declaration:
        return self.declared[data.draw(st.sampled_from(sorted(self.declared)), label="name")]

    def _keep_the_declared_alive(self) -> None:
        known = {r.id for r in self.engine.resources}
        for meeting in self.sandbox.live():
            if meeting.meeting_id in known:
                self.sandbox.join(meeting.meeting_id, meeting.attendees[0].attendee_id)

    def _count(self, what: str, happened: bool = True) -> None:
        counts[what] += happened
        counts["steps"] += not what.startswith(" ")


def _check_clean(text: str) -> None:
    """A few lines, of which the last says what to do."""
    lines = text.strip().splitlines()
    assert CLEAN_ERROR.fullmatch(lines[-1]), lines[-1]
    assert len(lines) <= 20, text


def _request(meeting: Meeting) -> tuple[Any, ...]:
    """What a create asked: what makes its token first, then what else is compared."""
    asked = meeting.request
    return (
        asked["ExternalMeetingId"],
        asked["MediaRegion"],
        sorted(asked["Attendees"], key=str),
        sorted(asked.get("Tags", []), key=str),
    )


def _wire(role: str) -> dict[str, str]:
    return {medium.capitalize(): value for medium, value in CAPABILITIES[role].items()}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _client(endpoint: str) -> Any:
    return boto3.Session(
        aws_access_key_id="by-hand", aws_secret_access_key="by-hand", region_name=REGION
    ).client(
        "chime-sdk-meetings",
        endpoint_url=endpoint,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
