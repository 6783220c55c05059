"""The request and response shapes of the Chime SDK Meetings API, each limit once.

Property names are snake_case here and PascalCase in the API; each model converts both ways. The
limits are those of the service's own model (chime-sdk-meetings, 2021-07-15) and of its API
reference, https://docs.aws.amazon.com/chime-sdk/latest/APIReference/.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal, to_snake
from pydantic_core import PydanticCustomError

MAX_ATTENDEES: Final = 250
MAX_ATTENDEES_AT_CREATE: Final = 20
MAX_ATTENDEES_A_BATCH: Final = 100
MAX_RESULTS: Final = 100
MAX_TAGS: Final = 50
MAX_ATTENDEES_IN_HIGH_RESOLUTION: Final = 25
RESERVED_PREFIX: Final = "aws:"

#: The regions with an endpoint of the API: where meetings are created and notifications are sent.
CONTROL_REGIONS: Final = (
    "af-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-2",
    "il-central-1",
    "us-east-1",
    "us-west-2",
    "us-gov-east-1",
    "us-gov-west-1",
)
GOVCLOUD_PREFIX: Final = "us-gov-"


class MediaRegion(StrEnum):
    """Where a meeting's media is hosted.

    Source: the documentation of MediaRegion in CreateMeetingWithAttendees.
    """

    AF_SOUTH_1 = "af-south-1"
    AP_NORTHEAST_1 = "ap-northeast-1"
    AP_NORTHEAST_2 = "ap-northeast-2"
    AP_SOUTH_1 = "ap-south-1"
    AP_SOUTHEAST_1 = "ap-southeast-1"
    AP_SOUTHEAST_2 = "ap-southeast-2"
    CA_CENTRAL_1 = "ca-central-1"
    EU_CENTRAL_1 = "eu-central-1"
    EU_NORTH_1 = "eu-north-1"
    EU_SOUTH_1 = "eu-south-1"
    EU_WEST_1 = "eu-west-1"
    EU_WEST_2 = "eu-west-2"
    EU_WEST_3 = "eu-west-3"
    SA_EAST_1 = "sa-east-1"
    US_EAST_1 = "us-east-1"
    US_EAST_2 = "us-east-2"
    US_WEST_1 = "us-west-1"
    US_WEST_2 = "us-west-2"
    US_GOV_EAST_1 = "us-gov-east-1"
    US_GOV_WEST_1 = "us-gov-west-1"


def default_media_region(control_region: str) -> str:
    """The control region itself where media can be hosted there, and us-east-1 where it can't."""
    return control_region if control_region in set(MediaRegion) else MediaRegion.US_EAST_1.value


class MediaCapability(StrEnum):
    """What an attendee may do with one kind of media."""

    SEND_RECEIVE = "SendReceive"
    SEND = "Send"
    RECEIVE = "Receive"
    NONE = "None"


class FeatureStatus(StrEnum):
    """Whether a feature is there."""

    AVAILABLE = "AVAILABLE"
    UNAVAILABLE = "UNAVAILABLE"


class VideoResolution(StrEnum):
    """The most that cameras may send. `None` forbids video."""

    NONE = "None"
    HD = "HD"
    FHD = "FHD"


class ContentResolution(StrEnum):
    """The most that screen shares may send. `None` forbids content."""

    NONE = "None"
    FHD = "FHD"
    UHD = "UHD"


class NetworkType(StrEnum):
    """Which protocols the media placement's hosts speak."""

    IPV4_ONLY = "Ipv4Only"
    DUAL_STACK = "DualStack"


def _not_reserved(value: str) -> str:
    if value.lower().startswith(RESERVED_PREFIX):
        raise PydanticCustomError("reserved", "uses the reserved prefix 'aws:'")
    return value


# The service's patterns know ASCII alone: `\s` and `\w` have none of Unicode's spaces and letters.
_ID_CHARACTERS: Final = r"""(?a)^[-_&@+=,(){}\[\]/«».:|'"#a-zA-Z0-9À-ÿ\s]*\Z"""

ExternalId = Annotated[
    str, Field(min_length=2, max_length=64, pattern=_ID_CHARACTERS), AfterValidator(_not_reserved)
]
ClientRequestToken = Annotated[
    str, Field(min_length=2, max_length=64, pattern=r"^[-_a-zA-Z0-9]*\Z")
]
PrimaryMeetingId = Annotated[str, Field(min_length=2, max_length=64)]
TenantId = Annotated[
    str, Field(min_length=2, max_length=256, pattern=r"^(?!.*?(.)\1{3})[-_!@#$a-zA-Z0-9]*\Z")
]
Arn = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^arn[/:\-_.a-zA-Z0-9]+\Z")]
TagKey = Annotated[
    str,
    Field(min_length=1, max_length=128, pattern=r"^[a-zA-Z+-=._:/]+\Z"),
    AfterValidator(_not_reserved),
]
TagValue = Annotated[str, Field(max_length=256, pattern=r"(?a)^[\s\w+-=.:/@]*\Z")]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=MAX_TAGS)]


