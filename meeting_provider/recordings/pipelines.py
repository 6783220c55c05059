"""The Chime SDK Media Pipelines API: the operations that a recording needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from meeting_provider.calls import ServiceCalls
from meeting_provider.errors import RecordingEnded, ServiceError
from meeting_provider.recordings.models import PipelineAnswer
from meeting_provider.shapes import Answer


class CaptureAnswer(Answer):
    """The response of CreateMediaCapturePipeline and GetMediaCapturePipeline."""

    media_capture_pipeline: PipelineAnswer


class ConcatenationAnswer(Answer):
    """The response of CreateMediaConcatenationPipeline."""

    media_concatenation_pipeline: PipelineAnswer


class MediaPipelines(ServiceCalls):
    """The media pipelines of one account in one region. One instance serves all threads.

    Every method raises a ServiceError if its call fails: RecordingEnded if the service doesn't find
    the pipeline, or the meeting of a create.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_Operations_Amazon_Chime_SDK_Media_Pipelines.html
    """

    service: ClassVar[str] = "chime-sdk-media-pipelines"
    roles: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("CreateMediaCapturePipeline", "CreateMediaConcatenationPipeline"),
        ("AWSServiceRoleForAmazonChimeSDKMediaPipelines", "mediapipelines.chime.amazonaws.com"),
    )

    def create_capture(self, subject: str, request: Mapping[str, Any]) -> PipelineAnswer:
        """Start recording a meeting."""
        answer = self.call("CreateMediaCapturePipeline", subject, CaptureAnswer, **request)
        return answer.media_capture_pipeline

    def create_concatenation(self, subject: str, request: Mapping[str, Any]) -> PipelineAnswer:
        """Concatenate the files of a recording after it has ended."""
        operation = "CreateMediaConcatenationPipeline"
        return self.call(
            operation, subject, ConcatenationAnswer, **request
        ).media_concatenation_pipeline

    def get_capture(self, subject: str, pipeline_id: str) -> PipelineAnswer:
        """The pipeline as it is now."""
        operation = "GetMediaCapturePipeline"
        answer = self.call(operation, subject, CaptureAnswer, MediaPipelineId=pipeline_id)
        return answer.media_capture_pipeline

    def delete_capture(self, subject: str, pipeline_id: str) -> None:
        """End a recording. Its files stay."""
        operation = "DeleteMediaCapturePipeline"
        self.call(operation, subject, Answer, MediaPipelineId=pipeline_id)

    def gone(self, operation: str, cause: str, subject: str) -> ServiceError:
        """The error if the pipeline, or the meeting of a create, is not found."""
        remedy = "run `pulumi up --refresh`, which records the replacement"
        return RecordingEnded(operation, cause, remedy, subject)
