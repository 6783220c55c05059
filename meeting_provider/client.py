"""The Chime SDK Meetings API: the operations that the provider calls.

Each method makes one call, or one call for each page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from meeting_provider.calls import ServiceCalls
from meeting_provider.errors import MeetingEnded
from meeting_provider.models import (
    MAX_ATTENDEES_AT_CREATE,
    MAX_RESULTS,
    AttendeeAnswer,
    AttendeeInput,
    AttendeesAnswer,
    CreateAnswer,
    MeetingAnswer,
    MeetingInput,
)
from meeting_provider.shapes import RESERVED_PREFIX, Answer
from meeting_provider.transcription import Transcription


class ChimeClient(ServiceCalls):
    """The meetings of one account in one control region.

    Every method raises a ServiceError that names the meeting if its call fails: MeetingEnded if the
    meeting, or the attendee of the call, doesn't exist.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_Operations_Amazon_Chime_SDK_Meetings.html
    """

    service = "chime-sdk-meetings"
    quotas = (
        "the quotas are 250 attendees a meeting, or its max_count, and, unless raised, 250 "
        "meetings at once in an account and region: end meetings, or ask for more in Service Quotas"
    )
    rate = f"the service takes 10 requests a second for each operation: {ServiceCalls.rate}"

    roles: ClassVar[Mapping[str, tuple[str, str]]] = {
        "StartMeetingTranscription": (
            "AWSServiceRoleForAmazonChimeTranscription",
            "transcription.chime.amazonaws.com",
        )
    }

    def create_meeting_with_attendees(self, declared: MeetingInput, token: str) -> CreateAnswer:
        """Create the meeting with its first attendees, or get the one that the token created."""
        first = declared.attendees[:MAX_ATTENDEES_AT_CREATE]
        return self.call(
            "CreateMeetingWithAttendees",
            f"meeting '{declared.external_meeting_id}'",
            CreateAnswer,
            ClientRequestToken=token,
            Attendees=[a.wire() for a in first],
            **declared.create_request(),
        )

    def delete_meeting(self, meeting: MeetingAnswer) -> None:
        """End the meeting."""
        self.call("DeleteMeeting", meeting, Answer, MeetingId=meeting.meeting_id)

    def get_meeting(self, meeting: MeetingAnswer) -> MeetingAnswer:
        """The meeting with this id."""
        return self.call("GetMeeting", meeting, CreateAnswer, MeetingId=meeting.meeting_id).meeting

    def batch_create_attendee(
        self, meeting: MeetingAnswer, attendees: Sequence[AttendeeInput]
    ) -> AttendeesAnswer:
        """Create attendees. Those that exist already are returned unchanged."""
        arguments = {"MeetingId": meeting.meeting_id, "Attendees": [a.wire() for a in attendees]}
        return self.call("BatchCreateAttendee", meeting, AttendeesAnswer, **arguments)

    def delete_attendee(self, meeting: MeetingAnswer, attendee_id: str) -> None:
        """Remove an attendee."""
        attendee = {"MeetingId": meeting.meeting_id, "AttendeeId": attendee_id}
        self.call("DeleteAttendee", meeting, Answer, **attendee)

    def list_attendees(self, meeting: MeetingAnswer) -> list[AttendeeAnswer]:
        """All attendees of the meeting, without those that the service adds to record it."""
        arguments = {"MeetingId": meeting.meeting_id, "MaxResults": MAX_RESULTS}
        found: list[AttendeeAnswer] = []
        while True:
            answer = self.call("ListAttendees", meeting, AttendeesAnswer, **arguments)
            found += (
                a for a in answer.attendees if not a.external_user_id.startswith(RESERVED_PREFIX)
            )
            if not answer.next_token:
                return found
            arguments["NextToken"] = answer.next_token

    def update_attendee_capabilities(
        self, meeting: MeetingAnswer, attendee_id: str, capabilities: Mapping[str, str]
    ) -> None:
        """Change the capabilities of one attendee."""
        attendee = {"MeetingId": meeting.meeting_id, "AttendeeId": attendee_id}
        can = _wire(capabilities)
        self.call("UpdateAttendeeCapabilities", meeting, Answer, **attendee, Capabilities=can)

    def batch_update_attendee_capabilities_except(
        self, meeting: MeetingAnswer, excluded: Sequence[str], capabilities: Mapping[str, str]
    ) -> None:
        """Change the capabilities of all attendees except those with an excluded AttendeeId."""
        self.call(
            "BatchUpdateAttendeeCapabilitiesExcept",
            meeting,
            Answer,
            MeetingId=meeting.meeting_id,
            ExcludedAttendeeIds=[{"AttendeeId": i} for i in excluded],
            Capabilities=_wire(capabilities),
        )

    def start_transcription(self, meeting: MeetingAnswer, transcription: Transcription) -> None:
        """Transcribe the meeting. Only the meeting's events show whether the settings work."""
        self.call(
            "StartMeetingTranscription",
            meeting,
            Answer,
            MeetingId=meeting.meeting_id,
            TranscriptionConfiguration=transcription.wire(),
        )

    def stop_transcription(self, meeting: MeetingAnswer) -> None:
        """Stop transcribing the meeting."""
        self.call("StopMeetingTranscription", meeting, Answer, MeetingId=meeting.meeting_id)

    def gone(self, operation: str, cause: str, subject: str) -> MeetingEnded:
        """The error if the meeting, or the attendee of a call, is not found."""
        of_one = operation in ("DeleteAttendee", "UpdateAttendeeCapabilities")
        also = ", or the attendee is gone" if of_one else ""
        cause, remedy = f"the meeting has ended{also} ({cause})", "run `pulumi up --refresh`"
        return MeetingEnded(operation, cause, f"{remedy}, which creates its replacement", subject)


def _wire(capabilities: Mapping[str, str]) -> dict[str, str]:
    return {medium.capitalize(): value for medium, value in capabilities.items()}
