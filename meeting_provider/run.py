"""What the engine has shown, in one run, of the state that a provider never sees as a whole.

A host lives for one command of Pulumi's and is asked about each resource apart. What it was asked
before tells a meeting that a stack has from one that no state knows.
"""

from __future__ import annotations

from collections.abc import Collection


class Run:
    """The meetings that the state holds, and those that stay. One instance serves all threads."""

    def __init__(self) -> None:
        self._declarers: set[str] = set()
        self._held: dict[str, frozenset[str]] = {}
        self._made: set[str] = set()
        self._found: dict[str, str] = {}

    def declares(self, identity: object) -> None:
        """A program declares a meeting.

        :param identity: who declares it; see identity.py. It may be none, or not known yet.
        """
        if isinstance(identity, str):
            self._declarers.add(identity)

    def compares(self, identity: object, meeting_id: str, differs: bool) -> None:
        """The engine compares a meeting in the state with what is declared.

        A refresh does so as well, before there is a program, and with what may be about to go. So
        only of what a program has declared by now does this say that it stays.
        """
        self._held.setdefault(meeting_id, frozenset())
        if isinstance(identity, str) and identity in self._declarers and not differs:
            self._found[identity] = meeting_id

    def holds(self, meeting_id: str, declared: Collection[str] = ()) -> None:
        """The state holds a meeting.

        :param declared: of whom it has in the meeting, those whom nobody but a program declared.
        """
        self._held[meeting_id] = frozenset(declared)

    def makes(self, identity: str | None, meeting_id: str) -> None:
        """This run has made a meeting, found it again or changed it: that is the one that stays."""
        self._made.add(meeting_id)
        if identity:
            self._found[identity] = meeting_id

    def is_held(self, meeting_id: str) -> bool:
        """Whether the state is known to hold it."""
        return meeting_id in self._held

    def declared(self, meeting_id: str) -> Collection[str]:
        """Whom a program is known to have declared in it, by external_user_id."""
        return self._held.get(meeting_id, frozenset())

    def is_staying(self, meeting_id: str) -> bool:
        """Whether somebody is known to have it from now on."""
        return meeting_id in self._made or meeting_id in self._found.values()
