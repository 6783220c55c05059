"""What is wrong after a run: with what it said, with the service, with the state."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from faults.scenarios import COPY, MAIN, Scenario
from faults.stage import Known, bearer
from support.house import Run

from sandbox.admin import Meeting

ONE_LINE = re.compile(
    r"^meeting_provider\.errors\.\w+: meeting '(?P<meeting>[^']+)': "
    r"(?P<operation>\w+) failed: (?P<cause>.+); (?P<remedy>.+)$"
)
NOISE = ("During handling", "direct cause", "botocore", "tenacity", "concurrent/futures")
MOST_LINES = 12


def unclean(errors: dict[str, str]) -> Iterator[str]:
    """What keeps the errors of a case from being one that says what to do, and no more."""
    if len(errors) > 1:
        yield f"more than one error: {errors}"
    for name, text in errors.items():
        lines = text.splitlines()
        last = ONE_LINE.match(lines[-1])
        if text.count("error:") != 1 or len(lines) > MOST_LINES or any(n in text for n in NOISE):
            yield f"not one clean error: {text}"
        if last is None or not last["meeting"].startswith(name):
            yield f"the last line does not name meeting, operation, cause and remedy: {lines[-1]}"


def not_as_declared(
    scenario: Scenario,
    parts: dict[str, str],
    before: dict[str, list[Known]],
    after: dict[str, list[Known]],
    meetings: Iterable[Meeting],
) -> Iterator[str]:
    """What is wrong with the service or the state, once all is healed."""
    of_name: dict[str, list[Meeting]] = defaultdict(list)
    for meeting in meetings:
        of_name[meeting.external_meeting_id].append(meeting)
    for part, name in parts.items():
        arguments = scenario.after.get(part)
        known = after.get(name, [])
        ids = {k.meeting_id for k in known}
        live = [m for m in of_name[name] if m.alive and m.meeting_id in ids]
        unknown = [m for m in of_name[name] if m.alive and m.meeting_id not in ids]
        if len(unknown) > (part not in scenario.before or not scenario.in_place):
            yield f"{part}: {len(unknown)} meetings that no state knows"
        if arguments is None:
            if known:
                yield f"{part} is still there: {len(known)} in the state"
            continue
        if len(live) != 1 or len(known) != 1:
            yield f"{part}: {len(live)} live, {len(known)} in the state, or not the same"
            continue
        yield from _differences(part, arguments, known[0], live[0])
        if part in scenario.before:
            yield from _lost(scenario, part, before[name][0], known[0], of_name[name])
    if {MAIN, COPY} <= scenario.after.keys():
        main, copy = (after.get(parts[part], []) for part in (MAIN, COPY))
        if main and copy and copy[0].replicates != main[0].meeting_id:
            yield "the replica is of another primary"


def _differences(part: str, arguments: Any, known: Known, live: Meeting) -> Iterator[str]:
    wanted = {a["external_user_id"]: a.get("capabilities") for a in arguments["attendees"]}
    there = {a.external_user_id: a for a in live.attendees}
    if sorted(wanted) != live.external_user_ids:
        yield f"{part} has other attendees: {sorted(set(wanted) ^ set(there))}"
        return
    everything = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}
    for who, can in wanted.items():
        asked = {k.capitalize(): v for k, v in can.items()} if can else everything
        if there[who].capabilities != asked:
            yield f"{part}: {who} may {there[who].capabilities}"
    if live.tags != arguments.get("tags", {}):
        yield f"{part} has the tags {live.tags}"
    ids = {who: attendee.attendee_id for who, attendee in there.items()}
    if known.attendee_ids != ids or {w: bearer(t) for w, t in known.tokens.items()} != ids:
        yield f"{part}: the state has other attendee ids or tokens than the service"


def _lost(
    scenario: Scenario, part: str, was: Known, known: Known, of_name: Iterable[Meeting]
) -> Iterator[str]:
    if was.meeting_id == known.meeting_id:
        kept = was.tokens.keys() & known.tokens.keys()
        changed = sum(was.tokens[who] != known.tokens[who] for who in kept)
        if changed:
            yield f"{part}: {changed} attendees that stayed have other tokens"
    elif scenario.in_place:
        reason = next((m.end_reason for m in of_name if m.meeting_id == was.meeting_id), None)
        if reason not in ("fault", "primary ended"):
            yield f"{part} was replaced though it had not ended by itself ({reason})"


def leaks(runs: Iterable[Run], states: Iterable[dict[str, list[Known]]]) -> int:
    """How many join tokens the runs say."""
    said = "".join(run.text for run in runs)
    tokens = {
        t for state in states for known in state.values() for k in known for t in k.tokens.values()
    }
    return sum(token in said for token in tokens)
