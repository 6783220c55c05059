"""Create, read, update and delete, through the real client against the emulated service."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.meetings import (
    EVERYTHING,
    LISTENING,
    NOTHING,
    attendee,
    declared,
    people,
    properties,
    provider,
)

from chime_sandbox.admin import Meeting, Sandbox
from meeting_provider import (
    AccessDenied,
    AttendeesRefused,
    LimitExceeded,
    MeetingEnded,
    ServiceError,
    Throttled,
    TokenInUse,
    UnderWay,
    Unreachable,
    state,
)
from meeting_provider.calls import ATTEMPTS
from meeting_provider.client import ChimeClient
from meeting_provider.lifecycle import Lifecycle
from meeting_provider.models import MeetingInput
from meeting_provider.state import State
from meeting_provider.validation import parse, validate

REPEATED = "CreateMeetingWithAttendees"

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:inbox"

Host = Callable[[], Lifecycle]


def only(sandbox: Sandbox) -> Meeting:
    """The one meeting that lives."""
    (meeting,) = sandbox.live()
    return meeting


def writes(sandbox: Sandbox, since: int = 0) -> list[str]:
    """The operations that can change anything, in their order, and no other call of them."""
    return [call.operation for call in sandbox.writes(after=since)]


def calls(sandbox: Sandbox) -> int:
    """The number of the latest call."""
    return max((call.number for call in sandbox.requests()), default=0)


def abilities(meeting: Meeting) -> dict[str, dict[str, str]]:
    """What its attendees may do, in the provider's words."""
    return {
        a.external_user_id: {kind.lower(): can for kind, can in a.capabilities.items()}
        for a in meeting.attendees
    }


def declares(entries: Sequence[dict[str, Any]], **changed: Any) -> MeetingInput:
    return declared(attendees=list(entries), **changed)


def tokens_of(made: State) -> dict[str, str]:
    return {i: a.join_token for i, a in made.attendees.items()}


def again(made: State) -> State:
    """The state as another host reads it out of the stack."""
    return state.from_outputs(json.loads(json.dumps(made.outputs())))


