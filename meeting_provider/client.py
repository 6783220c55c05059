"""The Chime SDK Meetings API: the operations that the provider calls, and their errors.

Each method is one call, or one for each page. botocore retries what the service throttles, fails
or leaves unanswered. What still fails so is retried here until the operation's time is up.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import version
from threading import Event, Lock
from typing import Any, Final, TypeVar

import boto3
import tenacity
from botocore import exceptions as aws
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import get_session
from pydantic import ValidationError

from meeting_provider.errors import (
    AccessDenied,
    LimitExceeded,
    MeetingEnded,
    ServiceError,
    Throttled,
    UnderWay,
    Unreachable,
)
from meeting_provider.models import (
    MAX_RESULTS,
    Answer,
    AttendeeAnswer,
    AttendeeInput,
    AttendeesAnswer,
    CreateAnswer,
    FoundAnswer,
    MeetingAnswer,
    MeetingInput,
    tag_list,
)

AnswerT = TypeVar("AnswerT", bound=Answer)

#: Bounds of one call: four attempts of at most 13 s, and at most 7 s between them. While everything
#: is throttled, botocore's adaptive mode adds up to two seconds an attempt for each waiting call.
CONNECT_TIMEOUT: Final = 3
READ_TIMEOUT: Final = 10
ATTEMPTS: Final = 4

#: How long after its begin an operation on a meeting may make another call, in seconds. With the
#: call that is under way then and the delete that undoes a create, it ends within five minutes.
OPERATION_SECONDS: Final = 100.0

#: As many calls of an operation at once as there can be: an engine makes some 16, and each makes
#: up to four calls for its meeting.
_CONNECTIONS: Final = 64

_SERVICE: Final = "chime-sdk-meetings"

#: What CloudTrail shows as the caller.
_USER_AGENT: Final = f"meeting-provider/{version('meeting-provider')} {get_session().user_agent()}"

_QUOTAS: Final = (
    "the quotas are 250 attendees a meeting, or its max_count, and, unless raised, 250 meetings at "
    "once in an account and region: end meetings, or ask for more in Service Quotas"
)
_RATE: Final = (
    "the service takes 10 requests a second for each operation: run `pulumi up` again, with a "
    "smaller --parallel if it recurs, or ask for more in Service Quotas"
)

#: They log whole answers at DEBUG, and with them join tokens.
_TALKATIVE: Final = ("boto3", "botocore", "urllib3")


def _is_no_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _quieten() -> None:
    """Drop all DEBUG records of these loggers, whatever levels a program sets."""
    names = [n for n in logging.root.manager.loggerDict if n.partition(".")[0] in _TALKATIVE]
    for name in {*names, *_TALKATIVE}:
        logging.getLogger(name).addFilter(_is_no_debug)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)


def control_region_of(profile: str | None) -> str | None:
    """The region that the environment or the profile of AWS's own configuration names."""
    with _signing_in():
        region: str | None = boto3.Session(profile_name=profile).region_name
        return region


@contextmanager
def _signing_in() -> Iterator[None]:
    try:
        yield
    except aws.ProfileNotFound as error:
        remedy = "`pulumi config set aws:profile` to one that `aws configure list-profiles` lists"
        raise ServiceError("signing in", str(error), remedy) from error
    except (aws.BotoCoreError, ValueError) as error:
        remedy = "correct the AWS_ environment variables, or the profile in AWS's own files"
        raise ServiceError("signing in", " ".join(str(error).split()), remedy) from error


