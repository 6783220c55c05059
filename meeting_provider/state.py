"""What a stack's state holds of a meeting: a stored format, with a version, that older states keep.

The declared properties stand as they were declared, each attendee with its id and, where that is
not the service's default, with what it may do; beside them stands what the service answered. The
engine's work grows with the number of values in the state, each of which it marshals, compares and
logs, several times in a run. So it has nothing that whoever reads it can put together: neither
`join_info`, which version 1 had, nor default capabilities, which version 2 had. And what the
service has a part in is one value each, a text in JSON: the join tokens and the media placement,
where version 3 had a map, and the attendees, where version 4 had a list. The join tokens are in
one property, a secret, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic.alias_generators import to_pascal

from meeting_provider.models import (
    AttendeeAnswer,
    MediaPlacement,
    MeetingAnswer,
    MeetingInput,
    default_capabilities,
)

VERSION: Final = 5

#: The property that holds the join tokens, a text.
JOIN_TOKENS: Final = "join_tokens"

#: The property that holds the URLs to join with, a text.
MEDIA_PLACEMENT: Final = "media_placement"

#: The property that holds who may join: a text in what is stored, and a list in what is declared.
ATTENDEES: Final = "attendees"

#: What else the service answered of the meeting, in its own words. It may repeat declared values.
DETAILS: Final = "meeting_details"

#: The properties that are secret. The second may repeat what was declared as a secret.
SECRETS: Final = (JOIN_TOKENS, DETAILS)

#: The properties that only the service can say.
COMPUTED: Final = (
    "meeting_id",
    "meeting_arn",
    MEDIA_PLACEMENT,
    DETAILS,
    JOIN_TOKENS,
    "state_version",
)

#: What `join_info` takes where it is there.
JOINING_OPTIONAL: Final = DETAILS

#: All that `join_info` takes, besides the `meeting_id`.
JOINING: Final = (
    "meeting_arn",
    "external_meeting_id",
    "media_region",
    MEDIA_PLACEMENT,
    ATTENDEES,
    JOIN_TOKENS,
    JOINING_OPTIONAL,
)

#: What of a meeting's answer has properties of its own, each with its name on the wire.
_OF_THEIR_OWN: Final = {
    n: to_pascal(n)
    for n in ("meeting_id", "meeting_arn", "external_meeting_id", "media_region", MEDIA_PLACEMENT)
}


@dataclass(frozen=True)
class Attendee:
    """An attendee that the meeting has. The token is empty where nobody could say it."""

    attendee_id: str
    join_token: str = field(repr=False)
    capabilities: Mapping[str, str] | None = None


@dataclass(frozen=True)
class State:
    """A meeting that was made: how it is declared, and what the service knows of it.

    :param declared: the declared properties, unread: an old state may hold values that could not
        be declared today, and so may what others did to the meeting.
    :param meeting: the meeting as the service answered it.
    :param attendees: those that the meeting has, by external_user_id.
    """

    declared: Mapping[str, Any]
    meeting: MeetingAnswer
    attendees: Mapping[str, Attendee]

    @property
    def control_region(self) -> str:
        """The region whose endpoint knows the meeting."""
        return str(self.declared["control_region"])

    @property
    def certainly_declared(self) -> list[str]:
        """Whom a program declared, where a refresh can't have taken strangers for declared."""
        if not self.declared.get("ignore_undeclared_attendees"):
            return []
        return [a["external_user_id"] for a in self.declared[ATTENDEES]]

    @property
    def tags(self) -> dict[str, str]:
        """The meeting's tags."""
        return dict(self.declared.get("tags") or {})

    def outputs(self) -> dict[str, Any]:
        """The state as Pulumi's output properties."""
        declared = {a["external_user_id"]: a for a in self.declared[ATTENDEES]}
        default = default_capabilities(self.declared.get("meeting_features"))
        details = _details(self.declared, self.meeting)
        return {
            **self.declared,
            "meeting_id": self.meeting.meeting_id,
            "meeting_arn": self.meeting.meeting_arn,
            MEDIA_PLACEMENT: _text(
                self.meeting.media_placement.model_dump(
                    include=set(MediaPlacement.model_fields), exclude_none=True
                )
            ),
            **({DETAILS: details} if details else {}),
            ATTENDEES: _text(
                [
                    _attendee_output(i, a, declared.get(i, {}), default)
                    for i, a in self.attendees.items()
                ]
            ),
            JOIN_TOKENS: _text(
                {i: a.join_token for i, a in self.attendees.items() if a.join_token}
            ),
            "state_version": VERSION,
        }


