"""The API operations on media pipelines: a method takes parameters and returns the response.

Each method is named after its operation. The parameters already satisfy the service model's
constraints. The methods check the rules that the service model doesn't contain. Sources of the
error messages: aws/amazon-chime-sdk-js#1558, #2100, #2182 and #2935.
"""

from datetime import UTC, datetime

from botocore import xform_name

from ...buckets import LISTING, READING, WRITING, BucketError, Buckets, folder
from .. import regions
from ..exceptions import (
    BadRequest,
    ChimeError,
    Conflict,
    Forbidden,
    LimitExceeded,
    NotFound,
    ResourceNotFound,
)
from ..meetings import Meetings
from ..models import Meeting, Owner
from ..responses import DEFAULT_PAGE, Answer, Parameters, Result, tags_of
from ..serialization import MEDIA_PIPELINES
from ..settings import (
    BucketPolicy,
    BucketRegion,
    ChangedParameters,
    EndedToken,
    MissingSource,
    ServiceRole,
    Settings,
)
from .artifacts import timestamp
from .pipelines import Kind, Pipeline, Pipelines

MAX_VIDEO_STREAMS = 25
NOT_SHOWN = ("ClientRequestToken", "Tags")
MISSING: dict[MissingSource, type[ChimeError]] = {
    MissingSource.BAD_REQUEST: BadRequest,
    MissingSource.FORBIDDEN: Forbidden,
    MissingSource.NOT_FOUND: NotFound,
}


