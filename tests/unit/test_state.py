"""What the state keeps of a meeting, and the join information that comes of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.meetings import EVERYTHING, LISTENING, answered, properties

from meeting_provider import NoJoinData, join_info, state
from meeting_provider.models import MeetingAnswer, MeetingInput
from meeting_provider.shapes import declared_in
from meeting_provider.state import State

ARN = "arn:aws:chime:eu-central-1:123456789012:meeting/one"
ANSWER = {
    "MeetingId": "one",
    "MeetingArn": ARN,
    "ExternalMeetingId": "keynote",
    "MediaRegion": "eu-central-1",
    "MediaPlacement": {"AudioHostUrl": "host:3478"},
}
DECLARED = {"ana": {"tags": {"role": "host"}}, "ben": {"capabilities": LISTENING}}
ANA = {"ExternalUserId": "ana", "AttendeeId": "id-ana", "JoinToken": "token-ana"}
BEN = {"ExternalUserId": "ben", "AttendeeId": "id-ben", "JoinToken": "token-ben"}


def made(answer: dict[str, object] | None = None, **changed: object) -> State:
    """A meeting with two attendees, one of which may only listen."""
    attendees = {
        "ana": answered("ana", "id-ana", "token-ana", EVERYTHING),
        "ben": answered("ben", "id-ben", "token-ben", LISTENING),
    }
    meeting = MeetingAnswer.model_validate(ANSWER | (answer or {}))
    return State(properties(attendees=DECLARED, **changed), meeting, attendees)


class TestOutputs:
    def test_are_the_inputs_and_plain_structured_values(self):
        assert made(tags={"day": "one"}).outputs() == {
            **properties(attendees=DECLARED, tags={"day": "one"}),
            "meeting_id": "one",
            "meeting_arn": ARN,
            "media_placement": {"audio_host_url": "host:3478"},
            "attendee_ids": {"ana": "id-ana", "ben": "id-ben"},
            "join_tokens": {"ana": "token-ana", "ben": "token-ben"},
        }

    @pytest.mark.parametrize(
        "answer",
        [
            {"NewField": {"Kept": True}},
            {"MeetingFeatures": {"Video": {"MaxResolution": "HD"}}, "TenantIds": ["acme"]},
            {"MediaPlacement": {"AudioHostUrl": "host:3478", "NewUrl": "wss://new"}},
            {"MeetingHostId": "host"},
        ],
    )
    def test_keep_what_else_the_service_answers_in_its_own_words(self, answer):
        whole = made(answer)
        details = whole.outputs()["meeting_details"]
        expected = {n: v for n, v in answer.items() if n != "MediaPlacement"}
        if "MediaPlacement" in answer:
            expected["MediaPlacement"] = {"NewUrl": "wss://new"}
        assert details == expected
        assert state.join_data(whole.outputs())["Meeting"] == ANSWER | answer

    def test_come_back_as_the_same_state(self):
        whole = made({"NewField": 1}, tags={"day": "one"}, profile="clinic")
        stored = json.loads(json.dumps(whole.outputs()))
        assert state.from_outputs(stored) == whole
        assert declared_in(stored, MeetingInput) == whole.declared

    @given(
        st.dictionaries(
            st.sampled_from(["ana", "ben", "cleo", "dan"]),
            st.sampled_from([{}, {"capabilities": LISTENING}, {"tags": {"role": "host"}}]),
            min_size=1,
        )
    )
    def test_come_back_as_the_same_declaration(self, declared):
        attendees = {
            i: answered(i, "id", "token", a.get("capabilities", EVERYTHING))
            for i, a in declared.items()
        }
        whole = State(
            properties(attendees=declared), MeetingAnswer.model_validate(ANSWER), attendees
        )
        assert state.from_outputs(json.loads(json.dumps(whole.outputs()))) == whole

    def test_have_tokens_in_the_secret_alone(self):
        outputs = made({"MeetingHostId": "host"}).outputs()
        assert set(state.SECRETS) == {"join_tokens", "meeting_details"}
        for name in state.SECRETS:
            outputs.pop(name)
        assert "token-" not in json.dumps(outputs)
        assert "host" not in outputs["media_placement"]

    def test_show_an_attendee_without_a_token(self):
        outputs = made().outputs()
        assert state.without_token(outputs) == set()
        del outputs["join_tokens"]["ben"]
        assert state.without_token(outputs) == {"ben"}
        assert state.from_outputs(outputs).attendees["ben"].join_token == ""


class TestJoinData:
    def test_has_the_meeting_and_each_attendee_once_as_the_api_has_them(self):
        assert state.join_data(made().outputs()) == {
            "Meeting": ANSWER,
            "Attendees": {"ana": ANA, "ben": BEN},
        }

    def test_is_empty_where_there_is_no_meeting(self):
        """As in a program's unit tests, where nothing is created."""
        assert state.join_data({"meeting_id": "one", "attendees": DECLARED}) == {}


class TestJoinInfo:
    def test_has_for_each_attendee_what_the_client_takes(self):
        assert join_info(state.join_data(made().outputs())) == {
            "ana": {"Meeting": ANSWER, "Attendee": ANA},
            "ben": {"Meeting": ANSWER, "Attendee": BEN},
        }

    @pytest.mark.parametrize("data", [{}, None, "", {"Attendees": {}}])
    def test_of_a_secret_that_was_left_out_is_an_error_that_names_the_stack(self, data):
        with pytest.raises(NoJoinData, match=r"of meetings/dev is empty: .* decrypt the secret"):
            join_info(data, "meetings/dev")


def test_a_token_shows_in_no_repr():
    whole = made()
    assert "ana" in repr(whole)
    assert "token-" not in repr(whole)
    assert "token-" not in repr(state.from_outputs(whole.outputs()))
