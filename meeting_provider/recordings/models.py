"""The model of a recording, with the limits of CreateMediaCapturePipeline.

The limits are those of the service's own model (chime-sdk-media-pipelines, 2021-07-15).
Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_media-pipelines-chime_CreateMediaCapturePipeline.html
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from meeting_provider.shapes import (
    Answer,
    Argument,
    Arn,
    ClientRequestToken,
    ExternalId,
    Shape,
    declared_by,
    doc,
    not_reserved,
    tag_list,
    text,
)

MAX_TAGS: Final = 200

State = Literal["Enabled", "Disabled"]
Tags = Annotated[
    dict[
        Annotated[str, text(1, 128), AfterValidator(not_reserved)],
        Annotated[str, Field(max_length=256)],
    ],
    Field(max_length=MAX_TAGS),
]
_AttendeeId = Annotated[
    str,
    text(36, 36, r"^[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}\Z"),
]
_Ratio = Annotated[str, Field(pattern=r"^\d{1,2}/\d{1,2}\Z")]
_Pixels = Annotated[int, Field(ge=1, le=20, strict=True)]
_Tiles = Annotated[int, Field(ge=1, le=10, strict=True)]
_KmsText = Annotated[str, text(1, 4096)]

#: The states of a pipeline that has ended, and of one that has ended or is stopping.
STOPPED: Final = frozenset({"Stopped", "Failed"})
ENDED: Final = STOPPED | {"Stopping"}


class SelectedVideoStreams(Shape):
    """The attendees whose cameras are recorded: one of the two lists."""

    attendee_ids: Annotated[list[_AttendeeId], Field(min_length=1)] | None = None
    external_user_ids: Annotated[list[ExternalId], Field(min_length=1)] | None = None


class SourceConfiguration(Shape):
    """Which attendees are recorded."""

    selected_video_streams: SelectedVideoStreams | None = None


class AudioArtifacts(Shape):
    """The recorded audio, alone or with video in the same file."""

    mux_type: Literal["AudioOnly", "AudioWithActiveSpeakerVideo", "AudioWithCompositedVideo"]


class VideoArtifacts(Shape):
    """Whether the cameras are recorded, a file for each."""

    state: State
    mux_type: Literal["VideoOnly"] | None = None


class ContentArtifacts(Shape):
    """Whether screen shares are recorded."""

    state: State
    mux_type: Literal["ContentOnly"] | None = None


class PresenterOnlyConfiguration(Shape):
    """Where the presenter's tile is."""

    presenter_position: Literal["TopLeft", "TopRight", "BottomLeft", "BottomRight"] | None = None


class ActiveSpeakerOnlyConfiguration(Shape):
    """Where the active speaker's tile is."""

    active_speaker_position: Literal["TopLeft", "TopRight", "BottomLeft", "BottomRight"] | None = (
        None
    )


class HorizontalLayoutConfiguration(Shape):
    """A row of tiles above or below the shared screen."""

    tile_order: Literal["JoinSequence", "SpeakerSequence"] | None = None
    tile_position: Literal["Top", "Bottom"] | None = None
    tile_count: _Tiles | None = None
    tile_aspect_ratio: _Ratio | None = None


class VerticalLayoutConfiguration(Shape):
    """A column of tiles beside the shared screen."""

    tile_order: Literal["JoinSequence", "SpeakerSequence"] | None = None
    tile_position: Literal["Left", "Right"] | None = None
    tile_count: _Tiles | None = None
    tile_aspect_ratio: _Ratio | None = None


class VideoAttribute(Shape):
    """How a tile is drawn. Radius and thickness are in pixels, 1 to 20."""

    corner_radius: _Pixels | None = None
    border_color: Literal["Black", "Blue", "Red", "Green", "White", "Yellow"] | None = None
    highlight_color: Literal["Black", "Blue", "Red", "Green", "White", "Yellow"] | None = None
    border_thickness: _Pixels | None = None


class GridViewConfiguration(Shape):
    """How tiles and shared screen are laid out."""

    content_share_layout: Literal["PresenterOnly", "Horizontal", "Vertical", "ActiveSpeakerOnly"]
    presenter_only_configuration: PresenterOnlyConfiguration | None = None
    active_speaker_only_configuration: ActiveSpeakerOnlyConfiguration | None = None
    horizontal_layout_configuration: HorizontalLayoutConfiguration | None = None
    vertical_layout_configuration: VerticalLayoutConfiguration | None = None
    video_attribute: VideoAttribute | None = None
    canvas_orientation: Literal["Landscape", "Portrait"] | None = None