class TestCreate:
    @pytest.mark.parametrize("count", [1, 20, 21, 120, 250])
    def test_makes_the_declared_meeting_with_the_fewest_writes(
        self, sandbox: Sandbox, lifecycle: Host, count: int
    ):
        made = lifecycle().create(declared(*people(count), tags={"day": "one"}))
        meeting = only(sandbox)
        assert meeting.external_user_ids == people(count)
        assert meeting.tags == {"day": "one"}
        batches = -(-max(count - 20, 0) // 100)
        assert writes(sandbox) == [REPEATED, *["BatchCreateAttendee"] * batches]
        assert {call.operation for call in sandbox.requests()} == set(writes(sandbox))
        assert list(made.attendees) == people(count)
        assert {i: a.attendee_id for i, a in made.attendees.items()} == {
            a.external_user_id: a.attendee_id for a in meeting.attendees
        }
        assert len(set(tokens_of(made).values())) == count

    def test_sends_every_property(self, sandbox: Sandbox, lifecycle: Host):
        whole = declares(
            [attendee("ana", capabilities=LISTENING, tags={"role": "host"}), attendee("ben")],
            meeting_host_id="host",
            media_placement_network_type="DualStack",
            meeting_features={"video": {"max_resolution": "HD"}, "attendee": {"max_count": 9}},
            notifications_configuration={"sqs_queue_arn": QUEUE},
            tenant_ids=["acme", "umbrella"],
            tags={"day": "one"},
        )
        made = lifecycle().create(whole)
        meeting = only(sandbox)
        assert meeting.request == {
            "ClientRequestToken": meeting.request["ClientRequestToken"],
            "ExternalMeetingId": "keynote",
            "MediaRegion": "eu-central-1",
            "MeetingHostId": "host",
            "MediaPlacementNetworkType": "DualStack",
            "MeetingFeatures": {"Video": {"MaxResolution": "HD"}, "Attendee": {"MaxCount": 9}},
            "NotificationsConfiguration": {"SqsQueueArn": QUEUE},
            "TenantIds": ["acme", "umbrella"],
            "Tags": [{"Key": "day", "Value": "one"}],
            "Attendees": [
                {
                    "ExternalUserId": "ana",
                    "Capabilities": {n.title(): v for n, v in LISTENING.items()},
                },
                {"ExternalUserId": "ben"},
            ],
        }
        assert again(made) == made
        assert made.declared == whole.properties()

    def test_makes_a_replica_which_goes_with_its_primary(self, sandbox: Sandbox, lifecycle: Host):
        primary = lifecycle().create(declared("ana"))
        replica = lifecycle().create(declared("ben", primary_meeting_id=primary.meeting.meeting_id))
        assert len(sandbox.live()) == 2
        lifecycle().delete(primary)
        assert sandbox.live() == []
        assert lifecycle().read(replica) is None
        lifecycle().delete(replica)

    def test_of_a_replica_whose_primary_is_gone_names_the_primary(
        self, sandbox: Sandbox, lifecycle: Host
    ):
        primary = lifecycle().create(declared("ana")).meeting.meeting_id
        sandbox.end(primary)
        with pytest.raises(ServiceError, match="PrimaryMeetingId"):
            lifecycle().create(declared("ben", primary_meeting_id=primary))

    def test_uses_a_token_that_is_set_as_it_is(self, sandbox: Sandbox, lifecycle: Host):
        lifecycle().create(declared("ana", client_request_token="mine"))
        assert only(sandbox).request["ClientRequestToken"] == "mine"


@pytest.fixture(
    params=[
        {},
        {"repeated_attendees": "none"},
        {"ended_token": "new"},
        {"read_join_tokens": False},
        {"changed_parameters": "conflict"},
        {"repeated_attendees": "none", "read_join_tokens": False},
    ],
    ids=lambda settings: ", ".join(f"{n}={v}" for n, v in settings.items()) or "as by default",
)
def services(request: pytest.FixtureRequest, sandbox: Sandbox) -> None:
    """The service as it may be: nobody has verified which of these it is."""
    sandbox.settings(**request.param)


MINE = {"client_request_token": "mine"}


class TestATokenThatIsUsedAgain:
    """By a program that lost its state, or by another."""

    @pytest.mark.parametrize("count", [3, 10, 30, 250])
    @pytest.mark.usefixtures("services")
    def test_finds_its_own_meeting(self, sandbox: Sandbox, lifecycle: Host, count: int):
        first = lifecycle().create(declared(*people(count), **MINE))
        second = lifecycle().create(declared(*people(count), **MINE))
        assert only(sandbox).external_user_ids == people(count)
        assert second.meeting == first.meeting
        assert set(second.attendees) == set(first.attendees)
        assert tokens_of(second) == tokens_of(first)

    @pytest.mark.parametrize("count", [3, 10, 30])
    def test_finds_every_token_where_reading_says_none(
        self, sandbox: Sandbox, lifecycle: Host, count: int
    ):
        sandbox.settings(read_join_tokens=False)
        first = lifecycle().create(declared(*people(count), **MINE))
        assert tokens_of(lifecycle().create(declared(*people(count), **MINE))) == tokens_of(first)

    @pytest.mark.parametrize("cut_off", ["BatchCreateAttendee", "ListAttendees"])
    @pytest.mark.usefixtures("services")
    def test_completes_what_was_cut_off(self, sandbox: Sandbox, lifecycle: Host, cut_off: str):
        wanted = declared(*people(30 if cut_off == "BatchCreateAttendee" else 5), **MINE)
        sandbox.fault("forbidden", cut_off)
        with pytest.raises(AccessDenied):
            lifecycle().create(wanted)
        left = only(sandbox).meeting_id
        made = lifecycle().create(wanted)
        assert made.meeting.meeting_id == left
        assert only(sandbox).external_user_ids == sorted(made.attendees)
        assert all(tokens_of(made).values())

    @pytest.mark.parametrize("count", [5, 10, 30])
    @pytest.mark.parametrize(
        "changed",
        [
            {"tags": {"day": "two"}},
            {"tags": {}},
            {"attendees": [attendee(i, capabilities=LISTENING) for i in people(30)]},
            {"attendees": [attendee(i) for i in people(3)]},
            {"attendees": [attendee(i) for i in people(40, start=2)]},
        ],
        ids=["tags", "no tags", "capabilities", "fewer", "others"],
    )
    def test_makes_what_it_finds_what_is_declared_now(
        self, sandbox: Sandbox, lifecycle: Host, count: int, changed: dict[str, Any]
    ):
        first = lifecycle().create(declared(*people(count), tags={"day": "one"}, **MINE))
        wanted = parse(properties(*people(count), tags={"day": "one"}, **MINE) | changed)
        second = lifecycle().create(wanted)
        meeting = only(sandbox)
        assert meeting.meeting_id == first.meeting.meeting_id
        assert meeting.tags == (wanted.tags or {})
        assert abilities(meeting) == {
            a.external_user_id: a.capabilities.properties() if a.capabilities else EVERYTHING
            for a in wanted.attendees
        }
        kept = first.attendees.keys() & second.attendees.keys()
        assert {i: second.attendees[i].join_token for i in kept} == {
            i: first.attendees[i].join_token for i in kept
        }


class TestARandomToken:
    """What a create without a client_request_token is made with."""

    def requests(self, sandbox: Sandbox) -> list[str]:
        return [m.request["ClientRequestToken"] for m in sandbox.meetings()]

    def test_is_another_for_each_create(self, sandbox: Sandbox, lifecycle: Host):
        for _ in range(3):
            lifecycle().create(declared("ana"))
        tokens = self.requests(sandbox)
        assert len(set(tokens)) == 3
        assert all(re.fullmatch("[0-9a-f]{64}", token) for token in tokens)

    @pytest.mark.parametrize("fault", ["throttle", "failure", "drop"])
    def test_is_the_same_for_all_attempts_of_a_create(
        self, sandbox: Sandbox, lifecycle: Host, fault: str
    ):
        """An attempt whose answer got lost has created the meeting that the next one finds."""
        sandbox.fault(fault, REPEATED, when="after", count=2)
        lifecycle().create(declared("ana"))
        assert len(sandbox.meetings()) == 1
        assert [c.operation for c in sandbox.requests()] == [REPEATED] * 3

    def test_waits_while_the_service_still_processes_it(self, sandbox: Sandbox, lifecycle: Host):
        sandbox.fault("conflict", REPEATED, count=2)
        made = lifecycle().create(declared("ana"))
        assert only(sandbox).meeting_id == made.meeting.meeting_id
        assert [c.operation for c in sandbox.requests()] == [REPEATED] * 3

    def test_ends_with_a_plain_error_where_the_conflict_lasts(
        self, sandbox: Sandbox, lifecycle: Host, monkeypatch: pytest.MonkeyPatch
    ):
        """Which gives no advice about a token that nobody set."""
        monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
        sandbox.fault("conflict", REPEATED, count=99)
        with pytest.raises(UnderWay, match=r"Conflict .*; run `pulumi up` again") as error:
            lifecycle().create(declared("ana"))
        assert "token" not in str(error.value)
        assert len(sandbox.requests()) == ATTEMPTS


class TestATokenThatWasSet:
    @pytest.mark.parametrize(
        ("other", "named"),
        [
            ({"external_meeting_id": "closing"}, "external_meeting_id"),
            ({"media_region": "us-east-1"}, "media_region"),
            ({"meeting_host_id": "somebody"}, "meeting_host_id"),
            ({"meeting_features": {"video": {"max_resolution": "None"}}}, "meeting_features"),
            ({"tenant_ids": ["umbrella"]}, "tenant_ids"),
        ],
    )
    @pytest.mark.parametrize("setting", ["original", "conflict"])
    def test_that_brings_back_another_meeting_leaves_it_alone(
        self, sandbox: Sandbox, lifecycle: Host, monkeypatch: pytest.MonkeyPatch, other: Any,
        named: str, setting: str,
    ):  # fmt: skip
        monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
        sandbox.settings(changed_parameters=setting)
        settings = {
            "meeting_host_id": "host",
            "meeting_features": {"video": {"max_resolution": "HD"}},
            "tenant_ids": ["acme"],
            **MINE,
        }
        lifecycle().create(declared("ana", **settings | other))
        before, number = only(sandbox), calls(sandbox)
        with pytest.raises(TokenInUse) as error:
            lifecycle().create(declared("ben", **settings))
        assert only(sandbox) == before
        assert writes(sandbox, number) == [REPEATED] * (1 if setting == "original" else ATTEMPTS)
        assert "another client_request_token, or none" in str(error.value)
        if setting == "original":
            assert f"another {named}" in str(error.value)

    def test_that_brings_back_an_ended_meeting_says_so(self, sandbox: Sandbox, lifecycle: Host):
        lifecycle().create(declared("ana", **MINE))
        sandbox.end(only(sandbox).meeting_id)
        with pytest.raises(TokenInUse, match="returns a meeting that has ended"):
            lifecycle().create(declared("ana", **MINE))
        assert sandbox.live() == []

    def test_may_be_used_again_where_the_service_lets_it(self, sandbox: Sandbox, lifecycle: Host):
        sandbox.settings(ended_token="new")
        lifecycle().create(declared("ana", **MINE))
        sandbox.end(only(sandbox).meeting_id)
        made = lifecycle().create(declared("ana", **MINE))
        assert only(sandbox).meeting_id == made.meeting.meeting_id


class TestAttendeesThatTheServiceRefuses:
    @pytest.mark.parametrize(
        "code",
        ["ServiceFailure", "ServiceUnavailable", "Throttled", "ThrottlingException"],
    )
    def test_in_passing_are_tried_again_and_nobody_else(
        self, sandbox: Sandbox, lifecycle: Host, code: str
    ):
        sandbox.refuse_attendees(code, count=3)
        made = lifecycle().create(declared(*people(20)))
        assert list(made.attendees) == people(20)
        assert [c.items for c in sandbox.writes()] == [20, 3]
        assert only(sandbox).external_user_ids == people(20)

    def test_in_passing_are_tried_again_out_of_a_batch(self, sandbox: Sandbox, lifecycle: Host):
        made = lifecycle().create(declared(*people(1)))
        sandbox.refuse_attendees("Throttling", count=2, external_user_ids=people(100)[1:])
        number = calls(sandbox)
        later = lifecycle().update(made, declared(*people(90)))
        assert [c.items for c in sandbox.writes(after=number)] == [89, 2]
        assert list(later.attendees) == people(90)

    def test_for_good_end_the_create_with_each_listed_and_nothing_left(
        self, sandbox: Sandbox, lifecycle: Host
    ):
        """In whichever call each was."""
        refused = [people(250)[n] for n in (0, 30, 77, 149, 230)]
        sandbox.refuse_attendees("Forbidden", count=5, external_user_ids=refused, message="no")
        with pytest.raises(AttendeesRefused) as error:
            lifecycle().create(declared(*people(250)))
        assert sorted(error.value.refused) == [(i, "Forbidden", "no") for i in refused]
        assert all(f"'{i}' Forbidden (no)" in str(error.value) for i in refused)
        assert sandbox.live() == []

    def test_for_good_leave_an_update_with_the_others_added(
        self, sandbox: Sandbox, lifecycle: Host
    ):
        made = lifecycle().create(declared(*people(3)))
        sandbox.refuse_attendees("Unprocessable", external_user_ids=["guest-100"])
        with pytest.raises(AttendeesRefused, match=r"'guest-100' Unprocessable \("):
            lifecycle().update(made, declared(*people(240)))
        assert only(sandbox).external_user_ids == [i for i in people(240) if i != "guest-100"]

    def test_again_and_again_end_with_each_listed(
        self, sandbox: Sandbox, lifecycle: Host, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
        sandbox.refuse_attendees("Throttled", count=99, external_user_ids=["guest-001"])
        with pytest.raises(AttendeesRefused, match="1 attendee was refused: 'guest-001' Throttled"):
            lifecycle().create(declared(*people(3)))
        assert sandbox.live() == []

    def test_past_the_limit_are_listed(self, sandbox: Sandbox, lifecycle: Host):
        """By a service that refuses them singly; one that refuses the call names the limit."""
        sandbox.settings(attendee_overflow="item")
        features = {"meeting_features": {"attendee": {"max_count": 22}}}
        with pytest.raises(AttendeesRefused) as error:
            lifecycle().create(declared(*people(24), **features))
        assert [code for _, code, _ in error.value.refused] == ["ResourceLimitExceeded"] * 2


class TestUpdate:
    def test_exchanges_attendees_and_lets_the_others_keep_id_and_token(
        self, sandbox: Sandbox, lifecycle: Host
    ):
        made = again(lifecycle().create(declared(*people(10))))
        number = calls(sandbox)
        later = lifecycle().update(made, declared(*people(10, start=2)))
        assert writes(sandbox, number) == ["DeleteAttendee"] * 2 + ["BatchCreateAttendee"]
        assert only(sandbox).external_user_ids == people(10, start=2)
        for kept in people(8, start=2):
            assert later.attendees[kept] == made.attendees[kept]

    @pytest.mark.parametrize("overflow", ["call", "item"])
    def test_removes_before_it_adds_so_that_all_have_room(
        self, sandbox: Sandbox, lifecycle: Host, overflow: str
    ):
        sandbox.settings(attendee_overflow=overflow)
        full = {"meeting_features": {"attendee": {"max_count": 3}}}
        made = again(lifecycle().create(declared(*people(3), **full)))
        sandbox.fault("delay", "DeleteAttendee", seconds=0.3)
        number = calls(sandbox)
        later = lifecycle().update(made, declared(*people(3, start=1), **full))
        assert writes(sandbox, number) == ["DeleteAttendee", "BatchCreateAttendee"]
        assert list(later.attendees) == people(3, start=1)

    def test_of_nothing_calls_nothing(self, sandbox: Sandbox, lifecycle: Host):
        made = lifecycle().create(declared("ana", "ben"))
        number = calls(sandbox)
        later = lifecycle().update(made, declared("ben", "ana", ignore_undeclared_attendees=True))
        assert calls(sandbox) == number
        assert list(later.attendees) == ["ben", "ana"]
        assert later.declared["ignore_undeclared_attendees"] is True

    def test_changes_tags_with_a_call_each_way(self, sandbox: Sandbox, lifecycle: Host):
        made = lifecycle().create(declared("ana", tags={"a": "one", "b": "two", "c": "three"}))
        number = calls(sandbox)
        later = lifecycle().update(made, declared("ana", tags={"b": "two", "c": "3", "d": "four"}))
        assert writes(sandbox, number) == ["UntagResource", "TagResource"]
        assert [c.items for c in sandbox.writes(after=number)] == [1, 2]
        assert only(sandbox).tags == later.tags == {"b": "two", "c": "3", "d": "four"}
        lifecycle().update(later, declared("ana"))
        assert only(sandbox).tags == {}

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ({"guest-000": LISTENING}, ["UpdateAttendeeCapabilities"]),
            (
                {"guest-000": LISTENING, "guest-001": NOTHING},
                ["UpdateAttendeeCapabilities"] * 2,
            ),
            (dict.fromkeys(people(3), LISTENING), ["BatchUpdateAttendeeCapabilitiesExcept"]),
            (
                dict.fromkeys(people(6), LISTENING),
                ["BatchUpdateAttendeeCapabilitiesExcept", "UpdateAttendeeCapabilities"],
            ),
            (
                {**dict.fromkeys(people(3), LISTENING), **dict.fromkeys(people(3, 3), NOTHING)},
                ["BatchUpdateAttendeeCapabilitiesExcept"] * 2,
            ),
        ],
        ids=["one", "two apart", "half", "all alike", "two halves"],
    )
    def test_changes_capabilities_with_the_fewest_calls(
        self, sandbox: Sandbox, lifecycle: Host, wanted: dict[str, Any], expected: list[str]
    ):
        made = lifecycle().create(declared(*people(6)))
        number = calls(sandbox)
        entries = [attendee(i, capabilities=wanted.get(i)) for i in people(6)]
        later = lifecycle().update(made, declares(entries))
        assert writes(sandbox, number) == expected
        after = dict.fromkeys(people(6), EVERYTHING) | wanted
        assert abilities(only(sandbox)) == after
        assert {i: a.capabilities for i, a in later.attendees.items()} == after
        assert tokens_of(later) == tokens_of(made)

    def test_leaves_the_abilities_of_undeclared_attendees_alone(
        self, sandbox: Sandbox, lifecycle: Host, clients: Callable[..., Any]
    ):
        apart = {"ignore_undeclared_attendees": True}
        made = lifecycle().create(declared(*people(3), **apart))
        by_hand(clients).create_attendee(
            MeetingId=made.meeting.meeting_id, ExternalUserId="walk-in"
        )
        entries = [attendee(i, capabilities=LISTENING) for i in people(3)]
        lifecycle().update(made, declares(entries, **apart))
        assert abilities(only(sandbox)) == {
            **dict.fromkeys(people(3), LISTENING),
            "walk-in": EVERYTHING,
        }

    def test_goes_on_past_an_attendee_that_is_gone_already(
        self, sandbox: Sandbox, lifecycle: Host, clients: Callable[..., Any]
    ):
        made = lifecycle().create(declared("ana", "ben"))
        by_hand(clients).delete_attendee(
            MeetingId=made.meeting.meeting_id, AttendeeId=made.attendees["ben"].attendee_id
        )
        later = lifecycle().update(made, declared("ana", "cleo"))
        assert only(sandbox).external_user_ids == sorted(later.attendees) == ["ana", "cleo"]

    @pytest.mark.parametrize(
        "wanted",
        [
            {"attendees": [attendee("ana")]},
            {"attendees": [attendee(i) for i in ("ana", "ben", "cleo")]},
            {"attendees": [attendee("ana", capabilities=LISTENING), attendee("ben")]},
            {"tags": {"day": "one"}},
        ],
        ids=["removing", "adding", "capabilities", "tags"],
    )
    def test_of_a_meeting_that_has_ended_says_to_run_up_again(
        self, sandbox: Sandbox, lifecycle: Host, wanted: dict[str, Any]
    ):
        made = lifecycle().create(declared("ana", "ben"))
        sandbox.end(made.meeting.meeting_id)
        with pytest.raises(MeetingEnded, match=r"has ended.* run `pulumi up --refresh`"):
            lifecycle().update(made, parse(properties("ana", "ben") | wanted))