class ChimeClient:
    """The meetings of one account in one control region. One instance serves all threads.

    :param region: a control region.
    :param profile: a profile of AWS's own configuration; by default what boto3's chain finds.
    :param cancelled: set once no operation is to make another call.
    :raises ServiceError: AWS's own configuration can't be used. Every method raises one, which
        names the meeting, where its call fails.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_Operations_Amazon_Chime_SDK_Meetings.html
    """

    def __init__(
        self, region: str, profile: str | None = None, cancelled: Event | None = None
    ) -> None:
        _quieten()
        self._region = region
        self._config = Config(
            user_agent=_USER_AGENT,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
            max_pool_connections=_CONNECTIONS,
        )
        with _signing_in():
            self._session = boto3.Session(profile_name=profile)
        # botocore learns one rate for all calls of a client, and the service has a quota for each
        # operation: what throttles one should not slow the others.
        self._clients: dict[str, Any] = {}
        self._making = Lock()
        self._deadline: float | None = None
        self._cancelled = cancelled or Event()

    def bounded(self) -> ChimeClient:
        """The same client for one operation on a meeting, which may take OPERATION_SECONDS."""
        bounded = copy.copy(self)
        bounded._deadline = time.monotonic() + OPERATION_SECONDS
        return bounded

    def create_meeting_with_attendees(
        self, declared: MeetingInput, attendees: Sequence[AttendeeInput], token: str
    ) -> CreateAnswer:
        """Create the meeting with its first attendees, or get the one that the token created."""
        name, entries = declared.external_meeting_id, [a.wire() for a in attendees]
        request = {"ClientRequestToken": token, "Attendees": entries, **declared.create_request()}
        answer = self._call("CreateMeetingWithAttendees", name, **request)
        return _read(CreateAnswer, answer, "CreateMeetingWithAttendees", name)

    def delete_meeting(self, meeting: MeetingAnswer) -> None:
        """End the meeting. MeetingEnded where it is gone already."""
        self._call("DeleteMeeting", meeting, MeetingId=meeting.meeting_id)

    def get_meeting(self, meeting: MeetingAnswer) -> MeetingAnswer:
        """The meeting. MeetingEnded where there is none of that id."""
        answer = self._call("GetMeeting", meeting, MeetingId=meeting.meeting_id)
        return _read(FoundAnswer, answer, "GetMeeting", meeting).meeting

    def batch_create_attendee(
        self, meeting: MeetingAnswer, attendees: Sequence[AttendeeInput]
    ) -> AttendeesAnswer:
        """Create attendees; those that exist already are returned as they are."""
        entries = [a.wire() for a in attendees]
        answer = self._call(
            "BatchCreateAttendee", meeting, MeetingId=meeting.meeting_id, Attendees=entries
        )
        return _read(AttendeesAnswer, answer, "BatchCreateAttendee", meeting)

    def delete_attendee(self, meeting: MeetingAnswer, attendee_id: str) -> None:
        """Remove an attendee. MeetingEnded where the attendee or the meeting is gone already."""
        self._call("DeleteAttendee", meeting, MeetingId=meeting.meeting_id, AttendeeId=attendee_id)

    def list_attendees(self, meeting: MeetingAnswer) -> list[AttendeeAnswer]:
        """All attendees that the meeting has."""
        arguments: dict[str, Any] = {"MeetingId": meeting.meeting_id, "MaxResults": MAX_RESULTS}
        found: list[AttendeeAnswer] = []
        while True:
            answer = self._call("ListAttendees", meeting, **arguments)
            found += _read(AttendeesAnswer, answer, "ListAttendees", meeting).attendees
            if not answer.get("NextToken"):
                return found
            arguments["NextToken"] = answer["NextToken"]

    def update_attendee_capabilities(
        self, meeting: MeetingAnswer, attendee_id: str, capabilities: Mapping[str, str]
    ) -> None:
        """Change what one attendee may do."""
        self._call(
            "UpdateAttendeeCapabilities",
            meeting,
            MeetingId=meeting.meeting_id,
            AttendeeId=attendee_id,
            Capabilities=_wire(capabilities),
        )

    def batch_update_attendee_capabilities_except(
        self, meeting: MeetingAnswer, excluded: Sequence[str], capabilities: Mapping[str, str]
    ) -> None:
        """Change what all attendees may do, but those with an excluded AttendeeId."""
        self._call(
            "BatchUpdateAttendeeCapabilitiesExcept",
            meeting,
            MeetingId=meeting.meeting_id,
            ExcludedAttendeeIds=[{"AttendeeId": i} for i in excluded],
            Capabilities=_wire(capabilities),
        )

    def list_tags(self, meeting: MeetingAnswer) -> dict[str, str]:
        """The meeting's tags, less those that AWS itself sets."""
        answer = self._call("ListTagsForResource", meeting, ResourceARN=meeting.meeting_arn or "")
        tags = {t["Key"]: t["Value"] for t in answer.get("Tags", [])}
        return {k: v for k, v in tags.items() if not k.lower().startswith("aws:")}

    def tag(self, meeting: MeetingAnswer, tags: Mapping[str, str]) -> None:
        """Set tags."""
        arn = meeting.meeting_arn or ""
        self._call("TagResource", meeting, ResourceARN=arn, Tags=tag_list(tags))

    def untag(self, meeting: MeetingAnswer, keys: Sequence[str]) -> None:
        """Remove tags."""
        arn = meeting.meeting_arn or ""
        self._call("UntagResource", meeting, ResourceARN=arn, TagKeys=list(keys))

    def _call(
        self, operation: str, meeting: MeetingAnswer | str, **arguments: Any
    ) -> dict[str, Any]:
        """Make a call, and again while it is throttled or unanswered and there is time."""
        if self._deadline is not None and self._is_over():
            cause = f"{OPERATION_SECONDS:.0f} s were up before this call"
            remedy = "the service is slow or throttles: run `pulumi up` again later"
            if self._cancelled.is_set():
                cause, remedy = "it was cancelled before this call", "run `pulumi up` again"
            raise Unreachable(operation, cause, remedy, str(meeting))
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((Throttled, Unreachable)),
            wait=tenacity.wait_random(0.5, 2),
            stop=lambda _: self._is_over(),
            retry_error_callback=_given_up,
        )
        answer: dict[str, Any] = retrying(self._attempt, operation, str(meeting), arguments)
        # botocore takes an answer that it can't read as an empty one.
        metadata = answer.get("ResponseMetadata", {})
        kind = metadata.get("HTTPHeaders", {}).get("content-type", "json")
        if metadata.get("HTTPStatusCode") != HTTPStatus.NO_CONTENT and "json" not in kind:
            raise _from_another(operation, meeting, f"the answer is {kind}, not JSON")
        return answer

    def _is_over(self) -> bool:
        is_late = self._deadline is None or time.monotonic() >= self._deadline
        return is_late or self._cancelled.is_set()

    def _attempt(self, operation: str, meeting: str, arguments: dict[str, Any]) -> dict[str, Any]:
        with self._making, _signing_in():
            if operation not in self._clients:
                client: Any = self._session.client(
                    _SERVICE, region_name=self._region, config=self._config
                )
                client.meta.events.register_first(f"needs-retry.{_SERVICE}", _correct_for_retries)
                self._clients[operation] = client
        try:
            method = getattr(self._clients[operation], xform_name(operation))
            answer: dict[str, Any] = method(**arguments)
        except aws.ClientError as error:
            raise _from_answer(operation, meeting, error) from error
        except (aws.BotoCoreError, ResponseParserError) as error:
            raise _from_silence(operation, meeting, error) from error
        return answer