class CompositedVideo(Shape):
    """All cameras and the shared screen in one video."""

    layout: Literal["GridView"] | None = None
    resolution: Literal["HD", "FHD"] | None = None
    grid_view_configuration: GridViewConfiguration


class ArtifactsConfiguration(Shape):
    """What is recorded. Audio, video and content are required."""

    audio: AudioArtifacts
    video: VideoArtifacts
    content: ContentArtifacts
    composited_video: CompositedVideo | None = None


class SseAwsKeyManagementParams(Shape):
    """The KMS key that the files are encrypted with."""

    aws_kms_key_id: _KmsText
    aws_kms_encryption_context: _KmsText | None = None


class RecordingInput(Shape):
    """A recording of a meeting: its audio, video and content, written to an S3 bucket.

    The recording ends with its meeting. The next update detects this, and records the meeting's
    replacement. Tags change in place. If another argument changes, the recording is ended before
    another is started.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/capture-pipe-config.html
    """

    source_arn: Annotated[Arn, doc("The meeting's `meeting_arn`.")]
    sink_arn: Annotated[
        Arn,
        doc("The ARN of the S3 bucket; a slash and a prefix may follow."),
    ]
    artifacts_configuration: ArtifactsConfiguration | None = None
    source_configuration: SourceConfiguration | None = None
    concatenation_sink_arn: Annotated[
        Arn | None,
        Argument.SETTING,
        doc("The bucket for one file of each kind, written after the recording."),
    ] = None
    sse_aws_key_management_params: SseAwsKeyManagementParams | None = None
    sink_iam_role_arn: Annotated[
        Arn | None,
        doc("The role that may use the KMS key."),
    ] = None
    client_request_token: Annotated[
        ClientRequestToken | None,
        doc("Random by default."),
    ] = None
    tags: Annotated[Tags | None, Argument.IN_PLACE] = None
    control_region: Annotated[
        str,
        Argument.SETTING,
        doc("The region of the calls; by default that of `source_arn`."),
    ]
    profile: Annotated[
        Annotated[str, Field(min_length=1)] | None,
        Argument.SETTING,
        doc("The profile of AWS's own configuration that calls are signed with."),
    ] = None

    def capture_request(self) -> dict[str, Any]:
        """The CreateMediaCapturePipeline request, without ClientRequestToken."""
        own = {"control_region", "profile", "concatenation_sink_arn", "client_request_token"}
        nested = {"artifacts_configuration", "source_configuration"}
        flat = self.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude={*own, *nested, "tags"}
        )
        meeting = self.model_dump(mode="json", by_alias=True, exclude_none=True, include=nested)
        return {
            "SourceType": "ChimeSdkMeeting",
            "SinkType": "S3Bucket",
            **flat,
            **({"ChimeSdkMeetingConfiguration": meeting} if meeting else {}),
            **self._tags(),
        }

    def concatenation_request(self, media_pipeline_arn: str) -> dict[str, Any]:
        """The CreateMediaConcatenationPipeline request, without ClientRequestToken.

        It concatenates all kinds of artifacts that are recorded.
        """
        artifacts = self.artifacts_configuration
        composited = artifacts is not None and artifacts.composited_video is not None
        # Without a configuration the service also records content.
        states = {
            "Audio": "Enabled",
            "Video": artifacts.video.state if artifacts else "Disabled",
            "Content": artifacts.content.state if artifacts else "Enabled",
            "DataChannel": "Enabled",
            "TranscriptionMessages": "Enabled",
            "MeetingEvents": "Enabled",
            "CompositedVideo": "Enabled" if composited else "Disabled",
        }
        source = {
            "MediaPipelineArn": media_pipeline_arn,
            "ChimeSdkMeetingConfiguration": {
                "ArtifactsConfiguration": {n: {"State": s} for n, s in states.items()}
            },
        }
        sink = {"Destination": self.concatenation_sink_arn}
        return {
            "Sources": [
                {"Type": "MediaCapturePipeline", "MediaCapturePipelineSourceConfiguration": source}
            ],
            "Sinks": [{"Type": "S3Bucket", "S3BucketSinkConfiguration": sink}],
            **self._tags(),
        }

    def _tags(self) -> dict[str, Any]:
        return {"Tags": tag_list(self.tags)} if self.tags else {}


class PipelineAnswer(Answer):
    """A media pipeline as the service has it."""

    media_pipeline_id: str
    media_pipeline_arn: str
    status: str = "?"

    def declared(self) -> dict[str, Any]:
        """The arguments of a recording that the response contains, as Pulumi properties."""
        answered = self.wire()
        answered |= answered.pop("ChimeSdkMeetingConfiguration", {})
        return declared_by(answered, RecordingInput)
