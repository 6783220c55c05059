"""The resource types, as the adapters to Pulumi use them: properties in, properties out.

Properties are plain values in snake_case. UNKNOWN stands for values that aren't known yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from threading import Event, Lock
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel

from meeting_provider import checking, diff, state, validation
from meeting_provider.checking import Settings
from meeting_provider.diff import Difference
from meeting_provider.errors import MeetingProviderError
from meeting_provider.issues import UNKNOWN, ValidationIssue
from meeting_provider.lifecycle import Lifecycle
from meeting_provider.models import MediaPlacement, MeetingInput
from meeting_provider.recordings import checking as of_recordings
from meeting_provider.recordings.lifecycle import RecordingLifecycle
from meeting_provider.recordings.models import RecordingInput
from meeting_provider.shapes import Shape, doc

if TYPE_CHECKING:
    from meeting_provider.client import ChimeClient
    from meeting_provider.recordings.pipelines import MediaPipelines

Properties = dict[str, Any]
C = TypeVar("C")


class MeetingOutputs(BaseModel):
    """The outputs of a meeting that are not arguments. The plugin computes `api_meeting`."""

    meeting_id: Annotated[str, doc("The MeetingId: the same as the resource's id.")]
    meeting_arn: Annotated[str, doc("The meeting's ARN.")]
    media_placement: MediaPlacement
    attendee_ids: Annotated[dict[str, str], doc("Each attendee's AttendeeId, by external user id.")]
    join_tokens: Annotated[dict[str, str], doc("Each attendee's JoinToken, by external user id.")]
    meeting_details: Annotated[
        dict[str, Any] | None,
        doc("The other fields of the API's Meeting, with the API's names."),
    ] = None
    api_meeting: Annotated[
        dict[str, Any],
        doc(
            "The API's Meeting, for the Chime SDK's clients. An attendee joins with it and with "
            "`{ExternalUserId, AttendeeId, JoinToken}`."
        ),
    ]


class RecordingOutputs(BaseModel):
    """The outputs of a recording that are not arguments."""

    media_pipeline_id: Annotated[
        str, doc("The capture pipeline's id: the same as the resource's id.")
    ]
    media_pipeline_arn: Annotated[str, doc("The capture pipeline's ARN.")]
    concatenation_pipeline_id: Annotated[
        str | None, doc("The concatenation pipeline's id, if there is one.")
    ] = None
    concatenation_pipeline_arn: Annotated[
        str | None, doc("The concatenation pipeline's ARN, if there is one.")
    ] = None


class ResourceType(Protocol):
    """The operations of a resource type. Methods that call the service raise a ServiceError.

    :ivar model: the arguments.
    :ivar outputs: the outputs that are not arguments.
    :ivar secrets: the outputs that are secret.
    :ivar id_name: the output that is the resource's id.
    :ivar replaced_by_deleting: whether a resource is deleted before its replacement is created.
    """

    model: type[Shape]
    outputs: type[BaseModel]
    secrets: Collection[str]
    id_name: str
    replaced_by_deleting: bool

    def check(
        self,
        declared: Mapping[str, Any],
        old: Mapping[str, Any],
        settings: Settings,
        secret: Collection[str],
    ) -> tuple[Properties, list[ValidationIssue]]:
        """The declaration with its defaults, and all issues."""

    def differences(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
        """Each place that differs between outputs and declaration, with both values."""

    def replacing(self, names: Collection[str]) -> list[str]:
        """The arguments among these whose change creates a new resource."""

    def planned(self, declared: Properties, old: Properties | None) -> Properties:
        """The outputs after a create, or after an update of `old`, as far as they are known."""

    def create(self, declared: Properties) -> Properties:
        """Create the resource, and return its outputs."""

    def read(self, outputs: Properties) -> Properties | None:
        """The outputs as the service has them, with a matching declaration; None if it is gone."""

    def find(self, resource_id: str, settings: Settings) -> Properties | None:
        """The outputs of a resource that another program created; None if there is none.

        :raises MeetingProviderError: the region isn't known.
        """

    def update(self, outputs: Properties, declared: Properties) -> Properties:
        """Change the resource in place, and return its outputs."""

    def delete(self, outputs: Properties) -> None:
        """End the resource, unless it has ended."""


class Meetings:
    """Meetings with their attendees."""

    model: type[Shape] = MeetingInput
    outputs: type[BaseModel] = MeetingOutputs
    secrets: Collection[str] = state.SECRETS
    id_name = "meeting_id"
    replaced_by_deleting = False

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    def check(
        self,
        declared: Mapping[str, Any],
        old: Mapping[str, Any],
        settings: Settings,
        secret: Collection[str],
    ) -> tuple[Properties, list[ValidationIssue]]:
        """Fill in the regions, and convert the attendees to a mapping."""
        return checking.check(declared, old, settings, secret)

    def differences(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
        """Each place that differs."""
        yield from diff.detailed(old, new)
        # An update adds an attendee whose token is not in the state again, which returns the token.
        yield from ((("join_tokens", i), None, UNKNOWN) for i in sorted(state.without_token(old)))

    def replacing(self, names: Collection[str]) -> list[str]:
        """Those that can't change in place."""
        return diff.replacing(names)

    def planned(self, declared: Properties, old: Properties | None) -> Properties:
        """The outputs as far as they are known."""
        return state.planned(declared, old)

    def create(self, declared: Properties) -> Properties:
        """Create the meeting with all its attendees."""
        return self._lifecycle.create(validation.parse(declared)).outputs()

    def read(self, outputs: Properties) -> Properties | None:
        """The meeting as it is now; None if it has ended."""
        found = self._lifecycle.read(state.from_outputs(outputs))
        return found.outputs() if found else None

    def find(self, resource_id: str, settings: Settings) -> Properties | None:
        """A meeting that another program created, with a matching declaration."""
        found = self._lifecycle.find(resource_id, settings.known_region())
        return found.outputs() if found else None

    def update(self, outputs: Properties, declared: Properties) -> Properties:
        """Change the attendees, their capabilities, the tags and the transcription."""
        wanted = validation.parse(declared, may_be_empty=True)
        return self._lifecycle.update(state.from_outputs(outputs), wanted).outputs()

    def delete(self, outputs: Properties) -> None:
        """End the meeting."""
        self._lifecycle.delete(state.from_outputs(outputs))


