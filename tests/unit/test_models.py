"""The models' limits are the service model's own, shape by shape."""

from __future__ import annotations

import re
from typing import Any

import boto3
import pytest
from botocore.model import StructureShape
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.constraints import Member, input_shape, members, service_model
from support.meetings import attendee, declared, properties

from meeting_provider import models
from meeting_provider.errors import InvalidMeeting
from meeting_provider.models import MeetingInput
from meeting_provider.shapes import Argument, arguments
from meeting_provider.validation import parse

MEMBERS = {m.path: m for m in members()}
STRINGS = [m for m in MEMBERS.values() if m.shape.type_name == "string"]
CREATE = input_shape("CreateMeetingWithAttendees")

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:inbox"

#: The provider makes in several calls what one create does not take.
MANY = ("attendees",)
#: The service's model has only its length; its documentation lists the values.
REGION = ("media_region",)
#: The provider makes the one, and the others are its own.
FILLED_IN = {"client_request_token", *arguments(MeetingInput, Argument.SETTING)}


def ids(member: Member) -> str:
    return ".".join(map(str, member.path)) or "the meeting"


@pytest.mark.parametrize("member", MEMBERS.values(), ids=ids)
def test_each_member_has_the_services_bounds(member: Member):
    metadata = member.shape.metadata
    bounds = {
        "string": ("minLength", "maxLength"),
        "list": ("minProperties", "maxProperties")
        if member.path == ("tags",)
        else ("minItems", "maxItems"),
        "integer": ("minimum", "maximum"),
    }.get(member.shape.type_name, ("min", "max"))
    if member.path == REGION:
        assert all(metadata["min"] <= len(r) <= metadata["max"] for r in models.MEDIA_REGIONS)
        return
    ours = [member.schema.get(bound) for bound in bounds]
    theirs = [metadata.get("min"), metadata.get("max")]
    if member.path == MANY:
        assert theirs[1] == models.MAX_ATTENDEES_AT_CREATE
        theirs[1] = models.MAX_ATTENDEES
    assert [bound or None for bound in ours] == [bound or None for bound in theirs]


@pytest.mark.parametrize("member", MEMBERS.values(), ids=ids)
def test_each_member_has_the_services_values(member: Member):
    if member.path != REGION:
        assert member.schema.get("enum") == member.shape.metadata.get("enum")


@pytest.mark.parametrize(
    "member", [m for m in MEMBERS.values() if m.shape.type_name == "structure"], ids=ids
)
def test_each_structure_requires_what_the_service_requires(member: Member):
    required = set(member.schema.get("required", ())) - FILLED_IN
    theirs = {name.lower() for name in member.shape.metadata.get("required", ())}
    assert {name.replace("_", "") for name in required} == theirs - {"clientrequesttoken"}


def test_nothing_can_be_declared_that_the_service_does_not_know():
    """But for attendees' tags, which the API once took, and what the provider fills in."""
    ours: set[str] = set(MeetingInput.model_fields) - FILLED_IN
    theirs = {p[0] for p in MEMBERS if len(p) == 1} - FILLED_IN
    assert ours == theirs
    assert set(models.AttendeeInput.model_fields) - {"tags"} == {
        p[2] for p in MEMBERS if p[:2] == ("attendees", 0) and len(p) == 3
    }


def allows(pattern: str, text: str) -> bool:
    """Whether the service does: its patterns know ASCII alone, and mean the whole text."""
    return re.fullmatch(pattern, text, re.ASCII) is not None


TAGS = MEMBERS["tags",].schema
((TAG_KEY_PATTERN, TAG_VALUE),) = TAGS["patternProperties"].items()
PATTERNS = {
    **{ids(m): (m.pattern, m.schema["pattern"]) for m in STRINGS if m.pattern},
    "tags.key": (service_model().shape_for("TagKey").metadata["pattern"], TAG_KEY_PATTERN),
    "tags.value": (service_model().shape_for("TagValue").metadata["pattern"], TAG_VALUE["pattern"]),
}
EVERY_CHARACTER = [chr(code) for code in [*range(0x250), 0x0660, 0x2003, 0x2028, 0x4E00, 0x1F600]]


@pytest.mark.parametrize(("theirs", "ours"), PATTERNS.values(), ids=PATTERNS)
def test_each_pattern_allows_the_same_characters(theirs: str, ours: str):
    start = "arn" if "arn" in theirs else ""
    for character in EVERY_CHARACTER:
        for text in (start + character, f"{start}ab{character}", f"{start}ab{character}ab"):
            assert allows(theirs, text) == bool(re.search(ours, text)), repr(text)


@pytest.mark.parametrize(("theirs", "ours"), PATTERNS.values(), ids=PATTERNS)
@given(text=st.text(alphabet="arn:/a1-_ é\n=\t", max_size=12))
def test_each_pattern_allows_the_same_texts(theirs: str, ours: str, text: str):
    assert allows(theirs, text) == bool(re.search(ours, text))


def test_every_pattern_of_the_service_is_held():
    free = [m.path for m in STRINGS if "enum" not in m.shape.metadata and not m.pattern]
    assert sorted(free) == [REGION, ("primary_meeting_id",)]


@pytest.mark.parametrize(
    ("shape", "ours"), [("TagKey", TAGS["propertyNames"]), ("TagValue", TAG_VALUE)]
)
def test_tags_have_the_services_bounds(shape: str, ours: dict[str, Any]):
    theirs = service_model().shape_for(shape).metadata
    assert (ours.get("minLength", 0), ours["maxLength"]) == (theirs["min"], theirs["max"])


