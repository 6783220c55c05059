"""What the requests and responses of both services of the Chime SDK have in common.

Property names are snake_case here and PascalCase in the API; each model converts both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal, to_snake
from pydantic_core import PydanticCustomError

#: AWS's own names have this prefix: tags, and the attendees that the service adds to a meeting to
#: record it. Source: https://github.com/aws/amazon-chime-sdk-js/issues/2601
RESERVED_PREFIX: Final = "aws:"


def not_reserved(value: str) -> str:
    """The value. AWS keeps names with the prefix for itself."""
    if value.lower().startswith(RESERVED_PREFIX):
        raise PydanticCustomError("reserved", "uses the reserved prefix 'aws:'")
    return value


# In the service's patterns, `\s` and `\w` match only ASCII characters.
_ID_CHARACTERS: Final = r"""(?a)^[-_&@+=,(){}\[\]/«».:|'"#a-zA-Z0-9À-ÿ\s]*\Z"""
_REQUEST_CHARACTERS: Final = r"^[-_a-zA-Z0-9]*\Z"
_ARN_CHARACTERS: Final = r"^arn[/:\-_.a-zA-Z0-9]+\Z"


def text(least: int, most: int, pattern: str | None = None) -> Any:
    """The limits of a string: its length in characters, and the pattern that it matches."""
    return Field(min_length=least, max_length=most, pattern=pattern)


def doc(description: str) -> Any:
    """What a property means, for the plugin's schema."""
    return Field(description=description)


ExternalId = Annotated[str, text(2, 64, _ID_CHARACTERS), AfterValidator(not_reserved)]
ClientRequestToken = Annotated[str, text(2, 64, _REQUEST_CHARACTERS)]
Arn = Annotated[str, text(1, 1024, _ARN_CHARACTERS)]


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_pascal,
        validate_by_name=True,
        frozen=True,
        regex_engine="python-re",
        hide_input_in_errors=True,
    )

    def wire(self) -> dict[str, Any]:
        """The API's form: PascalCase, without unset values."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Shape(_Wire, extra="forbid"):
    """A declared object. Unknown properties are errors."""

    def properties(self) -> dict[str, Any]:
        """The set values as Pulumi properties, in snake_case."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)


class Argument(Enum):
    """How the provider handles an argument: metadata of the model's field."""

    #: A change is made in place. Without this, it creates a new resource.
    IN_PLACE = "in place"
    #: The request that creates the resource has no such parameter.
    SETTING = "setting"


def arguments(model: type[Shape], kind: Argument) -> tuple[str, ...]:
    """The arguments of a resource whose field has this metadata."""
    return tuple(n for n, field in model.model_fields.items() if kind in field.metadata)


def declared_by(answered: Mapping[str, Any], model: type[Shape]) -> dict[str, Any]:
    """The arguments that a response contains, as Pulumi properties."""
    named = {n: answered.get(field.alias or n) for n, field in model.model_fields.items()}
    return {n: in_snake_case(v) for n, v in named.items() if v}


def declared_in(outputs: Mapping[str, Any], model: type[Shape]) -> dict[str, Any]:
    """The arguments of a resource among its output properties."""
    return {n: outputs[n] for n in model.model_fields if outputs.get(n) is not None}


def in_snake_case(value: Any) -> Any:
    """A response's objects as Pulumi properties."""
    if isinstance(value, Mapping):
        return {to_snake(n): in_snake_case(v) for n, v in value.items()}
    return value


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class Answer(_Wire, extra="allow"):
    """A response of the service. Unknown fields are kept, because clients may need them to join."""


class TagsAnswer(Answer):
    """The response of ListTagsForResource."""

    tags: list[dict[str, str]] = []
