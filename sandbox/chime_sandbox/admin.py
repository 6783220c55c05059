"""A client of the emulator's admin route: meetings, requests, the clock, faults and settings."""

import json
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

ANY = "*"
BEFORE = "before"
AFTER = "after"
READING = ("Get", "List")
NOTIFICATION = "notification"
DELIVERED = "delivered"
SLACK_SECONDS = 10.0

_open = build_opener(ProxyHandler({})).open


class SandboxError(Exception):
    """The admin route reports an error, or can't be reached; the message says why."""


@dataclass(frozen=True)
class Call:
    """One call or notification, from the request log: `chime_sandbox.chime.request_log.Entry`."""

    time: float
    service: str
    region: str
    operation: str
    outcome: str
    status: int
    meeting_id: str | None
    items: int
    fault: str | None
    target: str | None
    number: int

    @property
    def is_write(self) -> bool:
        """Whether it is a call that can change anything."""
        return self.service != NOTIFICATION and not self.operation.startswith(READING)

    @property
    def is_delivered(self) -> bool:
        """Whether it is a notification that arrived."""
        return self.service == NOTIFICATION and self.outcome == DELIVERED


@dataclass(frozen=True)
class Attendee:
    """An attendee, without its join token."""

    external_user_id: str
    attendee_id: str
    capabilities: dict[str, str]
    connected: bool


@dataclass(frozen=True)
class Meeting:
    """A meeting, alive or ended. Times are seconds since the epoch on the emulator's clock.

    `request` holds the parameters of the create, named as in the API.
    """

    meeting_id: str
    account: str
    region: str
    arn: str
    request: dict[str, Any]
    media_placement: dict[str, str]
    created_at: float
    idle_since: float
    tags: dict[str, str]
    original_attendee_ids: list[str]
    transcription: dict[str, Any] | None
    transcription_failure: str | None
    ended_at: float | None
    end_reason: str | None
    attendees: list[Attendee] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    @property
    def external_meeting_id(self) -> str:
        """Its ExternalMeetingId."""
        return str(self.request["ExternalMeetingId"])

    @property
    def external_user_ids(self) -> list[str]:
        """Its attendees' ids, sorted."""
        return sorted(attendee.external_user_id for attendee in self.attendees)


@dataclass(frozen=True)
class Pipeline:
    """A media pipeline, active or ended. Times are seconds on the emulator's clock.

    `kind` is MediaCapturePipeline or MediaConcatenationPipeline; `request` holds the parameters
    that made it; `source_id` is the id of its meeting, or of the capture that it concatenates;
    `keys` are the objects that it has left in its bucket; `failure` says why it failed.
    """

    pipeline_id: str
    kind: str
    account: str
    region: str
    arn: str
    request: dict[str, Any]
    source_id: str
    created_at: float
    updated_at: float
    status: str
    tags: dict[str, str]
    attendee_id: str | None
    streams: list[str]
    transcribed: bool
    cancelled: bool
    keys: list[str]
    failure: str | None

    @property
    def active(self) -> bool:
        """Whether it has neither stopped nor failed."""
        return self.status not in ("Stopped", "Failed")


@dataclass(frozen=True)
class Held:
    """A call that waits until `release`."""

    number: int
    operation: str
    when: str
    meeting_id: str | None
    released: bool = False
    dropped: bool = False


