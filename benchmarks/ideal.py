"""A dynamic provider that makes no calls, and takes as long as the service's quotas demand."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import Any, Final
from uuid import uuid4

import pulumi
from pulumi.dynamic import CreateResult, ReadResult, Resource, ResourceProvider, UpdateResult

#: The service's quota for each operation, per second and at once, and the duration of a call.
RATE: Final = 10.0
BURST: Final = 20.0
LATENCY_SECONDS: Final = 0.15

_lock = Lock()
_calls: dict[str, list[float]] = {}


def minimum(calls: int) -> float:
    """The least seconds that the service takes for this many calls of one operation."""
    return max(0.0, (calls - BURST) / RATE) + LATENCY_SECONDS


def _wait(operation: str) -> None:
    """Wait until the service would have answered a call."""
    if os.environ.get("QUOTAS") == "none":
        return
    with _lock:
        now = time.monotonic()
        calls = _calls.setdefault(operation, [])
        calls.append(now)
        answered = calls[0] + minimum(len(calls))
    time.sleep(max(answered - now, LATENCY_SECONDS))


def _outputs(props: dict[str, Any]) -> dict[str, Any]:
    """Outputs with ids and tokens as long as the emulator's."""
    ids = {name: str(uuid4()) for name in props["attendees"]}
    return {**props, "attendee_ids": ids, "join_tokens": dict.fromkeys(ids, 98 * "t")}


class _Provider(ResourceProvider):
    """Makes up its outputs."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        _wait("create")
        return CreateResult(str(uuid4()), _outputs(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        _wait("read")
        return ReadResult(id_, props)

    def update(self, _id: str, _olds: dict[str, Any], props: dict[str, Any]) -> UpdateResult:
        _wait("update")
        return UpdateResult(_outputs(props))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        _wait("delete")


class Ideal(Resource, module="ideal", name="Ideal"):
    """A resource with the inputs of a meeting that doesn't exist, and ids and tokens."""

    def __init__(self, name: str, **inputs: Any) -> None:
        outputs = {"attendee_ids": None, "join_tokens": None}
        secret = pulumi.ResourceOptions(additional_secret_outputs=["join_tokens"])
        super().__init__(_Provider(), name, {**outputs, **inputs}, secret)
