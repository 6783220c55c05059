"""Reads the ATTENDEE and ORGANIZER lines of an event as attendees of a meeting.

AWS advises against personal data in ids, such as mail addresses and names. So the id of a person is
a digest (HMAC-SHA-256) of the event's UID and the address: the same in every occurrence and after
every change of the event, and another one in every other event. Without a key, somebody who knows a
UID can test whether an id belongs to a guessed address.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from pydantic import ValidationError

from meeting_provider.models import AttendeeInput
from meeting_provider.schedule.disclosure import Disclosure
from meeting_provider.schedule.ics_lines import Component, Property

_ABSENT: Final = ("DECLINED", "DELEGATED")
_THINGS: Final = ("ROOM", "RESOURCE")
_TAGS: Final = ("ROLE", "PARTSTAT", "CUTYPE")
#: Addresses that don't belong to a person.
_NOBODY: Final = ("unknownorganizer@calendar.google.com",)
_DOUBLED: Final = re.compile(r"\A(?:mailto:\s*)+", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[^\s@:/<>'\"]+@[^\s@:/<>'\"]+")


@dataclass(frozen=True)
class Person:
    """An invited person: the mail address in lower case, and the calendar's details."""

    address: str
    name: str
    tags: Mapping[str, str]

    def external_user_id(self, uid: str, disclosure: Disclosure) -> str:
        """The id in the meetings of the event with this UID."""
        if disclosure.addresses and _fits(self.address):
            return self.address
        message = f"{uid}\n{self.address}".encode()
        return hmac.new(disclosure.key.encode(), message, hashlib.sha256).hexdigest()[:32]

    def attendee(self, uid: str, disclosure: Disclosure) -> dict[str, Any]:
        """The attendee to declare."""
        tags = dict(self.tags)
        if disclosure.addresses and self.name and _fits("somebody", name=self.name):
            tags["name"] = self.name
        return {"external_user_id": self.external_user_id(uid, disclosure), "tags": tags}


@lru_cache(maxsize=4096)
def _fits(external_user_id: str, **tags: str) -> bool:
    """Whether an attendee with this id and these tags is valid."""
    try:
        AttendeeInput(external_user_id=external_user_id, tags=tags)
    except ValidationError:
        return False
    return True


def names_somebody(text: str, event: Component) -> bool:
    """Whether a text has the mail address of a person of an event."""
    # A text without an @ has no address, so that most events needn't be read.
    found = _entries(event, []) if "@" in text else ()
    return any(address and address in text.lower() for address in map(_address, found))


def without_addresses(text: str, event: Component) -> str:
    """A text without the mail addresses of an event's people."""
    for address in {_address(entry) for entry in _entries(event, [])} - {""}:
        text = re.sub(re.escape(address), "[address]", text, flags=re.IGNORECASE)
    return text


def addresses(event: Component) -> frozenset[str]:
    """The mail addresses of an event's attendees."""
    found = [e for e in _entries(event, []) if e.name == "ATTENDEE"]
    return frozenset(filter(None, map(_address, found)))


def people(
    event: Component, uninvited: Set[str] = frozenset()
) -> tuple[list[Person], list[tuple[int, str]]]:
    """The people to invite, including the organizer, and the lines that can't be used.

    Rooms and other resources, attendees who declined or delegated, and those whose addresses are
    `uninvited` are left out.
    """
    found: dict[str, Person] = {}
    unusable: list[tuple[int, str]] = []
    absent: set[str] = set()
    for entry in _entries(event, unusable):
        address = _address(entry)
        if entry.parameters.get("CUTYPE", "").upper() in _THINGS:
            continue
        if address in _NOBODY or (entry.name == "ATTENDEE" and address in uninvited):
            continue
        if not address:
            unusable.append((entry.line, f"{entry.name} has no mail address"))
        elif entry.parameters.get("PARTSTAT", "").upper() in _ABSENT:
            absent.add(address)
        else:
            person = _person(address, entry)
            known = found.get(address)
            tags = {**person.tags, **known.tags} if known else person.tags
            found[address] = Person(address, (known and known.name) or person.name, tags)
    return [p for a, p in found.items() if a not in absent], unusable


def _entries(event: Component, unusable: list[tuple[int, str]]) -> Iterator[Property]:
    for name in ("ATTENDEE", "ORGANIZER"):
        for line, text in event.lines.get(name, ()):
            try:
                entry = Property.parse(line, text)
                yield entry if _address(entry) else Property.loosely(line, text)
            except ValueError as error:
                unusable.append((line, f"{name} can't be read: {error}"))


def _person(address: str, entry: Property) -> Person:
    said = {n: entry.parameters.get(n, "").strip().lower() for n in _TAGS}
    tags = {n.lower(): v for n, v in said.items() if v and _fits("somebody", **{n.lower(): v})}
    if entry.name == "ORGANIZER":
        tags["organizer"] = "true"
    return Person(address, entry.parameters.get("CN", "").strip(), tags)


def _address(entry: Property) -> str:
    return _read_address(entry.value, entry.parameters.get("EMAIL", ""))


@lru_cache(maxsize=4096)
def _read_address(value: str, email: str) -> str:
    """The mail address, from the value or the parameter EMAIL; empty if there is none."""
    value = _DOUBLED.sub("mailto:", value.strip())
    scheme, _, rest = value.rpartition(":")
    candidates = [email]
    if scheme.lower() in ("mailto", "smtp", ""):
        candidates.insert(0, unquote(rest.partition("?")[0]))
    for candidate in candidates:
        # `Dana Poe <dana@example.org>`
        _, _, address = candidate.strip().rpartition("<")
        address = address.strip("<>'\" ").lower().removeprefix("mailto:").strip("<>'\" ")
        if _ADDRESS.fullmatch(address):
            return address
    return ""
