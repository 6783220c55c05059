"""What differs between the meeting that is and the one declared, and the fewest calls for it.

All functions here are pure, and take meetings as Pulumi's properties. Attendees are told apart by
external_user_id: their order means nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meeting_provider.models import (
    CREATE_ONLY,
    MAX_ATTENDEES_A_BATCH,
    MAX_ATTENDEES_AT_CREATE,
    AttendeeAnswer,
    AttendeeInput,
    MeetingInput,
    default_capabilities,
    may_be_set,
)

#: What makes another meeting of it when it changes.
REPLACING: Final = ("control_region", *CREATE_ONLY, "client_request_token")

#: What never counts as a change: it says who declares the meeting, not what the meeting is.
IGNORED: Final = ("identity",)

#: From how many attendees on their order tells what they were declared with: of eight, one order in
#: 40,320 is that of other tags as well.
TELLING: Final = 8

_DECLARED: Final = tuple(n for n in MeetingInput.model_fields if n not in IGNORED)

#: What each attendee may do, by the three kinds of media.
Capabilities = Mapping[str, str]


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of the declared properties that differ, in the order in which they are declared.

    Both may hold values of any kind, for instance such as are not known yet. A property that is
    absent equals one that is empty, and capabilities that are absent equal the service's default.
    """
    features = new.get("meeting_features")
    default = default_capabilities(features if isinstance(features, Mapping) else None)
    return [
        n
        for n in _DECLARED
        if old.get(n) != new.get(n)
        and _comparable(n, old.get(n), default) != _comparable(n, new.get(n), default)
    ]


def replacing(names: Iterable[str]) -> list[str]:
    """Those of the names whose change needs another meeting."""
    return [n for n in names if n in REPLACING]


def _comparable(name: str, value: Any, default: Capabilities) -> Any:
    if name == "attendees" and isinstance(value, list) and all(map(_is_named, value)):
        return {a["external_user_id"]: _comparable_attendee(a, default) for a in value}
    if name == "tenant_ids" and isinstance(value, list):
        # Their order means nothing either, and what is not known yet has none.
        return sorted(value, key=str) or None
    return _pruned(value)


def _is_named(attendee: object) -> bool:
    return isinstance(attendee, Mapping) and isinstance(attendee.get("external_user_id"), str)


def _comparable_attendee(attendee: Mapping[str, Any], default: Capabilities) -> Any:
    can = attendee.get("capabilities") or default
    declared = {k: v for k, v in attendee.items() if k != "attendee_id"}
    return _pruned({**declared, "capabilities": can})


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        pruned = {k: _pruned(v) for k, v in value.items()}
        return {k: v for k, v in pruned.items() if v is not None} or None
    return None if value in (None, [], False) else value


