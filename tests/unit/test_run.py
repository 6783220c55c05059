"""What the engine has shown of its state, and what that says of a meeting that is to be deleted."""

from __future__ import annotations

from meeting_provider.run import Run


def test_what_a_program_declares_and_the_state_has_as_declared_stays() -> None:
    run = Run()
    run.declares("standup")
    run.compares("standup", "one", differs=False)
    assert run.is_staying("standup", "one")
    assert not run.is_staying("standup", "another")
    assert not run.is_staying("retro", "one")


def test_what_a_refresh_compares_may_be_about_to_go() -> None:
    run = Run()
    run.compares("standup", "one", differs=False)
    run.declares("standup")
    assert run.is_held("one")
    assert not run.is_staying("standup", "one")


def test_what_differs_may_be_about_to_be_replaced() -> None:
    run = Run()
    run.declares("standup")
    run.compares("standup", "one", differs=True)
    assert not run.is_staying("standup", "one")


def test_a_successor_stays_in_the_place_of_what_was_before() -> None:
    run = Run()
    run.declares("standup")
    run.compares("standup", "one", differs=False)
    run.stays("standup", "two")
    assert run.is_staying("standup", "two")
    assert not run.is_staying("standup", "one")


def test_meetings_that_nobody_can_be_known_to_declare_are_told_apart() -> None:
    run = Run()
    run.declares(None)
    run.compares(None, "one", differs=False)
    run.stays(None, "two")
    assert not run.is_staying(None, "one")
    assert run.is_staying(None, "two")
