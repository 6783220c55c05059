"""What the request log and the list of meetings show, and what they never do."""

import gzip
import json
from pathlib import Path

import botocore
import pytest

from chime_sandbox.admin import Sandbox, SandboxError

ALL = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}
MODEL = Path(botocore.__file__).parent / "data/chime-sdk-meetings/2021-07-15/service-2.json.gz"


def use_every_operation(chime, new):
    new()
    answer = new("ana", "ben")
    meeting, (ana, ben) = answer["Meeting"], answer["Attendees"]
    one = {"MeetingId": meeting["MeetingId"]}
    chime.get_meeting(**one)
    chime.create_attendee(**one, ExternalUserId="cleo")
    chime.batch_create_attendee(
        **one, Attendees=[{"ExternalUserId": name} for name in ("dan", "eve", "fay")]
    )
    chime.get_attendee(**one, AttendeeId=ana["AttendeeId"])
    chime.list_attendees(**one)
    chime.update_attendee_capabilities(**one, AttendeeId=ana["AttendeeId"], Capabilities=ALL)
    chime.batch_update_attendee_capabilities_except(
        **one, ExcludedAttendeeIds=[{"AttendeeId": ben["AttendeeId"]}], Capabilities=ALL
    )
    chime.delete_attendee(**one, AttendeeId=ben["AttendeeId"])
    arn = {"ResourceARN": meeting["MeetingArn"]}
    chime.tag_resource(**arn, Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    chime.list_tags_for_resource(**arn)
    chime.untag_resource(**arn, TagKeys=["a"])
    chime.start_meeting_transcription(
        **one,
        TranscriptionConfiguration={"EngineTranscribeSettings": {"IdentifyLanguage": True}},
    )
    chime.stop_meeting_transcription(**one)
    chime.delete_meeting(**one)
    return answer


def test_every_operation_of_the_model_is_served_and_logged(chime, sandbox, new):
    answer = use_every_operation(chime, new)
    calls = sandbox.requests()
    operations = json.loads(gzip.decompress(MODEL.read_bytes()))["operations"]
    assert len(operations) == 16
    assert {call.operation for call in calls} == set(operations)
    assert {call.outcome for call in calls} == {"OK"}
    meeting_id = answer["Meeting"]["MeetingId"]
    assert {call.meeting_id for call in calls[1:]} == {meeting_id}
    assert [call.operation for call in sandbox.writes()] == [
        call.operation for call in calls if call.is_write
    ]
    items = {call.operation: call.items for call in calls}
    assert items["CreateMeetingWithAttendees"] == 2
    assert items["BatchCreateAttendee"] == 3
    assert items["TagResource"] == 2
    assert items["UntagResource"] == 1
    assert items["GetMeeting"] == 0


def test_the_log_can_be_read_from_a_call_on_and_cleared(sandbox, new):
    new()
    (first,) = sandbox.requests()
    new()
    assert [call.number for call in sandbox.requests(after=first.number)] == [first.number + 1]
    sandbox.clear_requests()
    assert sandbox.requests() == []


def test_the_logs_time_is_the_emulators(sandbox, new):
    new()
    sandbox.advance(200)
    new()
    first, second = sandbox.requests()
    assert second.time - first.time >= 200


def test_other_services_calls_are_logged_apart(clients, sandbox):
    clients("sts").get_caller_identity()
    assert sandbox.requests() == []
    (call,) = sandbox.requests(service="sts")
    assert (call.operation, call.outcome, call.region) == ("GetCallerIdentity", "OK", "us-east-1")
    assert len(sandbox.requests(service=None)) == 1


def test_join_tokens_are_shown_nowhere_on_the_admin_route(chime, sandbox, new):
    answer = use_every_operation(chime, new)
    shown = "".join(map(repr, (sandbox.requests(), sandbox.meetings(), sandbox.pending_faults())))
    for attendee in answer["Attendees"]:
        assert attendee["JoinToken"] not in shown


def test_meetings_show_who_is_connected(sandbox, new):
    answer = new("ana", "ben")
    meeting_id, ana = answer["Meeting"]["MeetingId"], answer["Attendees"][0]["AttendeeId"]
    sandbox.join(meeting_id, ana)
    (meeting,) = sandbox.live()
    assert {each.external_user_id for each in meeting.attendees if each.connected} == {"ana"}


def test_an_endpoint_where_nobody_answers_is_said_in_one_sentence():
    with pytest.raises(SandboxError, match=r"^no sandbox answers at http://127\.0\.0\.1:1: "):
        Sandbox("http://127.0.0.1:1").requests()
