"""Whatever the service's own constraints forbid is refused by check, at its path and by its limit.

The cases are generated from botocore's service model and from the limits that the API's reference
adds to it. Each has the nearest value that is right, which check and the emulated service take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
from support.constraints import Member, members, service_model
from support.meetings import EVERYTHING, attendee, people, properties, provider

from chime_sandbox.admin import Sandbox
from meeting_provider.lifecycle import Lifecycle
from meeting_provider.models import MAX_ATTENDEES
from meeting_provider.validation import parse

pytestmark = pytest.mark.usefixtures("set_up")

Path = tuple[str | int, ...]

MISSING = object()
#: The id of a meeting that is there, which no constraint can name.
PRIMARY = "the id of a primary"

FORBIDDEN = ("<", ";", "*", "\n", "é", "\u2003", "日")
ARNS = {
    "lambda_function_arn": "arn:aws:lambda:eu-central-1:123456789012:function",
    "sns_topic_arn": "arn:aws:sns:eu-central-1:123456789012:topic",
    "sqs_queue_arn": "arn:aws:sqs:eu-central-1:123456789012:queue",
}
WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    "string": (5, True, None, ["text"], {"text": "text"}),
    "list": ("text", {"text": "text"}),
    "structure": ("text", ["text"]),
    "integer": ("5", 2.5, True),
}
#: A declared mapping that the service has as a list of pairs.
TAGS: Path = ("tags",)
#: The provider has no value for these from elsewhere.
DECLARED = {("external_meeting_id",), ("attendees",)}


def whole() -> dict[str, Any]:
    """A meeting that declares everything and that the service takes."""
    meeting = properties(
        attendees=[attendee("ana", capabilities=dict(EVERYTHING), tags={"role": "host"})],
        client_request_token="token",
        meeting_host_id="host",
        media_placement_network_type="DualStack",
        meeting_features={
            "audio": {"echo_reduction": "AVAILABLE"},
            "video": {"max_resolution": "HD"},
            "content": {"max_resolution": "FHD"},
            "attendee": {"max_count": MAX_ATTENDEES},
        },
        notifications_configuration=dict(ARNS),
        tags={"day": "one"},
        tenant_ids=["acme"],
        ignore_undeclared_attendees=True,
    )
    del meeting["control_region"]
    return meeting


def at(path: Path) -> Any:
    """What is right there."""
    value: Any = whole() | {"primary_meeting_id": PRIMARY}
    for part in path:
        value = value[part]
    return value


def with_value(path: Path, value: Any) -> dict[str, Any]:
    """The whole meeting with another value there, or with none."""
    meeting = whole()
    inner: Any = meeting
    for part in path[:-1]:
        inner = inner[part]
    if value is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return meeting


def written(path: Path) -> str:
    """A path as a user reads it."""
    head, *rest = path
    return str(head) + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in rest)


@dataclass(frozen=True)
class Case:
    """A declaration that can't be, what check has to say of it, and the nearest that can."""

    name: str
    path: str
    limit: str
    bad: dict[str, Any]
    good: dict[str, Any]


def case(kind: str, path: Path, limit: str, bad: Any, good: Any) -> Case:
    """One value that can't be, and the nearest that can."""
    return Case(
        f"{written(path)}: {kind}",
        written(path),
        limit,
        with_value(path, bad),
        with_value(path, good),
    )


def stretched(text: str, length: int) -> str:
    """The text at that length, with no character four times in a row."""
    return (text + "ab" * length)[:length]