def _given_up(attempts: tenacity.RetryCallState) -> None:
    error = attempts.outcome.exception() if attempts.outcome else None
    assert isinstance(error, ServiceError)
    if seconds := round(attempts.seconds_since_start or 0):
        error.cause += f", for {seconds} s"
    raise error


def _read(
    shape: type[AnswerT], answer: Mapping[str, Any], operation: str, meeting: MeetingAnswer | str
) -> AnswerT:
    try:
        return shape.model_validate(answer)
    except ValidationError as error:
        lacks = ", ".join(".".join(map(str, e["loc"])) for e in error.errors(include_input=False))
        # The cause is left out: it might quote a join token.
        raise _from_another(operation, meeting, f"the answer has no usable {lacks}") from None


def _correct_for_retries(
    response: tuple[AWSResponse, dict[str, Any]] | None = None, **_: object
) -> None:
    """Correct what botocore would make of an answer when it decides about a retry.

    It takes any LimitExceededException as throttling, where this service means a quota, which no
    retry changes. And it reads the wait that a service asks for from another header only.
    Source: botocore/retries/standard.py.
    """
    if response is None:
        return
    http, answer = response
    error = answer.get("Error", {})
    if error.get("Code") == "LimitExceededException":
        error["Code"] = "LimitExceeded"
    seconds = str(http.headers.get("Retry-After", ""))
    if seconds.isdecimal():
        http.headers["x-amz-retry-after"] = str(int(seconds) * 1000)


def _wire(capabilities: Mapping[str, str]) -> dict[str, str]:
    return {medium.capitalize(): value for medium, value in capabilities.items()}


def _from_another(operation: str, meeting: MeetingAnswer | str, cause: str) -> Unreachable:
    """The error for an answer that can't be the service's."""
    remedy = (
        "something else answers for the service: check the network, its proxies and the endpoint, "
        "and run `pulumi up` again"
    )
    return Unreachable(operation, cause, remedy, str(meeting))


def _from_answer(operation: str, meeting: str, error: aws.ClientError) -> ServiceError:
    """The error for an answer of the service."""
    said, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    code = str(said.get("Code", "")).removesuffix("Exception")
    cause = f"{code or status} ({said.get('Message') or 'no message'})"
    tried = metadata.get("RetryAttempts", 0) + 1
    tries = f", {tried} times" if tried > 1 else ""
    kind: type[ServiceError] = ServiceError
    remedy = "correct what the service names"
    if code in ("NotFound", "ResourceNotFound"):
        one = operation in ("DeleteAttendee", "UpdateAttendeeCapabilities")
        cause = f"the meeting has ended{', or the attendee is gone' if one else ''} ({cause})"
        kind, remedy = MeetingEnded, "run `pulumi up --refresh`, which creates its successor"
    elif code in ("LimitExceeded", "ResourceLimitExceeded"):
        kind, remedy = LimitExceeded, _QUOTAS
    elif code == "TooManyTags":
        kind, remedy = LimitExceeded, "a meeting has at most 50 tags"
    elif status == 429 or code in ("Throttling", "TooManyRequests"):
        kind, cause, remedy = Throttled, f"{cause}{tries}", _RATE
    elif status == 409:
        kind, remedy = UnderWay, "run `pulumi up` again"
    elif status in (401, 403):
        kind, remedy = AccessDenied, f"allow the action chime:{operation} in the caller's policy"
        remedy += ", or use other credentials"
    elif status >= 500:
        kind, cause = Unreachable, f"{cause}{tries}"
        remedy = "the service is in trouble: run `pulumi up` again later"
    return kind(operation, cause, remedy, meeting)


def _from_silence(operation: str, meeting: str, error: Exception) -> ServiceError:
    """The error for a call without a readable answer."""
    cause = " ".join(str(error).split())
    if isinstance(error, (aws.ConnectionError, aws.HTTPClientError, ResponseParserError)):
        remedy = "check the network and the endpoint, and run `pulumi up` again"
        return Unreachable(operation, f"{cause}, through all retries", remedy, meeting)
    remedy = "set up AWS credentials as for the AWS CLI, or `pulumi config set aws:profile`"
    return ServiceError(operation, cause, remedy, meeting)
