"""The media pipelines: creates, starts and stops them, and writes their artifacts.

A capture stops when its meeting ends or when it is deleted. A concatenation waits until its source
capture has stopped. This module doesn't depend on HTTP, faults or request quotas.

Sources: https://docs.aws.amazon.com/chime-sdk/latest/dg/media-pipelines.html and the pages below
it. How long a pipeline takes to start and to stop is the setting `media_pipeline_seconds`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ...buckets import LISTING, READING, WRITING, BucketError, Buckets, Folder, folder
from .. import names
from ..clock import Clock
from ..events import Announcer, Event, EventType
from ..exceptions import NotFound
from ..meetings import Meetings
from ..models import Meeting, Owner
from ..settings import EndedPipelines, Settings
from . import artifacts

#: How long after its creation a capture can be the source of a concatenation. Source:
#: https://docs.aws.amazon.com/chime-sdk/latest/dg/create-concat-pipe-steps.html
KEPT_SECONDS: Final = 30 * 24 * 60 * 60

#: The prefix of the ExternalUserId of the attendee that captures a meeting. Five characters follow.
#: Source: the service's messages, as several public programs filter them.
CAPTURING: Final = "aws:MediaPipeline-"


class Status(StrEnum):
    """The values of a media pipeline's `Status` that the emulator uses."""

    INITIALIZING = "Initializing"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"


ENDED: Final = (Status.STOPPED, Status.FAILED)


class Kind(StrEnum):
    """The kinds of media pipeline, with the API's names."""

    CAPTURE = "MediaCapturePipeline"
    CONCATENATION = "MediaConcatenationPipeline"


@dataclass
class Pipeline:
    """A media pipeline, active or ended. Times are seconds since the epoch on the emulator's clock.

    :ivar request: the parameters of the create.
    :ivar source_id: the id of the captured meeting, or of the concatenated capture.
    :ivar attendee_id: the AttendeeId of the attendee that captures the meeting.
    :ivar streams: the attendees whose video it has captured.
    :ivar transcribed: whether the meeting was transcribed during the capture.
    :ivar cancelled: whether it is a concatenation that was deleted.
    :ivar keys: the keys of the objects that it has written.
    :ivar failure: why it failed.
    """

    pipeline_id: str
    kind: Kind
    account: str
    region: str
    arn: str
    request: dict[str, Any]
    source_id: str
    created_at: float
    updated_at: float
    status: Status = Status.INITIALIZING
    tags: dict[str, str] = field(default_factory=dict)
    attendee_id: str | None = None
    streams: list[str] = field(default_factory=list)
    transcribed: bool = False
    cancelled: bool = False
    keys: list[str] = field(default_factory=list)
    failure: str | None = None

    @property
    def owner(self) -> Owner:
        """Account and region."""
        return self.account, self.region

    @property
    def token(self) -> str | None:
        """The ClientRequestToken of the create."""
        return self.request.get("ClientRequestToken")

    @property
    def has_ended(self) -> bool:
        """Whether it has stopped or failed."""
        return self.status in ENDED

    @property
    def sink(self) -> Folder:
        """The folder for its artifacts. Without a prefix, its name is the pipeline's id.

        Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/concat-folder-structure.html
        """
        arn = self.request.get("SinkArn")
        if arn is None:
            arn = self.request["Sinks"][0]["S3BucketSinkConfiguration"]["Destination"]
        found = folder(arn)
        return Folder(found.partition, found.bucket, found.prefix or self.pipeline_id)

    @property
    def artifacts(self) -> dict[str, Any]:
        """Its ArtifactsConfiguration, or the service's default."""
        holder = self.request
        if self.kind is Kind.CONCATENATION:
            holder = holder["Sources"][0]["MediaCapturePipelineSourceConfiguration"]
        meeting: dict[str, Any] = holder.get("ChimeSdkMeetingConfiguration") or {}
        found: dict[str, Any] | None = meeting.get("ArtifactsConfiguration")
        return found or artifacts.DEFAULT


