"""What the engine has shown of its state, and what that says of a meeting that is to be deleted."""

from __future__ import annotations

from meeting_provider.run import Run


def test_what_a_program_declares_and_the_state_has_as_declared_stays() -> None:
    run = Run()
    run.declares("standup")
    run.compares("standup", "one", differs=False)
    assert run.is_staying("one")
    assert not run.is_staying("another")


def test_what_a_refresh_compares_may_be_about_to_go() -> None:
    run = Run()
    run.compares("standup", "one", differs=False)
    run.declares("standup")
    assert run.is_held("one")
    assert not run.is_staying("one")


def test_what_differs_may_be_about_to_be_replaced() -> None:
    run = Run()
    run.declares("standup")
    run.compares("standup", "one", differs=True)
    assert not run.is_staying("one")


def test_a_successor_stays_in_the_place_of_what_was_before() -> None:
    run = Run()
    run.declares("standup")
    run.compares("standup", "one", differs=False)
    run.makes("standup", "two")
    assert run.is_staying("two")
    assert not run.is_staying("one")


def test_what_was_made_stays_whoever_declares_it() -> None:
    run = Run()
    run.declares(None)
    run.compares(None, "one", differs=False)
    run.makes(None, "two")
    run.makes("standup", "three")
    assert not run.is_staying("one")
    assert run.is_staying("two")
    assert run.is_staying("three")


def test_whom_a_program_declared_is_known_of_what_was_refreshed_alone() -> None:
    run = Run()
    run.holds("one", ["ana"])
    run.compares("standup", "one", differs=False)
    run.compares("standup", "two", differs=False)
    assert list(run.declared("one")) == ["ana"]
    assert not run.declared("two")
    assert not run.declared("three")
