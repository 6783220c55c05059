"""What is wrong with a declared meeting, all at once, in the words of whoever declared it.

The models find what one property shows; the contradictions between several are found here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from meeting_provider.models import (
    CONTROL_REGIONS,
    GOVCLOUD_PREFIX,
    MAX_ATTENDEES_IN_HIGH_RESOLUTION,
    AttendeeFeatures,
    AttendeeInput,
    AudioFeatures,
    Capabilities,
    ContentFeatures,
    ContentResolution,
    MediaCapability,
    MediaRegion,
    MeetingFeatures,
    MeetingInput,
    NotificationsConfiguration,
    Shape,
    VideoFeatures,
    VideoResolution,
)


class Unknown:
    """A value that is not known yet. It is taken for right until it is known."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()

Path = tuple[str | int, ...]

_LONGEST_SHOWN: Final = 76
_RECEIVING: Final = (MediaCapability.SEND_RECEIVE, MediaCapability.RECEIVE)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one property, and where."""

    path: Path
    message: str

    @property
    def property(self) -> str:
        """The path as Pulumi writes it: `attendees[3].external_user_id`."""
        head, *rest = self.path or ("",)
        return str(head) + "".join(map(_segment, rest))

    def __str__(self) -> str:
        return f"{self.property}: {self.message}"


def _segment(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if re.fullmatch(r"[a-zA-Z_]\w*", part) else f"[{json.dumps(part)}]"


def faults_of(declared: Mapping[str, Any], model: type[BaseModel] = MeetingInput) -> list[Fault]:
    """Everything that is wrong with a declared meeting, at once, in the order of its properties.

    `declared` is untrusted: any JSON value may stand anywhere, and UNKNOWN for what an update
    will know. Nothing is said of what is UNKNOWN.
    """
    faults: list[Fault] = []
    try:
        model.model_validate(declared, by_alias=False, by_name=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults = [_fault(e) for e in found if not _is_unknown(_at(declared, e["loc"]))]
    faults += _contradictions(declared)
    order = {name: place for place, name in enumerate(model.model_fields)}
    # Those of one path stay in the order in which they were found, the same in every run.
    return sorted(
        dict.fromkeys(faults),
        key=lambda f: (order.get(str(f.path[0]), len(order)), _sortable(f)),
    )


def _sortable(fault: Fault) -> tuple[tuple[bool, str | int], ...]:
    return tuple((isinstance(p, str), p) for p in fault.path[1:])


def _is_unknown(value: object) -> bool:
    return isinstance(value, Unknown)


def _at(value: Any, loc: Sequence[str | int]) -> Any:
    for part in loc:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            break
    return value


def _fault(error: ErrorDetails) -> Fault:
    loc = tuple(p for p in error["loc"] if p != "[key]")
    value = error["input"]
    context = error.get("ctx", {})
    return Fault(loc, _message(error["type"], value, context, str(error["msg"]), loc))


def _shown(value: object) -> str:
    text = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[:_LONGEST_SHOWN]}..."
    return f"'{text}'" if isinstance(value, str) else text


def _message(kind: str, value: Any, context: Mapping[str, Any], text: str, loc: Path) -> str:
    match kind:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return f"is no property that is known here{_nearest(str(loc[-1]), loc[:-1])}"
        case "string_too_short":
            return f"{_shown(value)} {_length(value)}; at least {context['min_length']}"
        case "string_too_long":
            return f"{_shown(value)} {_length(value)}; at most {context['max_length']}"
        case "too_short":
            least, has = context["min_length"], context["actual_length"]
            return f"has {has} {_entries(has)}; at least {least}"
        case "too_long":
            has = len(value) if isinstance(value, (list, dict)) else context["actual_length"]
            return f"has {has} {_entries(has)}; at most {context['max_length']}"
        case "string_pattern_mismatch":
            return f"{_shown(value)} {_pattern_fault(value, context['pattern'])}"
        case "enum":
            return f"{_shown(value)} is not one of {_plain(context['expected'])}"
        case "greater_than_equal":
            return f"{_shown(value)} is too small; at least {context['ge']}"
        case "less_than_equal":
            return f"{_shown(value)} is too large; at most {context['le']}"
        case "reserved":
            return f"{_shown(value)} {text}"
        case "string_type":
            return f"{_shown(value)} is not a string"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"{_shown(value)} is not a whole number"
        case "bool_type" | "bool_parsing":
            return f"{_shown(value)} is not a boolean, true or false"
        case "list_type":
            return f"{_shown(value)} is not a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{_shown(value)} is not an object"
    return f"{_shown(value)}: {text}"


def _length(value: str) -> str:
    return "has 1 character" if len(value) == 1 else f"has {len(value)} characters"


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"


def _plain(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def _pattern_fault(value: str, pattern: str) -> str:
    """What the value has that the pattern does not allow; or that it is no ARN at all."""
    allowed = pattern.removeprefix("(?a)").removeprefix("^").removesuffix(r"\Z")
    if allowed.startswith("arn"):
        return f"is no ARN, which matches {allowed}"
    if "(?!" in pattern and re.search(r"(.)\1{3}", value):
        return "repeats a character more than three times in a row"
    wrong = sorted({c for c in value if not re.search(pattern, c)})
    return f"has {', '.join(map(repr, wrong))}, which {allowed} does not allow"


def _nearest(name: str, parent: Path) -> str:
    near = get_close_matches(name, _names_at(parent), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _names_at(parent: Path) -> list[str]:
    names = [p for p in parent if isinstance(p, str)]
    shapes: dict[tuple[str, ...], type[Shape]] = {
        (): MeetingInput,
        ("attendees",): AttendeeInput,
        ("attendees", "capabilities"): Capabilities,
        ("notifications_configuration",): NotificationsConfiguration,
        ("meeting_features",): MeetingFeatures,
        ("meeting_features", "audio"): AudioFeatures,
        ("meeting_features", "video"): VideoFeatures,
        ("meeting_features", "content"): ContentFeatures,
        ("meeting_features", "attendee"): AttendeeFeatures,
    }
    shape = shapes.get(tuple(names))
    return list(shape.model_fields) if shape else []


def _contradictions(declared: Mapping[str, Any]) -> Iterator[Fault]:
    """What no single property shows: said even where other properties are at fault."""
    attendees = declared.get("attendees")
    attendees = attendees if isinstance(attendees, list) else []
    yield from _duplicates(attendees)
    yield from _distant_targets(declared)
    yield from _partition_faults(declared)
    features = declared.get("meeting_features")
    yield from _resolution_faults(features)
    for place, attendee in enumerate(attendees):
        capabilities = _at(attendee, ["capabilities"]) if isinstance(attendee, Mapping) else None
        if isinstance(capabilities, Mapping):
            yield from _capability_faults(
                ("attendees", place, "capabilities"), capabilities, features
            )


def _duplicates(attendees: Sequence[Any]) -> Iterator[Fault]:
    places: dict[str, int] = {}
    for place, attendee in enumerate(attendees):
        name = attendee.get("external_user_id") if isinstance(attendee, Mapping) else None
        if isinstance(name, str) and (first := places.setdefault(name, place)) != place:
            path = ("attendees", place, "external_user_id")
            yield Fault(
                path, f"{_shown(name)} is declared twice; attendees[{first}] has it already"
            )


def _distant_targets(declared: Mapping[str, Any]) -> Iterator[Fault]:
    """Whom the service can't tell: it does so in the control region only."""
    targets, region = declared.get("notifications_configuration"), declared.get("control_region")
    for name, arn in targets.items() if isinstance(targets, Mapping) else ():
        parts = arn.split(":") if isinstance(arn, str) else []
        elsewhere = parts[3] if len(parts) > 3 else ""
        if elsewhere and isinstance(region, str) and elsewhere != region:
            yield Fault(
                ("notifications_configuration", name),
                f"{_shown(arn)} is in {elsewhere}; it has to be in the control region, {region}",
            )