def string_cases(member: Member) -> Iterator[Case]:
    """Too short, too long, against the pattern, reserved, none of the values."""
    path, limits = member.path, member.shape.metadata
    right = at(path)
    if "enum" in limits:
        for value in ("", "Unknown", limits["enum"][0].swapcase()):
            listed = f"is not one of {', '.join(limits['enum'])}"
            yield case(f"value {value!r}", path, listed, value, right)
        return
    if path == ("media_region",):
        for value in ("", "x" * 65, "mars", "EU-CENTRAL-1"):
            yield case(f"value {value!r}", path, "is not one of af-south-1, ", value, right)
        return
    least, most = limits["min"], limits["max"]
    shortest = right if member.shape.name == "Arn" else stretched(right, least)
    longest = stretched(right, most)
    if path == ("primary_meeting_id",):
        shortest = longest = right
    yield case("too short", path, f"at least {least}", "a" * (least - 1), shortest)
    yield case("too long", path, f"at most {most}", stretched(right, most + 1), longest)
    if member.pattern:
        yield from pattern_cases(path, right, "À-ÿ" in member.pattern, member.shape.name == "Arn")
    if "À-ÿ" in (member.pattern or ""):
        for reserved in ("aws:ana", "AWS:ana"):
            right = reserved.replace(":", "")
            yield case(reserved, path, "reserved prefix 'aws:'", reserved, right)


def pattern_cases(path: Path, right: str, takes_accents: bool, is_arn: bool) -> Iterator[Case]:
    """Each forbidden character, alone among allowed ones."""
    for character in FORBIDDEN:
        if takes_accents and character in "é\n":
            continue
        limit = "is not an ARN, which matches arn[" if is_arn else f"has {character!r}, which ["
        if not is_arn and path[0] == "tenant_ids":
            limit = f"has {character!r}, which (?!"
        yield case(f"character {character!r}", path, limit, right + character, right)


def list_cases(member: Member) -> Iterator[Case]:
    """Too few and too many."""
    path, limits = member.path, member.shape.metadata
    if path == TAGS:
        many: Any = {f"key.{'x' * n}": "" for n in range(limits["max"] + 1)}
        good = dict(list(many.items())[: limits["max"]])
        yield case("too many", path, f"at most {limits['max']}", many, good)
        return
    most = MAX_ATTENDEES if path == ("attendees",) else limits["max"]
    names = people(most + 1)
    many = [attendee(i) for i in names] if path == ("attendees",) else names
    few = many[: limits["min"]]
    yield case("too few", path, f"at least {limits['min']}", few[:-1], few)
    yield case("too many", path, f"at most {most}", many, many[:-1])


def integer_cases(member: Member) -> Iterator[Case]:
    """Too small and too large."""
    path, limits = member.path, member.shape.metadata
    least, most = limits["min"], limits["max"]
    for value, limit, nearest in (
        (least - 1, f"at least {least}", least),
        (most + 1, f"at most {most}", most),
        (-(10**12), f"at least {least}", least),
        (10**12, f"at most {most}", most),
    ):
        yield case(f"value {value}", path, limit, value, nearest)


def type_cases(member: Member) -> Iterator[Case]:
    """Values of another type than the service's."""
    kind = "structure" if member.path == TAGS else member.shape.type_name
    noun = {
        "string": "is not one of" if "enum" in member.schema else "is not a string",
        "list": "is not a list",
        "structure": "is not an object",
        "integer": "is not a whole number",
    }
    for value in WRONG_TYPES[kind]:
        if member.path == ("attendees",) and isinstance(value, dict):
            # A mapping by external_user_id may be declared.
            continue
        # A property that is none is one that is absent.
        if member.path and not (value is None and not isinstance(member.path[-1], int)):
            yield case(f"type of {value!r}", member.path, noun[kind], value, at(member.path))


def required_cases(member: Member) -> Iterator[Case]:
    """Required members that are missing, or none."""
    required = {name.lower() for name in member.shape.metadata.get("required", ())}
    for name in (n for n in member.schema["properties"] if n.replace("_", "") in required):
        path = (*member.path, name)
        if len(path) > 1 or path in DECLARED:
            for value in (MISSING, None):
                kind = "none" if value is None else "missing"
                yield case(kind, path, "is required", value, at(path))