def test_250_attendees_made_from_nothing_and_a_hundred_exchanged(sandbox: Sandbox, lifecycle: Host):
    """No fewer calls will do: 20 fit into a create, 100 into a batch, and deletes come singly."""
    made = again(lifecycle().create(declared(*people(250))))
    assert writes(sandbox) == [REPEATED, *["BatchCreateAttendee"] * 3]
    assert sorted(c.items for c in sandbox.writes()) == [20, 30, 100, 100]
    number = calls(sandbox)
    later = lifecycle().update(made, declared(*people(250, start=100)))
    assert writes(sandbox, number) == ["DeleteAttendee"] * 100 + ["BatchCreateAttendee"]
    assert calls(sandbox) - number == 101
    assert only(sandbox).external_user_ids == people(250, start=100)
    assert all(later.attendees[i] == made.attendees[i] for i in people(150, start=100))


class TestRead:
    @pytest.mark.parametrize("count", [1, 100, 101, 250])
    @pytest.mark.usefixtures("services")
    def test_finds_a_meeting_as_it_was_made(self, lifecycle: Host, count: int):
        made = lifecycle().create(declared(*people(count), tags={"day": "one"}))
        assert lifecycle().read(again(made)) == made

    def test_finds_an_ended_meeting_gone(self, sandbox: Sandbox, lifecycle: Host):
        made = lifecycle().create(declared("ana"))
        sandbox.advance(6 * 60)
        assert lifecycle().read(made) is None

    def test_keeps_what_was_declared_where_nothing_has_changed(self, lifecycle: Host):
        whole = declares(
            [attendee("ana", capabilities=EVERYTHING), attendee("ben", tags={"role": "host"})],
            meeting_host_id="host",
            notifications_configuration={"sqs_queue_arn": QUEUE},
        )
        made = lifecycle().create(whole)
        found = refreshed(lifecycle, made)
        assert found.declared == whole.properties()


