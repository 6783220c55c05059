"""A client of the emulator's admin route, and a command line for people.

\b
    python -m sandbox.admin journal
    python -m sandbox.admin advance 360
    python -m sandbox.admin end opening-keynote
    python -m sandbox.admin fault throttle CreateMeetingWithAttendees --count 3

The endpoint is ``--endpoint``, or else ``AWS_ENDPOINT_URL``, or else that of the sandbox which is
up in the current directory.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import click

from . import ENDPOINT_FILE

ANY = "*"
BEFORE = "before"
AFTER = "after"
READING = ("Get", "List")
NOTIFICATION = "notification"
DELIVERED = "delivered"
SLACK_SECONDS = 10.0

_open = build_opener(ProxyHandler({})).open


class SandboxError(Exception):
    """The admin route refused, or nobody answers there; the message says why."""


@dataclass(frozen=True)
class Call:
    """One call or notification, as the journal has it; see ``sandbox.chime.journal.Entry``."""

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

    ``request`` holds the parameters that made it, named as in the API.
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
    ended_at: float | None
    end_reason: str | None
    attendees: list[Attendee] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    @property
    def external_meeting_id(self) -> str:
        """The id that its maker gave it."""
        return str(self.request["ExternalMeetingId"])

    @property
    def external_user_ids(self) -> list[str]:
        """Its attendees' ids, sorted."""
        return sorted(attendee.external_user_id for attendee in self.attendees)


@dataclass(frozen=True)
class Held:
    """A call that is stopped until ``release``."""

    number: int
    operation: str
    when: str
    meeting_id: str | None
    released: bool = False
    dropped: bool = False