def tag_cases() -> Iterator[Case]:
    """The limits of a tag's key and of its value, on a meeting and on an attendee."""
    key, value = (service_model().shape_for(n).metadata for n in ("TagKey", "TagValue"))
    for path in (TAGS, ("attendees", 0, "tags")):
        where = written(path)

        def tagged(tags: dict[str, Any], path: Path = path) -> dict[str, Any]:
            return with_value(path, tags)

        def tag(
            name: str, limit: str, bad: dict[str, Any], good: dict[str, Any], where: str = where
        ) -> Case:
            return Case(f"{where}: {name}", f"{where}", limit, tagged(bad), tagged(good))

        yield tag("key too short", f"at least {key['min']}", {"": "one"}, {"k": "one"})
        most = key["max"]
        yield tag("key too long", f"at most {most}", {"k" * (most + 1): ""}, {"k" * most: ""})
        most = value["max"]
        yield tag(
            "value too long", f"at most {most}", {"day": "v" * (most + 1)}, {"day": "v" * most}
        )
        for character in ("é", " ", "\n", "#"):
            limit = f"has {character!r}, which ["
            yield tag(f"key with {character!r}", limit, {f"a{character}": ""}, {"a": ""})
        for character in ("é", "#", "\u2003", "日"):
            limit = f"has {character!r}, which ["
            yield tag(f"value with {character!r}", limit, {"a": f"b{character}"}, {"a": "b"})
        for reserved in ("aws:x", "AWS:x"):
            yield tag(reserved, "reserved prefix 'aws:'", {reserved: ""}, {"awsx": ""})
        for other in (5, None, ["one"]):
            if other is not None:
                yield tag(f"value {other!r}", "is not a string", {"a": other}, {"a": "b"})


def changed(name: str, path: str, limit: str, bad: dict[str, Any], good: dict[str, Any]) -> Case:
    """A contradiction between several properties, and how it is repaired."""
    return Case(name, path, limit, whole() | bad, whole() | good)


def features(**more: Any) -> dict[str, Any]:
    """Meeting features as declared: resolutions by kind, and how many may be in."""
    count = more.pop("count", None)
    declared = {kind: {"max_resolution": r} for kind, r in more.items()}
    return {"meeting_features": declared | ({"attendee": {"max_count": count}} if count else {})}


def can(**capabilities: str) -> dict[str, Any]:
    """One attendee with such capabilities."""
    return {"attendees": [attendee("ana", capabilities=EVERYTHING | capabilities)]}


def contradictions() -> Iterator[Case]:
    """What several properties together forbid. Source: the API reference; see models.py."""
    for place in (1, 5):
        names = [*people(5), "ana"]
        twice = [*names[:place], names[0], *names[place:]]
        yield changed(
            f"attendee twice, at {place}",
            f"attendees[{place}].external_user_id",
            "attendees[0] has it already",
            {"attendees": [attendee(i) for i in twice]},
            {"attendees": [attendee(i) for i in names]},
        )
    for content in ("SendReceive", "Receive"):
        for video in ("Send", "None"):
            yield changed(
                f"content {content} without video but {video}",
                "attendees[0].capabilities.content",
                "needs video to be SendReceive or Receive",
                can(video=video, content=content),
                can(video="Receive", content=content),
            )
    for kind in ("video", "content"):
        for ability in ("SendReceive", "Send", "Receive"):
            off = features(**{kind: "None"})
            rest = {"content": "None"} if kind == "video" else {}
            yield changed(
                f"{kind} {ability} where the meeting has none",
                f"attendees[0].capabilities.{kind}",
                f"contradicts meeting_features.{kind}.max_resolution, which is 'None'",
                off | can(**{**rest, kind: ability}),
                off | can(**{**rest, kind: "None"}),
            )
    for kind, highest, lower in (("video", "FHD", "HD"), ("content", "UHD", "FHD")):
        for count in (None, 26, 250):
            yield changed(
                f"{kind} in {highest} for {count}",
                f"meeting_features.{kind}.max_resolution",
                "needs attendee.max_count to be set to at most 25",
                features(**{kind: highest}, count=count),
                features(**{kind: highest}, count=25),
            )
            yield changed(
                f"{kind} in {highest} for {count}, or in {lower}",
                f"meeting_features.{kind}.max_resolution",
                "at most 25",
                features(**{kind: highest}, count=count),
                features(**{kind: lower}, count=count),
            )
    for region in ("us-gov-west-1", "us-gov-east-1"):
        yield changed(
            f"media in {region}",
            "media_region",
            "another AWS partition",
            {"media_region": region},
            {"media_region": "us-west-1"},
        )
    for name, arn in ARNS.items():
        far = arn.replace("eu-central-1", "us-east-1")
        other = next(a for a in ARNS.values() if a != arn)
        wrong = {far: "is not in the control region eu-central-1", other: "is not an ARN of"}
        if name != "lambda_function_arn":
            wrong[f"{arn}.fifo"] = "is a FIFO"
        for bad, limit in wrong.items():
            yield changed(
                f"{name} {bad}",
                f"notifications_configuration.{name}",
                limit,
                {"notifications_configuration": {name: bad}},
                {"notifications_configuration": {name: arn}},
            )


