"""A dynamic provider that does nothing: what Pulumi itself costs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pulumi.dynamic import CreateResult, ReadResult, Resource, ResourceProvider


class EmptyProvider(ResourceProvider):
    """Answers with what it is asked."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make nothing."""
        return CreateResult(str(uuid.uuid4()), props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Find all as it was."""
        return ReadResult(id_, props)


class Empty(Resource, module="empty", name="Empty"):
    """A resource with the inputs of a meeting."""

    def __init__(
        self, name: str, attendees: Sequence[Mapping[str, str]], provider: ResourceProvider
    ) -> None:
        super().__init__(provider, name, {"attendees": attendees, "external_meeting_id": name})
