"""Handles a call: quota, fault, constraints, operation, request log."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Any

from moto.core.model import OperationModel
from moto.core.request import Request
from werkzeug.wrappers import Response

from ..buckets import Buckets
from ..http_server import ConnectionDropped
from ..sqlite_store import Store
from . import constraints, regions, serialization
from .clock import Clock
from .events import Announcer
from .exceptions import BadRequest, ChimeError, Throttling
from .faults import Fault, Faults, Holds, Kind, When
from .media_pipelines.operations import PipelineOperations
from .media_pipelines.pipelines import Kind as PipelineKind
from .media_pipelines.pipelines import Pipeline, Pipelines, Status
from .meetings import Meetings
from .models import Attendee, Meeting
from .quotas import Quota, Quotas
from .request_log import Entry, RequestLog
from .responses import Operations
from .settings import Settings

COUNTED = ("Attendees", "Tags", "TagKeys", "ExcludedAttendeeIds")


@dataclass
class Call:
    """A call in progress. `fault` is the fault or quota that has affected it."""

    account: str
    region: str
    operation: str = "?"
    meeting_id: str | None = None
    items: int = 0
    fault: str | None = None

    def note(self, parameters: dict[str, Any]) -> None:
        """Keep the parameters that the request log and faults need."""
        named = parameters.get("MeetingId") or parameters.get("SourceArn")
        named = str(named or parameters.get("ResourceARN", ""))
        self.meeting_id = re.split("[/:]", named)[-1] or None
        counted = (parameters.get(name) for name in COUNTED)
        self.items = sum(len(each) for each in counted if isinstance(each, list))


class ChimeService:
    """The emulated service with its settings.

    It restores meetings, media pipelines, settings, quotas and the clock from `store`, and saves
    them there. Media pipelines write to `buckets`.
    """

    def __init__(self, store: Store, buckets: Buckets) -> None:
        self._store = store
        self._lock = RLock()
        self.clock = Clock()
        self.settings = Settings()
        self.announcer = Announcer()
        self.meetings = Meetings(self.clock, self.settings, self.announcer)
        self.faults = Faults()
        self.holds = Holds()
        self.quotas = Quotas(self.clock)
        self.requests = RequestLog()
        self.pipelines = Pipelines(
            self.clock, self.settings, self.meetings, self.announcer, buckets
        )
        self._operations: dict[str, Operations | PipelineOperations] = {
            serialization.MEETINGS: Operations(self.meetings, self.settings, self.faults),
            serialization.MEDIA_PIPELINES: PipelineOperations(
                self.pipelines, self.meetings, self.settings, buckets
            ),
        }
        self._restore()
        # Loaded now, because each of the parallel first calls would load it.
        regions.control_regions(serialization.MEETINGS)
        regions.media_regions()

    def handle(self, request: Request, account: str, region: str) -> Response:
        """Answer one call. Raises ConnectionDropped if a fault drops the connection."""
        call = Call(account, region)
        operation: OperationModel | None = None
        try:
            operation, path = serialization.route(request)
            call.operation = operation.name
            response = self._perform(call, operation, serialization.parse(operation, request, path))
            self._record(call, "OK", response.status_code)
        except ChimeError as error:
            response = serialization.refuse(operation, error)
            self._record(call, error.code, response.status_code)
        except ConnectionDropped:
            self._record(call, "ConnectionDropped", 0)
            raise
        return response

    def tick(self) -> None:
        """End the meetings and pipelines that are due."""
        with self._lock:
            self.catch_up()
            self.save()

    def catch_up(self) -> None:
        """Make all due changes. The caller holds the lock."""
        self.pipelines.advance()
        self.meetings.end_the_overdue()
        self.pipelines.advance()

    def save(self) -> None:
        """Write what has changed since the last save."""
        meetings, forgotten = self.meetings.take_changed()
        bodies = {each.meeting_id: _body(each) for each in meetings}
        self._save(
            "meeting", bodies, forgotten, lambda: self.meetings.put_back(meetings, forgotten)
        )
        pipelines, gone = self.pipelines.take_changed()
        bodies = {each.pipeline_id: _body(each) for each in pipelines}
        self._save("pipeline", bodies, gone, lambda: self.pipelines.put_back(pipelines, gone))

    def save_settings(self) -> None:
        """Write the settings, the quotas and the clock."""
        settings = {
            "clock": self.clock.offset,
            "settings": self.settings.as_dict(),
            "quotas": self.quotas.as_dict(),
        }
        self._store.save("setting", {name: _body(each) for name, each in settings.items()})

    @property
    def lock(self) -> RLock:
        """The lock to hold while meetings are read or changed."""
        return self._lock

    def _perform(
        self, call: Call, operation: OperationModel, parameters: dict[str, Any]
    ) -> Response:
        call.note(parameters)
        self._find_meeting(call, parameters)
        service = serialization.service_of(operation)
        known = regions.control_regions(service)
        if call.region not in known:
            raise BadRequest(
                f"{call.region} has no endpoint of {operation.service_model.metadata['serviceId']}."
                f" Regions: {', '.join(known)}"
            )
        if not self.quotas.take(call.account, call.region, call.operation):
            call.fault = "quota"
            raise Throttling("Rate exceeded")
        if self.settings.latency:
            time.sleep(self.settings.latency)
        fault = self.faults.take(call.operation, self._names(call, parameters))
        self._meet(fault, When.BEFORE, call)
        constraints.check(parameters, serialization.input_shape(operation))
        with self._lock:
            self.catch_up()
            try:
                answer = self._operations[service].perform(
                    call.operation, (call.account, call.region), parameters
                )
            finally:
                self.save()
        if answer.meeting is not None:
            call.meeting_id = answer.meeting.meeting_id
        if answer.result.get("Errors"):
            call.fault = f"{len(answer.result['Errors'])} attendees refused"
        self._meet(fault, When.AFTER, call)
        return serialization.answer(operation, answer.result, answer.status)

    def _save(
        self,
        kind: str,
        bodies: dict[str, bytes],
        gone: list[str],
        put_back: Callable[[], None],
    ) -> None:
        if self._store.keeps and (bodies or gone):
            try:
                self._store.save(kind, bodies, gone)
            except BaseException:
                put_back()
                raise

    def _find_meeting(self, call: Call, parameters: dict[str, Any]) -> None:
        """If a call names a media pipeline, note that pipeline's meeting."""
        named = self.pipelines.any(str(parameters.get("MediaPipelineId") or call.meeting_id))
        if named is not None:
            meeting = self.pipelines.meeting_of(named)
            call.meeting_id = meeting.meeting_id if meeting else None

    def _names(self, call: Call, parameters: dict[str, Any]) -> set[str]:
        """The ids of a call's meeting, or of the one that it creates, which faults can name."""
        known = self.meetings.any(call.meeting_id) if call.meeting_id else None
        request = known.request if known else parameters
        return {str(each) for each in (call.meeting_id, request.get("ExternalMeetingId")) if each}

    def _meet(self, fault: Fault | None, when: When, call: Call) -> None:
        if fault is None or fault.when is not when:
            return
        call.fault = str(fault)
        error = fault.error(call.operation)
        if error is not None:
            raise error
        if fault.kind is Kind.DROP:
            raise ConnectionDropped
        if fault.kind is Kind.DELAY:
            time.sleep(fault.seconds)
        elif fault.kind is Kind.HOLD:
            self.holds.block(call.operation, when, call.meeting_id)
        elif fault.kind is Kind.END and call.meeting_id is not None:
            self._end(call.meeting_id)

    def _end(self, meeting_id: str) -> None:
        with self._lock:
            meeting = self.meetings.any(meeting_id)
            if meeting is not None:
                self.meetings.end(meeting, "fault")
                self.save()

    def _record(self, call: Call, outcome: str, status: int) -> None:
        self.requests.record(
            Entry(
                time=self.clock.now(),
                service="chime",
                region=call.region,
                operation=call.operation,
                outcome=outcome,
                status=status,
                meeting_id=call.meeting_id,
                items=call.items,
                fault=call.fault,
            )
        )

    def _restore(self) -> None:
        settings = {name: json.loads(body) for name, body in self._store.load("setting")}
        self.clock.advance(settings.get("clock", 0.0))
        self.settings.update(**settings.get("settings", {}))
        for operation, quota in settings.get("quotas", {}).items():
            self.quotas.set(operation, Quota(**quota))
        self.meetings.restore(_meeting(body) for _, body in self._store.load("meeting"))
        self.pipelines.restore(_pipeline(body) for _, body in self._store.load("pipeline"))


def _body(value: Any) -> bytes:
    return json.dumps(value, default=vars).encode()


def _meeting(body: bytes) -> Meeting:
    fields = json.loads(body)
    attendees = {key: Attendee(**each) for key, each in fields.pop("attendees").items()}
    return Meeting(**fields, attendees=attendees)


def _pipeline(body: bytes) -> Pipeline:
    fields = json.loads(body)
    kind, status = PipelineKind(fields.pop("kind")), Status(fields.pop("status"))
    return Pipeline(**fields, kind=kind, status=status)