class Sandbox:
    """A client of the admin route of an emulator. Every method raises SandboxError.

    :param endpoint: the emulator's URL.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")

    # What happened

    def requests(self, *, after: int = 0, service: str | None = "chime") -> list[Call]:
        """The calls so far, oldest first.

        :param after: the number of a call: only later ones are returned.
        :param service: the service; None for all services and the notifications.
        """
        calls = [Call(**each) for each in self._get("requests", after=after)]
        return [call for call in calls if service in (None, call.service)]

    def writes(self, *, after: int = 0) -> list[Call]:
        """The Chime calls so far that can change anything."""
        return [call for call in self.requests(after=after) if call.is_write]

    def notifications(self, *, after: int = 0) -> list[Call]:
        """The notifications so far, delivered to the queues and topics of meetings or dropped.

        `operation` is the event type, `target` the ARN, `fault` why it was dropped.
        """
        return self.requests(after=after, service=NOTIFICATION)

    def clear_requests(self) -> None:
        """Clear the log of calls and notifications."""
        self._send("DELETE", "requests")

    def meetings(self) -> list[Meeting]:
        """Every meeting, alive and ended, oldest first."""
        found = [
            Meeting(**each | {"attendees": [Attendee(**one) for one in each["attendees"]]})
            for each in self._get("meetings")
        ]
        return sorted(found, key=lambda meeting: meeting.created_at)

    def live(self) -> list[Meeting]:
        """All active meetings, oldest first."""
        return [meeting for meeting in self.meetings() if meeting.alive]

    def pipelines(self) -> list[Pipeline]:
        """Every media pipeline, active and ended, oldest first."""
        return [Pipeline(**each) for each in self._get("pipelines")]

    # Time

    def now(self) -> float:
        """Seconds since the epoch on the emulator's clock."""
        return float(self._get("clock")["now"])

    def advance(self, seconds: float) -> float:
        """Move the clock forwards, end the meetings that are due, and return the new time."""
        return float(self._post("clock", seconds=seconds)["now"])

    # Meetings

    def end(self, meeting_id: str) -> None:
        """End an active meeting."""
        self._post(f"meetings/{meeting_id}/end")

    def join(self, meeting_id: str, attendee_id: str) -> None:
        """Connect an attendee, which keeps the meeting alive."""
        self._post(f"meetings/{meeting_id}/attendees/{attendee_id}/join")

    def leave(self, meeting_id: str, attendee_id: str) -> None:
        """Disconnect an attendee that leaves."""
        self._post(f"meetings/{meeting_id}/attendees/{attendee_id}/leave")

    def drop(self, meeting_id: str, attendee_id: str) -> None:
        """Disconnect an attendee whose connection is lost."""
        self._post(f"meetings/{meeting_id}/attendees/{attendee_id}/drop")

    def publish(self, meeting_id: str, attendee_id: str, event: str) -> None:
        """Publish an event of an attendee's video or content, since there is no media to cause it.

        `event` is an event type such as `chime:AttendeeVideoStarted`.
        """
        self._post(f"meetings/{meeting_id}/attendees/{attendee_id}/publish", event=event)

    # Faults

    def fault(
        self,
        kind: str,
        operation: str = ANY,
        *,
        when: str = BEFORE,
        count: int = 1,
        skip: int = 0,
        seconds: float = 1.0,
        meeting: str | None = None,
    ) -> None:
        """Inject a fault into the next `count` calls of an operation, after `skip` calls.

        :param kind: throttle, failure, unavailable, limit, forbidden, conflict, drop, delay, end or
            hold.
        :param operation: the operation's name in the API; `*` for any.
        :param when: whether the fault takes effect `before` or `after` the service acts.
        :param seconds: the length of a delay, or the Retry-After of unavailable.
        :param meeting: a MeetingId or ExternalMeetingId, to affect only this meeting.
        """
        self._post(
            "faults", kind=kind, operation=operation, when=when, count=count, skip=skip,
            seconds=seconds, meeting=meeting,
        )  # fmt: skip

    def refuse_attendees(
        self,
        code: str,
        *,
        count: int = 1,
        external_user_ids: list[str] | None = None,
        message: str = "The attendee couldn't be created",
    ) -> None:
        """Make the next `count` attendees of batches, or those that are named, fail in `Errors`."""
        self._post(
            "faults/attendees", code=code, count=count, external_user_ids=external_user_ids,
            message=message,
        )  # fmt: skip

    def clear_faults(self) -> None:
        """Remove all faults, and release all held calls."""
        self._send("DELETE", "faults")

    def pending_faults(self) -> dict[str, Any]:
        """The faults that have not affected a call yet."""
        pending: dict[str, Any] = self._get("faults")
        return pending

    def hold(
        self,
        operation: str = ANY,
        *,
        when: str = BEFORE,
        skip: int = 0,
        meeting: str | None = None,
    ) -> None:
        """Make the next call of an operation wait, before the service acts or after it."""
        self.fault("hold", operation, when=when, skip=skip, meeting=meeting)

    def wait_held(self, timeout: float = 60.0) -> Held:
        """The call that is held, waiting up to `timeout` seconds for one.

        Raises SandboxError if none is held by then.
        """
        return self.wait_all_held(1, timeout)[0]

    def wait_all_held(self, number: int, timeout: float = 60.0) -> list[Held]:
        """The calls that are held, waiting up to `timeout` seconds for `number` of them.

        Raises SandboxError if there are fewer by then.
        """
        query = urlencode({"timeout": timeout, "number": number})
        held = [Held(**each) for each in self._send("GET", f"holds?{query}", timeout=timeout)]
        if len(held) < number:
            raise SandboxError(
                f"{len(held) or 'no'} call was held within {timeout:g} seconds, of {number}"
            )
        return held

    def release(self, number: int | None = None, *, drop: bool = False) -> int:
        """Release one held call, or all, and return how many were released.

        With `drop` their connections are closed. A call that is held before the service acts then
        has no effect.
        """
        query = {"drop": int(drop)} | ({} if number is None else {"number": number})
        return int(self._send("DELETE", f"holds?{urlencode(query)}")["released"])

    # Settings

    def quota(
        self, operation: str = ANY, *, rate: float | None, burst: float | None = None
    ) -> None:
        """Allow an operation, or each, `rate` calls a second and `burst` at once.

        A `rate` of None removes the quota. `burst` is the rate by default.
        """
        self._post("quotas", operation=operation, rate=rate, burst=burst)

    def latency(self, seconds: float) -> None:
        """Set the minimum duration of every Chime call, in seconds."""
        self.settings(latency=seconds)

    def settings(self, **settings: Any) -> dict[str, Any]:
        """Change settings, and return all of them. The README lists them."""
        changed: dict[str, Any] = self._post("settings", **settings)
        return changed

    def reset(self) -> None:
        """Remove meetings, faults, quotas, settings, requests, and the other services' resources.

        The clock doesn't change.
        """
        self._post("reset")

    def stop(self) -> None:
        """End the emulator's process. Its state is kept."""
        self._post("stop")

    # HTTP

    def _get(self, path: str, **query: Any) -> Any:
        return self._send("GET", f"{path}?{urlencode(query)}" if query else path)

    def _post(self, path: str, **body: Any) -> Any:
        return self._send("POST", path, body)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = 0.0
    ) -> Any:
        if not self.endpoint:
            raise SandboxError(
                "no emulator runs in this folder: use `chime-sandbox up`, or give --endpoint"
            )
        if not self.endpoint.startswith(("http://", "https://")):
            raise SandboxError(
                f"the endpoint {self.endpoint!r} is not a URL such as http://127.0.0.1:8080"
            )
        request = Request(
            f"{self.endpoint}/_sandbox/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with _open(request, timeout=timeout + SLACK_SECONDS) as response:
                return json.load(response)
        except HTTPError as error:
            with error:
                raise SandboxError(self._message(error)) from None
        except (OSError, HTTPException) as error:
            # A connection that breaks while the emulator answers is not a URLError.
            reason = str(getattr(error, "reason", error)).strip()
            raise SandboxError(f"no sandbox answers at {self.endpoint}: {reason}") from None
        except ValueError:
            raise SandboxError(self._other_server()) from None

    def _message(self, error: HTTPError) -> str:
        try:
            return str(json.load(error)["message"])
        except (ValueError, LookupError, TypeError, OSError):
            return self._other_server()

    def _other_server(self) -> str:
        return (
            f"{self.endpoint} is not the endpoint of a chime-sandbox: correct AWS_ENDPOINT_URL or "
            "--endpoint, or unset it to use the emulator of this folder"
        )
