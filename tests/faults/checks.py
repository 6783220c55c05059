"""What is wrong after an update: with its errors, with the service, with the state."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from faults.scenarios import COPY, MAIN
from faults.trial import Before, Trial
from support.host import Resource

from chime_sandbox.admin import Meeting

ONE_LINE = re.compile(
    r"^meeting_provider\.errors\.\w+: meeting '(?P<meeting>[^']+)': "
    r"(?P<operation>\w+) failed: (?P<cause>.+); (?P<remedy>.+)$"
)
NOISE = ("During handling", "direct cause", "botocore", "tenacity", "concurrent/futures")
MOST_LINES = 12
EVERYTHING = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}

#: Why the service, and not the provider, ended a meeting.
BY_ITSELF = ("fault", "primary ended")


def unclear(error: str) -> Iterator[str]:
    """What keeps an error from saying in its last line, after a few, what to do."""
    lines = error.strip().splitlines()
    if len(lines) > MOST_LINES or any(noise in error for noise in NOISE):
        yield f"the error is too long: {error}"
    if not ONE_LINE.match(lines[-1]):
        yield f"the last line doesn't name meeting, operation, cause and remedy: {lines[-1]}"


def orphaned(trial: Trial, meetings: Iterable[Meeting]) -> list[Meeting]:
    """The trial's meetings that are alive and that its state doesn't have."""
    known = {r.id for r in trial.stack.resources}
    names = {trial.external_id(part) for part in (MAIN, COPY)}
    return [
        m for m in meetings
        if m.alive and m.external_meeting_id in names and m.meeting_id not in known
    ]  # fmt: skip


def not_as_declared(trial: Trial, meetings: Iterable[Meeting]) -> Iterator[str]:
    """What is wrong with the service or the state after an update that succeeded."""
    scenario, current = trial.scenario, trial.parts()
    by_id = {m.meeting_id: m for m in meetings}
    if len(current) != len(trial.stack.resources):
        yield "a replaced meeting is still in the state"
    if current.keys() != scenario.after.keys():
        yield f"the state has {sorted(current)}"
        return
    for part, arguments in scenario.after.items():
        resource = current[part]
        meeting = by_id.get(resource.id)
        if meeting is None or not meeting.alive:
            yield f"{part} has ended"
            continue
        yield from _differences(part, arguments, resource, meeting)
        if part in trial.before:
            yield from _lost(part, trial, trial.before[part], resource, by_id)
    if COPY in current and current[COPY].outputs["primary_meeting_id"] != current[MAIN].id:
        yield "the replica is of another primary"
    for part in trial.before.keys() - current.keys():
        if by_id[trial.before[part].meeting_id].alive:
            yield f"{part} is still alive"


def _differences(
    part: str, arguments: Mapping[str, Any], resource: Resource, meeting: Meeting
) -> Iterator[str]:
    wanted = {a["external_user_id"]: a.get("capabilities") for a in arguments["attendees"]}
    found = {a.external_user_id: a for a in meeting.attendees}
    if sorted(wanted) != meeting.external_user_ids:
        yield f"{part} has other attendees: {sorted(set(wanted) ^ set(found))}"
        return
    for external_user_id, declared in wanted.items():
        asked = {k.capitalize(): v for k, v in declared.items()} if declared else EVERYTHING
        if found[external_user_id].capabilities != asked:
            yield f"{part}: {external_user_id} has {found[external_user_id].capabilities}"
    if meeting.tags != arguments.get("tags", {}):
        yield f"{part} has the tags {meeting.tags}"
    settings = arguments.get("transcription", {}).get("engine_transcribe_settings", {})
    running = (meeting.transcription or {}).get("EngineTranscribeSettings", {})
    if running.get("LanguageCode") != settings.get("language_code"):
        yield f"{part} is transcribed with {running}"
    ids = {i: attendee.attendee_id for i, attendee in found.items()}
    if resource.attendee_ids != ids:
        yield f"{part}: the state has other attendee ids than the service"
    if {i: _attendee_id(t) for i, t in resource.join_tokens.items()} != ids:
        yield f"{part}: the state has join tokens of other attendees"


def _lost(
    part: str, trial: Trial, before: Before, resource: Resource, by_id: Mapping[str, Meeting]
) -> Iterator[str]:
    if before.meeting_id == resource.id:
        tokens, ids = resource.join_tokens, resource.attendee_ids
        for i in before.join_tokens.keys() & tokens.keys():
            if before.join_tokens[i] != tokens[i] or before.attendee_ids[i] != ids[i]:
                yield f"{part}: {i} has another attendee id or join token"
        if not trial.scenario.in_place:
            yield f"{part} was not replaced"
    elif trial.scenario.in_place and by_id[before.meeting_id].end_reason not in BY_ITSELF:
        yield f"{part} was replaced without a cause"
    elif by_id[before.meeting_id].alive:
        yield f"{part}: the replaced meeting is still alive"


def _attendee_id(token: str) -> str:
    """The AttendeeId that a join token belongs to."""
    padded = token + "=" * (-len(token) % 4)
    return base64.b64decode(padded).decode().partition(":")[0]


def leaked(tokens: Iterable[str], texts: Iterable[str]) -> int:
    """How many join tokens the texts contain.

    An `assert` on the call itself would print its arguments.
    """
    text = "\n".join(texts)
    return sum(token in text for token in tokens)


def table(title: str, rows: Iterable[tuple[str, str, bool]]) -> list[str]:
    """Lines with a row for each fault and operation: the number of cases, and of those that held.

    :param rows: of each case its fault, its operation and whether everything held.
    """
    cells: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for fault, operation, held in rows:
        cells[fault, operation].append(held)
    every = [held for cell in cells.values() for held in cell]
    return [
        f"{title}: {len(every)} cases, {sum(every)} recovered",
        *(
            f"{fault:24}{operation:40}{len(cell):>6}{sum(cell):>6}"
            for (fault, operation), cell in sorted(cells.items())
        ),
    ]