def by_hand(clients: Callable[..., Any]) -> Any:
    """What somebody else uses who changes the meeting."""
    return clients(region="eu-central-1")


def refreshed(lifecycle: Host, made: State) -> State:
    """The meeting as a read finds it, which lives."""
    found = lifecycle().read(made)
    assert found is not None
    return found


class TestDrift:
    """What others did shows in the declaration that read gives, and the next update undoes it."""

    @pytest.fixture(params=[True, False], ids=["tokens readable", "tokens unreadable"])
    def made(self, request: pytest.FixtureRequest, sandbox: Sandbox, lifecycle: Host) -> State:
        sandbox.settings(read_join_tokens=request.param)
        return again(lifecycle().create(self.wanted))

    wanted = declares(
        [attendee("ana"), attendee("ben", capabilities=LISTENING)], tags={"day": "one"}
    )

    def repaired(self, sandbox: Sandbox, lifecycle: Host, found: State) -> State:
        """The state after the repair, of which a read finds nothing more to repair."""
        later = lifecycle().update(again(found), self.wanted)
        meeting = only(sandbox)
        assert abilities(meeting) == {"ana": EVERYTHING, "ben": LISTENING}
        assert meeting.tags == {"day": "one"}
        assert lifecycle().read(again(later)) == later
        assert later.declared == self.wanted.properties()
        assert all(tokens_of(later).values())
        return later

    def test_an_attendee_added(
        self, sandbox: Sandbox, lifecycle: Host, made: State, clients: Callable[..., Any]
    ):
        by_hand(clients).create_attendee(
            MeetingId=made.meeting.meeting_id, ExternalUserId="walk-in"
        )
        found = refreshed(lifecycle, made)
        assert list(found.declared["attendees"]) == ["ana", "ben", "walk-in"]
        assert tokens_of(self.repaired(sandbox, lifecycle, found)) == tokens_of(made)

    def test_an_attendee_removed(
        self, sandbox: Sandbox, lifecycle: Host, made: State, clients: Callable[..., Any]
    ):
        by_hand(clients).delete_attendee(
            MeetingId=made.meeting.meeting_id, AttendeeId=made.attendees["ana"].attendee_id
        )
        found = refreshed(lifecycle, made)
        assert list(found.declared["attendees"]) == ["ben"]
        assert list(found.attendees) == ["ben"]
        later = self.repaired(sandbox, lifecycle, found)
        assert later.attendees["ben"] == made.attendees["ben"]
        assert later.attendees["ana"].join_token != made.attendees["ana"].join_token

    def test_an_attendee_removed_and_added_again(
        self, sandbox: Sandbox, lifecycle: Host, made: State, clients: Callable[..., Any]
    ):
        """The old token is worth nothing: the new one is found, or shown to be missing."""
        there = {"MeetingId": made.meeting.meeting_id}
        by_hand(clients).delete_attendee(**there, AttendeeId=made.attendees["ana"].attendee_id)
        by_hand(clients).create_attendee(**there, ExternalUserId="ana")
        found = refreshed(lifecycle, made)
        # Who ignores changes of attendees takes this for the declaration: nobody may be missing.
        assert set(found.declared["attendees"]) == {"ana", "ben"}
        later = self.repaired(sandbox, lifecycle, found)
        (ana,) = (a for a in only(sandbox).attendees if a.external_user_id == "ana")
        assert later.attendees["ana"].attendee_id == ana.attendee_id
        assert later.attendees["ana"].join_token != made.attendees["ana"].join_token

    def test_capabilities_changed(
        self, sandbox: Sandbox, lifecycle: Host, made: State, clients: Callable[..., Any]
    ):
        by_hand(clients).update_attendee_capabilities(
            MeetingId=made.meeting.meeting_id,
            AttendeeId=made.attendees["ana"].attendee_id,
            Capabilities={n.title(): v for n, v in NOTHING.items()},
        )
        found = refreshed(lifecycle, made)
        assert found.declared["attendees"] == {
            "ana": {"capabilities": NOTHING},
            "ben": {"capabilities": LISTENING},
        }
        assert tokens_of(self.repaired(sandbox, lifecycle, found)) == tokens_of(made)

    def test_whoever_may_do_what_anybody_may_needs_no_capabilities(
        self, lifecycle: Host, clients: Callable[..., Any]
    ):
        """Not even in a meeting whose features would contradict them, were they declared."""
        features = {"video": {"max_resolution": "None"}}
        made = lifecycle().create(declared("ana", meeting_features=features))
        by_hand(clients).create_attendee(
            MeetingId=made.meeting.meeting_id, ExternalUserId="walk-in"
        )
        found = refreshed(lifecycle, made)
        assert found.declared["attendees"] == {"ana": {}, "walk-in": {}}
        assert validate(found.declared)[1] == []

    def test_what_anybody_may_do_and_nobody_can_set_takes_another_attendee(
        self, sandbox: Sandbox, lifecycle: Host, clients: Callable[..., Any]
    ):
        wanted = declared("ana", "ben", meeting_features={"video": {"max_resolution": "None"}})
        made = lifecycle().create(wanted)
        by_hand(clients).update_attendee_capabilities(
            MeetingId=made.meeting.meeting_id,
            AttendeeId=made.attendees["ana"].attendee_id,
            Capabilities={n.title(): v for n, v in NOTHING.items()},
        )
        repaired = lifecycle().update(refreshed(lifecycle, made), wanted)
        assert only(sandbox).external_user_ids == ["ana", "ben"]
        assert repaired.attendees["ana"].capabilities == made.attendees["ana"].capabilities
        assert repaired.attendees["ben"] == made.attendees["ben"]
        assert tokens_of(repaired)["ana"] not in ("", tokens_of(made)["ana"])
        assert refreshed(lifecycle, repaired).declared == again(repaired).declared

    @pytest.mark.parametrize("everybody", [True, False], ids=["at once", "one"])
    def test_capabilities_that_the_service_is_still_at_are_waited_for(
        self, sandbox: Sandbox, lifecycle: Host, everybody: bool
    ):
        made = lifecycle().create(declared(*people(4)))
        sandbox.fault("conflict", "UpdateAttendeeCapabilities", count=1)
        sandbox.fault("conflict", "BatchUpdateAttendeeCapabilitiesExcept", count=2)
        can = dict.fromkeys(people(3 if everybody else 1), NOTHING)
        wanted = [attendee(i, **({"capabilities": can[i]} if i in can else {})) for i in people(4)]
        changed = lifecycle().update(made, declared(attendees=wanted))
        assert {i for i, a in changed.attendees.items() if a.capabilities == NOTHING} == can.keys()
        assert refreshed(lifecycle, changed).declared == again(changed).declared

    def test_tags_that_cannot_be_found_are_no_end(self, sandbox: Sandbox, lifecycle: Host):
        made = again(lifecycle().create(declared("ana")))
        elsewhere = made.meeting.model_copy(update={"meeting_arn": f"{made.meeting.meeting_arn}0"})
        with pytest.raises(ServiceError, match="the meeting exists, and its tags") as error:
            lifecycle().read(State(made.declared, elsewhere, made.attendees))
        assert not isinstance(error.value, MeetingEnded)
        sandbox.end(made.meeting.meeting_id)
        assert lifecycle().read(made) is None

    @pytest.mark.parametrize(
        ("gone", "set_"), [(["day"], {}), ([], {"day": "two"}), ([], {"room": "r1"})]
    )
    def test_tags_changed(
        self,
        sandbox: Sandbox,
        lifecycle: Host,
        made: State,
        clients: Callable[..., Any],
        gone: list[str],
        set_: dict[str, str],
    ):
        arn = made.meeting.meeting_arn
        if gone:
            by_hand(clients).untag_resource(ResourceARN=arn, TagKeys=gone)
        if set_:
            tags = [{"Key": k, "Value": v} for k, v in set_.items()]
            by_hand(clients).tag_resource(ResourceARN=arn, Tags=tags)
        found = refreshed(lifecycle, made)
        assert found.declared["tags"] == only(sandbox).tags != {"day": "one"}
        assert tokens_of(self.repaired(sandbox, lifecycle, found)) == tokens_of(made)

    def test_undeclared_attendees_can_be_left_alone(
        self, sandbox: Sandbox, lifecycle: Host, clients: Callable[..., Any]
    ):
        made = lifecycle().create(declared("ana", ignore_undeclared_attendees=True))
        by_hand(clients).create_attendee(
            MeetingId=made.meeting.meeting_id, ExternalUserId="walk-in"
        )
        assert lifecycle().read(made) == made
        number = calls(sandbox)
        lifecycle().update(made, declared("ben", ignore_undeclared_attendees=True))
        assert writes(sandbox, number) == ["DeleteAttendee", "BatchCreateAttendee"]
        assert only(sandbox).external_user_ids == ["ben", "walk-in"]

    def test_undeclared_attendees_are_left_alone_from_the_update_on_that_says_so(
        self, sandbox: Sandbox, lifecycle: Host, clients: Callable[..., Any]
    ):
        made = lifecycle().create(declared("ana"))
        by_hand(clients).create_attendee(
            MeetingId=made.meeting.meeting_id, ExternalUserId="walk-in"
        )
        found = refreshed(lifecycle, made)
        number = calls(sandbox)
        later = lifecycle().update(found, declared("ana", ignore_undeclared_attendees=True))
        assert writes(sandbox, number) == []
        assert list(later.attendees) == ["ana"]
        assert only(sandbox).external_user_ids == ["ana", "walk-in"]
        assert lifecycle().read(later) == later


