"""Recording: the resource that records a meeting."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
from pulumi.dynamic import Resource

from meeting_provider.provider import (
    CONFIDENTIAL,
    RecordingProvider,
    refuse_options,
    secret_arguments,
)
from meeting_provider.recordings.models import RecordingInput


class AudioArtifactsArgs(TypedDict):
    """`mux_type`: `AudioOnly`, `AudioWithActiveSpeakerVideo` or `AudioWithCompositedVideo`."""

    mux_type: pulumi.Input[str]


class MediaArtifactsArgs(TypedDict):
    """`state`: `Enabled` or `Disabled`; `mux_type`: `VideoOnly`, or `ContentOnly` for content."""

    state: pulumi.Input[str]
    mux_type: NotRequired[pulumi.Input[str]]


class ArtifactsConfigurationArgs(TypedDict):
    """What is recorded. `audio`, `video` and `content` are required; `composited_video` is not.

    `composited_video` is as in the API, in snake_case: `layout`, `resolution` and
    `grid_view_configuration`.
    """

    audio: pulumi.Input[AudioArtifactsArgs]
    video: pulumi.Input[MediaArtifactsArgs]
    content: pulumi.Input[MediaArtifactsArgs]
    composited_video: NotRequired[pulumi.Input[Mapping[str, Any]]]


class Recording(Resource, module="recording", name="Recording"):
    """A recording of a meeting, written to an S3 bucket by a media capture pipeline.

    It ends with its meeting. A refresh detects this, and the same `pulumi up` records the meeting's
    replacement. Tags change in place. If another argument changes, the recording is ended before
    another is started, because a meeting can have only one at a time.

    The account needs the role AWSServiceRoleForAmazonChimeSDKMediaPipelines, and the bucket needs a
    policy that allows the service to write: see RecordingBucket.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_media-pipelines-chime_CreateMediaCapturePipeline.html
    """

    #: The region of the calls.
    control_region: pulumi.Output[str]
    #: The ARN of the bucket, with the prefix.
    sink_arn: pulumi.Output[str]
    #: The capture pipeline's id: the same as `id`. The recorded files are in a folder of this name.
    media_pipeline_id: pulumi.Output[str]
    #: The capture pipeline's ARN.
    media_pipeline_arn: pulumi.Output[str]
    #: The id of the concatenation pipeline, which names the folder of its files; None without one.
    concatenation_pipeline_id: pulumi.Output[str | None]
    #: The ARN of the concatenation pipeline; None without one.
    concatenation_pipeline_arn: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        source_arn: pulumi.Input[str],
        sink_arn: pulumi.Input[str],
        *,
        artifacts_configuration: pulumi.Input[ArtifactsConfigurationArgs] | None = None,
        source_configuration: pulumi.Input[Mapping[str, Any]] | None = None,
        concatenation_sink_arn: pulumi.Input[str] | None = None,
        sse_aws_key_management_params: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        sink_iam_role_arn: pulumi.Input[str] | None = None,
        client_request_token: pulumi.Input[str] | None = None,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        control_region: pulumi.Input[str] | None = None,
        profile: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a recording.

        :param name: the resource's name.
        :param source_arn: the meeting's `meeting_arn`.
        :param sink_arn: the ARN of the S3 bucket; a slash and a prefix for the files may follow.
            The bucket has to be in the meeting's account and control region.
        :param artifacts_configuration: what is recorded; by default, the service records the mixed
            audio with the active speaker's video, and content.
        :param source_configuration: `selected_video_streams` with `attendee_ids` or
            `external_user_ids`: whose cameras are recorded.
        :param concatenation_sink_arn: the bucket for one file of each kind, which is written after
            the recording has ended. By default the recording stays in files of five seconds.
        :param sse_aws_key_management_params: `aws_kms_key_id` and `aws_kms_encryption_context`.
        :param sink_iam_role_arn: the role that may use that key.
        :param client_request_token: 2 to 64 characters; random for each create by default.
        :param tags: up to 200.
        :param control_region: the region of the calls; by default that of `source_arn`.
        :param profile: the profile of AWS's own configuration that the calls are signed with; by
            default the stack's `aws:profile`, else what boto3 finds.
        :param opts: Pulumi's resource options. An AWS provider is an error, as for a Meeting.
        :raises pulumi.RunError: `opts` has an AWS provider, or the id of a recording to import or
            to read.
        """
        # The region is the meeting's, so a parent's AWS provider can't contradict it.
        refuse_options("recording", name, opts, has_region=True)
        given = {n: v for n, v in locals().items() if n in RecordingInput.model_fields}
        inputs = {n: v for n, v in given.items() if v is not None}
        outputs = dict.fromkeys(n for n in Recording.__annotations__ if n not in inputs)
        properties = {**outputs, **inputs, CONFIDENTIAL: secret_arguments(inputs)}
        super().__init__(RecordingProvider(), name, properties, opts)