def from_outputs(outputs: Mapping[str, Any]) -> State:
    """The state that the output properties of any version hold."""
    tokens = kept(outputs.get(JOIN_TOKENS))
    attendees = with_capabilities(outputs.get(ATTENDEES), outputs.get("meeting_features"))
    return State(
        declared=declared_in(outputs),
        meeting=_meeting_in(outputs),
        attendees={
            a["external_user_id"]: Attendee(
                attendee_id=a["attendee_id"],
                join_token=tokens.get(a["external_user_id"], ""),
                capabilities=a["capabilities"],
            )
            for a in attendees
        },
    )


def kept(value: str | Mapping[str, str] | None) -> dict[str, str]:
    """The map that a property holds: as a text, and before version 4 as it is."""
    return dict(json.loads(value) if isinstance(value, str) else value or {})


def attendees_in(value: str | Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Those that the property `attendees` holds: as a text, and before version 5 as a list."""
    return json.loads(value) if isinstance(value, str) else [dict(a) for a in value or ()]


def _text(values: Mapping[str, str] | Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def declared_in(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The properties as they were declared, out of the output properties."""
    declared = {n: outputs[n] for n in MeetingInput.model_fields if outputs.get(n) is not None}
    if region := region_of(outputs.get("meeting_arn")):
        declared["control_region"] = region
    default = default_capabilities(declared.get("meeting_features"))
    attendees = attendees_in(outputs.get(ATTENDEES))
    return declared | {ATTENDEES: [_declared_attendee(a, default) for a in attendees]}


def with_capabilities(
    attendees: str | Sequence[Mapping[str, Any]] | None, meeting_features: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The attendees in the output properties, each with what it may do."""
    default = default_capabilities(meeting_features)
    return [{"capabilities": default, **a} for a in attendees_in(attendees)]


def region_of(meeting_arn: object) -> str:
    """The region that an ARN names: it knows the meeting, whatever the stack's settings say now."""
    parts = meeting_arn.split(":") if isinstance(meeting_arn, str) else []
    return parts[3] if len(parts) > 3 else ""


def without_token(outputs: Mapping[str, Any]) -> set[str]:
    """The attendees in the output properties whose token nobody could say."""
    attendees = attendees_in(outputs.get(ATTENDEES))
    return {a["external_user_id"] for a in attendees} - kept(outputs.get(JOIN_TOKENS)).keys()


def _declared_attendee(attendee: Mapping[str, Any], default: Mapping[str, str]) -> dict[str, Any]:
    declared = {n: v for n, v in attendee.items() if n != "attendee_id" and v is not None}
    if declared.get("capabilities") == default:
        declared.pop("capabilities", None)
    return declared


def join_info(outputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By external_user_id, what the Chime SDK client for JavaScript takes. Holds join tokens."""
    tokens = kept(outputs.get(JOIN_TOKENS))
    if not tokens:
        # As in a program's own tests, where nothing is made.
        return {}
    meeting = _meeting_in(outputs).wire()
    answers = (
        AttendeeAnswer(
            external_user_id=a["external_user_id"],
            attendee_id=a["attendee_id"],
            join_token=tokens[a["external_user_id"]],
        )
        for a in attendees_in(outputs[ATTENDEES])
        if a["external_user_id"] in tokens
    )
    return {a.external_user_id: {"Meeting": meeting, "Attendee": a.wire()} for a in answers}


def _details(declared: Mapping[str, Any], meeting: MeetingAnswer) -> dict[str, Any]:
    """What the service answered of the meeting, in its words, that no other property says."""
    said = {n for n in _OF_THEIR_OWN if declared.get(n) in (None, getattr(meeting, n))}
    details = meeting.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=said)
    if placement := meeting.media_placement.model_extra:
        details["MediaPlacement"] = placement
    return details


def _meeting_in(outputs: Mapping[str, Any]) -> MeetingAnswer:
    """The meeting as the service answered it."""
    for info in (outputs.get("join_info") or {}).values():
        return MeetingAnswer.model_validate(info["Meeting"])
    details = dict(outputs.get(DETAILS) or {})
    placement = kept(outputs.get(MEDIA_PLACEMENT)) | details.pop("MediaPlacement", {})
    said = {wire: outputs[n] for n, wire in _OF_THEIR_OWN.items() if outputs.get(n)}
    return MeetingAnswer.model_validate({**said, "MediaPlacement": placement, **details})


def _attendee_output(
    external_user_id: str,
    attendee: Attendee,
    declared: Mapping[str, Any],
    default: Mapping[str, str],
) -> dict[str, Any]:
    output: dict[str, Any] = {
        "external_user_id": external_user_id,
        "attendee_id": attendee.attendee_id,
    }
    if attendee.capabilities and attendee.capabilities != default:
        output["capabilities"] = dict(attendee.capabilities)
    if declared.get("tags"):
        output["tags"] = declared["tags"]
    return output