class TestATokenOfOthers:
    """A client_request_token that another program uses as well."""

    def made_by_others(self, clients: Callable[..., Any], external_user_id: str) -> str:
        """The id of a meeting with a token that a declaration uses as well."""
        made = by_hand(clients).create_meeting_with_attendees(
            ClientRequestToken="mine", ExternalMeetingId="keynote", MediaRegion="eu-central-1",
            Attendees=[{"ExternalUserId": external_user_id}],
        )  # fmt: skip
        return str(made["Meeting"]["MeetingId"])

    def test_leaves_a_meeting_of_others_where_somebody_is_refused(
        self, sandbox: Sandbox, lifecycle: Host, clients: Callable[..., Any]
    ):
        there = self.made_by_others(clients, "walk-in")
        sandbox.refuse_attendees("Forbidden", external_user_ids=["cy"])
        with pytest.raises(AttendeesRefused):
            lifecycle().create(declared("ana", "cy", **MINE))
        assert only(sandbox).meeting_id == there

    def test_keeps_undeclared_attendees_if_configured(
        self, sandbox: Sandbox, lifecycle: Host, clients: Callable[..., Any]
    ):
        self.made_by_others(clients, "walk-in")
        wanted = declared("ana", **MINE, ignore_undeclared_attendees=True)
        made = lifecycle().create(wanted)
        assert list(made.attendees) == ["ana"]
        assert only(sandbox).external_user_ids == ["ana", "walk-in"]

    def test_leaves_a_meeting_of_others_that_is_declared_alike(
        self, sandbox: Sandbox, lifecycle: Host, clients: Callable[..., Any]
    ):
        """Nothing in the answer tells that somebody else made it."""
        there = self.made_by_others(clients, "ana")
        sandbox.fault("forbidden", "ListTagsForResource")
        wanted = declared("ana", **MINE)
        with pytest.raises(AccessDenied):
            lifecycle().create(wanted)
        assert only(sandbox).meeting_id == there
        sandbox.clear_faults()
        assert lifecycle().create(wanted).meeting.meeting_id == there


