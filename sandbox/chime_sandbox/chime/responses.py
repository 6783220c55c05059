"""The sixteen operations on meetings: each takes a request's parameters and returns the response.

Each method is named after its operation. The parameters already satisfy the service model's
constraints. The methods check the rules that the service model doesn't contain.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from . import capabilities, regions, transcription
from .exceptions import (
    BadRequest,
    Conflict,
    Forbidden,
    LimitExceeded,
    NotFound,
    ResourceNotFound,
    TooManyTags,
)
from .faults import Faults
from .meetings import MAX_REPLICAS, Meetings
from .models import Attendee, Meeting, Owner
from .serialization import CREATED
from .settings import (
    ChangedParameters,
    EndedToken,
    LanguageOptions,
    Overflow,
    RepeatedAttendees,
    ServiceRole,
    Settings,
)

MAX_TAGS = 50
DEFAULT_PAGE = 100
NOT_SHOWN = ("ClientRequestToken", "NotificationsConfiguration", "MediaPlacementNetworkType",
             "Attendees", "Tags")  # fmt: skip

Parameters = dict[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """An operation's result, with its meeting. `status` overrides the model's."""

    result: Result
    meeting: Meeting | None = None
    status: int | None = None


class Operations:
    """The operations, for callers of any account and control region."""

    def __init__(self, meetings: Meetings, settings: Settings, faults: Faults) -> None:
        self._meetings = meetings
        self._settings = settings
        self._faults = faults

    def perform(self, operation: str, owner: Owner, parameters: Parameters) -> Answer:
        """Carry out the operation of that name. Raises ChimeError."""
        answer: Answer = getattr(self, xform_name(operation))(owner, parameters)
        return answer

    # Meetings

    def create_meeting(self, owner: Owner, parameters: Parameters) -> Answer:
        """Create a meeting, or return the one that this ClientRequestToken created."""
        meeting, is_new = self._create(owner, parameters)
        return Answer({"Meeting": _meeting(meeting)}, meeting, CREATED if is_new else None)

    def create_meeting_with_attendees(self, owner: Owner, parameters: Parameters) -> Answer:
        """Create a meeting with attendees, or return the one that this token created."""
        features = parameters.get("MeetingFeatures") or {}
        for item in parameters["Attendees"]:
            _check_item(item, features)
        if len(parameters["Attendees"]) > capabilities.attendee_limit(features):
            raise LimitExceeded("More attendees than MeetingFeatures.Attendee.MaxCount allows")
        meeting, is_new = self._create(owner, parameters)
        if is_new:
            attendees, errors = self._add(meeting, parameters["Attendees"])
            meeting.original_attendee_ids = [each.attendee_id for each in attendees]
        else:
            attendees, errors = self._originals(meeting), []
        result = {"Meeting": _meeting(meeting), "Attendees": _shown(attendees), "Errors": errors}
        return Answer(result, meeting, CREATED if is_new else None)

    def get_meeting(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return an active meeting."""
        meeting = self._find(owner, parameters)
        return Answer({"Meeting": _meeting(meeting)}, meeting)

    def delete_meeting(self, owner: Owner, parameters: Parameters) -> Answer:
        """End a meeting and its replicas."""
        meeting = self._find(owner, parameters)
        self._meetings.end(meeting, "deleted")
        return Answer({}, meeting)

    # Attendees

    def create_attendee(self, owner: Owner, parameters: Parameters) -> Answer:
        """Add an attendee, or return the one with this ExternalUserId."""
        meeting = self._find(owner, parameters)
        _check_item(parameters, meeting.features)
        known = meeting.by_external_id().get(parameters["ExternalUserId"])
        if known is None and meeting.room() < 1:
            raise _full(meeting)
        attendee = known or self._add_one(meeting, parameters)
        return Answer({"Attendee": _shown([attendee])[0]}, meeting, CREATED)

    def batch_create_attendee(self, owner: Owner, parameters: Parameters) -> Answer:
        """Add up to 100 attendees. The errors of single attendees are in `Errors`."""
        meeting = self._find(owner, parameters)
        items = parameters["Attendees"]
        for item in items:
            _check_item(item, meeting.features)
        new = {item["ExternalUserId"] for item in items} - set(meeting.by_external_id())
        if self._settings.attendee_overflow is Overflow.CALL and len(new) > meeting.room():
            raise _full(meeting)
        attendees, errors = self._add(meeting, items)
        return Answer({"Attendees": _shown(attendees), "Errors": errors}, meeting, CREATED)

    def get_attendee(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return an attendee."""
        meeting = self._find(owner, parameters)
        attendee = self._meetings.attendee(meeting, parameters["AttendeeId"])
        return Answer({"Attendee": self._read([attendee])[0]}, meeting)

    def list_attendees(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return a page of a meeting's attendees, in the order of their creation."""
        meeting = self._find(owner, parameters)
        attendees = list(meeting.attendees.values())
        start = _page_start(parameters.get("NextToken"), attendees)
        end = start + parameters.get("MaxResults", DEFAULT_PAGE)
        result: Result = {"Attendees": self._read(attendees[start:end])}
        if end < len(attendees):
            result["NextToken"] = attendees[end].attendee_id
        return Answer(result, meeting)

    def delete_attendee(self, owner: Owner, parameters: Parameters) -> Answer:
        """Remove an attendee, whose join token becomes invalid."""
        meeting = self._find(owner, parameters)
        self._meetings.delete_attendee(meeting, parameters["AttendeeId"])
        return Answer({}, meeting)

    def update_attendee_capabilities(self, owner: Owner, parameters: Parameters) -> Answer:
        """Change the capabilities of one attendee."""
        meeting = self._find(owner, parameters)
        attendee = self._meetings.attendee(meeting, parameters["AttendeeId"])
        capabilities.check(parameters["Capabilities"], meeting.features)
        self._meetings.set_capabilities(meeting, [attendee], parameters["Capabilities"])
        return Answer({"Attendee": self._read([attendee])[0]}, meeting)

    def batch_update_attendee_capabilities_except(
        self, owner: Owner, parameters: Parameters
    ) -> Answer:
        """Change the capabilities of all attendees except the excluded ones."""
        meeting = self._find(owner, parameters)
        capabilities.check(parameters["Capabilities"], meeting.features)
        excluded = {item["AttendeeId"] for item in parameters["ExcludedAttendeeIds"]}
        rest = [each for each in meeting.attendees.values() if each.attendee_id not in excluded]
        self._meetings.set_capabilities(meeting, rest, parameters["Capabilities"])
        return Answer({}, meeting)

    # Tags

    def list_tags_for_resource(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return a meeting's tags."""
        meeting = self._find_by_arn(owner, parameters["ResourceARN"])
        tags = [{"Key": key, "Value": value} for key, value in meeting.tags.items()]
        return Answer({"Tags": tags}, meeting)

    def tag_resource(self, owner: Owner, parameters: Parameters) -> Answer:
        """Add tags to a meeting, or change their values."""
        meeting = self._find_by_arn(owner, parameters["ResourceARN"])
        tags = meeting.tags | tags_of(parameters["Tags"])
        if len(tags) > MAX_TAGS:
            raise TooManyTags(f"A resource can have {MAX_TAGS} tags, not {len(tags)}", meeting.arn)
        meeting.tags = tags
        self._meetings.touch(meeting)
        return Answer({}, meeting)

    def untag_resource(self, owner: Owner, parameters: Parameters) -> Answer:
        """Remove tags from a meeting. It is no error if the meeting doesn't have them."""
        meeting = self._find_by_arn(owner, parameters["ResourceARN"])
        gone = set(parameters["TagKeys"])
        meeting.tags = {key: value for key, value in meeting.tags.items() if key not in gone}
        self._meetings.touch(meeting)
        return Answer({}, meeting)

    # Transcription

    def start_meeting_transcription(self, owner: Owner, parameters: Parameters) -> Answer:
        """Start the transcription with one of the two engines, or change its settings.

        If Amazon Transcribe rejects the settings, an event reports it, and the call succeeds.
        """
        meeting = self._find(owner, parameters)
        if self._settings.transcription_role is ServiceRole.ABSENT:
            raise Forbidden(
                "The account has no service-linked role AWSServiceRoleForAmazonChimeTranscription"
            )
        configuration = parameters["TranscriptionConfiguration"]
        if len(configuration) != 1:
            raise BadRequest(
                "TranscriptionConfiguration takes one of EngineTranscribeSettings and "
                "EngineTranscribeMedicalSettings"
            )
        failure = transcription.failure(
            configuration,
            meeting.request["MediaRegion"],
            options_required=self._settings.language_options is LanguageOptions.REQUIRED,
        )
        self._meetings.transcribe(meeting, configuration, failure)
        return Answer({}, meeting)

    def stop_meeting_transcription(self, owner: Owner, parameters: Parameters) -> Answer:
        """Stop the transcription."""
        meeting = self._find(owner, parameters)
        self._meetings.stop_transcribing(meeting)
        return Answer({}, meeting)

    # Helpers

    def _find(self, owner: Owner, parameters: Parameters) -> Meeting:
        return self._meetings.find(owner, parameters["MeetingId"])

    def _find_by_arn(self, owner: Owner, arn: str) -> Meeting:
        try:
            meeting = self._meetings.find(owner, arn.rpartition("/")[2])
        except NotFound:
            raise ResourceNotFound(f"Resource {arn} not found", arn) from None
        if meeting.arn != arn:
            raise ResourceNotFound(f"Resource {arn} not found", arn)
        return meeting

    def _create(self, owner: Owner, parameters: Parameters) -> tuple[Meeting, bool]:
        known = self._meetings.of_token(owner, parameters["ClientRequestToken"])
        if known is not None and self._stands_for(known):
            same = known.request == parameters
            if not same and self._settings.changed_parameters is ChangedParameters.CONFLICT:
                raise Conflict("The ClientRequestToken was used with other parameters")
            return known, False
        self._check_new(owner, parameters)
        tags = tags_of(parameters.get("Tags", []))
        partition = regions.partition_of(owner[1])
        return self._meetings.create(owner, partition, parameters, tags), True

    def _stands_for(self, known: Meeting) -> bool:
        return known.ended_at is None or self._settings.ended_token is EndedToken.DEAD

    def _check_new(self, owner: Owner, parameters: Parameters) -> None:
        if not regions.may_host(owner[1], parameters["MediaRegion"]):
            raise BadRequest(f"MediaRegion {parameters['MediaRegion']} is not supported")
        capabilities.check_features(parameters.get("MeetingFeatures") or {})
        primary_id = parameters.get("PrimaryMeetingId")
        if primary_id is not None:
            self._check_primary(owner, primary_id)

    def _check_primary(self, owner: Owner, primary_id: str) -> None:
        try:
            primary = self._meetings.find(owner, primary_id)
        except NotFound as error:
            raise BadRequest(f"PrimaryMeetingId: {error.message}") from None
        if primary.primary_id is not None:
            raise BadRequest(f"PrimaryMeetingId: {primary_id} is itself a replica")
        if len(self._meetings.replicas(primary)) >= MAX_REPLICAS:
            raise LimitExceeded(f"Meeting {primary_id} has {MAX_REPLICAS} replicas already")

    def _originals(self, meeting: Meeting) -> list[Attendee]:
        if self._settings.repeated_attendees is RepeatedAttendees.NONE:
            return []
        ids = meeting.original_attendee_ids
        return [meeting.attendees[each] for each in ids if each in meeting.attendees]

    def _add(
        self, meeting: Meeting, items: list[Parameters]
    ) -> tuple[list[Attendee], list[Result]]:
        known = meeting.by_external_id()
        errors = []
        added: dict[str, Attendee] = {}
        for item in items:
            name = item["ExternalUserId"]
            fault = self._faults.refusal_of(name)
            if fault is not None:
                errors.append(_error(name, fault.code, fault.message))
            elif name in known:
                added[name] = known[name]
            elif meeting.room() < 1:
                errors.append(_error(name, "ResourceLimitExceeded", _full(meeting).message))
            else:
                known[name] = added[name] = self._add_one(meeting, item)
        return list(added.values()), errors

    def _add_one(self, meeting: Meeting, item: Parameters) -> Attendee:
        return self._meetings.add_attendee(
            meeting, item["ExternalUserId"], item.get("Capabilities")
        )

    def _read(self, attendees: Iterable[Attendee]) -> list[Result]:
        return _shown(attendees, with_tokens=self._settings.read_join_tokens)


def _check_item(item: Parameters, features: dict[str, Any]) -> None:
    if item.get("Capabilities"):
        capabilities.check(item["Capabilities"], features)


def _full(meeting: Meeting) -> LimitExceeded:
    limit = capabilities.attendee_limit(meeting.features)
    return LimitExceeded(f"Meeting {meeting.meeting_id} can have {limit} attendees")


def _page_start(token: str | None, attendees: list[Attendee]) -> int:
    if token is None:
        return 0
    for position, attendee in enumerate(attendees):
        if attendee.attendee_id == token:
            return position
    raise BadRequest("NextToken is invalid")


def tags_of(tags: list[dict[str, str]]) -> dict[str, str]:
    """Tags by their keys. Raises BadRequest if there is a duplicate key."""
    by_key = {tag["Key"]: tag["Value"] for tag in tags}
    if len(by_key) < len(tags):
        raise BadRequest("Tags has a key twice")
    return by_key


def _meeting(meeting: Meeting) -> Result:
    shown = {name: value for name, value in meeting.request.items() if name not in NOT_SHOWN}
    return shown | {
        "MeetingId": meeting.meeting_id,
        "MeetingArn": meeting.arn,
        "MediaPlacement": meeting.media_placement,
    }


def _shown(attendees: Iterable[Attendee], *, with_tokens: bool = True) -> list[Result]:
    return [
        {
            "ExternalUserId": attendee.external_user_id,
            "AttendeeId": attendee.attendee_id,
            "Capabilities": attendee.capabilities,
        }
        | ({"JoinToken": attendee.join_token} if with_tokens else {})
        for attendee in attendees
    ]


def _error(external_user_id: str, code: str, message: str) -> Result:
    return {"ExternalUserId": external_user_id, "ErrorCode": code, "ErrorMessage": message}
