"""The requests and responses of the Chime SDK Meetings API, with their limits.

The limits are those of the service's own model (chime-sdk-meetings, 2021-07-15) and of its API
reference, https://docs.aws.amazon.com/chime-sdk/latest/APIReference/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from meeting_provider.shapes import (
    Answer,
    Argument,
    Arn,
    ClientRequestToken,
    ExternalId,
    Shape,
    arguments,
    declared_by,
    doc,
    in_snake_case,
    not_reserved,
    tag_list,
    text,
)
from meeting_provider.transcription import Transcription

MAX_ATTENDEES: Final = 250
MAX_ATTENDEES_AT_CREATE: Final = 20
MAX_ATTENDEES_A_BATCH: Final = 100
MAX_RESULTS: Final = 100
MAX_TAGS: Final = 50
MAX_ATTENDEES_IN_HIGH_RESOLUTION: Final = 25
GOVCLOUD_PREFIX: Final = "us-gov-"

#: The regions with an endpoint of the API: where meetings are created and notifications are sent.
CONTROL_REGIONS: Final = (
    "af-south-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1",
    "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-west-2", "il-central-1", "us-east-1",
    "us-west-2", "us-gov-east-1", "us-gov-west-1",
)  # fmt: skip

#: Where a meeting's media is hosted: the documentation of MediaRegion lists them.
MediaRegion = Literal[
    "af-south-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1",
    "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-south-1", "eu-west-1",
    "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
    "us-gov-east-1", "us-gov-west-1",
]  # fmt: skip
MEDIA_REGIONS: Final[tuple[str, ...]] = get_args(MediaRegion)

#: What an attendee may do with one medium.
MediaCapability = Literal["SendReceive", "Send", "Receive", "None"]


def default_media_region(control_region: str) -> str:
    """The control region if it can host media, else us-east-1."""
    return control_region if control_region in MEDIA_REGIONS else "us-east-1"


_TENANT_CHARACTERS: Final = r"^(?!.*?(.)\1{3})[-_!@#$a-zA-Z0-9]*\Z"
_KEY_CHARACTERS: Final = r"^[a-zA-Z+-=._:/]+\Z"
_VALUE_CHARACTERS: Final = r"(?a)^[\s\w+-=.:/@]*\Z"


PrimaryMeetingId = Annotated[str, text(2, 64)]
TenantIds = Annotated[list[Annotated[str, text(2, 256, _TENANT_CHARACTERS)]], text(1, 5)]
TagKey = Annotated[str, text(1, 128, _KEY_CHARACTERS), AfterValidator(not_reserved)]
TagValue = Annotated[str, Field(max_length=256, pattern=_VALUE_CHARACTERS)]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=MAX_TAGS)]


class Capabilities(Shape):
    """What an attendee may do (AttendeeCapabilities). The service requires all three or none."""

    audio: MediaCapability
    video: MediaCapability
    content: MediaCapability


class AttendeeInput(Shape):
    """An attendee. The API no longer takes the tags: they are kept in the state."""

    external_user_id: ExternalId
    capabilities: Capabilities | None = None
    tags: Tags | None = None

    def wire(self) -> dict[str, Any]:
        """The CreateAttendeeRequestItem of this attendee."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"tags"})

    def properties(self) -> dict[str, Any]:
        """What the mapping of attendees has under this attendee's external_user_id."""
        return {k: v for k, v in super().properties().items() if k != "external_user_id"}


class NotificationsConfiguration(Shape):
    """The targets of the meeting's events, in its control region. No call returns them."""

    lambda_function_arn: Arn | None = None
    sns_topic_arn: Arn | None = None
    sqs_queue_arn: Arn | None = None


class AudioFeatures(Shape):
    """Audio features of a meeting."""

    echo_reduction: Literal["AVAILABLE", "UNAVAILABLE"] | None = None


class VideoFeatures(Shape):
    """The highest resolution of cameras. `None` turns video off."""

    max_resolution: Literal["None", "HD", "FHD"] | None = None


class ContentFeatures(Shape):
    """The highest resolution of shared screens. `None` turns content off."""

    max_resolution: Literal["None", "FHD", "UHD"] | None = None


class AttendeeFeatures(Shape):
    """How many attendees the meeting may have."""

    max_count: Annotated[int, Field(ge=1, le=MAX_ATTENDEES, strict=True)] | None = None


class MeetingFeatures(Shape):
    """What the meeting offers to all its attendees (MeetingFeaturesConfiguration)."""

    audio: AudioFeatures | None = None
    video: VideoFeatures | None = None
    content: ContentFeatures | None = None
    attendee: AttendeeFeatures | None = None