class TestDelete:
    def test_ends_the_meeting(self, sandbox: Sandbox, lifecycle: Host):
        made = lifecycle().create(declared("ana"))
        lifecycle().delete(again(made))
        assert sandbox.live() == []

    def test_of_a_meeting_that_is_gone_succeeds(self, sandbox: Sandbox, lifecycle: Host):
        made = lifecycle().create(declared("ana"))
        sandbox.end(made.meeting.meeting_id)
        lifecycle().delete(made)

    def test_goes_to_the_region_and_profile_of_the_state(
        self, provider_client: Callable[[str, str | None], ChimeClient]
    ):
        asked: list[tuple[str, str | None]] = []

        def client(region: str, profile: str | None) -> ChimeClient:
            asked.append((region, profile))
            return provider_client(region, profile)

        made = Lifecycle(client).create(declared("ana", profile="clinic"))
        Lifecycle(client).delete(again(made))
        assert asked == [("eu-central-1", "clinic")] * 2


class TestErrors:
    """Each names the meeting, the operation, the cause and the remedy, in one line."""

    def check_message(self, error: pytest.ExceptionInfo[ServiceError], *parts: str) -> None:
        line = str(error.value)
        assert "\n" not in line
        for part in parts:
            assert part in line, line

    @pytest.mark.parametrize(
        ("operation", "act"),
        [
            (REPEATED, "create"),
            ("BatchCreateAttendee", "add"),
            ("DeleteAttendee", "remove"),
            ("UpdateAttendeeCapabilities", "recast"),
            ("BatchUpdateAttendeeCapabilitiesExcept", "recast all"),
            ("TagResource", "tag"),
            ("UntagResource", "untag"),
            ("ListAttendees", "read"),
            ("ListTagsForResource", "read"),
            ("DeleteMeeting", "delete"),
        ],
    )
    @pytest.mark.parametrize(
        ("fault", "kind", "parts"),
        [
            ("forbidden", AccessDenied, ("Forbidden", "allow the action chime:{operation} in")),
            (
                "limit",
                LimitExceeded,
                ("LimitExceeded", "250 attendees a meeting", "250 meetings at once", "Quotas"),
            ),
        ],
    )
    def test_of_every_operation(
        self, sandbox: Sandbox, lifecycle: Host, operation: str, act: str, fault: str,
        kind: type[ServiceError], parts: tuple[str, ...],
    ):  # fmt: skip
        changes: dict[str, dict[str, Any]] = {
            "add": {"attendees": [attendee(i) for i in people(6)]},
            "remove": {"attendees": [attendee(i) for i in people(4)]},
            "recast": {"attendees": [attendee("guest-000", capabilities=LISTENING),
                                     *map(attendee, people(4, start=1))]},
            "recast all": {"attendees": [attendee(i, capabilities=LISTENING) for i in people(5)]},
            "tag": {"tags": {"day": "one", "room": "r1"}},
            "untag": {"tags": {}},
        }  # fmt: skip
        before = properties(*people(5), tags={"day": "one"})
        meeting = parse(before | changes.get(act, {}))
        name = "meeting 'keynote': "
        acts: dict[str, Callable[[], object]] = {"create": lambda: lifecycle().create(meeting)}
        tokens: list[str] = []
        if act != "create":
            made = lifecycle().create(parse(before))
            name = f"meeting 'keynote ({made.meeting.meeting_id})': "
            tokens += tokens_of(made).values()
            acts["read"] = lambda: lifecycle().read(again(made))
            acts["delete"] = lambda: lifecycle().delete(made)
            acts.setdefault(act, lambda: lifecycle().update(made, meeting))
        sandbox.fault(fault, operation)
        with pytest.raises(kind) as error:
            acts[act]()
        named = [part.format(operation=operation) for part in parts]
        self.check_message(error, name, f"{operation} failed: ", *named)
        assert error.value.operation == operation
        assert not any(token in str(error.value) for token in tokens)

    def test_of_a_full_account_names_the_quota(self, sandbox: Sandbox, lifecycle: Host):
        sandbox.settings(meetings_per_account=1)
        lifecycle().create(declared("ana"))
        with pytest.raises(LimitExceeded) as error:
            lifecycle().create(declared("ana"))
        self.check_message(
            error, "its quota is 1", "unless raised, 250 meetings at once", "Service Quotas"
        )

    def test_of_a_full_meeting_names_the_limit(self, sandbox: Sandbox, lifecycle: Host):
        features = {"meeting_features": {"attendee": {"max_count": 22}}}
        with pytest.raises(LimitExceeded) as error:
            lifecycle().create(declared(*people(24), **features))
        self.check_message(
            error, "BatchCreateAttendee failed: LimitExceeded (Meeting ", "22 attendees"
        )
        assert sandbox.live() == []

    def test_of_tags_set_by_hand_in_the_meantime_names_the_limit(
        self, lifecycle: Host, clients: Callable[..., Any]
    ):
        made = lifecycle().create(declared("ana"))
        tags = [{"Key": f"k{'x' * n}", "Value": ""} for n in range(50)]
        by_hand(clients).tag_resource(ResourceARN=made.meeting.meeting_arn, Tags=tags)
        with pytest.raises(LimitExceeded) as error:
            lifecycle().update(made, declared("ana", tags={"day": "one"}))
        self.check_message(
            error, "TagResource failed: TooManyTags", "a resource has at most 50 tags"
        )

    def test_of_an_ended_meeting_says_what_makes_its_successor(
        self, sandbox: Sandbox, lifecycle: Host
    ):
        made = lifecycle().create(declared("ana"))
        sandbox.end(made.meeting.meeting_id)
        with pytest.raises(MeetingEnded) as error:
            lifecycle().update(made, declared("ana", "ben"))
        self.check_message(
            error, "the meeting has ended", "`pulumi up --refresh`, which creates its replacement"
        )

    def test_of_a_service_that_says_no_to_the_request_gives_its_words(self, lifecycle: Host):
        gone = "00000000-0000-4000-8000-000000000000"
        with pytest.raises(ServiceError) as error:
            lifecycle().create(declared("ana", meeting_host_id="host", tenant_ids=["acme"],
                                        primary_meeting_id=gone))  # fmt: skip
        self.check_message(error, "failed: ", gone)

    def test_of_a_create_that_fails_for_good_leave_nothing(self, sandbox: Sandbox, lifecycle: Host):
        sandbox.fault("forbidden", "BatchCreateAttendee")
        with pytest.raises(AccessDenied):
            lifecycle().create(declared(*people(30)))
        assert sandbox.live() == []
        assert writes(sandbox) == [REPEATED, "BatchCreateAttendee", "DeleteMeeting"]

    def test_of_a_create_that_cannot_be_undone_is_the_one_that_led_there(
        self, sandbox: Sandbox, lifecycle: Host
    ):
        sandbox.fault("forbidden", "BatchCreateAttendee")
        sandbox.fault("limit", "DeleteMeeting")
        with pytest.raises(AccessDenied, match="chime:BatchCreateAttendee"):
            lifecycle().create(declared(*people(30)))