def _partition_faults(declared: Mapping[str, Any]) -> Iterator[Fault]:
    """GovCloud hosts its own meetings' media, and nobody else's."""
    region, media_region = declared.get("control_region"), declared.get("media_region")
    if region not in CONTROL_REGIONS or media_region not in list(MediaRegion):
        return
    apart = [r.startswith(GOVCLOUD_PREFIX) for r in (region, str(media_region))]
    if apart[0] != apart[1]:
        yield Fault(
            ("media_region",),
            f"'{media_region}' is in another partition of AWS than the control region, {region}",
        )


def _feature(features: object, kind: str, name: str) -> Any:
    value = features
    for part in (kind, name):
        if _is_unknown(value):
            return value
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _resolution_faults(features: object) -> Iterator[Fault]:
    count = _feature(features, "attendee", "max_count")
    if isinstance(count, Unknown):
        return
    fits = isinstance(count, int) and count <= MAX_ATTENDEES_IN_HIGH_RESOLUTION
    for kind, high in (("video", VideoResolution.FHD), ("content", ContentResolution.UHD)):
        if _feature(features, kind, "max_resolution") == high and not fits:
            yield Fault(
                ("meeting_features", kind, "max_resolution"),
                f"'{high}' needs attendee.max_count to be set to at most "
                f"{MAX_ATTENDEES_IN_HIGH_RESOLUTION}",
            )


def _known(value: object) -> MediaCapability | None:
    """The capability that a value names; None where it names none, which is a fault by itself."""
    return next((c for c in MediaCapability if c == value), None)


def _capability_faults(
    path: Path, capabilities: Mapping[str, Any], features: object
) -> Iterator[Fault]:
    video, content = (_known(capabilities.get(kind)) for kind in ("video", "content"))
    if content in _RECEIVING and video and video not in _RECEIVING:
        yield Fault(
            (*path, "content"),
            f"'{content}' needs video to be SendReceive or Receive, and it is '{video}'",
        )
    for kind, value in (("video", video), ("content", content)):
        forbidden = _feature(features, kind, "max_resolution") == "None"
        if forbidden and value and value != MediaCapability.NONE:
            yield Fault(
                (*path, kind),
                f"'{value}' contradicts meeting_features.{kind}.max_resolution, which is 'None'",
            )
