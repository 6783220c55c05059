"""What a stack's state holds of a meeting, and keeps readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.meetings import EVERYTHING, LISTENING, attendee, declared, properties

from meeting_provider import changes, state
from meeting_provider.models import MeetingAnswer, MeetingInput
from meeting_provider.state import Attendee, State

V1 = Path(__file__).parent / "data" / "state-v1.json"
ARN = "arn:aws:chime:eu-central-1:123456789012:meeting/one"
MEETING = MeetingAnswer.model_validate(
    {
        "MeetingId": "one",
        "MeetingArn": ARN,
        "ExternalMeetingId": "keynote",
        "MediaRegion": "eu-central-1",
        "MediaPlacement": {"AudioHostUrl": "host:3478", "NewUrl": "wss://new"},
        "NewField": {"Kept": True},
    }
)


def made(**changed: object) -> State:
    """A meeting with two attendees, of whom one may only listen."""
    meeting = declared(
        attendees=[attendee("ana", tags={"role": "host"}), attendee("ben", capabilities=LISTENING)],
        **changed,
    )
    attendees = {
        "ana": Attendee("id-ana", "token-ana", EVERYTHING),
        "ben": Attendee("id-ben", "token-ben", LISTENING),
    }
    return State(meeting.properties(), MEETING, attendees)


class TestOutputs:
    def test_come_back_as_the_same_state(self):
        whole = made(tags={"day": "one"}, meeting_features={"attendee": {"max_count": 5}})
        assert state.from_outputs(whole.outputs()) == whole

    @given(
        st.lists(
            st.tuples(st.sampled_from("abcdefgh"), st.none() | st.sampled_from([LISTENING])),
            min_size=1,
            unique_by=lambda one: one[0],
        )
    )
    def test_come_back_as_the_same_declaration(self, people):
        entries = [attendee(f"{i}{i}", **({"capabilities": c} if c else {})) for i, c in people]
        whole = State(
            properties(attendees=entries),
            MEETING,
            {
                a["external_user_id"]: Attendee("id", "t", a.get("capabilities", EVERYTHING))
                for a in entries
            },
        )
        assert state.from_outputs(json.loads(json.dumps(whole.outputs()))) == whole
        assert state.declared_in(whole.outputs()) == whole.declared

    def test_have_tokens_in_the_secret_alone(self):
        outputs = made().outputs()
        tokens = {"ana": "token-ana", "ben": "token-ben"}
        assert state.kept(outputs.pop(state.JOIN_TOKENS)) == tokens
        assert "token-" not in json.dumps(outputs)

    def test_have_everything_that_only_the_service_can_say(self):
        outputs = made().outputs()
        assert set(outputs) == {*made().declared, *state.COMPUTED}
        assert outputs["state_version"] == state.VERSION == 5
        assert state.kept(outputs["media_placement"]) == {"audio_host_url": "host:3478"}

    def test_have_one_value_for_what_the_service_has_a_part_in(self):
        """However many attendees there are, and the tokens in whatever order."""
        outputs = made().outputs()
        assert isinstance(outputs["attendees"], str)
        assert isinstance(outputs["join_tokens"], str)
        assert isinstance(outputs["media_placement"], str)
        whole = made()
        turned = dict(reversed(whole.attendees.items()))
        again = State(whole.declared, whole.meeting, turned).outputs()
        assert again["join_tokens"] == outputs["join_tokens"]

    def test_say_of_the_answer_nothing_twice(self):
        details = {"NewField": {"Kept": True}, "MediaPlacement": {"NewUrl": "wss://new"}}
        assert made().outputs()["meeting_details"] == details
        plain = MEETING.wire() | {"MediaPlacement": {"AudioHostUrl": "host:3478"}}
        del plain["NewField"]
        bare = State(made().declared, MeetingAnswer.model_validate(plain), made().attendees)
        assert "meeting_details" not in bare.outputs()
        assert state.from_outputs(bare.outputs()) == bare

    def test_say_what_the_service_answered_otherwise_than_declared(self):
        other = MEETING.model_copy(update={"media_region": "us-west-2"})
        outputs = State(made().declared, other, made().attendees).outputs()
        assert outputs["media_region"] == "eu-central-1"
        assert state.join_info(outputs)["ana"]["Meeting"]["MediaRegion"] == "us-west-2"

    def test_leave_out_what_anybody_may_do(self):
        ana, ben = state.attendees_in(made().outputs()["attendees"])
        assert ana == {"external_user_id": "ana", "attendee_id": "id-ana", "tags": {"role": "host"}}
        assert ben["capabilities"] == LISTENING
        whole = state.with_capabilities([ana, ben], None)
        assert [a["capabilities"] for a in whole] == [EVERYTHING, LISTENING]

    def test_leave_out_what_anybody_may_do_in_a_meeting_without_video_and_content(self):
        whole = made(meeting_features={m: {"max_resolution": "None"} for m in ("video", "content")})
        hearing = EVERYTHING | dict.fromkeys(("video", "content"), "None")
        everybody = {**whole.attendees, "ana": Attendee("id-ana", "token-ana", hearing)}
        outputs = State(whole.declared, MEETING, everybody).outputs()
        assert "capabilities" not in state.attendees_in(outputs["attendees"])[0]
        assert state.from_outputs(outputs).attendees == everybody

    def test_join_as_the_javascript_client_takes_it(self):
        info = state.join_info(made().outputs())["ana"]
        assert info == {
            "Meeting": MEETING.wire(),
            "Attendee": {
                "ExternalUserId": "ana",
                "AttendeeId": "id-ana",
                "JoinToken": "token-ana",
            },
        }
        assert info["Meeting"]["NewField"] == {"Kept": True}

    def test_join_nobody_without_a_token(self):
        """Somebody whom others added, where no reading says a token."""
        whole = made()
        unknown = Attendee("id-ben", "", LISTENING)
        outputs = State(whole.declared, MEETING, {**whole.attendees, "ben": unknown}).outputs()
        attendees = state.attendees_in(outputs["attendees"])
        assert [a["external_user_id"] for a in attendees] == ["ana", "ben"]
        assert list(state.kept(outputs["join_tokens"])) == ["ana"]
        assert list(state.join_info(outputs)) == ["ana"]

    def test_join_nobody_where_nothing_was_made(self):
        """As where a program's own tests stand in for the engine."""
        assert state.join_info({"attendees": [attendee("ana")]}) == {}

    def test_know_the_region_by_the_meetings_arn(self):
        moved = {**made().outputs(), "control_region": "us-east-1"}
        assert state.from_outputs(moved).control_region == "eu-central-1"
        gone = {**made().outputs(), "meeting_arn": None}
        assert state.from_outputs(gone).control_region == "eu-central-1"