@pytest.mark.parametrize(
    ("fault", "kind", "parts"),
    [
        ("throttle", Throttled, ("Throttling (Rate exceeded)", "10 requests a second", "Quotas")),
        ("failure", Unreachable, ("ServiceFailure (", "run `pulumi up` again later")),
        ("drop", Unreachable, ("Connection was closed", "check the network and the endpoint")),
    ],
)
def test_what_fails_through_all_retries_says_so(
    sandbox: Sandbox, endpoint: str, monkeypatch: pytest.MonkeyPatch, fault: str,
    kind: type[ServiceError], parts: tuple[str, ...],
):  # fmt: skip
    """With little time for each operation, so that the test's waiting is short."""
    monkeypatch.setattr("meeting_provider.calls.LONGEST_WAIT", 0.1)
    monkeypatch.setattr("meeting_provider.calls.OPERATION_SECONDS", 3.0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    client = ChimeClient("eu-central-1")
    made = Lifecycle(lambda *_: client).create(declared("ana"))
    sandbox.fault(fault, "ListAttendees", count=99)
    with pytest.raises(kind) as error:
        Lifecycle(lambda *_: client).read(made)
    for part in ("meeting 'keynote (", "ListAttendees failed: ", ", for ", *parts):
        assert part in str(error.value)
    assert Counter(c.operation for c in sandbox.requests())["ListAttendees"] >= 2
    sandbox.clear_faults()
    assert Lifecycle(lambda *_: client).read(made) == made


@pytest.mark.parametrize("fault", ["throttle", "failure", "drop"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_fails_once_succeeds(sandbox: Sandbox, lifecycle: Host, fault: str, when: str):
    sandbox.fault(fault, REPEATED, when=when)
    made = lifecycle().create(declared(*people(25)))
    assert only(sandbox).meeting_id == made.meeting.meeting_id
    assert only(sandbox).external_user_ids == people(25)


def test_nothing_that_is_said_or_logged_holds_a_join_token(
    sandbox: Sandbox, lifecycle: Host, caplog: pytest.LogCaptureFixture
):
    """Not even where a program logs everything that it can."""
    with caplog.at_level(logging.DEBUG):
        made = lifecycle().create(declared(*people(30)))
        lifecycle().read(made)
        later = lifecycle().update(made, declared(*people(30, start=5)))
        lifecycle().delete(later)
    secrets = {*tokens_of(made).values(), *tokens_of(later).values()}
    assert len(secrets) == 35
    said = caplog.text + repr(made) + repr(later) + repr(sandbox.requests())
    assert not any(secret in said for secret in secrets)


class TestTheProvider:
    """The same through Pulumi's own calls, as the dynamic host makes them."""

    pytestmark = pytest.mark.usefixtures("set_up", "sandbox")

    def inputs(self, **changed: Any) -> dict[str, Any]:
        news = {"attendees": [attendee("ana"), attendee("ben")], "external_meeting_id": "keynote",
                "__provider": "pickled"}  # fmt: skip
        checked = provider().check({}, news | changed)
        assert checked.failures == []
        return {**checked.inputs, "__provider": "pickled"}

    def stored(self, answered: dict[str, Any] | None) -> dict[str, Any]:
        """What the engine stores of an answer, and passes to the next call."""
        assert answered is not None
        return {**answered, "__provider": "pickled"}

    def test_carries_a_meeting_through_its_life(self, sandbox: Sandbox):
        news = self.inputs(tags={"day": "one"})
        made = provider().create(news)
        outs = self.stored(made.outs)
        assert made.id == outs["meeting_id"] == only(sandbox).meeting_id
        assert not provider().diff(made.id, outs, news).changes
        read = provider().read(made.id, outs)
        assert (read.id, read.outs, read.inputs) == (made.id, made.outs, None)
        changed = self.inputs(attendees=[attendee("ben"), attendee("cleo")])
        assert provider().diff(made.id, outs, changed).replaces == []
        later = self.stored(provider().update(made.id, outs, changed).outs)
        before, after = (each["join_tokens"] for each in (outs, later))
        assert after["ben"] == before["ben"]
        assert only(sandbox).external_user_ids == ["ben", "cleo"]
        sandbox.end(made.id)
        assert (provider().read(made.id, later).id, sandbox.live()) == ("", [])
        provider().delete(made.id, later)

    def test_reads_as_inputs_what_others_changed(
        self, sandbox: Sandbox, clients: Callable[..., Any]
    ):
        news = self.inputs()
        made = provider().create(news)
        outs = self.stored(made.outs)
        arn = outs["meeting_arn"]
        by_hand(clients).tag_resource(ResourceARN=arn, Tags=[{"Key": "day", "Value": "one"}])
        read = provider().read(made.id, outs)
        assert self.stored(read.inputs) == news | {"tags": {"day": "one"}}
        again = provider().read(made.id, self.stored(read.outs))
        assert (again.outs, again.inputs) == (read.outs, None)

    def test_takes_a_meeting_that_others_emptied_as_it_is_where_that_is_to_be_ignored(
        self, sandbox: Sandbox, clients: Callable[..., Any]
    ):
        """With ignore_changes, the engine declares what a refresh has found."""
        made = provider().create(self.inputs(attendees=[attendee("ana")]))
        (ana,) = only(sandbox).attendees
        by_hand(clients).delete_attendee(MeetingId=made.id, AttendeeId=ana.attendee_id)
        read = provider().read(made.id, self.stored(made.outs))
        assert read.inputs is not None
        news = {**read.inputs, "tags": {"day": "one"}}
        checked = provider().check(read.inputs, news)
        assert (news["attendees"], checked.failures) == ({}, [])
        assert provider().check({}, news).failures[0].reason.startswith("attendees: has 0 entries")
        later = provider().update(made.id, self.stored(read.outs), checked.inputs)
        assert (only(sandbox).attendees, only(sandbox).tags) == ([], {"day": "one"})
        assert later.outs is not None
        assert later.outs["attendees"] == later.outs["attendee_ids"] == {}

    def test_leaves_one_line_of_an_error(self, sandbox: Sandbox):
        sandbox.fault("forbidden", REPEATED)
        with pytest.raises(AccessDenied) as error:
            provider().create(self.inputs())
        assert error.value.__suppress_context__
        assert error.value.__cause__ is None
