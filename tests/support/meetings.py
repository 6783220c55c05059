"""Meetings as a program declares them, and the provider as the dynamic host sets it up."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.config import Config

from meeting_provider.models import AttendeeAnswer, MeetingInput
from meeting_provider.provider import MeetingProvider
from meeting_provider.validation import parse

EVERYTHING = {"audio": "SendReceive", "video": "SendReceive", "content": "SendReceive"}
LISTENING = {"audio": "Receive", "video": "Receive", "content": "Receive"}
NOTHING = {"audio": "None", "video": "None", "content": "None"}

REGION = "eu-central-1"


def people(count: int, start: int = 0) -> list[str]:
    """As many external user ids."""
    return [f"guest-{number:03}" for number in range(start, start + count)]


def attendee(external_user_id: str, **changed: Any) -> dict[str, Any]:
    """One attendee as declared in a list."""
    return {"external_user_id": external_user_id, **changed}


def by_id(*attendees: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Attendees of a list as a mapping by external_user_id."""
    return {
        a["external_user_id"]: {n: v for n, v in a.items() if n != "external_user_id"}
        for a in attendees
    }


def properties(*external_user_ids: str, **changed: Any) -> dict[str, Any]:
    """A meeting's input properties, as check leaves them; keywords add to them or replace them."""
    return {
        "attendees": {i: {} for i in external_user_ids},
        "external_meeting_id": "keynote",
        "media_region": REGION,
        "control_region": REGION,
        **changed,
    }


def declared(*external_user_ids: str, **changed: Any) -> MeetingInput:
    """The same, validated."""
    return parse(properties(*external_user_ids, **changed))


def answered(
    external_user_id: str, attendee_id: str, token: str, capabilities: dict[str, str]
) -> AttendeeAnswer:
    """An attendee as the service answers it."""
    return AttendeeAnswer(
        external_user_id=external_user_id,
        attendee_id=attendee_id,
        join_token=token,
        capabilities=capabilities,
    )


def provider(config: dict[str, Any] | None = None) -> MeetingProvider:
    """A provider that has been given the stack's settings."""
    configured = MeetingProvider()
    settings = {"aws:region": REGION} if config is None else config
    configured.configure(ConfigureRequest(Config(settings, "meetings")))
    return configured
