"""Creates the desk's parameters from the outputs of the meetings' stack."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from desk import addresses
from meeting_provider import NoJoinData, join_info

_TEXTS: Final = ("title", "description")
_TIMES: Final = ("opens", "start", "end", "closes")

#: The fields of open meetings in an event's parameter. None is secret.
_IDS: Final = ("MeetingArn", "ExternalMeetingId")


class Incomplete(Exception):
    """The outputs of the meetings' stack can't be used. The message says why, and what to do."""


@dataclass(frozen=True)
class Parameter:
    """A parameter that the desk keeps.

    :param address: its name.
    :param value: its value, in JSON. It may hold join tokens.
    :param event: the name of its event.
    """

    address: str
    value: str = field(repr=False)
    event: str


def parameters(stack: str, outputs: Mapping[str, Any], source: str) -> Iterator[Parameter]:
    """The desk's parameters: each event's details and times, and each attendee's join information.

    :param stack: the stack of the meetings, without organization and project.
    :param outputs: its outputs: `meeting_ids` and `join_data`, and, if they are exported, `events`
        and `upcoming` with titles and times, and `recordings` with the place of each recording.
    :param source: the stack's full name, for errors.
    :raises Incomplete: outputs are missing, or secrets among them could not be decrypted.
    """
    if not isinstance(outputs, Mapping):
        raise Incomplete(f"the outputs of {source} can't be read: deploy the meetings first")
    data, ids = _required(outputs, "join_data", source), _required(outputs, "meeting_ids", source)
    texts, upcoming = outputs.get("events") or {}, outputs.get("upcoming") or {}
    recordings = outputs.get("recordings")
    about: dict[str, dict[str, Any]] = defaultdict(lambda: {"open": []})
    entries: dict[str, list[Any]] = defaultdict(list)
    events: dict[str, str] = {}
    # A meeting without an id is one that doesn't exist yet.
    for name in sorted(name for name, meeting_id in ids.items() if isinstance(meeting_id, str)):
        said = texts.get(name) or {}
        event, times = said.get("event", name), _times(said)
        about[event] |= {n: said[n] for n in _TEXTS if n in said}
        attendees = _join_info(data, name, source)
        ids_of = {n: v for n, v in data[name]["Meeting"].items() if n in _IDS}
        about[event]["open"].append(
            {**times, "MeetingId": ids[name], **ids_of, **_recording(recordings, name)}
        )
        for external_user_id, info in attendees.items():
            address = addresses.attendee(stack, event, external_user_id)
            entries[address].append({**info, "Times": times})
            events[address] = event
    for name, said in upcoming.items():
        event = said.get("event", name)
        about[event] |= {n: said[n] for n in _TEXTS if n in said} | {"next": _times(said)}
    for event, said in about.items():
        address = addresses.about(stack, addresses.segment(event))
        yield Parameter(address, json.dumps(said, sort_keys=True), event)
    for address, entry in entries.items():
        yield Parameter(address, json.dumps(entry, sort_keys=True), events[address])


def queue(outputs: Mapping[str, Any]) -> str | None:
    """The queue of the stack's notifications in JSON; None if it has none."""
    url, arn = outputs.get("queue_url"), outputs.get("queue_arn")
    if not isinstance(url, str) or not isinstance(arn, str):
        return None
    return json.dumps({"region": arn.split(":")[3], "url": url})


def text(outputs: Mapping[str, Any], name: str, source: str) -> str | None:
    """A secret text among the outputs; None if there is none with this name.

    :raises Incomplete: it could not be decrypted.
    """
    value = outputs.get(name)
    if value is None or isinstance(value, str):
        return value
    raise Incomplete(f"the output {name} of {source} is empty: {_CAUSE}")


_CAUSE: Final = (
    "Pulumi could not decrypt the secret. Check the stack's passphrase, or the permission to "
    "decrypt with its KMS key"
)


def _required(outputs: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
    if name not in outputs:
        raise Incomplete(f"{source} has no output {name}: deploy the meetings first")
    value = outputs[name]
    if not isinstance(value, Mapping):
        raise Incomplete(f"the output {name} of {source} is empty: {_CAUSE}")
    return value


def _join_info(data: Mapping[str, Any], meeting: str, source: str) -> dict[str, Any]:
    try:
        return join_info(data.get(meeting) or {}, f"the meeting {meeting} in {source}")
    except NoJoinData as error:
        raise Incomplete(str(error)) from None


def _recording(recordings: object, meeting: str) -> dict[str, Any]:
    """The place of a meeting's recording, for the operator; empty if it isn't known."""
    said = recordings.get(meeting) if isinstance(recordings, Mapping) else None
    if not isinstance(said, Mapping):
        return {}
    known = {name: value for name, value in said.items() if isinstance(value, str)}
    return {"recording": known} if known else {}


def _times(said: Mapping[str, Any]) -> dict[str, str]:
    return {name: said[name] for name in _TIMES if name in said}
