"""What is wrong with declared properties: each error with its path and a message.

A message names the value and the limit, so that it can be read without the declaration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from meeting_provider.shapes import Shape


class Unknown:
    """A value that isn't known yet. It counts as valid."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()

Path = tuple[str | int, ...]

ShapeT = TypeVar("ShapeT", bound=Shape)

_LONGEST_SHOWN: Final = 76

#: The message for each of pydantic's error types.
_MESSAGES: Final = {
    "missing": "is required",
    "extra_forbidden": "unknown property{nearest}",
    "string_too_short": "{shown} has {count}; at least {min_length}",
    "string_too_long": "{shown} has {count}; at most {max_length}",
    "too_short": "has {count}; at least {min_length}",
    "too_long": "has {count}; at most {max_length}",
    "string_pattern_mismatch": "{shown} {mismatch}",
    "literal_error": "{shown} is not one of {expected}",
    "greater_than_equal": "{shown} is too small; at least {ge}",
    "less_than_equal": "{shown} is too large; at most {le}",
    "reserved": "{shown} {text}",
    "string_type": "{shown} is not a string",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "{shown} is not a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "{shown} is not a boolean, true or false"),
    "list_type": "{shown} is not a list",
    **dict.fromkeys(("dict_type", "model_type"), "{shown} is not an object"),
}


@dataclass(frozen=True)
class ValidationIssue:
    """An error of one property, with its path."""

    path: Path
    message: str

    @property
    def property(self) -> str:
        """The path in Pulumi's notation: `attendees[3].external_user_id`, `attendees["ann"]`."""
        text = str(self.path[0]) if self.path else ""
        for part in self.path[1:]:
            is_key = text == "attendees" or not re.fullmatch(r"[a-zA-Z_]\w*", str(part))
            text += f"[{json.dumps(part, ensure_ascii=False)}]" if is_key else f".{part}"
        return text

    def __str__(self) -> str:
        return f"{self.property}: {self.message}"


def by_model(
    model: type[ShapeT], declared: Mapping[str, Any]
) -> tuple[ShapeT | None, list[ValidationIssue]]:
    """The properties as a model, and the issues that the model alone finds.

    UNKNOWN values cause no issues, but with any of them there is no model.
    """
    try:
        return model.model_validate(declared, by_alias=False, by_name=True), []
    except ValidationError as error:
        found = error.errors(include_url=False)
        wrong = (e for e in found if not isinstance(at(declared, e["loc"]), Unknown))
        return None, [_issue(e) for e in wrong]


def at(value: Any, loc: Sequence[str | int]) -> Any:
    """The value at a path, or at the longest part of the path that exists."""
    for part in loc:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            break
    return value


def _issue(error: ErrorDetails) -> ValidationIssue:
    loc = tuple(p for p in error["loc"] if p != "[key]")
    value, context = error["input"], error.get("ctx", {})
    facts = {
        **context,
        "shown": quoted(value),
        "count": _count(value) if isinstance(value, (str, list, dict)) else "",
        "text": error["msg"],
        "expected": str(context.get("expected", "")).replace("'", "").replace(" or ", ", "),
        "nearest": _nearest(str(loc[-1])) if error["type"] == "extra_forbidden" else "",
        "mismatch": _mismatch(value, context["pattern"]) if "pattern" in context else "",
    }
    return ValidationIssue(loc, _MESSAGES.get(error["type"], "{shown}: {text}").format_map(facts))


def quoted(value: object) -> str:
    """A value as messages show it: printable, and not too long."""
    text = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[:_LONGEST_SHOWN]}..."
    return f"'{text}'" if isinstance(value, str) else text


def _count(value: str | list[Any] | dict[str, Any]) -> str:
    one, several = ("character", "characters") if isinstance(value, str) else ("entry", "entries")
    return f"{len(value)} {one if len(value) == 1 else several}"


def _mismatch(value: str, pattern: str) -> str:
    """Why the value doesn't match the pattern."""
    allowed = pattern.removeprefix("(?a)").removeprefix("^").removesuffix(r"\Z")
    if allowed.startswith("arn"):
        return f"is not an ARN, which matches {allowed}"
    if "(?!" in pattern and re.search(r"(.)\1{3}", value):
        return "repeats a character more than three times in a row"
    if not re.fullmatch(r"(\(\?!.*\))?\[.*\][*+]", allowed):
        return f"does not match {allowed}"
    wrong = sorted({c for c in value if not re.search(pattern, c)})
    return f"has {', '.join(map(repr, wrong))}, which {allowed} does not allow"


def _nearest(name: str) -> str:
    names = {n for shape in Shape.__subclasses__() for n in shape.model_fields} - {name}
    near = get_close_matches(name, sorted(names), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