class Shape(BaseModel):
    """What a program declares: nothing beyond the known properties is let through."""

    model_config = ConfigDict(
        alias_generator=to_pascal,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
        hide_input_in_errors=True,
    )

    def wire(self) -> dict[str, Any]:
        """The request as the API takes it: PascalCase, nothing that is unset."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def properties(self) -> dict[str, Any]:
        """The same as Pulumi properties: snake_case, just what was set."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)


class Capabilities(Shape):
    """What an attendee may do; by default all that the meeting offers. All three or none.

    Source: AttendeeCapabilities of the API reference.
    """

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
    """The targets of the meeting's events, in its control region. No FIFO topic or queue.

    No call returns them, so drift can't be detected.
    """

    lambda_function_arn: Arn | None = None
    sns_topic_arn: Arn | None = None
    sqs_queue_arn: Arn | None = None


class AudioFeatures(Shape):
    """Audio features of a meeting."""

    echo_reduction: FeatureStatus | None = None


class VideoFeatures(Shape):
    """Video features of a meeting."""

    max_resolution: VideoResolution | None = None


class ContentFeatures(Shape):
    """Screen-share features of a meeting."""

    max_resolution: ContentResolution | None = None


class AttendeeFeatures(Shape):
    """How many may be in the meeting at once."""

    max_count: Annotated[int, Field(ge=1, le=MAX_ATTENDEES, strict=True)] | None = None


class MeetingFeatures(Shape):
    """What the meeting offers to all its attendees.

    Source: MeetingFeaturesConfiguration of the API reference.
    """

    audio: AudioFeatures | None = None
    video: VideoFeatures | None = None
    content: ContentFeatures | None = None
    attendee: AttendeeFeatures | None = None


class Argument(Enum):
    """What the provider does with an argument of a meeting: metadata of the model's field."""

    #: A change creates a new meeting, since no call changes it. Without this, it is made in place.
    CREATE_ONLY = "create only"
    #: The provider's own: CreateMeetingWithAttendees has no such parameter.
    SETTING = "setting"


class MeetingInput(Shape):
    """An Amazon Chime SDK meeting with its attendees.

    The service ends a meeting that nobody is connected to for five minutes, and any meeting after
    24 hours. The next update notices that, and creates its successor with a new id and new tokens.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_CreateMeetingWithAttendees.html
    """

    attendees: Annotated[
        list[AttendeeInput],
        Field(
            min_length=1, max_length=MAX_ATTENDEES, description="The attendees by external user id."
        ),
    ]
    external_meeting_id: Annotated[
        ExternalId,
        Argument.CREATE_ONLY,
        Field(description="The meeting's own name; by default the resource's name."),
    ]
    media_region: Annotated[
        MediaRegion,
        Argument.CREATE_ONLY,
        Field(
            description="Where the media is hosted; by default the control region where media can "
            "be hosted there, and else us-east-1."
        ),
    ]
    client_request_token: Annotated[
        ClientRequestToken | None,
        Argument.CREATE_ONLY,
        Field(
            description="Random for each create by default. Set one only where another program has "
            "to find the meeting by it."
        ),
    ] = None
    meeting_host_id: Annotated[
        ExternalId | None, Argument.CREATE_ONLY, Field(description="Reserved by the service.")
    ] = None
    media_placement_network_type: Annotated[NetworkType | None, Argument.CREATE_ONLY] = None
    meeting_features: Annotated[MeetingFeatures | None, Argument.CREATE_ONLY] = None
    notifications_configuration: Annotated[
        NotificationsConfiguration | None, Argument.CREATE_ONLY
    ] = None
    primary_meeting_id: Annotated[
        PrimaryMeetingId | None,
        Argument.CREATE_ONLY,
        Field(description="The meeting to replicate: the id of the primary."),
    ] = None
    tags: Tags | None = None
    tenant_ids: Annotated[
        Annotated[list[TenantId], Field(min_length=1, max_length=5)] | None, Argument.CREATE_ONLY
    ] = None
    ignore_undeclared_attendees: Annotated[
        bool,
        Argument.SETTING,
        Field(
            strict=True,
            description="Leave alone the attendees that others add to the meeting. By default the "
            "next update removes them.",
        ),
    ] = False
    control_region: Annotated[
        str,
        Argument.CREATE_ONLY,
        Argument.SETTING,
        Field(
            description="The region of the endpoint that creates the meeting; by default that of "
            "the stack, the environment or the profile."
        ),
    ]
    profile: Annotated[
        Annotated[str, Field(min_length=1)] | None,
        Argument.CREATE_ONLY,
        Argument.SETTING,
        Field(
            description="The profile of AWS's own configuration that the calls are signed with; by "
            "default that of the stack, else what the AWS SDK finds."
        ),
    ] = None

    def properties(self) -> dict[str, Any]:
        """The meeting as Pulumi properties, its attendees as a mapping by external_user_id."""
        attendees = {a.external_user_id: a.properties() for a in self.attendees}
        return {**super().properties(), "attendees": attendees}

    def create_only(self) -> dict[str, Any]:
        """The parameters that only a new meeting can have, but for ClientRequestToken."""
        excluded = {"attendees", "tags", "client_request_token", *arguments(Argument.SETTING)}
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=excluded)

    def create_request(self) -> dict[str, Any]:
        """The request of CreateMeetingWithAttendees, but for Attendees and ClientRequestToken."""
        return self.create_only() | ({"Tags": tag_list(self.tags)} if self.tags else {})


