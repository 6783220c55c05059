"""The differences between a meeting and its declaration, and the fewest calls that remove them.

All functions here are pure. They take meetings as Pulumi properties, with attendees as a mapping
by external_user_id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from meeting_provider.models import (
    MAX_ATTENDEES_A_BATCH,
    AttendeeInput,
    MeetingInput,
    can_be_set,
    default_capabilities,
)
from meeting_provider.shapes import Argument, arguments

#: The arguments whose change creates a new meeting.
CREATE_ONLY: Final = tuple(
    n for n in MeetingInput.model_fields if n not in arguments(MeetingInput, Argument.IN_PLACE)
)

#: What an attendee may do, by medium: audio, video, content.
Capabilities = Mapping[str, str]

#: A place, and the value there before and after.
Difference = tuple[tuple[str, ...], Any, Any]


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of the declared properties that differ, in the order of the model."""
    return list(dict.fromkeys(place[0] for place, *_ in detailed(old, new)))


def detailed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Each place that differs, with its value before and after. An absent value is None.

    A place is a property's name and the keys below it, such as an attendee's external_user_id.
    Values may be UNKNOWN. An absent property equals an empty one, and absent capabilities equal the
    service's default.
    """
    was, now = _comparable(old), _comparable(new)
    for name in MeetingInput.model_fields:
        yield from places((name,), was.get(name), now.get(name))


def places(place: tuple[str, ...], old: Any, new: Any) -> Iterator[Difference]:
    """The places below a place whose value differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from places((*place, key), old.get(key), new.get(key))
    elif old != new:
        yield place, old, new


def replacing(names: Iterable[str]) -> list[str]:
    """Those of the names whose change creates a new meeting."""
    return [n for n in names if n in CREATE_ONLY]


def _comparable(meeting: Mapping[str, Any]) -> dict[str, Any]:
    """The properties without values that mean the same as an absent one."""
    attendees, tenants = meeting.get("attendees"), meeting.get("tenant_ids")
    comparable: dict[str, Any] = {n: _pruned(v) for n, v in meeting.items()}
    if isinstance(attendees, Mapping):
        default = default_capabilities(meeting.get("meeting_features"))
        comparable["attendees"] = {i: _pruned(a, default) or {} for i, a in attendees.items()}
    if isinstance(tenants, list):
        # Their order means nothing.
        comparable["tenant_ids"] = sorted(tenants, key=str) or None
    return comparable


def _pruned(value: Any, default: object = None) -> Any:
    if isinstance(value, Mapping):
        pruned = {k: _pruned(v) for k, v in value.items() if k != "capabilities" or v != default}
        return {k: v for k, v in pruned.items() if v is not None} or None
    return None if value in (None, [], False) else value


@dataclass(frozen=True)
class Plan:
    """The calls that change the meeting's attendees to the declared ones, in order.

    :param update_except: for each BatchUpdateAttendeeCapabilitiesExcept, the capabilities and the
        excluded attendees.
    :param update: for each UpdateAttendeeCapabilities, the attendee and the capabilities.
    """

    remove: list[str]
    add: list[AttendeeInput]
    update_except: list[tuple[Capabilities, list[str]]]
    update: dict[str, Capabilities]


def capabilities_of(declared: MeetingInput) -> dict[str, Capabilities]:
    """The capabilities of each declared attendee, by external_user_id."""
    default = default_capabilities(_features(declared))
    return {
        a.external_user_id: a.capabilities.properties() if a.capabilities else default
        for a in declared.attendees
    }


def _features(declared: MeetingInput) -> dict[str, Any] | None:
    return declared.meeting_features.properties() if declared.meeting_features else None


def plan(known: Mapping[str, Capabilities | None], declared: MeetingInput) -> Plan:
    """The fewest calls that change the meeting's attendees to the declared ones.

    Removals come first, so that the meeting stays within 250 attendees. An attendee whose default
    capabilities no call can set is removed and added again, with a new join token.

    :param known: the attendees' capabilities, by external_user_id; None where not known.
    :param declared: the meeting as it should be.
    """
    wanted = {a.external_user_id: a for a in declared.attendees}
    targets = capabilities_of(declared)
    changing = {i: target for i, target in targets.items() if known.get(i) not in (None, target)}
    again = {i for i, c in changing.items() if not can_be_set(c, _features(declared))}
    update = {i: target for i, target in changing.items() if i not in again}
    update_except: list[tuple[Capabilities, list[str]]] = []
    for common in dict.fromkeys(tuple(c.items()) for c in update.values()):
        target = dict(common)
        # The service requires an excluded attendee: one with these capabilities already, or one
        # that is updated by a call of its own.
        excluded = [i for i, c in targets.items() if c != target]
        excluded = excluded or [i for i in targets if i not in update][:1] or [*update][:1]
        covered = [i for i, c in update.items() if c == target and i not in excluded]
        if len(covered) > 1 and not declared.ignore_undeclared_attendees:
            update_except.append((target, excluded))
            update = {i: c for i, c in update.items() if i not in covered}
    return Plan(
        remove=[i for i in known if i not in wanted or i in again],
        add=[a for i, a in wanted.items() if i not in known or i in again],
        update_except=update_except,
        update=update,
    )


def batches(attendees: Sequence[AttendeeInput]) -> list[Sequence[AttendeeInput]]:
    """The attendees in as few batches as BatchCreateAttendee allows."""
    step = MAX_ATTENDEES_A_BATCH
    return [attendees[i : i + step] for i in range(0, len(attendees), step)]
