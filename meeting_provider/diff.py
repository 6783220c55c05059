"""What differs between a meeting as it is and as declared, and the fewest calls that change it.

All functions here are pure. They take meetings as Pulumi properties, with attendees as a mapping
by external_user_id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meeting_provider.models import (
    MAX_ATTENDEES_A_BATCH,
    Argument,
    AttendeeInput,
    MeetingInput,
    arguments,
    can_be_set,
    default_capabilities,
)

#: The arguments whose change creates a new meeting.
CREATE_ONLY: Final = arguments(Argument.CREATE_ONLY)

#: What an attendee may do, by medium: audio, video, content.
Capabilities = Mapping[str, str]

#: A place, and the value there before and after.
Difference = tuple[tuple[str, ...], Any, Any]


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of the declared properties that differ, in the order of the model.

    Values may be of any kind, such as one that isn't known yet. An absent property equals an empty
    one, and absent capabilities equal the service's default.
    """
    features = new.get("meeting_features")
    default = default_capabilities(features if isinstance(features, Mapping) else None)
    return [
        n
        for n in MeetingInput.model_fields
        if old.get(n) != new.get(n)
        and _comparable(n, old.get(n), default) != _comparable(n, new.get(n), default)
    ]


def detailed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Each place that differs, with the value there before and after: None where there is none.

    A place is a property's name and the keys below it, such as an attendee's external_user_id.
    """
    features = new.get("meeting_features")
    default = default_capabilities(features if isinstance(features, Mapping) else None)
    for name in differing(old, new):
        was, now = old.get(name), new.get(name)
        if name != "attendees" or not isinstance(was, Mapping) or not isinstance(now, Mapping):
            yield from places((name,), _pruned(was), _pruned(now))
            continue
        for i in dict.fromkeys([*was, *now]):
            before, after = (_comparable_attendee(a.get(i), default) for a in (was, now))
            if before != after:
                yield from places((name, i), was.get(i), now.get(i))


def places(place: tuple[str, ...], old: Any, new: Any) -> Iterator[Difference]:
    """The places below a place whose value differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield from places((*place, key), old.get(key), new.get(key))
    else:
        yield place, old, new


def replacing(names: Iterable[str]) -> list[str]:
    """Those of the names whose change creates a new meeting."""
    return [n for n in names if n in CREATE_ONLY]


def _comparable(name: str, value: Any, default: Capabilities) -> Any:
    if name == "attendees" and isinstance(value, Mapping):
        return {i: _comparable_attendee(a, default) for i, a in value.items()}
    if name == "tenant_ids" and isinstance(value, list):
        # Their order means nothing.
        return sorted(value, key=str) or None
    return _pruned(value)


def _comparable_attendee(attendee: Any, default: Capabilities) -> Any:
    if not isinstance(attendee, Mapping):
        return attendee
    return _pruned({**attendee, "capabilities": attendee.get("capabilities") or default})


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        pruned = {k: _pruned(v) for k, v in value.items()}
        return {k: v for k, v in pruned.items() if v is not None} or None
    return None if value in (None, [], False) else value


@dataclass(frozen=True)
class ExceptUpdate:
    """One BatchUpdateAttendeeCapabilitiesExcept: sets all attendees but those excluded."""

    capabilities: Capabilities
    excluded: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The calls that make the meeting what is declared, in their order.

    :param capabilities: all capabilities that change; `update_except` and `update_each` set them.
    """

    remove: tuple[str, ...] = ()
    add: tuple[tuple[AttendeeInput, ...], ...] = ()
    capabilities: Mapping[str, Capabilities] = field(default_factory=dict)
    update_except: tuple[ExceptUpdate, ...] = ()
    update_each: Mapping[str, Capabilities] = field(default_factory=dict)
    tag: Mapping[str, str] = field(default_factory=dict)
    untag: tuple[str, ...] = ()


def plan(
    known: Mapping[str, Capabilities | None], tags: Mapping[str, str], declared: MeetingInput
) -> Plan:
    """The fewest calls that make the meeting what is declared.

    Removals come first, so that an exchange fits under the limit of 250 attendees. An attendee
    whose default capabilities no call can set is removed and added again, with a new join token.

    :param known: the attendees' capabilities, by external_user_id; None where not known.
    :param tags: the meeting's tags as they are.
    :param declared: the meeting as it should be.
    """
    wanted, tagged = {a.external_user_id: a for a in declared.attendees}, declared.tags or {}
    features = declared.meeting_features.properties() if declared.meeting_features else None
    default = default_capabilities(features)
    targets: dict[str, Capabilities] = {
        i: a.capabilities.properties() if a.capabilities else default for i, a in wanted.items()
    }
    changing = {i: target for i, target in targets.items() if known.get(i) not in (None, target)}
    again = {i for i, target in changing.items() if not can_be_set(target, features)}
    changing = {i: target for i, target in changing.items() if i not in again}
    batched = tuple(_update_except(targets, changing))
    if declared.ignore_undeclared_attendees:
        batched = ()
    return Plan(
        remove=tuple(i for i in known if i not in wanted or i in again),
        add=batches([a for i, a in wanted.items() if i not in known or i in again]),
        capabilities=changing,
        update_except=batched,
        update_each={i: c for i, c in changing.items() if not any(_sets(b, i, c) for b in batched)},
        tag={k: v for k, v in tagged.items() if tags.get(k) != v},
        untag=tuple(k for k in tags if k not in tagged),
    )


def _sets(batch: ExceptUpdate, attendee: str, target: Capabilities) -> bool:
    return target == batch.capabilities and attendee not in batch.excluded


def _update_except(
    targets: Mapping[str, Capabilities], changing: Mapping[str, Capabilities]
) -> Iterator[ExceptUpdate]:
    """A batch for each set of capabilities that several attendees change to, if it saves calls.

    The service requires at least one excluded attendee. Where all are to get the same, that is one
    who has it already, or else one of those that change, who is then updated alone.
    """
    for common in dict.fromkeys(tuple(c.items()) for c in changing.values()):
        target = dict(common)
        others = [i for i, c in targets.items() if c != target]
        same = [i for i in targets if i not in changing] or [*changing]
        batch = ExceptUpdate(target, tuple(others or same[:1]))
        if sum(_sets(batch, i, c) for i, c in changing.items()) > 1:
            yield batch


def batches(attendees: Sequence[AttendeeInput]) -> tuple[tuple[AttendeeInput, ...], ...]:
    """The attendees in as few batches as BatchCreateAttendee allows."""
    step = MAX_ATTENDEES_A_BATCH
    return tuple(tuple(attendees[i : i + step]) for i in range(0, len(attendees), step))
