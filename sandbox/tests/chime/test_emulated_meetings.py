"""How meetings are made, found again and ended."""

import base64
import re

import pytest

from chime_sandbox.admin import SandboxError

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MINUTE = 60
HOUR = 60 * MINUTE

pytestmark = pytest.mark.usefixtures("sandbox")


def code(error):
    return error.value.response["Error"]["Code"]


def exists(chime, meeting_id):
    try:
        chime.get_meeting(MeetingId=meeting_id)
    except chime.exceptions.NotFoundException:
        return False
    return True


def test_a_meeting_shows_what_it_was_made_with(chime, new):
    asked = {
        "MediaRegion": "ap-southeast-1",
        "ExternalMeetingId": "Frühstück «1»",
        "MeetingHostId": "host",
        "MeetingFeatures": {"Audio": {"EchoReduction": "AVAILABLE"}, "Attendee": {"MaxCount": 5}},
        "TenantIds": ["tenant-a"],
    }
    made = new(**asked, Tags=[{"Key": "team", "Value": "events"}])["Meeting"]
    assert {name: made[name] for name in asked} == asked
    assert chime.get_meeting(MeetingId=made["MeetingId"])["Meeting"] == made


def test_ids_tokens_and_addresses_have_the_services_forms(new):
    answer = new("ana")
    meeting, (attendee,) = answer["Meeting"], answer["Attendees"]
    meeting_id, attendee_id = meeting["MeetingId"], attendee["AttendeeId"]
    assert re.fullmatch(GUID, meeting_id)
    assert re.fullmatch(GUID, attendee_id)
    assert meeting["MeetingArn"] == f"arn:aws:chime:us-east-1:123456789012:meeting/{meeting_id}"
    assert len(attendee["JoinToken"]) == 98
    decoded = base64.b64decode(attendee["JoinToken"] + "==").decode()
    assert re.fullmatch(f"{attendee_id}:{GUID}", decoded)
    placement = meeting["MediaPlacement"]
    assert re.fullmatch(
        r"[0-9a-f]{32}\.k\.m3\.ec1\.app\.chime\.aws:3478", placement["AudioHostUrl"]
    )
    signaling = f"wss://signal.m3.ec1.app.chime.aws/control/{meeting_id}"
    assert placement["SignalingUrl"] == signaling
    assert all(placement.values())


def test_what_is_write_only_is_not_shown(new):
    made = new(
        NotificationsConfiguration={"SqsQueueArn": "arn:aws:sqs:us-east-1:123456789012:q"},
        MediaPlacementNetworkType="DualStack",
    )["Meeting"]
    hidden = {"ClientRequestToken", "NotificationsConfiguration", "MediaPlacementNetworkType"}
    assert not hidden & set(made)


def test_a_meeting_in_govcloud_has_its_arn_there(clients):
    made = clients(region="us-gov-west-1").create_meeting(
        ClientRequestToken="gov", MediaRegion="us-gov-east-1", ExternalMeetingId="hearing"
    )["Meeting"]
    assert made["MeetingArn"].startswith("arn:aws-us-gov:chime:us-gov-west-1:")


@pytest.mark.parametrize(
    ("control", "media"),
    [
        ("us-east-1", "us-east-9"),
        ("us-east-1", "ca-west-1"),
        ("us-east-1", "us-gov-west-1"),
        ("us-gov-west-1", "us-east-1"),
    ],
)
def test_a_media_region_that_cant_host_is_refused(clients, control, media):
    chime = clients(region=control)
    with pytest.raises(chime.exceptions.BadRequestException, match=media):
        chime.create_meeting(ClientRequestToken="xx", MediaRegion=media, ExternalMeetingId="xx")


def test_a_region_without_an_endpoint_is_refused_with_those_that_have_one(clients):
    chime = clients(region="eu-west-3")
    with pytest.raises(chime.exceptions.BadRequestException, match=r"eu-west-3 .*eu-central-1"):
        chime.create_meeting(
            ClientRequestToken="xx", MediaRegion="eu-west-3", ExternalMeetingId="xx"
        )


def test_a_meeting_is_found_only_in_the_control_region_that_made_it(clients, new):
    made = new()["Meeting"]
    assert not exists(clients(region="eu-central-1"), made["MeetingId"])


def test_a_deleted_meeting_is_gone(chime, new):
    meeting_id = new("ana")["Meeting"]["MeetingId"]
    answer = chime.delete_meeting(MeetingId=meeting_id)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (chime.get_meeting, chime.delete_meeting, chime.list_attendees):
        with pytest.raises(chime.exceptions.NotFoundException, match="has ended"):
            call(MeetingId=meeting_id)


