"""A dynamic provider that does nothing: what Pulumi itself takes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class NothingProvider(ResourceProvider):
    """Returns what it is given."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create nothing."""
        return CreateResult(str(uuid4()), props)


class Nothing(Resource, module="empty", name="Nothing"):
    """A resource with the size of a meeting that doesn't exist."""

    def __init__(self, name: str, **inputs: Any) -> None:
        super().__init__(NothingProvider(), name, inputs)