class MeetingInput(Shape):
    """An Amazon Chime SDK meeting with its attendees.

    The service ends a meeting after five minutes with nobody connected, and any meeting after 24
    hours. The next update detects this, and creates a replacement with a new id and new tokens.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_CreateMeetingWithAttendees.html
    """

    attendees: Annotated[
        list[AttendeeInput],
        text(1, MAX_ATTENDEES),
        Argument.IN_PLACE,
        doc("The attendees by external user id."),
    ]
    external_meeting_id: Annotated[
        ExternalId, doc("The meeting's name; by default the resource's name.")
    ]
    media_region: Annotated[
        MediaRegion,
        doc(
            "The region that hosts media; by default the control region if it can, else us-east-1."
        ),
    ]
    client_request_token: Annotated[
        ClientRequestToken | None,
        doc("Random by default. Set one only if another program has to find the meeting by it."),
    ] = None
    meeting_host_id: Annotated[ExternalId | None, doc("Reserved by the service.")] = None
    media_placement_network_type: Literal["Ipv4Only", "DualStack"] | None = None
    meeting_features: MeetingFeatures | None = None
    notifications_configuration: NotificationsConfiguration | None = None
    primary_meeting_id: Annotated[
        PrimaryMeetingId | None, doc("The meeting to replicate: the id of the primary.")
    ] = None
    tags: Annotated[Tags | None, Argument.IN_PLACE] = None
    transcription: Annotated[
        Transcription | None,
        Argument.IN_PLACE,
        Argument.SETTING,
        doc("Live transcription. No call returns it, so drift can't be detected."),
    ] = None
    tenant_ids: TenantIds | None = None
    ignore_undeclared_attendees: Annotated[
        bool,
        Field(strict=True),
        Argument.IN_PLACE,
        Argument.SETTING,
        doc("Keep attendees that other programs add. By default the next update removes them."),
    ] = False
    control_region: Annotated[
        str,
        Argument.SETTING,
        doc("The region whose endpoint the calls go to; by default the provider's or AWS's own."),
    ]
    profile: Annotated[
        Annotated[str, Field(min_length=1)] | None,
        Argument.SETTING,
        doc("The profile of AWS's own configuration that calls are signed with."),
    ] = None

    def properties(self) -> dict[str, Any]:
        """The meeting as Pulumi properties, its attendees as a mapping by external_user_id."""
        attendees = {a.external_user_id: a.properties() for a in self.attendees}
        return {**super().properties(), "attendees": attendees}

    def create_request(self) -> dict[str, Any]:
        """The CreateMeetingWithAttendees request, without Attendees and ClientRequestToken."""
        settings = arguments(MeetingInput, Argument.SETTING)
        excluded = {"attendees", "tags", "client_request_token", *settings}
        request = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=excluded)
        return request | ({"Tags": tag_list(self.tags)} if self.tags else {})


class EmptiedMeeting(MeetingInput):
    """An existing meeting that has lost all its attendees. A create needs at least one."""

    attendees: Annotated[list[AttendeeInput], Field(max_length=0)]


def _is_forbidden(medium: str, meeting_features: object) -> bool:
    feature = meeting_features.get(medium) if isinstance(meeting_features, Mapping) else None
    return isinstance(feature, Mapping) and feature.get("max_resolution") == "None"


def default_capabilities(meeting_features: object) -> dict[str, str]:
    """The capabilities that the service gives an attendee that declares none.

    :param meeting_features: the meeting's, as Pulumi properties. Any value may be unknown.

    Source: AttendeeCapabilities of the API reference. Receiving content requires receiving video,
    so an attendee can receive video even if only video is turned off.
    """
    no_video, no_content = (_is_forbidden(m, meeting_features) for m in ("video", "content"))
    video = ("None" if no_content else "Receive") if no_video else "SendReceive"
    content = "None" if no_content else "SendReceive"
    return {"audio": "SendReceive", "video": video, "content": content}


def can_be_set(capabilities: object, meeting_features: object) -> bool:
    """Whether a call can set these capabilities, as far as they are known.

    In a meeting with content and without video, no call can set the default capabilities.
    """
    if not isinstance(capabilities, Mapping):
        return False
    return not _is_forbidden("video", meeting_features) or capabilities["video"] == "None"


class MediaPlacement(Answer):
    """The URLs that a client connects to. The TURN and screen URLs are deprecated."""

    audio_host_url: str | None = None
    audio_fallback_url: str | None = None
    signaling_url: str | None = None
    turn_control_url: str | None = None
    screen_data_url: str | None = None
    screen_viewing_url: str | None = None
    screen_sharing_url: str | None = None
    event_ingestion_url: str | None = None


class MeetingAnswer(Answer):
    """A meeting as the service has it."""

    meeting_id: str
    meeting_arn: str | None = None
    external_meeting_id: str | None = None
    media_region: str | None = None
    media_placement: MediaPlacement = MediaPlacement()

    def declared(self) -> dict[str, Any]:
        """The arguments of a meeting that the response contains, as Pulumi properties."""
        return declared_by(self.wire(), MeetingInput)

    def __str__(self) -> str:
        name = f"{self.external_meeting_id or ''} ({self.meeting_id})".strip()
        return f"meeting '{name}'"


class AttendeeAnswer(Answer):
    """An attendee as the service has it. The token is a credential, so no repr contains it."""

    external_user_id: str
    attendee_id: str
    #: Empty where the service doesn't return it.
    join_token: Annotated[str, Field(repr=False)] = ""
    #: As Pulumi properties.
    capabilities: Annotated[dict[str, str] | None, BeforeValidator(in_snake_case)] = None

    def after(self, earlier: AttendeeAnswer | None) -> AttendeeAnswer:
        """This attendee with the token of an earlier response, if this one has none."""
        if self.join_token or not earlier or earlier.attendee_id != self.attendee_id:
            return self
        return self.model_copy(update={"join_token": earlier.join_token})


class AttendeeError(Answer):
    """Why one attendee was not created (CreateAttendeeError)."""

    external_user_id: str
    error_code: str = "?"
    error_message: str = "?"


class AttendeesAnswer(Answer):
    """The attendees that a call created or listed, and those that it refused."""

    attendees: list[AttendeeAnswer] = Field(default_factory=list)
    errors: list[AttendeeError] = Field(default_factory=list)
    #: The token of the next page.
    next_token: str | None = None


class CreateAnswer(AttendeesAnswer):
    """The response of CreateMeetingWithAttendees, and, without attendees, of GetMeeting."""

    meeting: MeetingAnswer
