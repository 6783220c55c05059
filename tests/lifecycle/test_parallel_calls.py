"""Operations that run at the same time, as the engine starts them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.meetings import properties

from chime_sandbox.admin import Sandbox, SandboxError
from meeting_provider import client
from meeting_provider.calls import PARALLEL_CALLS
from meeting_provider.resources import types

CREATE = "CreateMeetingWithAttendees"
MEETINGS = 2 * PARALLEL_CALLS


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MEETINGS) as threads:
        yield threads


def test_an_operation_has_a_limited_number_of_calls_at_once(
    sandbox: Sandbox,
    set_up: None,  # noqa: ARG001
    pool: ThreadPoolExecutor,
) -> None:
    """The others wait for one of these to end. All succeed."""
    for _ in range(MEETINGS):
        sandbox.hold(CREATE)
    meetings = types()["Meeting"]
    creates = [
        pool.submit(meetings.create, properties("ann", external_meeting_id=f"room-{n}"))
        for n in range(MEETINGS)
    ]
    try:
        sandbox.wait_all_held(PARALLEL_CALLS)
        with pytest.raises(SandboxError, match=f"{PARALLEL_CALLS} call"):
            sandbox.wait_all_held(PARALLEL_CALLS + 1, timeout=1)
    finally:
        sandbox.clear_faults()
        sandbox.release()
    assert {c.result()["meeting_id"] for c in creates} == {m.meeting_id for m in sandbox.live()}
    assert len(sandbox.live()) == MEETINGS


def test_parallel_operations_share_one_client(
    sandbox: Sandbox,
    set_up: None,  # noqa: ARG001
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each client would adapt to the service's quotas on its own."""
    made = []
    together = threading.Barrier(MEETINGS)

    class Counted(client.ChimeClient):
        def __init__(self, *arguments: Any) -> None:
            made.append(arguments)
            time.sleep(0.1)  # Long enough for the other threads to ask for a client too.
            super().__init__(*arguments)

    monkeypatch.setattr(client, "ChimeClient", Counted)
    meetings = types()["Meeting"]

    def create(number: int) -> dict[str, Any]:
        together.wait()
        return meetings.create(properties("ann", external_meeting_id=f"room-{number}"))

    assert len(list(pool.map(create, range(MEETINGS)))) == len(sandbox.live()) == MEETINGS
    assert len(made) == 1
