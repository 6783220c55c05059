"""What the engine has shown, in one run, of the state that a provider never sees as a whole.

A host lives for one command of Pulumi's and is asked about each resource apart. What it was asked
before tells a meeting that a stack has from one that no state knows.
"""

from __future__ import annotations


class Run:
    """The meetings that the state holds, and those that stay. One instance serves all threads."""

    def __init__(self) -> None:
        self._declared: set[str] = set()
        self._held: set[str] = set()
        self._staying: dict[str, str] = {}

    def declares(self, identity: object) -> None:
        """A program declares a meeting.

        :param identity: who declares it; see identity.py. It may be none, or not known yet.
        """
        if isinstance(identity, str):
            self._declared.add(identity)

    def compares(self, identity: str | None, meeting_id: str, differs: bool) -> None:
        """The engine compares a meeting in the state with what is declared.

        A refresh does so as well, before there is a program, and with what may be about to go. So
        only of what a program has declared by now does this say that it stays.
        """
        self.holds(meeting_id)
        if identity in self._declared and not differs:
            self.stays(identity, meeting_id)

    def holds(self, meeting_id: str) -> None:
        """The state holds a meeting."""
        self._held.add(meeting_id)

    def stays(self, identity: str | None, meeting_id: str) -> None:
        """It is this meeting that whoever declares one has from now on, and no other."""
        self._staying[identity or meeting_id] = meeting_id

    def is_held(self, meeting_id: str) -> bool:
        """Whether the state is known to hold it."""
        return meeting_id in self._held

    def is_staying(self, identity: str | None, meeting_id: str) -> bool:
        """Whether it is the one that whoever declares it is known to have."""
        return self._staying.get(identity or meeting_id) == meeting_id