class PipelineOperations:
    """The operations, for callers of any account and region."""

    def __init__(
        self, pipelines: Pipelines, meetings: Meetings, settings: Settings, buckets: Buckets
    ) -> None:
        self._pipelines = pipelines
        self._meetings = meetings
        self._settings = settings
        self._buckets = buckets

    def perform(self, operation: str, owner: Owner, parameters: Parameters) -> Answer:
        """Carry out the operation of that name. Raises ChimeError."""
        answer: Answer = getattr(self, xform_name(operation))(owner, parameters)
        return answer

    # Pipelines

    def create_media_capture_pipeline(self, owner: Owner, parameters: Parameters) -> Answer:
        """Capture a meeting, or return the pipeline that this ClientRequestToken created."""
        known = self._known(owner, Kind.CAPTURE, parameters)
        if known is not None:
            return self._answer(known)
        self._check_role()
        meeting = self._meeting(owner, parameters["SourceArn"])
        _check_streams(parameters)
        self._check_sink(owner, parameters["SinkArn"], meeting)
        if self._pipelines.capture_of(meeting.meeting_id) is not None:
            raise _limit_reached(parameters)
        self._check_limit(owner, _limit_reached(parameters))
        return self._answer(
            self._create(owner, Kind.CAPTURE, parameters, meeting.meeting_id), meeting
        )

    def create_media_concatenation_pipeline(self, owner: Owner, parameters: Parameters) -> Answer:
        """Concatenate a capture's artifacts, or return the pipeline that this token created."""
        known = self._known(owner, Kind.CONCATENATION, parameters)
        if known is not None:
            return self._answer(known)
        self._check_role()
        configuration = parameters["Sources"][0]["MediaCapturePipelineSourceConfiguration"]
        source = self._source(owner, configuration["MediaPipelineArn"])
        destination = parameters["Sinks"][0]["S3BucketSinkConfiguration"]["Destination"]
        self._check_sink(owner, destination, self._pipelines.meeting_of(source))
        self._check_policy(owner, source.sink.arn(source.sink.prefix), (LISTING, READING))
        self._check_limit(
            owner, LimitExceeded("Cannot create new media concatenation pipeline. Limit reached")
        )
        return self._answer(self._create(owner, Kind.CONCATENATION, parameters, source.pipeline_id))

    def get_media_capture_pipeline(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return a capture."""
        found = self._pipelines.find(owner, parameters["MediaPipelineId"], Kind.CAPTURE)
        return self._answer(found)

    def get_media_pipeline(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return a pipeline of any kind."""
        found = self._pipelines.find(owner, parameters["MediaPipelineId"])
        answer = self._answer(found)
        return Answer({"MediaPipeline": answer.result}, answer.meeting)

    def list_media_capture_pipelines(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return a page of the active captures, oldest first."""
        found = self._pipelines.active(owner, Kind.CAPTURE)
        return _page(found, parameters, "MediaCapturePipelines")

    def list_media_pipelines(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return a page of the active pipelines, oldest first.

        Source for those that have ended: aws/amazon-chime-sdk-js#2528.
        """
        return _page(self._pipelines.active(owner), parameters, "MediaPipelines")

    def delete_media_capture_pipeline(self, owner: Owner, parameters: Parameters) -> Answer:
        """Stop a capture."""
        return self._delete(owner, parameters, Kind.CAPTURE)

    def delete_media_pipeline(self, owner: Owner, parameters: Parameters) -> Answer:
        """Stop a pipeline of any kind."""
        return self._delete(owner, parameters)

    # Tags

    def list_tags_for_resource(self, owner: Owner, parameters: Parameters) -> Answer:
        """Return a pipeline's tags."""
        pipeline = self._by_arn(owner, parameters)
        tags = [{"Key": key, "Value": value} for key, value in pipeline.tags.items()]
        return Answer({"Tags": tags}, self._pipelines.meeting_of(pipeline))

    def tag_resource(self, owner: Owner, parameters: Parameters) -> Answer:
        """Add tags to a pipeline, or change their values."""
        pipeline = self._by_arn(owner, parameters)
        pipeline.tags = pipeline.tags | tags_of(parameters["Tags"])
        self._pipelines.touch(pipeline)
        return Answer({}, self._pipelines.meeting_of(pipeline))

    def untag_resource(self, owner: Owner, parameters: Parameters) -> Answer:
        """Remove tags from a pipeline. It is no error if the pipeline doesn't have them."""
        pipeline = self._by_arn(owner, parameters)
        gone = set(parameters["TagKeys"])
        pipeline.tags = {key: value for key, value in pipeline.tags.items() if key not in gone}
        self._pipelines.touch(pipeline)
        return Answer({}, self._pipelines.meeting_of(pipeline))

    # Helpers

    def _answer(self, pipeline: Pipeline, meeting: Meeting | None = None) -> Answer:
        meeting = meeting or self._pipelines.meeting_of(pipeline)
        return Answer({str(pipeline.kind): _shown(pipeline)}, meeting)

    def _create(self, owner: Owner, kind: Kind, parameters: Parameters, source_id: str) -> Pipeline:
        tags = tags_of(parameters.get("Tags") or [])
        partition = regions.control_regions(MEDIA_PIPELINES)[owner[1]]
        return self._pipelines.create(owner, partition, kind, parameters, source_id, tags)

    def _delete(self, owner: Owner, parameters: Parameters, kind: Kind | None = None) -> Answer:
        pipeline = self._pipelines.find(owner, parameters["MediaPipelineId"], kind)
        meeting = self._pipelines.meeting_of(pipeline)
        self._pipelines.delete(pipeline)
        return Answer({}, meeting)

    def _by_arn(self, owner: Owner, parameters: Parameters) -> Pipeline:
        arn = parameters["ResourceARN"]
        found = self._pipelines.any(arn.rpartition("/")[2])
        if found is None or found.arn != arn or found.owner != owner:
            raise ResourceNotFound(f"Resource {arn} not found", arn)
        return self._pipelines.find(owner, found.pipeline_id)

    def _known(self, owner: Owner, kind: Kind, parameters: Parameters) -> Pipeline | None:
        known = self._pipelines.of_token(owner, kind, parameters.get("ClientRequestToken"))
        if known is None or (known.has_ended and self._settings.ended_token is EndedToken.NEW):
            return None
        same = known.request == parameters
        if not same and self._settings.changed_parameters is ChangedParameters.CONFLICT:
            raise Conflict("The ClientRequestToken was used with other parameters")
        return known

    def _check_role(self) -> None:
        """Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/create-pipeline-role.html."""
        if self._settings.media_pipelines_role is ServiceRole.ABSENT:
            raise Forbidden(
                "The account has no service-linked role "
                "AWSServiceRoleForAmazonChimeSDKMediaPipelines"
            )

    def _meeting(self, owner: Owner, arn: str) -> Meeting:
        """The active meeting with this ARN, which may be in the older form without a region."""
        _, _, service, _, account, resource = [*arn.split(":", 5), "", "", "", "", ""][:6]
        kind, meeting_id = resource[:7], resource[8:]
        if service != "chime" or kind != "meeting":
            raise BadRequest(f"{arn} is not the ARN of a meeting")
        if account != owner[0]:
            raise Forbidden("Resource ownership mismatch")
        meeting = self._meetings.any(meeting_id)
        if meeting is None or meeting.ended_at is not None or meeting.account != account:
            raise self._missing(f"Meeting {meeting_id} not found")
        return meeting

    def _source(self, owner: Owner, arn: str) -> Pipeline:
        """The capture with this ARN, active or ended, if it was created within the last 30 days."""
        found = self._pipelines.any(arn.rpartition("/")[2])
        if found is None or found.arn != arn or found.owner != owner:
            raise self._missing(f"Media pipeline {arn} not found")
        if found.kind is not Kind.CAPTURE:
            raise BadRequest(f"{arn} is not a media capture pipeline")
        return found

    def _missing(self, message: str) -> ChimeError:
        return MISSING[self._settings.missing_source](message)

    def _check_sink(self, owner: Owner, arn: str, meeting: Meeting | None) -> None:
        """Sources: create-pipeline and create-s3-bucket in the developer guide."""
        try:
            region = self._buckets.region(owner[0], folder(arn))
        except BucketError as error:
            raise BadRequest(f"Sink {arn}: {error}") from None
        if meeting is not None and self._settings.bucket_region is BucketRegion.MEETING:
            allowed = {meeting.region, meeting.request["MediaRegion"]}
        else:
            allowed = set(regions.media_regions())
        if region not in allowed:
            raise BadRequest(f"Sink {arn} is in {region}, not in {' or '.join(sorted(allowed))}")
        self._check_policy(owner, arn, WRITING)

    def _check_policy(self, owner: Owner, arn: str, actions: tuple[str, ...]) -> None:
        if self._settings.bucket_policy is BucketPolicy.WRITE:
            return
        place = folder(arn)
        key = "/".join(filter(None, (place.prefix, "audio", f"{timestamp(0)}.mp4")))
        source = f"arn:{place.partition}:chime:{owner[1]}:{owner[0]}:media-pipeline/any"
        try:
            why = self._buckets.refusal(owner[0], place, source, actions, key)
        except BucketError as error:
            why = str(error)
        if why:
            raise BadRequest(f"S3 Bucket policy not valid/present for Sink {arn}: {why}")

    def _check_limit(self, owner: Owner, error: ChimeError) -> None:
        """Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/media-pipelines-limits.html."""
        limit = (
            self._settings.media_pipelines_in_us_east_1
            if owner[1] == "us-east-1"
            else self._settings.media_pipelines_in_other_regions
        )
        if len(self._pipelines.active(owner)) >= limit:
            raise error


def _limit_reached(parameters: Parameters) -> LimitExceeded:
    """The error of a second capture of a meeting, and of too many captures in a region."""
    return LimitExceeded(
        f"Cannot create new media capture pipeline for source type '{parameters['SourceType']}' "
        f"and source arn '{parameters['SourceArn']}'. Limit reached"
    )


def _check_streams(parameters: Parameters) -> None:
    """Source: the documentation of SelectedVideoStreams in the service model."""
    configuration = parameters.get("ChimeSdkMeetingConfiguration") or {}
    chosen = (configuration.get("SourceConfiguration") or {}).get("SelectedVideoStreams") or {}
    if sum(map(len, chosen.values())) > MAX_VIDEO_STREAMS:
        raise BadRequest(f"SelectedVideoStreams can't exceed {MAX_VIDEO_STREAMS} video streams")


def _page(pipelines: list[Pipeline], parameters: Parameters, name: str) -> Answer:
    token = parameters.get("NextToken")
    ids = [each.pipeline_id for each in pipelines]
    if token is not None and token not in ids:
        raise BadRequest("NextToken is invalid")
    start = 0 if token is None else ids.index(token)
    end = start + parameters.get("MaxResults", DEFAULT_PAGE)
    result: Result = {
        name: [
            {"MediaPipelineId": each.pipeline_id, "MediaPipelineArn": each.arn}
            for each in pipelines[start:end]
        ]
    }
    return Answer(result | ({"NextToken": ids[end]} if end < len(ids) else {}))


def _shown(pipeline: Pipeline) -> Result:
    shown = {name: each for name, each in pipeline.request.items() if name not in NOT_SHOWN}
    return shown | {
        "MediaPipelineId": pipeline.pipeline_id,
        "MediaPipelineArn": pipeline.arn,
        "Status": str(pipeline.status),
        "CreatedTimestamp": _moment(pipeline.created_at),
        "UpdatedTimestamp": _moment(pipeline.updated_at),
    }


def _moment(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
