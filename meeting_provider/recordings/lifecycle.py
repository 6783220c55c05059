"""Create, read, update and delete the recording of a meeting. No pulumi and no boto3 here.

Properties are Pulumi's, in snake_case: the declared ones, and `media_pipeline_id`,
`media_pipeline_arn` and, with a concatenation, `concatenation_pipeline_id` and
`concatenation_pipeline_arn`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import tenacity

from meeting_provider.errors import RecordingEnded, ServiceError
from meeting_provider.recordings.models import ENDED, STOPPED, RecordingInput

if TYPE_CHECKING:
    from meeting_provider.recordings.pipelines import MediaPipelines

Properties = dict[str, Any]

#: How long a delete waits for the recording's end, in seconds.
END_SECONDS: Final = 60.0


class RecordingLifecycle:
    """Creates, reads, updates and deletes recordings. A method that fails raises a ServiceError.

    :param pipelines: returns the client of a region and a profile, or None for the default.
    """

    def __init__(self, pipelines: Callable[[str, str | None], MediaPipelines]) -> None:
        self._pipelines = pipelines

    def create(self, declared: RecordingInput) -> Properties:
        """Start recording. A create that fails ends its recording.

        :raises RecordingEnded: the meeting doesn't exist, or has ended.
        """
        client = self._pipelines(declared.control_region, declared.profile)
        pipelines = client.bounded()
        subject = f"recording of {declared.source_arn}"
        token = declared.client_request_token or secrets.token_hex(32)
        request = declared.capture_request()
        capture = pipelines.create_capture(subject, {"ClientRequestToken": token, **request})
        made = {
            **declared.properties(),
            "media_pipeline_id": capture.media_pipeline_id,
            "media_pipeline_arn": capture.media_pipeline_arn,
        }
        if declared.concatenation_sink_arn is None:
            return made
        request = declared.concatenation_request(capture.media_pipeline_arn)
        try:
            files = pipelines.create_concatenation(
                subject, {"ClientRequestToken": secrets.token_hex(32), **request}
            )
        except BaseException:
            # A failure to delete must not hide the failure that led here.
            with suppress(ServiceError):
                client.delete_capture(subject, capture.media_pipeline_id)
            raise
        return made | {
            "concatenation_pipeline_id": files.media_pipeline_id,
            "concatenation_pipeline_arn": files.media_pipeline_arn,
        }

    def read(self, outputs: Mapping[str, Any]) -> Properties | None:
        """The recording as it is now, with its present tags as declared; None if it has ended."""
        pipelines, subject = self._known(outputs)
        try:
            found = pipelines.get_capture(subject, outputs["media_pipeline_id"])
            if found.status in ENDED:
                return None
            tags = pipelines.list_tags(subject, found.media_pipeline_arn)
        except RecordingEnded:
            return None
        if tags == (outputs.get("tags") or {}):
            return dict(outputs)
        return {**outputs, "tags": tags}

    def find(self, pipeline_id: str, region: str) -> Properties | None:
        """An existing recording to import, with a matching declaration.

        No call returns the client request token and the concatenation.

        :returns: None if the region has no such recording, or it has ended.
        """
        pipelines = self._of(region, None)
        try:
            found = pipelines.get_capture(f"recording {pipeline_id}", pipeline_id)
        except RecordingEnded:
            return None
        outputs = {
            **found.declared(),
            "control_region": region,
            "media_pipeline_id": found.media_pipeline_id,
            "media_pipeline_arn": found.media_pipeline_arn,
        }
        return self.read(outputs)

    def update(self, outputs: Mapping[str, Any], declared: RecordingInput) -> Properties:
        """Change the tags. Nothing else can change in place.

        :raises RecordingEnded: it is gone.
        """
        pipelines, subject = self._known(outputs)
        tags, wanted = outputs.get("tags") or {}, declared.tags or {}
        pipelines.retag(subject, outputs["media_pipeline_arn"], tags, wanted)
        kept = {n: v for n, v in outputs.items() if n not in RecordingInput.model_fields}
        return declared.properties() | kept

    def delete(self, outputs: Mapping[str, Any]) -> None:
        """End the recording, unless it has ended. The concatenation runs afterwards."""
        pipelines, subject = self._known(outputs)
        with suppress(RecordingEnded):
            pipelines.delete_capture(subject, outputs["media_pipeline_id"])
            self._wait_for_end(pipelines, subject, outputs["media_pipeline_id"])

    @tenacity.retry(
        retry=tenacity.retry_if_result(lambda status: status not in STOPPED),
        wait=tenacity.wait_fixed(1),
        stop=tenacity.stop_after_delay(END_SECONDS),
        retry_error_callback=lambda _: None,
    )
    def _wait_for_end(self, pipelines: MediaPipelines, subject: str, pipeline_id: str) -> str:
        """Wait, because a meeting can't have another recording before this one has ended."""
        return pipelines.get_capture(subject, pipeline_id).status

    def _known(self, outputs: Mapping[str, Any]) -> tuple[MediaPipelines, str]:
        pipelines = self._of(outputs["control_region"], outputs.get("profile"))
        return pipelines, f"recording of {outputs['source_arn']}"

    def _of(self, region: str, profile: str | None) -> MediaPipelines:
        return self._pipelines(region, profile).bounded()