class Pipelines:
    """All media pipelines of all accounts and regions.

    Not thread-safe: the caller holds a lock. `take_changed` returns the pipelines to save.
    """

    def __init__(
        self,
        clock: Clock,
        settings: Settings,
        meetings: Meetings,
        announcer: Announcer,
        buckets: Buckets,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._meetings = meetings
        self._announcer = announcer
        self._buckets = buckets
        self._pipelines: dict[str, Pipeline] = {}
        self._active: dict[str, Pipeline] = {}
        self._changed: set[str] = set()
        self._forgotten: set[str] = set()
        announcer.subscribe(self._follow)

    # Finding

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(self._pipelines.values())

    def any(self, pipeline_id: str) -> Pipeline | None:
        """The pipeline with this id, active or ended, in any account."""
        return self._pipelines.get(pipeline_id)

    def find(self, owner: Owner, pipeline_id: str, kind: Kind | None = None) -> Pipeline:
        """The pipeline with this id, if the caller can read it. Raises NotFound."""
        pipeline = self._pipelines.get(pipeline_id)
        hidden = self._settings.ended_pipelines is EndedPipelines.GONE
        if (
            pipeline is None
            or pipeline.owner != owner
            or kind not in (None, pipeline.kind)
            or (hidden and pipeline.has_ended)
        ):
            raise NotFound(f"Media pipeline {pipeline_id} not found")
        return pipeline

    def of_token(self, owner: Owner, kind: Kind, token: str | None) -> Pipeline | None:
        """The latest pipeline of a kind that this ClientRequestToken created."""
        made = [
            each
            for each in self._pipelines.values()
            if token is not None and (each.owner, each.kind, each.token) == (owner, kind, token)
        ]
        return made[-1] if made else None

    def active(self, owner: Owner, kind: Kind | None = None) -> list[Pipeline]:
        """The pipelines of an account in a region that haven't ended, oldest first."""
        return [
            each
            for each in self._active.values()
            if each.owner == owner and kind in (None, each.kind)
        ]

    def capture_of(self, meeting_id: str) -> Pipeline | None:
        """The pipeline that captures a meeting now."""
        for each in self._active.values():
            if each.kind is Kind.CAPTURE and each.source_id == meeting_id:
                return each
        return None

    def meeting_of(self, pipeline: Pipeline) -> Meeting | None:
        """The meeting that a pipeline captures or concatenates; None if it has been removed."""
        if pipeline.kind is Kind.CAPTURE:
            return self._meetings.any(pipeline.source_id)
        source = self._pipelines.get(pipeline.source_id)
        return None if source is None else self.meeting_of(source)

    # Changing

    def create(
        self,
        owner: Owner,
        partition: str,
        kind: Kind,
        request: dict[str, Any],
        source_id: str,
        tags: dict[str, str],
    ) -> Pipeline:
        """Create a pipeline, which `advance` starts."""
        account, region = owner
        pipeline_id, now = names.guid(), self._clock.now()
        pipeline = Pipeline(
            pipeline_id=pipeline_id,
            kind=kind,
            account=account,
            region=region,
            arn=names.pipeline_arn(partition, region, account, pipeline_id),
            request=request,
            source_id=source_id,
            created_at=now,
            updated_at=now,
            tags=tags,
        )
        self._pipelines[pipeline_id] = self._active[pipeline_id] = pipeline
        meeting = self.meeting_of(pipeline)
        pipeline.transcribed = meeting is not None and meeting.transcription is not None
        self.touch(pipeline)
        return pipeline

    def delete(self, pipeline: Pipeline) -> None:
        """Stop a pipeline. A capture writes its artifacts; a concatenation writes nothing."""
        if not pipeline.has_ended:
            pipeline.cancelled = pipeline.kind is Kind.CONCATENATION
            self._stop(pipeline, self._clock.now())

    def advance(self) -> None:
        """Start and finish the pipelines that are due, and remove those that are too old to use."""
        now = self._clock.now()
        for pipeline in list(self._active.values()):
            if pipeline.status is Status.INITIALIZING:
                self._start(pipeline, now)
        # Captures first: concatenations read their artifacts.
        for kind in Kind:
            for pipeline in list(self._active.values()):
                if pipeline.kind is kind:
                    self._finish(pipeline, now)
        while (oldest := next(iter(self._pipelines.values()), None)) is not None:
            if not oldest.has_ended or oldest.created_at + KEPT_SECONDS > now:
                break
            del self._pipelines[oldest.pipeline_id]
            self._forgotten.add(oldest.pipeline_id)

    def touch(self, pipeline: Pipeline) -> None:
        """Mark a pipeline as changed, to be saved."""
        self._changed.add(pipeline.pipeline_id)

    # Saving and restoring

    def take_changed(self) -> tuple[list[Pipeline], list[str]]:
        """The pipelines that changed since the last call, and the ids of the removed ones."""
        changed = [self._pipelines[each] for each in self._changed if each in self._pipelines]
        forgotten = list(self._forgotten)
        self._changed, self._forgotten = set(), set()
        return changed, forgotten

    def put_back(self, changed: Iterable[Pipeline], forgotten: Iterable[str]) -> None:
        """Return these again from the next `take_changed`, because they could not be saved."""
        self._changed.update(pipeline.pipeline_id for pipeline in changed)
        self._forgotten.update(forgotten)

    def restore(self, pipelines: Iterable[Pipeline]) -> None:
        """Add pipelines that were saved."""
        for pipeline in sorted(pipelines, key=lambda each: each.created_at):
            self._pipelines[pipeline.pipeline_id] = pipeline
            if not pipeline.has_ended:
                self._active[pipeline.pipeline_id] = pipeline

    def clear(self) -> None:
        """Remove all pipelines."""
        self._forgotten.update(self._pipelines)
        self._pipelines.clear()
        self._active.clear()
        self._changed.clear()

    # A pipeline's life

    def _follow(self, event: Event) -> None:
        """Stop the capture when its meeting ends, and record whether the meeting is transcribed."""
        capture = self.capture_of(event.meeting.meeting_id)
        if capture is None:
            return
        if event.type is EventType.MEETING_ENDED:
            self._stop(capture, event.time)
        elif event.type is EventType.TRANSCRIPTION_STARTED:
            capture.transcribed = True
            self.touch(capture)

    def _start(self, pipeline: Pipeline, now: float) -> None:
        at = pipeline.created_at + self._settings.media_pipeline_seconds
        meeting = self.meeting_of(pipeline)
        if at > now:
            return
        if pipeline.kind is Kind.CAPTURE and meeting is not None:
            if meeting.deadline()[0] < at:
                return
            self._join(pipeline, meeting)
        self._set(pipeline, Status.IN_PROGRESS, at)

    def _join(self, pipeline: Pipeline, meeting: Meeting) -> None:
        """Add the attendee that captures the meeting. It doesn't keep the meeting alive.

        Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/create-capture-pipe.html, and
        aws/amazon-chime-sdk-js#2454 for the meeting's end.
        """
        name = CAPTURING + pipeline.pipeline_id[:5]
        attendee = self._meetings.add_attendee(meeting, name, None)
        self._meetings.publish(EventType.ATTENDEE_JOINED, meeting, attendee.attendee_id)
        pipeline.attendee_id = attendee.attendee_id

    def _stop(self, pipeline: Pipeline, at: float) -> None:
        if pipeline.has_ended or pipeline.status is Status.STOPPING:
            return
        meeting = self.meeting_of(pipeline)
        if meeting is not None and pipeline.kind is Kind.CAPTURE:
            pipeline.streams = _selected(pipeline, meeting)
            self._leave(pipeline, meeting)
        self._set(pipeline, Status.STOPPING, at)

    def _leave(self, pipeline: Pipeline, meeting: Meeting) -> None:
        joined = pipeline.attendee_id
        if joined in meeting.attendees and meeting.ended_at is None:
            self._meetings.publish(EventType.ATTENDEE_LEFT, meeting, joined)
            self._meetings.delete_attendee(meeting, joined)

    def _finish(self, pipeline: Pipeline, now: float) -> None:
        """End a pipeline that has been stopping for long enough."""
        seconds = self._settings.media_pipeline_seconds
        if pipeline.kind is Kind.CONCATENATION and pipeline.status is Status.IN_PROGRESS:
            source = self._pipelines.get(pipeline.source_id)
            if source is not None and not source.has_ended:
                return
            since = pipeline.updated_at if source is None else source.updated_at
            since = max(since, pipeline.updated_at)
            if since > now:
                return
            self._set(pipeline, Status.STOPPING, since)
        if pipeline.status is not Status.STOPPING or pipeline.updated_at + seconds > now:
            return
        try:
            self._write(pipeline)
        except BucketError as error:
            pipeline.failure = str(error)
            self._set(pipeline, Status.FAILED, pipeline.updated_at + seconds)
        else:
            self._set(pipeline, Status.STOPPED, pipeline.updated_at + seconds)

    def _write(self, pipeline: Pipeline) -> None:
        """Write a pipeline's artifacts. Raises BucketError if the bucket refuses them."""
        if pipeline.cancelled:
            return
        sink, account = pipeline.sink, pipeline.account
        is_capture = pipeline.kind is Kind.CAPTURE
        found = self._captured(pipeline) if is_capture else self._concatenated(pipeline)
        keys = [f"{sink.prefix}/{each}" for each in found]
        for key in keys:
            why = self._buckets.refusal(account, sink, pipeline.arn, WRITING, key)
            if why:
                raise BucketError(why)
        self._buckets.write(account, sink, {key: artifacts.content(key) for key in keys})
        pipeline.keys = keys

    def _captured(self, pipeline: Pipeline) -> Iterator[str]:
        return artifacts.captured(
            pipeline.artifacts,
            pipeline.created_at,
            pipeline.streams,
            transcribed=pipeline.transcribed,
        )

    def _concatenated(self, pipeline: Pipeline) -> Iterator[str]:
        """The objects that a concatenation writes, from the artifacts of its source."""
        source = self._pipelines.get(pipeline.source_id)
        if source is None or source.status is Status.FAILED:
            raise BucketError("the source has failed")
        sink, account = source.sink, pipeline.account
        for key in source.keys:
            actions = (LISTING, READING)
            if why := self._buckets.refusal(account, sink, pipeline.arn, actions, key):
                raise BucketError(why)
        there = set(self._buckets.keys(account, sink, sink.prefix))
        read = [key.removeprefix(f"{sink.prefix}/") for key in source.keys if key in there]
        return artifacts.concatenated(pipeline.artifacts, pipeline.pipeline_id, read)

    def _set(self, pipeline: Pipeline, status: Status, at: float) -> None:
        pipeline.status, pipeline.updated_at = status, at
        if pipeline.has_ended:
            del self._active[pipeline.pipeline_id]
        self.touch(pipeline)
        kind = ANNOUNCED.get(status)
        meeting = self.meeting_of(pipeline)
        if kind is not None and meeting is not None:
            details = {"mediaPipelineId": pipeline.pipeline_id}
            self._announcer.announce(Event(kind, at, meeting, details=details))


ANNOUNCED: Final = {
    Status.IN_PROGRESS: EventType.MEDIA_PIPELINE_IN_PROGRESS,
    Status.STOPPED: EventType.MEDIA_PIPELINE_DELETED,
    Status.FAILED: EventType.MEDIA_PIPELINE_PERMANENT_FAILURE,
}


def _selected(pipeline: Pipeline, meeting: Meeting) -> list[str]:
    """The attendees whose video a capture selects; by default all."""
    configuration = pipeline.request.get("ChimeSdkMeetingConfiguration") or {}
    chosen = (configuration.get("SourceConfiguration") or {}).get("SelectedVideoStreams") or {}
    ids, external = chosen.get("AttendeeIds"), chosen.get("ExternalUserIds")
    return [
        each.attendee_id
        for each in meeting.attendees.values()
        if not each.external_user_id.startswith(CAPTURING)
        and (
            not (ids or external)
            or each.attendee_id in (ids or ())
            or each.external_user_id in (external or ())
        )
    ]