@pytest.mark.parametrize(
    ("operation", "member", "limit"),
    [
        ("BatchCreateAttendee", "Attendees", models.MAX_ATTENDEES_A_BATCH),
        ("BatchUpdateAttendeeCapabilitiesExcept", "ExcludedAttendeeIds", models.MAX_ATTENDEES),
        ("ListAttendees", "MaxResults", models.MAX_RESULTS),
        ("TagResource", "Tags", models.MAX_TAGS),
        ("UntagResource", "TagKeys", models.MAX_TAGS),
    ],
)
def test_each_call_takes_as_many_as_the_service_says(operation: str, member: str, limit: int):
    assert input_shape(operation).members[member].metadata["max"] == limit


def test_control_regions_are_those_with_an_endpoint():
    session = boto3.Session()
    theirs = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("chime-sdk-meetings", partition_name=partition)
    ]
    assert sorted(models.CONTROL_REGIONS) == sorted(theirs)


def test_media_regions_are_those_that_the_documentation_lists():
    text = CREATE.members["MediaRegion"].documentation
    assert set(models.MEDIA_REGIONS) == set(re.findall(r"<code>([a-z0-9-]+)</code>", text))


@pytest.mark.parametrize("region", models.CONTROL_REGIONS)
def test_media_is_hosted_near_the_control_region(region: str):
    default = models.default_media_region(region)
    assert default == (region if region in models.MEDIA_REGIONS else "us-east-1")


class TestTheDefaultsOfCapabilities:
    """Source: the documentation of AttendeeCapabilities."""

    @pytest.mark.parametrize(
        ("features", "video", "content"),
        [
            (None, "SendReceive", "SendReceive"),
            ({}, "SendReceive", "SendReceive"),
            ({"video": {"max_resolution": "HD"}}, "SendReceive", "SendReceive"),
            ({"video": {"max_resolution": "None"}}, "Receive", "SendReceive"),
            ({"content": {"max_resolution": "None"}}, "SendReceive", "None"),
            (
                {"video": {"max_resolution": "None"}, "content": {"max_resolution": "None"}},
                "None",
                "None",
            ),
        ],
    )
    def test_follow_the_meetings_features(self, features: Any, video: str, content: str):
        can = models.default_capabilities(features)
        assert can == {"audio": "SendReceive", "video": video, "content": content}


class TestTheWire:
    def test_has_pascal_case_and_nothing_that_is_unset(self):
        meeting = declared(
            "ana",
            meeting_features={"video": {"max_resolution": "HD"}},
            notifications_configuration={"sqs_queue_arn": QUEUE},
            tags={"day": "one"},
        )
        assert meeting.create_request() == {
            "ExternalMeetingId": "keynote",
            "MediaRegion": "eu-central-1",
            "MeetingFeatures": {"Video": {"MaxResolution": "HD"}},
            "NotificationsConfiguration": {"SqsQueueArn": QUEUE},
            "Tags": [{"Key": "day", "Value": "one"}],
        }

    def test_has_every_member_by_the_services_name(self):
        aliases = {f.alias for n, f in MeetingInput.model_fields.items() if n not in FILLED_IN}
        assert aliases == set(CREATE.members) - {"ClientRequestToken"}
        in_place = {"attendees", "tags", "transcription", "ignore_undeclared_attendees"}
        assert set(arguments(MeetingInput, Argument.IN_PLACE)) == in_place

    def test_has_no_tags_of_attendees_which_the_api_no_longer_takes(self):
        one = declared(attendees=[attendee("ana", tags={"role": "host"})]).attendees[0]
        assert one.wire() == {"ExternalUserId": "ana"}
        assert one.properties() == {"tags": {"role": "host"}}

    @pytest.mark.parametrize(
        ("model", "shape"),
        [
            (models.MeetingAnswer, "Meeting"),
            (models.MediaPlacement, "MediaPlacement"),
            (models.AttendeeAnswer, "Attendee"),
            (models.AttendeeError, "CreateAttendeeError"),
        ],
    )
    def test_of_an_answer_is_what_the_service_names(self, model: Any, shape: str):
        theirs = service_model().shape_for(shape)
        assert isinstance(theirs, StructureShape)
        assert {f.alias for f in model.model_fields.values()} <= set(theirs.members)

    def test_of_an_answer_keeps_what_is_new_to_us(self):
        said = {"MeetingId": "one", "MediaPlacement": {"NewUrl": "wss://"}, "NewField": {"A": 1}}
        assert models.MeetingAnswer.model_validate(said).wire() == said


def test_a_join_token_shows_in_no_repr_and_in_no_error():
    said = {"ExternalUserId": "ana", "AttendeeId": "one", "JoinToken": "canary"}
    answer = models.AttendeesAnswer.model_validate({"Attendees": [said]})
    assert "ana" in repr(answer)
    assert "canary" not in repr(answer)
    with pytest.raises(ValidationError) as error:
        models.AttendeesAnswer.model_validate({"Attendees": [said | {"AttendeeId": None}]})
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("value", ["true", 1, "yes"])
def test_a_boolean_is_taken_as_nothing_else(value: object):
    """What was read as true would differ for ever from what was declared."""
    with pytest.raises(InvalidMeeting, match="ignore_undeclared_attendees"):
        parse(properties("ana") | {"ignore_undeclared_attendees": value})