class Sandbox:
    """The admin route of the cloud at ``endpoint``. Every method raises SandboxError."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")

    # What happened

    def journal(self, *, after: int = 0, service: str | None = "chime") -> list[Call]:
        """The calls so far, oldest first: those of one service, or of all with None.

        ``after`` is the number of a call; only later ones are given.
        """
        calls = [Call(**each) for each in self._get("journal", after=after)]
        return [call for call in calls if service in (None, call.service)]

    def writes(self, *, after: int = 0) -> list[Call]:
        """The Chime calls so far that can change anything."""
        return [call for call in self.journal(after=after) if call.is_write]

    def notifications(self, *, after: int = 0) -> list[Call]:
        """What was sent so far to meetings' queues and topics, and what was swallowed on the way.

        ``operation`` is the event type, ``target`` the ARN, ``fault`` why it was swallowed.
        """
        return self.journal(after=after, service=NOTIFICATION)

    def clear_journal(self) -> None:
        """Forget the calls and notifications so far."""
        self._send("DELETE", "journal")

    def meetings(self) -> list[Meeting]:
        """Every meeting, alive and ended, oldest first."""
        found = [
            Meeting(**each | {"attendees": [Attendee(**one) for one in each["attendees"]]})
            for each in self._get("meetings")
        ]
        return sorted(found, key=lambda meeting: meeting.created_at)

    def live(self) -> list[Meeting]:
        """Every living meeting, oldest first."""
        return [meeting for meeting in self.meetings() if meeting.alive]

    # Time

    def now(self) -> float:
        """Seconds since the epoch on the emulator's clock."""
        return float(self._get("clock")["now"])

    def advance(self, seconds: float) -> float:
        """Move the clock forwards, ending what should end by then; the new time."""
        return float(self._post("clock", seconds=seconds)["now"])

    # Meetings

    def end(self, meeting_id: str) -> None:
        """End a living meeting."""
        self._post(f"meetings/{meeting_id}/end")

    def join(self, meeting_id: str, attendee_id: str) -> None:
        """Connect an attendee, which keeps the meeting alive."""
        self._post(f"meetings/{meeting_id}/attendees/{attendee_id}/join")

    def leave(self, meeting_id: str, attendee_id: str) -> None:
        """Disconnect an attendee by its own will."""
        self._post(f"meetings/{meeting_id}/attendees/{attendee_id}/leave")

    def drop(self, meeting_id: str, attendee_id: str) -> None:
        """Disconnect an attendee by a lost connection."""
        self._post(f"meetings/{meeting_id}/attendees/{attendee_id}/drop")

    def tell(self, meeting_id: str, attendee_id: str, event: str) -> None:
        """Say that an attendee's video or content did what no client can do here.

        ``event`` is an event type such as ``chime:AttendeeVideoStarted``.
        """
        self._post(f"meetings/{meeting_id}/attendees/{attendee_id}/tell", event=event)

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
        """Have the next ``count`` calls of an operation fail, after ``skip`` that don't.

        ``meeting`` is the MeetingId or ExternalMeetingId of the one meeting that it is for;
        ``kind`` is throttle, failure, unavailable, limit, forbidden, conflict, drop, delay, end or
        hold; ``seconds`` the length of a delay, or the Retry-After of unavailable.
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
        """Have the next ``count`` attendees of batches, or of those named, fail in ``Errors``."""
        self._post(
            "faults/attendees", code=code, count=count, external_user_ids=external_user_ids,
            message=message,
        )  # fmt: skip

    def clear_faults(self) -> None:
        """Take every fault away, and let every held call go."""
        self._send("DELETE", "faults")

    def pending_faults(self) -> dict[str, Any]:
        """The faults that no call has met yet."""
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
        """Stop the next call of an operation, before it acts or after."""
        self.fault("hold", operation, when=when, skip=skip, meeting=meeting)

    def wait_held(self, timeout: float = 30.0) -> Held:
        """The call that is held, waiting up to ``timeout`` seconds for one.

        Raises SandboxError where none is held by then.
        """
        return self.wait_all_held(1, timeout)[0]

    def wait_all_held(self, number: int, timeout: float = 30.0) -> list[Held]:
        """The calls that are held, waiting up to ``timeout`` seconds for so many of them.

        Raises SandboxError where there are fewer by then.
        """
        query = urlencode({"timeout": timeout, "number": number})
        held = [Held(**each) for each in self._send("GET", f"holds?{query}", timeout=timeout)]
        if len(held) < number:
            raise SandboxError(
                f"{len(held) or 'no'} call was held within {timeout:g} seconds, of {number}"
            )
        return held

    def release(self, number: int | None = None, *, drop: bool = False) -> int:
        """Let one held call go on, or all; how many did.

        With ``drop`` their connections are closed where they stand instead: a call held before the
        service acts never does.
        """
        query = {"drop": int(drop)} | ({} if number is None else {"number": number})
        return int(self._send("DELETE", f"holds?{urlencode(query)}")["released"])

    # Settings

    def quota(
        self, operation: str = ANY, *, rate: float | None, burst: float | None = None
    ) -> None:
        """Allow an operation, or each, ``rate`` calls a second and ``burst`` at once.

        None lifts the quota; without ``burst`` it is the rate.
        """
        self._post("quotas", operation=operation, rate=rate, burst=burst)

    def latency(self, seconds: float) -> None:
        """Have every Chime call take at least so long."""
        self.knobs(latency=seconds)

    def knobs(self, **settings: Any) -> dict[str, Any]:
        """Turn knobs, and give them all; see ``sandbox.chime``."""
        knobs: dict[str, Any] = self._post("knobs", **settings)
        return knobs

    def reset(self) -> None:
        """Forget meetings, faults, quotas, knobs, journal, and the other services' resources.

        The clock stays where it is.
        """
        self._post("reset")

    def stop(self) -> None:
        """Have the process end. It keeps its state."""
        self._post("stop")

    # The wire

    def _get(self, path: str, **query: Any) -> Any:
        return self._send("GET", f"{path}?{urlencode(query)}" if query else path)

    def _post(self, path: str, **body: Any) -> Any:
        return self._send("POST", path, body)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = 0.0
    ) -> Any:
        if not self.endpoint:
            raise SandboxError("no sandbox is up in this directory: `make up`, or give --endpoint")
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
            raise SandboxError(json.load(error)["message"]) from None
        except URLError as error:
            raise SandboxError(f"no sandbox answers at {self.endpoint}: {error.reason}") from None


def _endpoint_here() -> str:
    try:
        return ENDPOINT_FILE.read_text().strip()
    except OSError:
        return ""


def _meeting(sandbox: Sandbox, named: str) -> Meeting:
    found = [m for m in sandbox.live() if named in (m.meeting_id, m.external_meeting_id)]
    if len(found) != 1:
        what = f"{len(found)} living meetings are" if found else "no living meeting is"
        raise SandboxError(f"{what} called {named}; `meetings` shows those that live, with ids")
    return found[0]


def _ids(sandbox: Sandbox, meeting: str, attendee: str) -> tuple[str, str]:
    found = _meeting(sandbox, meeting)
    for each in found.attendees:
        if attendee in (each.attendee_id, each.external_user_id):
            return found.meeting_id, each.attendee_id
    raise SandboxError(f"{meeting} has no attendee called {attendee}; `meetings` shows whom it has")


@click.group(help=__doc__)
@click.option(
    "--endpoint", envvar="AWS_ENDPOINT_URL", default=_endpoint_here, help="Where the cloud listens."
)
@click.pass_context
def main(context: click.Context, endpoint: str) -> None:
    """Look into the sandbox and turn its knobs."""
    context.obj = Sandbox(endpoint)


@main.command()
@click.option("--writes", is_flag=True, help="Only what can change anything.")
@click.option(
    "--all", "every", is_flag=True, help="The other services' calls and the notifications too."
)
@click.pass_obj
def journal(sandbox: Sandbox, writes: bool, every: bool) -> None:
    """Show the calls so far."""
    for call in sandbox.journal(service=None if every else "chime"):
        if call.is_write or not writes:
            notes = " ".join(each for each in (call.target, call.fault) if each)
            click.echo(
                f"{_clock(call.time)}  {call.region:14} {call.operation:38} {call.outcome:24} "
                f"{call.meeting_id or '-':36} {call.items or '':>3} {notes}".rstrip()
            )


@main.command()
@click.pass_obj
def notifications(sandbox: Sandbox) -> None:
    """Count what was sent to each queue and topic, and what was swallowed, and why."""
    sent = sandbox.notifications()
    counted = Counter((each.target, each.outcome, each.fault or "") for each in sent)
    for (target, outcome, why), count in sorted(counted.items()):
        click.echo(f"{count:>6}  {outcome:9}  {target}  {why}".rstrip())


@main.command()
@click.option("--all", "every", is_flag=True, help="The ended ones too.")
@click.pass_obj
def meetings(sandbox: Sandbox, every: bool) -> None:
    """Show the meetings and who can join them."""
    for meeting in sandbox.meetings():
        if meeting.alive or every:
            state = "alive" if meeting.alive else f"ended ({meeting.end_reason})"
            click.echo(f"{meeting.meeting_id}  {meeting.external_meeting_id}  {state}")
            for attendee in meeting.attendees:
                here = "connected" if attendee.connected else ""
                click.echo(
                    f"    {attendee.attendee_id}  {attendee.external_user_id}  {here}".rstrip()
                )


@main.command()
@click.argument("seconds", type=float)
@click.pass_obj
def advance(sandbox: Sandbox, seconds: float) -> None:
    """Move the clock forwards by SECONDS."""
    click.echo(_clock(sandbox.advance(seconds)))


@main.command()
@click.argument("meeting")
@click.pass_obj
def end(sandbox: Sandbox, meeting: str) -> None:
    """End the MEETING of that id or name."""
    sandbox.end(_meeting(sandbox, meeting).meeting_id)


@main.command()
@click.argument("meeting")
@click.argument("attendee")
@click.pass_obj
def join(sandbox: Sandbox, meeting: str, attendee: str) -> None:
    """Connect the ATTENDEE of that id or name to the MEETING of that id or name."""
    sandbox.join(*_ids(sandbox, meeting, attendee))


@main.command()
@click.argument("meeting")
@click.argument("attendee")
@click.pass_obj
def leave(sandbox: Sandbox, meeting: str, attendee: str) -> None:
    """Disconnect an attendee from a meeting."""
    sandbox.leave(*_ids(sandbox, meeting, attendee))


@main.command()
@click.argument("meeting")
@click.argument("attendee")
@click.pass_obj
def drop(sandbox: Sandbox, meeting: str, attendee: str) -> None:
    """Disconnect an attendee as a lost connection does."""
    sandbox.drop(*_ids(sandbox, meeting, attendee))


@main.command()
@click.argument("kind")
@click.argument("operation", default=ANY)
@click.option("--when", type=click.Choice([BEFORE, AFTER]), default=BEFORE, show_default=True)
@click.option("--count", default=1, show_default=True)
@click.option("--seconds", default=1.0, show_default=True)
@click.pass_obj
def fault(
    sandbox: Sandbox, kind: str, operation: str, when: str, count: int, seconds: float
) -> None:
    """Have the next calls of OPERATION, or of any, meet a fault of that KIND.

    KIND is throttle, failure, unavailable, limit, forbidden, conflict, drop, delay, end or hold.
    """
    sandbox.fault(kind, operation, when=when, count=count, seconds=seconds)


@main.command()
@click.argument("settings", nargs=-1, metavar="[NAME=SETTING]...")
@click.pass_obj
def knobs(sandbox: Sandbox, settings: tuple[str, ...]) -> None:
    """Turn knobs, and show them all."""
    turned = dict(setting.split("=", 1) for setting in settings)
    for name, value in sandbox.knobs(
        **{key: _parsed(text) for key, text in turned.items()}
    ).items():
        click.echo(f"{name}={json.dumps(value)}")


@main.command()
@click.pass_obj
def reset(sandbox: Sandbox) -> None:
    """Forget everything but the time."""
    sandbox.reset()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def run() -> None:
    """Run the command line, with refusals as one sentence."""
    try:
        main()
    except SandboxError as error:
        raise SystemExit(f"Error: {error}") from None


if __name__ == "__main__":
    run()
