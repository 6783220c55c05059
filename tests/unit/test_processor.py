"""Threads that make calls stay on one processor, and only while they do."""

from __future__ import annotations

import os
from threading import Thread

import pytest

from meeting_provider import processor

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system has no such setting"
)


def mine() -> set[int]:
    return os.sched_getaffinity(0)


def test_a_thread_is_on_one_while_it_lasts_and_then_where_it_was():
    before = mine()
    for _ in range(2):
        with processor.one():
            assert len(mine()) == 1
            assert mine() <= before
        assert mine() == before


def test_a_thread_is_where_it_was_after_an_error():
    before = mine()
    with pytest.raises(ValueError, match="no such meeting"), processor.one():
        raise ValueError("no such meeting")
    assert mine() == before


def test_all_threads_of_a_process_share_the_same_with_those_that_they_start():
    seen: list[set[int]] = []

    def call() -> None:
        with processor.one():
            started = Thread(target=lambda: seen.append(mine()))
            started.start()
            started.join()
            seen.append(mine())

    threads = [Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 6
    assert all(each == seen[0] for each in seen)


def test_a_system_that_refuses_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError

    before = mine()
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with processor.one():
        assert mine() == before
