"""A meeting and its attendees, as the emulator keeps them."""

from dataclasses import dataclass, field
from typing import Any

from . import capabilities
from .capabilities import Capabilities

IDLE_SECONDS = 5 * 60
LONGEST_SECONDS = 24 * 60 * 60

Owner = tuple[str, str]
"""The account and the control region of a meeting."""


@dataclass
class Attendee:
    """An attendee. `join_token` is a credential."""

    external_user_id: str
    attendee_id: str
    join_token: str
    capabilities: Capabilities
    connected: bool = False


@dataclass
class Meeting:
    """A meeting, alive or ended. Times are seconds since the epoch on the emulator's clock.

    :ivar request: the parameters of the create.
    :ivar original_attendee_ids: the AttendeeIds of the attendees that the same call created.
    :ivar transcription: the TranscriptionConfiguration, while it is transcribed.
    :ivar transcription_failure: why the latest transcription failed.
    """

    meeting_id: str
    account: str
    region: str
    arn: str
    request: dict[str, Any]
    media_placement: dict[str, str]
    created_at: float
    idle_since: float
    tags: dict[str, str] = field(default_factory=dict)
    attendees: dict[str, Attendee] = field(default_factory=dict)
    original_attendee_ids: list[str] = field(default_factory=list)
    transcription: dict[str, Any] | None = None
    transcription_failure: str | None = None
    ended_at: float | None = None
    end_reason: str | None = None

    @property
    def owner(self) -> Owner:
        """Account and control region."""
        return self.account, self.region

    @property
    def token(self) -> str:
        """The ClientRequestToken of the create."""
        return str(self.request["ClientRequestToken"])

    @property
    def features(self) -> dict[str, Any]:
        """Its MeetingFeatures; empty if none were requested."""
        features: dict[str, Any] = self.request.get("MeetingFeatures") or {}
        return features

    @property
    def primary_id(self) -> str | None:
        """The id of the meeting that this one replicates."""
        return self.request.get("PrimaryMeetingId")

    @property
    def connected(self) -> bool:
        """Whether anybody is in the meeting now."""
        return any(attendee.connected for attendee in self.attendees.values())

    def deadline(self) -> tuple[float, str]:
        """When it will end if nothing else happens, and why."""
        longest = self.created_at + LONGEST_SECONDS
        idle = self.idle_since + IDLE_SECONDS
        if self.connected or longest <= idle:
            return longest, "24 hours"
        return idle, "idle"

    def by_external_id(self) -> dict[str, Attendee]:
        """Its attendees by ExternalUserId."""
        return {attendee.external_user_id: attendee for attendee in self.attendees.values()}

    def room(self) -> int:
        """How many more attendees it can have."""
        return capabilities.attendee_limit(self.features) - len(self.attendees)
