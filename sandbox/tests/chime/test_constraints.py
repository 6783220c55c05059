"""What is refused before the service acts: the model's limits, one by one."""

import pytest
from botocore.exceptions import ClientError

GUID = "00000000-0000-4000-8000-000000000000"
CREATE = {
    "ClientRequestToken": "token",
    "MediaRegion": "us-east-1",
    "ExternalMeetingId": "keynote",
    "Attendees": [{"ExternalUserId": "ana"}],
}
ALL = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}


def create(**changed):
    return "create_meeting_with_attendees", CREATE | changed


def people(count):
    return [{"ExternalUserId": f"user-{number}"} for number in range(count)]


REFUSED = {
    "token too short": (create(ClientRequestToken="t"), "clientRequestToken", "equal to 2"),
    "token too long": (create(ClientRequestToken="t" * 65), "clientRequestToken", "equal to 64"),
    "token's pattern": (create(ClientRequestToken="t t"), "clientRequestToken", "pattern"),
    "no media region": (create(MediaRegion=None), "mediaRegion", "not be null"),
    "media region too short": (create(MediaRegion="u"), "mediaRegion", "equal to 2"),
    "external id too short": (create(ExternalMeetingId="k"), "externalMeetingId", "equal to 2"),
    "external id too long": (create(ExternalMeetingId="k" * 65), "externalMeetingId", "to 64"),
    "external id's pattern": (create(ExternalMeetingId="a<b"), "externalMeetingId", "pattern"),
    "host's pattern": (create(MeetingHostId="a;b"), "meetingHostId", "pattern"),
    "no attendees": (create(Attendees=[]), "attendees", "equal to 1"),
    "21 attendees": (create(Attendees=people(21)), "attendees", "equal to 20"),
    "user id too long": (
        create(Attendees=[{"ExternalUserId": "u" * 65}]), "attendees.1.member.externalUserId", "64"
    ),
    "user id's pattern": (
        create(Attendees=[*people(1), {"ExternalUserId": "a%b"}]),
        "attendees.2.member.externalUserId", "pattern",
    ),
    "no user id": (create(Attendees=[{}]), "attendees.1.member.externalUserId", "not be null"),
    "unknown capability": (
        create(Attendees=[{"ExternalUserId": "ana", "Capabilities": ALL | {"Audio": "Loud"}}]),
        "attendees.1.member.capabilities.audio", "enum",
    ),
    "capability missing": (
        create(Attendees=[{"ExternalUserId": "ana", "Capabilities": {"Audio": "Send"}}]),
        "attendees.1.member.capabilities.video", "not be null",
    ),
    "51 tags": (
        create(Tags=[{"Key": f"k{'x' * n}", "Value": ""} for n in range(51)]), "tags", "equal to 50"
    ),
    "no tenants": (create(TenantIds=[]), "tenantIds", "equal to 1"),
    "6 tenants": (create(TenantIds=[f"tenant-{n}" for n in range(6)]), "tenantIds", "equal to 5"),
    "tenant too long": (create(TenantIds=["ab" * 129]), "tenantIds.1.member", "equal to 256"),
    "tenant's repetition": (create(TenantIds=["taaaat"]), "tenantIds.1.member", "pattern"),
    "no count": (
        create(MeetingFeatures={"Attendee": {"MaxCount": 0}}),
        "meetingFeatures.attendee.maxCount", "equal to 1",
    ),
    "count too high": (
        create(MeetingFeatures={"Attendee": {"MaxCount": 251}}),
        "meetingFeatures.attendee.maxCount", "equal to 250",
    ),
    "unknown resolution": (
        create(MeetingFeatures={"Video": {"MaxResolution": "UHD"}}),
        "meetingFeatures.video.maxResolution", "enum",
    ),
    "unknown network": (
        create(MediaPlacementNetworkType="Ipv6"), "mediaPlacementNetworkType", "enum"
    ),
    "queue's ARN": (
        create(NotificationsConfiguration={"SqsQueueArn": "queue"}),
        "notificationsConfiguration.sqsQueueArn", "pattern",
    ),
    "primary's id": (create(PrimaryMeetingId="p"), "primaryMeetingId", "equal to 2"),
    "id is no GUID": (("get_meeting", {"MeetingId": "mine"}), "meetingId", "pattern"),
    "attendee's id is no GUID": (
        ("get_attendee", {"MeetingId": GUID, "AttendeeId": "mine"}), "attendeeId", "pattern"
    ),
    "batch of none": (
        ("batch_create_attendee", {"MeetingId": GUID, "Attendees": []}), "attendees", "equal to 1"
    ),
    "batch of 101": (
        ("batch_create_attendee", {"MeetingId": GUID, "Attendees": people(101)}),
        "attendees", "equal to 100",
    ),
    "none excluded": (
        (
            "batch_update_attendee_capabilities_except",
            {"MeetingId": GUID, "ExcludedAttendeeIds": [], "Capabilities": ALL},
        ),
        "excludedAttendeeIds", "equal to 1",
    ),
    "251 excluded": (
        (
            "batch_update_attendee_capabilities_except",
            {
                "MeetingId": GUID,
                "ExcludedAttendeeIds": [{"AttendeeId": GUID}] * 251,
                "Capabilities": ALL,
            },
        ),
        "excludedAttendeeIds", "equal to 250",
    ),
    "page of none": (
        ("list_attendees", {"MeetingId": GUID, "MaxResults": 0}), "maxResults", "equal to 1"
    ),
    "page of 101": (
        ("list_attendees", {"MeetingId": GUID, "MaxResults": 101}), "maxResults", "equal to 100"
    ),
    "no ARN": (
        ("tag_resource", {"ResourceARN": "mine", "Tags": []}), "resourceARN", "pattern"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_the_model_forbids_is_refused_with_its_path_and_limit(chime, sandbox, case):
    (operation, parameters), path, limit = case
    with pytest.raises(ClientError) as error:
        getattr(chime, operation)(**parameters)
    answer = error.value.response
    assert answer["Error"]["Code"] == "ValidationException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert f"Value at '{path}' failed to satisfy constraint" in answer["Error"]["Message"]
    assert limit in answer["Error"]["Message"]
    assert sandbox.meetings() == []


ACCEPTED = {
    "shortest": create(ClientRequestToken="tt", ExternalMeetingId="kk"),
    "longest": create(ClientRequestToken="t" * 64, ExternalMeetingId="k" * 64),
    "every kind of character": create(ExternalMeetingId="-_&@+=,(){}[]/«».:|'\"# aZ0Àÿ"),
    "20 attendees": create(Attendees=people(20)),
    "50 tags": create(Tags=[{"Key": f"k{'x' * n}", "Value": "v" * 256} for n in range(50)]),
    "5 tenants": create(TenantIds=["ab" * 128, "b1", "c_", "d-", "e$"]),
    "most attendees": create(MeetingFeatures={"Attendee": {"MaxCount": 250}}),
}


@pytest.mark.parametrize("case", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_the_model_just_allows_is_accepted(chime, case):
    operation, parameters = case
    getattr(chime, operation)(**parameters)


def test_everything_wrong_is_named_at_once(chime):
    with pytest.raises(ClientError) as error:
        chime.create_meeting(ClientRequestToken="!", MediaRegion="x", ExternalMeetingId="<<")
    assert "4 validation errors detected" in str(error.value)


@pytest.mark.parametrize("field", ["ExternalMeetingId", "MeetingHostId"])
@pytest.mark.parametrize("prefix", ["aws:", "AWS:"])
def test_ids_of_the_reserved_prefix_are_refused(chime, field, prefix):
    with pytest.raises(chime.exceptions.BadRequestException, match="reserved prefix"):
        chime.create_meeting_with_attendees(**CREATE | {field: f"{prefix}keynote"})


def test_an_attendee_of_the_reserved_prefix_is_refused_with_its_place(chime):
    attendees = [*people(1), {"ExternalUserId": "aws:x"}]
    with pytest.raises(chime.exceptions.BadRequestException, match=r"attendees\.2\.member"):
        chime.create_meeting_with_attendees(**CREATE | {"Attendees": attendees})


def test_a_meeting_that_never_was_is_not_found(chime):
    with pytest.raises(chime.exceptions.NotFoundException, match=f"Meeting {GUID} not found"):
        chime.get_meeting(MeetingId=GUID)