def test_a_token_shows_in_no_repr():
    whole = made()
    assert "ana" in repr(whole)
    assert "token-" not in repr(whole)
    assert "token-" not in repr(state.from_outputs(whole.outputs()))


def test_the_second_version_with_everybodys_capabilities_loads_the_same():
    whole = made(tags={"day": "one"})
    outputs = whole.outputs()
    of_then = state.with_capabilities(outputs["attendees"], None)
    assert of_then != state.attendees_in(outputs["attendees"])
    loads_the_same({**outputs, "attendees": of_then, "state_version": 2}, whole)


def test_the_third_version_with_maps_loads_the_same():
    whole = made(tags={"day": "one"})
    outputs = whole.outputs()
    of_then = {n: json.loads(outputs[n]) for n in ("attendees", "join_tokens", "media_placement")}
    loads_the_same({**outputs, **of_then, "state_version": 3}, whole)


def test_the_fourth_version_with_a_list_of_attendees_loads_the_same():
    whole = made(tags={"day": "one"})
    outputs = whole.outputs()
    of_then = json.loads(outputs["attendees"])
    loads_the_same({**outputs, "attendees": of_then, "state_version": 4}, whole)


def loads_the_same(old: dict[str, Any], whole: State) -> None:
    outputs = whole.outputs()
    assert old != outputs
    assert state.from_outputs(old) == whole
    assert state.without_token(old) == set()
    assert state.declared_in(old) == state.declared_in(outputs)
    assert state.join_info(old) == state.join_info(outputs)


class TestTheFirstVersion:
    """These outputs were stored by the first version, and have to load for ever."""

    outputs = json.loads(V1.read_text("utf-8"))

    def test_loads_whole(self):
        assert self.outputs["state_version"] == 1
        old = state.from_outputs(self.outputs)
        assert old.meeting.meeting_id == "6b2f7f0e-9f0f-4c39-8a8a-6a1f6f2f2706"
        assert old.meeting.media_placement.signaling_url
        assert list(old.attendees) == ["speaker-1", "host-1", "viewer-1"]
        assert all(a.join_token and a.attendee_id for a in old.attendees.values())
        assert old.tags == {"conference": "acme-summit"}
        assert old.control_region == "eu-central-1"

    def test_declares_what_can_still_be_declared(self):
        old = state.from_outputs(self.outputs)
        meeting = MeetingInput.model_validate(dict(old.declared))
        assert changes.differing(old.declared, meeting.properties()) == []

    def test_joins_as_it_did_before_and_after_it_is_written_anew(self):
        anew = state.from_outputs(self.outputs).outputs()
        assert state.join_info(self.outputs) == state.join_info(anew) == self.outputs["join_info"]

    def test_is_otherwise_written_as_it_was(self):
        anew = state.from_outputs(self.outputs).outputs()
        assert anew.pop("state_version") == 5
        anew |= {n: json.loads(anew[n]) for n in ("join_tokens", "media_placement")}
        assert anew.pop("meeting_details")["TenantIds"] == ["acme"]
        features = anew["meeting_features"]
        anew["attendees"] = state.with_capabilities(anew["attendees"], features)
        written = {k: v for k, v in self.outputs.items() if k in anew}
        assert anew == written
        assert self.outputs.keys() - written.keys() == {"join_info", "state_version"}
