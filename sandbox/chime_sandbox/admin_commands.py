"""The commands of `chime-sandbox admin`, which call the admin route."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import click

from . import ENDPOINT_FILE
from .admin import AFTER, ANY, BEFORE, Meeting, Sandbox, SandboxError


def _endpoint_here() -> str:
    try:
        return ENDPOINT_FILE.read_text().strip()
    except OSError:
        return ""


def _meeting(sandbox: Sandbox, named: str) -> Meeting:
    found = [m for m in sandbox.live() if named in (m.meeting_id, m.external_meeting_id)]
    if len(found) != 1:
        what = f"{len(found)} active meetings are" if found else "no active meeting is"
        raise SandboxError(f"{what} called {named}; `meetings` lists the active ones")
    return found[0]


def _ids(sandbox: Sandbox, meeting: str, attendee: str) -> tuple[str, str]:
    found = _meeting(sandbox, meeting)
    for each in found.attendees:
        if attendee in (each.attendee_id, each.external_user_id):
            return found.meeting_id, each.attendee_id
    raise SandboxError(
        f"{meeting} has no attendee called {attendee}; `meetings` lists its attendees"
    )


@click.group()
@click.option(
    "--endpoint",
    envvar="AWS_ENDPOINT_URL",
    default=_endpoint_here,
    help="Where the emulator listens; by default the one of the current folder.",
)
@click.pass_context
def admin(context: click.Context, endpoint: str) -> None:
    """Inspect the emulator, move its clock, and inject faults."""
    context.obj = Sandbox(endpoint)


@admin.command()
@click.option("--writes", is_flag=True, help="Only calls that can change something.")
@click.option(
    "--all", "every", is_flag=True, help="Include the other services' calls, and the notifications."
)
@click.pass_obj
def requests(sandbox: Sandbox, writes: bool, every: bool) -> None:
    """Show the calls so far."""
    for call in sandbox.requests(service=None if every else "chime"):
        if call.is_write or not writes:
            notes = " ".join(each for each in (call.target, call.fault) if each)
            click.echo(
                f"{_clock(call.time)}  {call.region:14} {call.operation:38} {call.outcome:24} "
                f"{call.meeting_id or '-':36} {call.items or '':>3} {notes}".rstrip()
            )


@admin.command()
@click.pass_obj
def notifications(sandbox: Sandbox) -> None:
    """Count the notifications to each queue and topic, delivered or dropped, and why."""
    sent = sandbox.notifications()
    counted = Counter((each.target, each.outcome, each.fault or "") for each in sent)
    for (target, outcome, why), count in sorted(counted.items()):
        click.echo(f"{count:>6}  {outcome:9}  {target}  {why}".rstrip())


@admin.command()
@click.option("--all", "every", is_flag=True, help="Include ended meetings.")
@click.pass_obj
def meetings(sandbox: Sandbox, every: bool) -> None:
    """Show the meetings and who can join them."""
    for meeting in sandbox.meetings():
        if meeting.alive or every:
            state = "alive" if meeting.alive else f"ended ({meeting.end_reason})"
            click.echo(f"{meeting.meeting_id}  {meeting.external_meeting_id}  {state}")
            if meeting.transcription is not None:
                click.echo(f"    transcribed with {json.dumps(meeting.transcription)}")
            if meeting.transcription_failure is not None:
                click.echo(f"    transcription failed: {meeting.transcription_failure}")
            for attendee in meeting.attendees:
                here = "connected" if attendee.connected else ""
                click.echo(
                    f"    {attendee.attendee_id}  {attendee.external_user_id}  {here}".rstrip()
                )


@admin.command()
@click.pass_obj
def pipelines(sandbox: Sandbox) -> None:
    """Show the media pipelines, their sources, and the objects that they have written."""
    for pipeline in sandbox.pipelines():
        kind = "captures" if pipeline.kind == "MediaCapturePipeline" else "concatenates"
        why = f" ({pipeline.failure})" if pipeline.failure else ""
        click.echo(f"{pipeline.pipeline_id}  {kind} {pipeline.source_id}  {pipeline.status}{why}")
        for key in pipeline.keys:
            click.echo(f"    {key}")


@admin.command()
@click.argument("seconds", type=float)
@click.pass_obj
def advance(sandbox: Sandbox, seconds: float) -> None:
    """Move the clock forwards by SECONDS."""
    click.echo(_clock(sandbox.advance(seconds)))


@admin.command()
@click.argument("meeting")
@click.pass_obj
def end(sandbox: Sandbox, meeting: str) -> None:
    """End the MEETING of that id or name."""
    sandbox.end(_meeting(sandbox, meeting).meeting_id)


@admin.command()
@click.argument("meeting")
@click.argument("attendee")
@click.pass_obj
def join(sandbox: Sandbox, meeting: str, attendee: str) -> None:
    """Connect the ATTENDEE of that id or name to the MEETING of that id or name."""
    sandbox.join(*_ids(sandbox, meeting, attendee))


@admin.command()
@click.argument("meeting")
@click.argument("attendee")
@click.pass_obj
def leave(sandbox: Sandbox, meeting: str, attendee: str) -> None:
    """Disconnect an attendee from a meeting."""
    sandbox.leave(*_ids(sandbox, meeting, attendee))


@admin.command()
@click.argument("meeting")
@click.argument("attendee")
@click.pass_obj
def drop(sandbox: Sandbox, meeting: str, attendee: str) -> None:
    """Disconnect an attendee as if the connection were lost."""
    sandbox.drop(*_ids(sandbox, meeting, attendee))


@admin.command()
@click.argument("kind")
@click.argument("operation", default=ANY)
@click.option("--when", type=click.Choice([BEFORE, AFTER]), default=BEFORE, show_default=True)
@click.option("--count", default=1, show_default=True)
@click.option("--seconds", default=1.0, show_default=True)
@click.pass_obj
def fault(
    sandbox: Sandbox, kind: str, operation: str, when: str, count: int, seconds: float
) -> None:
    """Inject a fault of KIND into the next calls of OPERATION, or of any operation.

    KIND is throttle, failure, unavailable, limit, forbidden, conflict, drop, delay, end or hold.
    """
    sandbox.fault(kind, operation, when=when, count=count, seconds=seconds)


@admin.command()
@click.pass_obj
def clear_faults(sandbox: Sandbox) -> None:
    """Remove all faults, and release all held calls."""
    sandbox.clear_faults()


@admin.command()
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE]...")
@click.pass_obj
def settings(sandbox: Sandbox, settings: tuple[str, ...]) -> None:
    """Change settings, and show all of them."""
    changed = {}
    for setting in settings:
        name, is_set, text = setting.partition("=")
        if not is_set:
            raise SandboxError(f"{name} has no value: use NAME=VALUE, such as latency=0.5")
        changed[name] = _parsed(text)
    for name, value in sandbox.settings(**changed).items():
        click.echo(f"{name}={json.dumps(value)}")


@admin.command()
@click.pass_obj
def reset(sandbox: Sandbox) -> None:
    """Remove all state except the time."""
    sandbox.reset()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
