"""Answers have the form of the service's model."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto.core.serialize import RestJSONSerializer

from chime_sandbox.chime import serialization


@pytest.fixture
def answered(chime: Any) -> Iterator[dict[str, Any]]:
    """The HTTP answers that come in, by operation."""
    answers: dict[str, Any] = {}

    def keep(http_response: Any, model: Any, **_: Any) -> None:
        answers[model.name] = http_response

    chime.meta.events.register("after-call.*", keep, unique_id="answered")
    yield answers
    chime.meta.events.unregister("after-call.*", unique_id="answered")


def test_every_operation_answers_as_the_models_serializer_does(chime, new, sandbox, answered):
    """Its names, its members and no others, its status; nothing is null."""
    sandbox.refuse_attendees("AccessDenied", external_user_ids=["dan"])
    features = {"Attendee": {"MaxCount": 10}, "Audio": {"EchoReduction": "AVAILABLE"}}
    capabilities = {"Audio": "SendReceive", "Video": "Receive", "Content": "Receive"}
    made = new(
        "ana", "ben", "dan",
        MeetingFeatures=features,
        MeetingHostId="host",
        TenantIds=["tenant"],
        Tags=[{"Key": "day", "Value": "one"}],
        NotificationsConfiguration={"SqsQueueArn": "arn:aws:sqs:us-east-1:123456789012:queue"},
        MediaPlacementNetworkType="DualStack",
    )  # fmt: skip
    meeting, (ana, ben) = made["Meeting"], made["Attendees"]
    assert made["Errors"]
    new(PrimaryMeetingId=meeting["MeetingId"])
    of = {"MeetingId": meeting["MeetingId"]}
    tagged = {"ResourceARN": meeting["MeetingArn"]}
    chime.get_meeting(**of)
    chime.create_attendee(**of, ExternalUserId="cleo", Capabilities=capabilities)
    chime.batch_create_attendee(**of, Attendees=[{"ExternalUserId": "eve"}])
    chime.get_attendee(**of, AttendeeId=ana["AttendeeId"])
    chime.list_attendees(**of, MaxResults=1)
    chime.update_attendee_capabilities(
        **of, AttendeeId=ana["AttendeeId"], Capabilities=capabilities
    )
    chime.batch_update_attendee_capabilities_except(
        **of, ExcludedAttendeeIds=[{"AttendeeId": ana["AttendeeId"]}], Capabilities=capabilities
    )
    chime.tag_resource(**tagged, Tags=[{"Key": "room", "Value": "two"}])
    chime.list_tags_for_resource(**tagged)
    chime.untag_resource(**tagged, TagKeys=["day"])
    chime.start_meeting_transcription(
        **of,
        TranscriptionConfiguration={"EngineTranscribeSettings": {"LanguageCode": "en-US"}},
    )
    chime.stop_meeting_transcription(**of)
    chime.delete_attendee(**of, AttendeeId=ben["AttendeeId"])
    chime.delete_meeting(**of)

    model = serialization.service_model()
    assert set(answered) == set(model.operation_names)
    for name, answer in answered.items():
        operation = model.operation_model(name)
        body = json.loads(answer.content or "{}")
        serialized = RestJSONSerializer(operation).serialize(body)
        assert json.loads(serialized["body"]) == body, name
        assert answer.status_code in (serialized["status_code"], serialization.CREATED), name
        assert answer.headers["Content-Type"] == serialized["headers"]["Content-Type"], name