def repetitions() -> Iterator[Case]:
    """What the tenants' pattern forbids beside characters."""
    for bad, good in (("caaaat", "caaat"), ("----", "---"), ("a1111", "a111")):
        yield case(f"{bad}", ("tenant_ids", 0), "more than three times in a row", bad, good)


def unknown_properties() -> Iterator[Case]:
    """Properties that no request has."""
    for path, near in (
        (("media_regions",), "media_region"),
        (("attendees", 0, "capability"), "capabilities"),
        (("attendees", 0, "capabilities", "vidio"), "video"),
        (("meeting_features", "vidoe"), "video"),
        (("meeting_features", "attendee", "maxcount"), "max_count"),
        (("notifications_configuration", "sqs_queue"), "sqs_queue_arn"),
    ):
        bad = with_value(path, "x")
        limit = f"did you mean '{near}'?"
        yield Case(f"{written(path)}: unknown", written(path), limit, bad, whole())


def generated() -> Iterator[Case]:
    """Every case."""
    by_type: dict[str, Callable[[Member], Iterator[Case]]] = {
        "string": string_cases,
        "list": list_cases,
        "integer": integer_cases,
        "structure": required_cases,
    }
    for member in members():
        yield from by_type[member.shape.type_name](member)
        yield from type_cases(member)
    yield from chain(tag_cases(), repetitions(), unknown_properties(), contradictions())


CASES = {each.name: each for each in generated()}


def failures(declared: dict[str, Any]) -> dict[str, str]:
    """What check says, by the path that each message begins with."""
    result = provider().check({}, {"__provider": "pickled", **deepcopy(declared)})
    return dict(f.reason.split(": ", 1) for f in result.failures)


def test_there_are_enough_cases_and_each_is_one():
    assert len(CASES) == len(list(generated())) >= 150


@pytest.mark.parametrize("each", CASES.values(), ids=CASES)
def test_it_is_refused_without_a_call_and_the_nearest_right_value_is_taken(
    each: Case, sandbox: Sandbox, lifecycle: Callable[[], Lifecycle]
):
    found = failures(each.bad)
    said = [f"{path}: {reason}" for path, reason in found.items() if path.startswith(each.path)]
    assert any(each.limit in line for line in said), found
    assert all(line.isprintable() for line in said)
    assert sandbox.requests() == []

    declared = deepcopy(each.good)
    if declared.get("primary_meeting_id") == PRIMARY:
        primary = lifecycle().create(parse(properties("ana")))
        declared["primary_meeting_id"] = primary.meeting.meeting_id
    result = provider().check({}, {"__provider": "pickled", **declared})
    assert result.failures == []
    made = lifecycle().create(parse(result.inputs))
    found_there = next(m for m in sandbox.live() if m.meeting_id == made.meeting.meeting_id)
    wanted = sorted(a["external_user_id"] for a in declared["attendees"])
    assert found_there.external_user_ids == wanted
    lifecycle().delete(made)
    assert made.meeting.meeting_id not in [m.meeting_id for m in sandbox.live()]
