"""A dynamic provider that does nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pulumi
from pulumi.dynamic import CreateResult, ReadResult, Resource, ResourceProvider


class NothingProvider(ResourceProvider):
    """Returns what it is given."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create nothing."""
        return CreateResult(str(uuid4()), props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read nothing."""
        return ReadResult(id_, props)


class Nothing(Resource, module="empty", name="Nothing"):
    """A resource with the size of a meeting that doesn't exist."""

    attendees: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, attendees: dict[str, Any]) -> None:
        super().__init__(NothingProvider(), name, {"attendees": attendees})