class Recordings:
    """Recordings of meetings."""

    model: type[Shape] = RecordingInput
    outputs: type[BaseModel] = RecordingOutputs
    secrets: Collection[str] = ()
    id_name = "media_pipeline_id"
    # A meeting has one capture pipeline at most.
    replaced_by_deleting = True

    def __init__(self, lifecycle: RecordingLifecycle) -> None:
        self._lifecycle = lifecycle

    def check(
        self,
        declared: Mapping[str, Any],
        old: Mapping[str, Any],
        settings: Settings,
        secret: Collection[str],
    ) -> tuple[Properties, list[ValidationIssue]]:
        """Fill in the region."""
        return of_recordings.check(declared, old, settings, secret)

    def differences(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
        """Each place that differs."""
        for name in of_recordings.differing(old, new):
            yield from diff.places((name,), old.get(name), new.get(name))

    def replacing(self, names: Collection[str]) -> list[str]:
        """All but the tags."""
        return [n for n in names if n in of_recordings.CREATE_ONLY]

    def planned(self, declared: Properties, old: Properties | None) -> Properties:
        """The outputs as far as they are known."""
        names = ["media_pipeline_id", "media_pipeline_arn"]
        if declared.get("concatenation_sink_arn"):
            names += ["concatenation_pipeline_id", "concatenation_pipeline_arn"]
        return declared | {n: (old or {}).get(n, UNKNOWN) for n in names}

    def create(self, declared: Properties) -> Properties:
        """Start recording."""
        return self._lifecycle.create(of_recordings.parse(declared))

    def read(self, outputs: Properties) -> Properties | None:
        """The recording as it is now; None if it has ended."""
        return self._lifecycle.read(outputs)

    def find(self, resource_id: str, settings: Settings) -> Properties | None:
        """A recording that another program started, with a matching declaration."""
        return self._lifecycle.find(resource_id, settings.known_region())

    def update(self, outputs: Properties, declared: Properties) -> Properties:
        """Change the tags."""
        return self._lifecycle.update(outputs, of_recordings.parse(declared))

    def delete(self, outputs: Properties) -> None:
        """End the recording."""
        self._lifecycle.delete(outputs)


def named(kinds: Mapping[str, ResourceType], name: str) -> ResourceType:
    """The type of a name.

    :raises MeetingProviderError: there is none.
    """
    if name not in kinds:
        raise MeetingProviderError(f"there is no resource '{name}'; use {', '.join(kinds)}")
    return kinds[name]


def _shared(make: Callable[[str, str | None], C]) -> Callable[[str, str | None], C]:
    """Create one client for each region and profile, also if threads ask for it in parallel."""
    made, lock = cache(make), Lock()

    def get(region: str, profile: str | None) -> C:
        with lock:
            return made(region, profile)

    return get


def types(profile: str | None = None, cancelled: Event | None = None) -> dict[str, ResourceType]:
    """All resource types, by name.

    Their clients are created at the first use, and shared by all threads.

    :param profile: the profile of resources that declare none; by default what boto3 finds.
    :param cancelled: when it is set, running operations fail at their next call.
    """

    # Importing boto3 takes long, and an update may need no call.
    @_shared
    def meetings(region: str, declared: str | None) -> ChimeClient:
        from meeting_provider.client import ChimeClient

        return ChimeClient(region, declared or profile, cancelled)

    @_shared
    def pipelines(region: str, declared: str | None) -> MediaPipelines:
        from meeting_provider.recordings.pipelines import MediaPipelines

        return MediaPipelines(region, declared or profile, cancelled)

    return {
        "Meeting": Meetings(Lifecycle(meetings)),
        "Recording": Recordings(RecordingLifecycle(pipelines)),
    }
