"""A resource that does nothing with its inputs but keep them."""

from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class TakerProvider(ResourceProvider):
    """Keeps what it is given."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("taken", props)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(news)

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=olds != news)


class Taker(Resource, module="tests", name="Taker"):
    """Takes any inputs."""

    def __init__(self, name: str, **inputs: Any) -> None:
        super().__init__(TakerProvider(), name, inputs)