class EmptiedMeeting(MeetingInput):
    """A meeting that lost all its attendees: none can be created so, but one can be left so."""

    attendees: Annotated[list[AttendeeInput], Field(max_length=0)]


def arguments(kind: Argument) -> tuple[str, ...]:
    """The arguments of a meeting whose field has this metadata."""
    return tuple(n for n, field in MeetingInput.model_fields.items() if kind in field.metadata)


def default_capabilities(meeting_features: Mapping[str, Any] | None) -> dict[str, str]:
    """What the service gives an attendee that declares no capabilities.

    Source: AttendeeCapabilities of the API reference. To receive content takes receiving video,
    so where video alone is forbidden it is received all the same.
    """
    features = meeting_features or {}
    no_video, no_content = (
        isinstance(f := features.get(kind), Mapping) and f.get("max_resolution") == "None"
        for kind in ("video", "content")
    )
    everything, nothing = MediaCapability.SEND_RECEIVE.value, MediaCapability.NONE.value
    without_video = nothing if no_content else MediaCapability.RECEIVE.value
    return {
        "audio": everything,
        "video": without_video if no_video else everything,
        "content": nothing if no_content else everything,
    }


def can_be_set(capabilities: Mapping[str, str], meeting_features: Mapping[str, Any] | None) -> bool:
    """Whether a call can set these of the service's defaults.

    In a meeting without video but with content, no call can set what a new attendee gets.

    Source: AttendeeCapabilities of the API reference.
    """
    video = (meeting_features or {}).get("video")
    is_forbidden = isinstance(video, Mapping) and video.get("max_resolution") == "None"
    return not is_forbidden or capabilities["video"] == MediaCapability.NONE


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class Answer(BaseModel):
    """What the service answers. Unknown fields are kept: the clients that join may know them."""

    model_config = ConfigDict(
        alias_generator=to_pascal,
        validate_by_name=True,
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,
    )

    def wire(self) -> dict[str, Any]:
        """The answer as AWS's own clients take it: PascalCase, no nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class MediaPlacement(Answer):
    """The URLs that a client connects to. Those of turn and of screens are deprecated."""

    audio_host_url: str | None = None
    audio_fallback_url: str | None = None
    signaling_url: str | None = None
    turn_control_url: str | None = None
    screen_data_url: str | None = None
    screen_viewing_url: str | None = None
    screen_sharing_url: str | None = None
    event_ingestion_url: str | None = None


class MeetingAnswer(Answer):
    """A meeting as the service has it.

    Source: Meeting of the API reference.
    """

    meeting_id: str
    meeting_arn: str | None = None
    external_meeting_id: str | None = None
    meeting_host_id: str | None = None
    media_region: str | None = None
    media_placement: MediaPlacement = MediaPlacement()
    primary_meeting_id: str | None = None

    def declared(self) -> dict[str, Any]:
        """The arguments of a meeting that the answer tells, as Pulumi properties."""
        answered = self.wire()
        named = {
            n: answered.get(field.alias or n) for n, field in MeetingInput.model_fields.items()
        }
        return {n: _in_snake_case(v) for n, v in named.items() if v}


def _in_snake_case(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {to_snake(n): _in_snake_case(v) for n, v in value.items()}
    return value


class AnsweredCapabilities(Answer):
    """What an attendee may do, as the service says it: unknown values are let through."""

    audio: str
    video: str
    content: str

    def properties(self) -> dict[str, str]:
        """The capabilities as Pulumi properties."""
        return {"audio": self.audio, "video": self.video, "content": self.content}


class AttendeeAnswer(Answer):
    """An attendee as the service has it. The token is a credential: it never shows in a repr.

    Source: Attendee of the API reference.
    """

    external_user_id: str
    attendee_id: str
    join_token: Annotated[str | None, Field(repr=False)] = None
    capabilities: AnsweredCapabilities | None = None


class AttendeeError(Answer):
    """Why one attendee was not made.

    Source: CreateAttendeeError of the API reference.
    """

    external_user_id: str
    error_code: str | None = None
    error_message: str | None = None


class AttendeesAnswer(Answer):
    """The attendees that a call made, and those that it did not."""

    attendees: list[AttendeeAnswer] = []
    errors: list[AttendeeError] = []


class CreateAnswer(AttendeesAnswer):
    """What CreateMeetingWithAttendees answers."""

    meeting: MeetingAnswer


class FoundAnswer(Answer):
    """What GetMeeting answers."""

    meeting: MeetingAnswer