@dataclass(frozen=True)
class ExceptUpdate:
    """One BatchUpdateAttendeeCapabilitiesExcept: all get the capabilities, but those excluded."""

    capabilities: Capabilities
    excluded: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The calls that make the meeting what is declared, in their order.

    :param recast: all whose capabilities change, which the two kinds of update share among them.
    """

    remove: tuple[str, ...] = ()
    add: tuple[tuple[AttendeeInput, ...], ...] = ()
    recast: Mapping[str, Capabilities] = field(default_factory=dict)
    update_except: tuple[ExceptUpdate, ...] = ()
    update_each: Mapping[str, Capabilities] = field(default_factory=dict)
    tag: Mapping[str, str] = field(default_factory=dict)
    untag: tuple[str, ...] = ()


def plan(
    known: Mapping[str, Capabilities | None], tags: Mapping[str, str], declared: MeetingInput
) -> Plan:
    """The fewest calls that make the meeting what is declared.

    Removals come first, so that an exchange fits under the service's 250 attendees a meeting. Who
    is to have a default that can't be set is removed and made again, with another token.

    :param known: what the meeting's attendees may do, by external_user_id; None where nobody said.
    :param tags: the meeting's tags as they are.
    :param declared: the meeting as it should be.
    """
    wanted = {a.external_user_id: a for a in declared.attendees}
    targets = _targets(declared)
    changing = {i: target for i, target in targets.items() if known.get(i) not in (None, target)}
    anew = {i for i, target in changing.items() if not may_be_set(target, _features(declared))}
    recast = {i: target for i, target in changing.items() if i not in anew}
    batched = () if declared.ignore_undeclared_attendees else tuple(_update_except(targets, recast))
    wanted_tags = declared.tags or {}
    return Plan(
        remove=tuple(i for i in known if i not in wanted or i in anew),
        add=batches([a for i, a in wanted.items() if i not in known or i in anew]),
        recast=recast,
        update_except=batched,
        update_each={i: c for i, c in recast.items() if not any(_covers(b, i, c) for b in batched)},
        tag={k: v for k, v in wanted_tags.items() if tags.get(k) != v},
        untag=tuple(k for k in tags if k not in wanted_tags),
    )


def _targets(declared: MeetingInput) -> dict[str, Capabilities]:
    default = default_capabilities(_features(declared))
    return {
        a.external_user_id: a.capabilities.properties() if a.capabilities else default
        for a in declared.attendees
    }


def _features(declared: MeetingInput) -> dict[str, Any] | None:
    return declared.meeting_features.properties() if declared.meeting_features else None


def _covers(batch: ExceptUpdate, attendee: str, target: Capabilities) -> bool:
    return target == batch.capabilities and attendee not in batch.excluded


def _update_except(
    targets: Mapping[str, Capabilities], recast: Mapping[str, Capabilities]
) -> Iterator[ExceptUpdate]:
    """A batch for each set of capabilities that several attendees change to, if it saves calls.

    The service wants at least one attendee excluded: where all are to get the same, that is one
    who has it already, or else one of the changed, who is then updated alone.
    """
    for common in dict.fromkeys(tuple(c.items()) for c in recast.values()):
        target = dict(common)
        excluded = (
            [i for i, c in targets.items() if c != target]
            or [i for i in targets if i not in recast][:1]
            or [next(iter(recast))]
        )
        batch = ExceptUpdate(target, tuple(excluded))
        if sum(_covers(batch, i, c) for i, c in recast.items()) > 1:
            yield batch


def batches(attendees: Sequence[AttendeeInput]) -> tuple[tuple[AttendeeInput, ...], ...]:
    """The attendees in as few batches as BatchCreateAttendee allows."""
    step = MAX_ATTENDEES_A_BATCH
    return tuple(tuple(attendees[i : i + step]) for i in range(0, len(attendees), step))


def at_create(
    attendees: Collection[AttendeeInput], tags: Mapping[str, str]
) -> tuple[AttendeeInput, ...]:
    """Those whom CreateMeetingWithAttendees makes, all or as many as it takes, in their order.

    Which ones, and their order, depends on who else there is and on the meeting's tags. So the
    answer to a repeated create, which holds the attendees of the first, shows whether both
    declared the same.
    """
    declared = [sorted(a.external_user_id for a in attendees), sorted(tags.items())]
    everyone = hashlib.sha256(json.dumps(declared).encode())

    def rank(attendee: AttendeeInput) -> bytes:
        own = everyone.copy()
        own.update(b"\n\n" + attendee.external_user_id.encode())
        return own.digest()

    return tuple(sorted(attendees, key=rank)[:MAX_ATTENDEES_AT_CREATE])


def tells_tags(asked: Sequence[AttendeeInput], answered: Sequence[AttendeeAnswer]) -> bool:
    """Whether the answer to a create shows that the meeting was made with the tags declared.

    What somebody else has tagged since is for the next refresh to see.

    :param asked: the attendees of the create, as at_create has them.
    :param answered: the attendees of the answer.
    """
    order = [a.external_user_id for a in answered]
    return len(order) >= TELLING and order == [a.external_user_id for a in asked]