# Idempotency


def test_a_client_request_token_stands_for_the_meeting_that_it_made(sandbox, new):
    first = new("ana", "ben", ClientRequestToken="once")
    second = new("ana", "ben", ClientRequestToken="once")
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert second["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert second["Meeting"] == first["Meeting"]
    assert second["Attendees"] == first["Attendees"]
    assert len(sandbox.meetings()) == 1


def test_a_client_request_token_counts_in_its_control_region_alone(clients):
    made = {
        clients(region=region).create_meeting(
            ClientRequestToken="once", MediaRegion="us-east-1", ExternalMeetingId="keynote"
        )["Meeting"]["MeetingId"]
        for region in ("us-east-1", "us-west-2")
    }
    assert len(made) == 2


def test_a_repeated_create_can_answer_without_attendees(sandbox, new):
    first = new("ana", ClientRequestToken="once")
    sandbox.settings(repeated_attendees="none")
    second = new("ana", ClientRequestToken="once")
    assert second["Meeting"] == first["Meeting"]
    assert second["Attendees"] == []


def test_a_repeated_create_leaves_out_attendees_deleted_since(chime, new):
    first = new("ana", "ben", ClientRequestToken="once")
    meeting_id, ana = first["Meeting"]["MeetingId"], first["Attendees"][0]
    chime.delete_attendee(MeetingId=meeting_id, AttendeeId=ana["AttendeeId"])
    second = new("ana", "ben", ClientRequestToken="once")
    assert [each["ExternalUserId"] for each in second["Attendees"]] == ["ben"]


def test_a_known_token_with_other_parameters_brings_the_original(new):
    first = new("ana", ClientRequestToken="once")
    second = new("ben", ClientRequestToken="once", MediaRegion="us-west-2")
    assert second["Meeting"] == first["Meeting"]
    assert [each["ExternalUserId"] for each in second["Attendees"]] == ["ana"]


def test_a_known_token_with_other_parameters_can_be_a_conflict(chime, sandbox, new):
    new("ana", ClientRequestToken="once")
    sandbox.settings(changed_parameters="conflict")
    new("ana", ClientRequestToken="once")
    with pytest.raises(chime.exceptions.ConflictException):
        new("ben", ClientRequestToken="once")


def test_an_ended_meetings_token_brings_back_the_dead_meeting(chime, sandbox, new):
    first = new("ana", ClientRequestToken="once")
    sandbox.end(first["Meeting"]["MeetingId"])
    second = new("ana", ClientRequestToken="once")
    assert second["Meeting"] == first["Meeting"]
    assert not exists(chime, second["Meeting"]["MeetingId"])
    with pytest.raises(chime.exceptions.NotFoundException):
        chime.create_attendee(MeetingId=second["Meeting"]["MeetingId"], ExternalUserId="ben")


def test_an_ended_meetings_token_can_make_a_new_meeting(chime, sandbox, new):
    sandbox.settings(ended_token="new")
    first = new("ana", ClientRequestToken="once")
    sandbox.end(first["Meeting"]["MeetingId"])
    second = new("ana", ClientRequestToken="once")
    assert second["Meeting"]["MeetingId"] != first["Meeting"]["MeetingId"]
    assert exists(chime, second["Meeting"]["MeetingId"])
    assert new("ana", ClientRequestToken="once")["Meeting"] == second["Meeting"]


# Mortality


def test_a_meeting_ends_when_nobody_was_connected_for_five_minutes(chime, sandbox, new):
    meeting_id = new("ana")["Meeting"]["MeetingId"]
    sandbox.advance(4.5 * MINUTE)
    assert exists(chime, meeting_id)
    sandbox.advance(1 * MINUTE)
    assert not exists(chime, meeting_id)
    (meeting,) = sandbox.meetings()
    assert meeting.end_reason == "idle"
    assert meeting.ended_at == meeting.created_at + 5 * MINUTE


def test_somebody_connected_keeps_a_meeting_alive(chime, sandbox, new):
    answer = new("ana", "ben")
    meeting_id = answer["Meeting"]["MeetingId"]
    ana, ben = (each["AttendeeId"] for each in answer["Attendees"])
    sandbox.join(meeting_id, ana)
    sandbox.join(meeting_id, ben)
    sandbox.advance(2 * HOUR)
    sandbox.leave(meeting_id, ana)
    sandbox.advance(1 * HOUR)
    assert exists(chime, meeting_id)
    sandbox.drop(meeting_id, ben)
    sandbox.advance(4 * MINUTE)
    assert exists(chime, meeting_id)
    sandbox.advance(2 * MINUTE)
    assert not exists(chime, meeting_id)


def test_deleting_who_was_connected_last_starts_the_five_minutes(chime, sandbox, new):
    answer = new("ana")
    meeting_id, ana = answer["Meeting"]["MeetingId"], answer["Attendees"][0]["AttendeeId"]
    sandbox.join(meeting_id, ana)
    sandbox.advance(1 * HOUR)
    chime.delete_attendee(MeetingId=meeting_id, AttendeeId=ana)
    assert exists(chime, meeting_id)
    sandbox.advance(6 * MINUTE)
    assert not exists(chime, meeting_id)


def test_a_meeting_ends_after_24_hours_whoever_is_connected(chime, sandbox, new):
    answer = new("ana")
    meeting_id = answer["Meeting"]["MeetingId"]
    sandbox.join(meeting_id, answer["Attendees"][0]["AttendeeId"])
    sandbox.advance(24 * HOUR - MINUTE)
    assert exists(chime, meeting_id)
    sandbox.advance(2 * MINUTE)
    assert not exists(chime, meeting_id)
    assert sandbox.meetings()[0].end_reason == "24 hours"


def test_a_meeting_that_ended_a_day_ago_is_forgotten(sandbox, new):
    new()
    sandbox.advance(6 * MINUTE)
    assert len(sandbox.meetings()) == 1
    sandbox.advance(25 * HOUR)
    assert sandbox.meetings() == []


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_the_clock_moves_forwards_only_and_goes_on_after_a_refusal(sandbox, seconds):
    with pytest.raises(SandboxError, match="only forwards"):
        sandbox.advance(seconds)
    before = sandbox.now()
    assert sandbox.advance(60) >= before + 60


# Replicas


def test_a_replica_ends_with_its_primary(chime, sandbox, new):
    primary = new()["Meeting"]["MeetingId"]
    replica = new(PrimaryMeetingId=primary)["Meeting"]
    assert replica["PrimaryMeetingId"] == primary
    chime.delete_meeting(MeetingId=primary)
    assert not exists(chime, replica["MeetingId"])
    assert {meeting.end_reason for meeting in sandbox.meetings()} == {"deleted", "primary ended"}


def test_a_primary_outlives_its_replica(chime, new):
    primary = new()["Meeting"]["MeetingId"]
    replica = new(PrimaryMeetingId=primary)["Meeting"]["MeetingId"]
    chime.delete_meeting(MeetingId=replica)
    assert exists(chime, primary)


def test_a_replica_of_a_replica_is_refused(chime, new):
    primary = new()["Meeting"]["MeetingId"]
    replica = new(PrimaryMeetingId=primary)["Meeting"]["MeetingId"]
    with pytest.raises(chime.exceptions.BadRequestException, match="replica"):
        new(PrimaryMeetingId=replica)


def test_a_replica_of_an_unknown_or_ended_meeting_is_refused(chime, sandbox, new):
    ended = new()["Meeting"]["MeetingId"]
    sandbox.end(ended)
    for primary in (ended, "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(chime.exceptions.BadRequestException, match="PrimaryMeetingId"):
            new(PrimaryMeetingId=primary)


def test_a_meeting_has_four_replicas_at_most(chime, new):
    primary = new()["Meeting"]["MeetingId"]
    replicas = [new(PrimaryMeetingId=primary)["Meeting"]["MeetingId"] for _ in range(4)]
    with pytest.raises(chime.exceptions.LimitExceededException):
        new(PrimaryMeetingId=primary)
    chime.delete_meeting(MeetingId=replicas[0])
    new(PrimaryMeetingId=primary)


# Quotas


def test_an_account_has_so_many_meetings_at_once_and_no_more(chime, clients, sandbox, new):
    assert sandbox.settings()["meetings_per_account"] == 250
    sandbox.settings(meetings_per_account=2)
    first = new()["Meeting"]["MeetingId"]
    clients(region="us-west-2").create_meeting(
        ClientRequestToken="elsewhere", MediaRegion="us-west-2", ExternalMeetingId="xx"
    )
    with pytest.raises(chime.exceptions.LimitExceededException, match="quota is 2"):
        new()
    chime.delete_meeting(MeetingId=first)
    new()
