"""Parses the values of the desk's parameters. Somebody may have edited them in SSM."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError

from desk.parameters import Unavailable


class InvalidValue(Unavailable):
    """A parameter doesn't have the form that the desk writes.

    The message has its name and what is wrong, but nothing of its value, which may be secret.
    """


def _time(text: str) -> str:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("has no offset")
    # Browsers don't parse every form that Python does.
    return time.isoformat()


_Time = Annotated[str, AfterValidator(_time)]


class _Value(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Times(_Value):
    opens: _Time = ""
    start: _Time = ""
    end: _Time = ""
    closes: _Time = ""


class _Open(_Times):
    MeetingId: str = ""


class _Event(_Value):
    title: str | None = None
    description: str | None = None
    open: list[_Open] = []
    next: _Times = _Times()


class _Meeting(_Value):
    MeetingId: str


class _Entry(_Value):
    Meeting: _Meeting
    Attendee: dict[str, Any]
    Times: _Times


_EVENT: Final = TypeAdapter(_Event)
_ENTRIES: Final = TypeAdapter(list[_Entry])


def event(name: str, value: str | None) -> dict[str, Any]:
    """The value of an event's parameter; empty if there is none.

    :param name: the parameter's name.
    :raises InvalidValue: it isn't JSON of the expected form, or a time has no offset.
    """
    return _parsed(_EVENT, name, value) if value else {}


def entries(name: str, value: str | None) -> list[dict[str, Any]]:
    """The value of an attendee's parameter; empty if there is none.

    :param name: the parameter's name.
    :raises InvalidValue: as `event`.
    """
    return _parsed(_ENTRIES, name, value) if value else []


def _parsed(kind: TypeAdapter[Any], name: str, value: str) -> Any:
    try:
        return kind.dump_python(kind.validate_json(value), exclude_unset=True)
    except ValidationError as error:
        first = error.errors()[0]
        wrong = ".".join(map(str, (*first["loc"], first["type"])))
        # The cause would quote the value.
        raise InvalidValue(f"{name} has an invalid value: {wrong}") from None
