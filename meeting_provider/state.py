"""The output properties of a meeting in the Pulumi state, and its join information.

The output properties are the declared properties as `check` returned them, with `attendees` as a
mapping by external_user_id, and:

- `meeting_id`, `meeting_arn` and `media_placement`, as the service answered them, in snake_case
- `attendee_ids` and `join_tokens`, by external_user_id; the join tokens are secret
- `meeting_details`, secret: the fields of the API's Meeting that no other output property has, with
  the API's names. It exists only if there are such fields: with meeting features, tenants or a
  host, and for fields that the service will add. The Chime SDK clients may need them.

The property names are in users' states, so they can't change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from meeting_provider.errors import NoJoinData
from meeting_provider.issues import UNKNOWN
from meeting_provider.models import (
    AttendeeAnswer,
    MediaPlacement,
    MeetingAnswer,
    MeetingInput,
    can_be_set,
    default_capabilities,
)
from meeting_provider.shapes import declared_in

#: The output properties that are secret. The details may repeat what was declared as a secret.
SECRETS: Final = ("join_tokens", "meeting_details")

#: The fields of an answered Meeting that have an output property of the same name and form.
_FIELDS: Final = ("meeting_id", "meeting_arn", "external_meeting_id", "media_region")

#: The output properties that the API's Meeting is made from.
IN_MEETING: Final = (*_FIELDS, "media_placement", "meeting_details")


@dataclass(frozen=True)
class State:
    """A meeting that was created."""

    #: The declared properties, or those that a refresh found.
    declared: Mapping[str, Any]
    #: The meeting as the service answered it.
    meeting: MeetingAnswer
    #: The attendees that the meeting has, by external_user_id.
    attendees: Mapping[str, AttendeeAnswer]

    @property
    def tags(self) -> dict[str, str]:
        """The meeting's tags."""
        return dict(self.declared.get("tags") or {})

    def outputs(self) -> dict[str, Any]:
        """The state as Pulumi's output properties."""
        details = _details(self.meeting)
        return {
            **self.declared,
            "meeting_id": self.meeting.meeting_id,
            "meeting_arn": self.meeting.meeting_arn,
            "media_placement": self.meeting.media_placement.model_dump(
                include=set(MediaPlacement.model_fields), exclude_none=True
            ),
            **({"meeting_details": details} if details else {}),
            "attendee_ids": {i: a.attendee_id for i, a in self.attendees.items()},
            "join_tokens": {i: a.join_token for i, a in self.attendees.items() if a.join_token},
        }


def from_outputs(outputs: Mapping[str, Any]) -> State:
    """The state that output properties hold."""
    declared = declared_in(outputs, MeetingInput)
    default = default_capabilities(declared.get("meeting_features"))
    tokens = outputs.get("join_tokens") or {}
    attendees = {}
    for i, attendee_id in outputs["attendee_ids"].items():
        capabilities = declared["attendees"].get(i, {}).get("capabilities") or default
        attendees[i] = AttendeeAnswer(
            external_user_id=i,
            attendee_id=attendee_id,
            join_token=tokens.get(i, ""),
            capabilities=capabilities,
        )
    return State(declared, _meeting(outputs), attendees)


def planned(declared: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The output properties after a create, or an update in place, as far as they are known.

    :param declared: the properties. UNKNOWN stands for values that aren't known yet.
    :param old: the output properties of the meeting that is updated.
    """
    was = old or {}
    known = {n: was.get(n, UNKNOWN) for n in ("meeting_id", "meeting_arn", "media_placement")}
    if old is None or "meeting_details" in was:
        known["meeting_details"] = was.get("meeting_details", UNKNOWN)
    attendees, kept = declared["attendees"], set[str]()
    if isinstance(attendees, Mapping) and "join_tokens" in was:
        features = declared.get("meeting_features")
        stay = (i for i in was["join_tokens"] if i in attendees)
        kept = {i for i in stay if _stays(was["attendees"].get(i, {}), attendees[i], features)}
    for name in ("attendee_ids", "join_tokens"):
        known[name] = UNKNOWN
        if isinstance(attendees, Mapping):
            known[name] = {i: was[name][i] if i in kept else UNKNOWN for i in attendees}
    return {**declared, **known}


def _stays(old: Mapping[str, Any], new: Any, features: object) -> bool:
    """Whether an update keeps an attendee, with attendee id and join token."""
    if not isinstance(new, Mapping):
        return False
    default = default_capabilities(features)
    was, now = (a.get("capabilities") or default for a in (old, new))
    return bool(was == now) or can_be_set(now, features)


def without_token(outputs: Mapping[str, Any]) -> set[str]:
    """The attendees in output properties whose join token the service didn't return."""
    return set(outputs.get("attendee_ids") or {}) - set(outputs.get("join_tokens") or {})


def api_meeting(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The API's Meeting that output properties hold."""
    return _meeting(outputs).wire()


def join_data(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The meeting and its attendees as the API has them, each once. It holds join tokens.

    :returns: `{"Meeting": {...}, "Attendees": {external_user_id: {...}}}`, or `{}` if there is no
        meeting, as in a program's unit tests.
    """
    if outputs.get("attendee_ids") is None:
        return {}
    return {
        "Meeting": api_meeting(outputs),
        "Attendees": {
            i: {"ExternalUserId": i, "AttendeeId": outputs["attendee_ids"][i], "JoinToken": token}
            for i, token in outputs["join_tokens"].items()
        },
    }


def join_info(join_data: Mapping[str, Any], source: str = "") -> dict[str, dict[str, Any]]:
    """Each attendee's join information, from a meeting's `join_data`. It holds join tokens.

    A stack that exports `join_data` has each meeting once in its outputs. A program that reads
    them by StackReference calls this function.

    :param join_data: the `join_data` of a Meeting.
    :param source: where it was read from, such as the name of a stack. The error names it.
    :returns: by external_user_id, what you pass to the Chime SDK for JavaScript:
        `new MeetingSessionConfiguration(info.Meeting, info.Attendee)`.
    :raises NoJoinData: it is empty: Pulumi could not decrypt it, or there is no such meeting.
    """
    if not isinstance(join_data, Mapping) or not join_data.get("Meeting"):
        raise NoJoinData(source)
    meeting, attendees = join_data["Meeting"], join_data["Attendees"]
    return {i: {"Meeting": meeting, "Attendee": a} for i, a in attendees.items()}


def _details(meeting: MeetingAnswer) -> dict[str, Any]:
    """The fields of the response that no other output property has, with the API's names."""
    details = dict(meeting.model_extra or {})
    if placement := meeting.media_placement.model_extra:
        details["MediaPlacement"] = placement
    return details


def _meeting(outputs: Mapping[str, Any]) -> MeetingAnswer:
    """The answered meeting that output properties hold."""
    details = dict(outputs.get("meeting_details") or {})
    placement = {**(outputs.get("media_placement") or {}), **details.pop("MediaPlacement", {})}
    fields = {n: outputs[n] for n in _FIELDS if outputs.get(n)}
    return MeetingAnswer.model_validate({**fields, "media_placement": placement, **details})
