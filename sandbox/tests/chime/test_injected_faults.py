"""What faults, quotas and latency do to calls, and what the request log says of it."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from chime_sandbox.admin import SandboxError

ROOT = Path(__file__).parent.parent.parent
ERRORS = {
    "throttle": ("ThrottlingException", 429),
    "failure": ("ServiceFailureException", 500),
    "unavailable": ("ServiceUnavailableException", 503),
    "limit": ("LimitExceededException", 400),
    "forbidden": ("ForbiddenException", 403),
    "conflict": ("ConflictException", 409),
}


@pytest.fixture
def meeting_id(new):
    return new("ana")["Meeting"]["MeetingId"]


def names(meeting):
    return meeting.external_user_ids


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_comes_typed_and_for_as_many_calls_as_asked(chime, sandbox, meeting_id, kind):
    code, status = ERRORS[kind]
    sandbox.fault(kind, count=2)
    for _ in range(2):
        with pytest.raises(getattr(chime.exceptions, code)) as error:
            chime.get_meeting(MeetingId=meeting_id)
        answer = error.value.response
        assert answer["Error"]["Code"] == code
        assert answer["Code"] == code.removesuffix("Exception")
        assert answer["Message"] == answer["Error"]["Message"]
        metadata = answer["ResponseMetadata"]
        assert metadata["HTTPStatusCode"] == status
        assert metadata["HTTPHeaders"]["x-amzn-errortype"] == code
        assert metadata["RequestId"] == answer["RequestId"]
    chime.get_meeting(MeetingId=meeting_id)
    outcomes = [call.outcome for call in sandbox.requests()]
    assert outcomes == ["OK", code, code, "OK"]
    assert [call.fault for call in sandbox.requests()] == [None, *[f"{kind} before"] * 2, None]


def test_service_unavailable_says_when_to_come_back(chime, sandbox, meeting_id):
    sandbox.fault("unavailable", seconds=7)
    with pytest.raises(chime.exceptions.ServiceUnavailableException) as error:
        chime.get_meeting(MeetingId=meeting_id)
    assert error.value.response["RetryAfterSeconds"] == "7"
    assert error.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"


def test_a_fault_waits_for_its_operation(chime, sandbox, meeting_id):
    sandbox.fault("failure", "CreateAttendee")
    chime.get_meeting(MeetingId=meeting_id)
    with pytest.raises(chime.exceptions.ServiceFailureException):
        chime.create_attendee(MeetingId=meeting_id, ExternalUserId="ben")
    assert sandbox.pending_faults()["calls"] == []


def test_a_fault_can_let_some_calls_pass_first(chime, sandbox, meeting_id):
    sandbox.fault("failure", skip=2)
    for _ in range(2):
        chime.get_meeting(MeetingId=meeting_id)
    with pytest.raises(chime.exceptions.ServiceFailureException):
        chime.get_meeting(MeetingId=meeting_id)


def test_faults_come_in_the_order_in_which_they_were_asked_for(chime, sandbox, meeting_id):
    sandbox.fault("throttle")
    sandbox.fault("failure")
    seen = []
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            chime.get_meeting(MeetingId=meeting_id)
        seen.append(error.value.response["Error"]["Code"])
    assert seen == ["ThrottlingException", "ServiceFailureException"]


@pytest.mark.parametrize(("when", "expected"), [("before", ["ana"]), ("after", ["ana", "ben"])])
@pytest.mark.parametrize("kind", ["drop", "failure"])
def test_a_fault_strikes_before_or_after_the_service_acts(
    chime, sandbox, meeting_id, kind, when, expected
):
    sandbox.fault(kind, "CreateAttendee", when=when)
    with pytest.raises((ConnectionClosedError, chime.exceptions.ServiceFailureException)):
        chime.create_attendee(MeetingId=meeting_id, ExternalUserId="ben")
    assert names(sandbox.meetings()[0]) == expected
    assert sandbox.requests()[-1].fault == f"{kind} {when}"


def test_a_dropped_connection_has_no_status_in_the_requests(chime, sandbox, meeting_id):
    sandbox.fault("drop")
    with pytest.raises(ConnectionClosedError):
        chime.get_meeting(MeetingId=meeting_id)
    call = sandbox.requests()[-1]
    assert (call.outcome, call.status, call.meeting_id) == ("ConnectionDropped", 0, meeting_id)


def test_a_connection_goes_on_after_another_was_dropped(chime, sandbox, meeting_id):
    for _ in range(3):
        sandbox.fault("drop")
        with pytest.raises(ConnectionClosedError):
            chime.get_meeting(MeetingId=meeting_id)
        chime.get_meeting(MeetingId=meeting_id)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delayed_call_still_acts(chime, sandbox, meeting_id, when):
    sandbox.fault("delay", seconds=0.05, when=when)
    chime.create_attendee(MeetingId=meeting_id, ExternalUserId="ben")
    assert sandbox.requests()[-1].fault == f"delay {when}"
    assert names(sandbox.meetings()[0]) == ["ana", "ben"]


def test_the_meeting_that_a_call_names_can_end_at_that_moment(chime, sandbox, meeting_id):
    sandbox.fault("end", "CreateAttendee")
    with pytest.raises(chime.exceptions.NotFoundException, match="has ended"):
        chime.create_attendee(MeetingId=meeting_id, ExternalUserId="ben")


def test_the_meeting_that_a_tag_call_names_can_end_too(chime, sandbox, new):
    arn = new()["Meeting"]["MeetingArn"]
    sandbox.fault("end", "ListTagsForResource")
    with pytest.raises(chime.exceptions.ResourceNotFoundException):
        chime.list_tags_for_resource(ResourceARN=arn)


def test_a_meeting_can_end_as_it_is_made(sandbox, new):
    sandbox.fault("end", "CreateMeeting", when="after")
    made = new()["Meeting"]["MeetingId"]
    (meeting,) = sandbox.meetings()
    assert meeting.meeting_id == made
    assert not meeting.alive


# Single attendees


def test_the_next_attendees_of_batches_can_be_refused(sandbox, new):
    sandbox.refuse_attendees("Throttling", count=2, message="slower")
    answer = new("ana", "ben", "cleo")
    assert [each["ExternalUserId"] for each in answer["Attendees"]] == ["cleo"]
    assert answer["Errors"] == [
        {"ExternalUserId": name, "ErrorCode": "Throttling", "ErrorMessage": "slower"}
        for name in ("ana", "ben")
    ]
    assert sandbox.requests()[-1].fault == "2 attendees refused"


def test_certain_attendees_can_be_refused(chime, sandbox, meeting_id):
    sandbox.refuse_attendees("Forbidden", external_user_ids=["cleo"])
    batch = [{"ExternalUserId": name} for name in ("ben", "cleo")]
    first = chime.batch_create_attendee(MeetingId=meeting_id, Attendees=batch)
    assert [each["ErrorCode"] for each in first["Errors"]] == ["Forbidden"]
    second = chime.batch_create_attendee(MeetingId=meeting_id, Attendees=batch)
    assert second["Errors"] == []
    assert names(sandbox.meetings()[0]) == ["ana", "ben", "cleo"]


# Holding


@pytest.mark.parametrize(("when", "expected"), [("before", ["ana"]), ("after", ["ana", "ben"])])
def test_a_held_call_waits_until_it_is_released(chime, sandbox, meeting_id, when, expected):
    sandbox.hold("CreateAttendee", when=when)
    with ThreadPoolExecutor() as pool:
        calling = pool.submit(chime.create_attendee, MeetingId=meeting_id, ExternalUserId="ben")
        held = sandbox.wait_held()
        assert (held.operation, held.when, held.meeting_id) == ("CreateAttendee", when, meeting_id)
        assert names(sandbox.meetings()[0]) == expected
        assert not calling.done()
        assert sandbox.release(held.number) == 1
        assert calling.result()["Attendee"]["ExternalUserId"] == "ben"
    assert names(sandbox.meetings()[0]) == ["ana", "ben"]


def test_other_calls_pass_a_held_one(chime, sandbox, meeting_id):
    sandbox.hold("CreateAttendee")
    with ThreadPoolExecutor() as pool:
        pool.submit(chime.create_attendee, MeetingId=meeting_id, ExternalUserId="ben")
        sandbox.wait_held()
        chime.get_meeting(MeetingId=meeting_id)
        assert sandbox.release() == 1


def test_clearing_faults_releases_what_is_held(chime, sandbox, meeting_id):
    sandbox.hold()
    with ThreadPoolExecutor() as pool:
        calling = pool.submit(chime.get_meeting, MeetingId=meeting_id)
        sandbox.wait_held()
        sandbox.clear_faults()
        assert calling.result()["Meeting"]["MeetingId"] == meeting_id


def test_waiting_for_a_held_call_that_never_comes_ends(sandbox):
    with pytest.raises(SandboxError, match="no call was held"):
        sandbox.wait_held(timeout=0.05)


# Quotas and latency


def test_without_a_quota_nothing_is_throttled(chime, meeting_id):
    for _ in range(50):
        chime.get_meeting(MeetingId=meeting_id)


def test_a_quota_lets_a_burst_pass_and_refills_with_time(chime, sandbox, meeting_id):
    sandbox.quota("GetMeeting", rate=0.01, burst=3)
    for _ in range(3):
        chime.get_meeting(MeetingId=meeting_id)
    with pytest.raises(chime.exceptions.ThrottlingException, match="Rate exceeded"):
        chime.get_meeting(MeetingId=meeting_id)
    call = sandbox.requests()[-1]
    assert (call.outcome, call.status, call.fault) == ("ThrottlingException", 429, "quota")
    chime.list_attendees(MeetingId=meeting_id)
    sandbox.advance(110)
    chime.get_meeting(MeetingId=meeting_id)
    with pytest.raises(chime.exceptions.ThrottlingException):
        chime.get_meeting(MeetingId=meeting_id)
    sandbox.quota("GetMeeting", rate=None)
    chime.get_meeting(MeetingId=meeting_id)


def test_a_quota_for_each_operation_counts_each_and_each_region_apart(chime, clients, sandbox, new):
    meeting_id = new()["Meeting"]["MeetingId"]
    sandbox.quota(rate=0.01, burst=1)
    chime.get_meeting(MeetingId=meeting_id)
    chime.list_attendees(MeetingId=meeting_id)
    with pytest.raises(chime.exceptions.ThrottlingException):
        chime.get_meeting(MeetingId=meeting_id)
    with pytest.raises(chime.exceptions.NotFoundException):
        clients(region="us-west-2").get_meeting(MeetingId=meeting_id)


def test_latency_slows_every_call(chime, sandbox, meeting_id):
    sandbox.latency(0.05)
    started = time.monotonic()
    chime.get_meeting(MeetingId=meeting_id)
    waited = time.monotonic() - started
    assert sandbox.settings()["latency"] == 0.05
    assert waited >= sandbox.settings()["latency"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda sandbox: sandbox.fault("explode"),
        lambda sandbox: sandbox.fault("drop", when="sometimes"),
        lambda sandbox: sandbox.fault("drop", "UpdateMeeting"),
        lambda sandbox: sandbox.quota("UpdateMeeting", rate=1),
        lambda sandbox: sandbox.settings(ended_token="maybe"),
        lambda sandbox: sandbox.settings(colour="red"),
        lambda sandbox: sandbox.settings(read_join_tokens="perhaps"),
        lambda sandbox: sandbox.latency(-1),
        lambda sandbox: sandbox.end("00000000-0000-4000-8000-000000000000"),
    ],
)
def test_a_knob_or_fault_that_isnt_one_is_refused(sandbox, wrong):
    before = sandbox.settings()
    with pytest.raises(SandboxError):
        wrong(sandbox)
    assert sandbox.settings() == before


CALLER = """
import sys
from chime_sandbox.pytest_plugin import client
client(sys.argv[1]).create_attendee(MeetingId=sys.argv[2], ExternalUserId="ben")
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_whose_caller_was_killed_still_acts(endpoint, sandbox, meeting_id, when):
    sandbox.hold("CreateAttendee", when=when)
    caller = subprocess.Popen([sys.executable, "-c", CALLER, endpoint, meeting_id], cwd=ROOT)
    sandbox.wait_held()
    caller.kill()
    caller.wait()
    sandbox.release()
    while len(sandbox.requests()) < 2:
        time.sleep(0.01)
    assert names(sandbox.meetings()[0]) == ["ana", "ben"]
    assert sandbox.requests()[-1].outcome == "OK"
