"""Faults that tests inject into the next calls.

Faults wait in a queue: each call takes the first one that matches it. Errors of single attendees
have a separate queue, because one call can have several.
"""

from collections.abc import Container
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import count
from math import inf
from threading import Condition, Lock
from typing import Any

from ..http_server import ConnectionDropped
from . import exceptions, serialization
from .exceptions import ChimeError
from .quotas import ANY


class Kind(StrEnum):
    """The effect of a fault."""

    THROTTLE = "throttle"
    FAILURE = "failure"
    UNAVAILABLE = "unavailable"
    LIMIT = "limit"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    DROP = "drop"
    DELAY = "delay"
    END = "end"
    HOLD = "hold"


class When(StrEnum):
    """Whether a fault takes effect before the service acts, or afterwards, before the response."""

    BEFORE = "before"
    AFTER = "after"


@dataclass
class Fault:
    """One fault, for the next `count` calls of `operation` after the first `skip`.

    `meeting` limits it to one meeting, by MeetingId or ExternalMeetingId; `seconds` is the length
    of a delay, or the Retry-After of an `unavailable`.
    """

    kind: Kind
    operation: str = ANY
    when: When = When.BEFORE
    count: int = 1
    skip: int = 0
    seconds: float = 1.0
    meeting: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in list(Kind):
            raise ValueError(f"no kind of fault is '{self.kind}'; there are {', '.join(Kind)}")
        self.kind, self.when = Kind(self.kind), When(self.when)
        if self.operation != ANY:
            serialization.known(self.operation)
        if not (self.count >= 1 and self.skip >= 0 and 0 <= self.seconds < inf):
            raise ValueError("count is at least 1, and neither skip nor seconds are negative")

    def __str__(self) -> str:
        return f"{self.kind} {self.when}"

    def fits(self, operation: str, meeting: Container[str]) -> bool:
        """Whether it is for calls of this operation, on a meeting with one of these names."""
        return self.operation in (operation, ANY) and (
            self.meeting is None or self.meeting in meeting
        )

    def error(self, operation: str) -> ChimeError | None:
        """The error answer that the fault causes; None if it has another effect."""
        match self.kind:
            case Kind.THROTTLE:
                return exceptions.Throttling("Rate exceeded")
            case Kind.FAILURE:
                return exceptions.ServiceFailure("The service failed")
            case Kind.UNAVAILABLE:
                return exceptions.ServiceUnavailable("The service is unavailable", self.seconds)
            case Kind.LIMIT:
                return exceptions.LimitExceeded("The request exceeds the resource limit")
            case Kind.FORBIDDEN:
                return exceptions.Forbidden(f"Not authorized to perform: chime:{operation}")
            case Kind.CONFLICT:
                return exceptions.Conflict("Multiple instances of the same request at once")
            case _:
                return None


@dataclass
class AttendeeFault:
    """Refuses single attendees of batches, in the answer's `Errors`.

    It affects the next `count` attendees, or the next `count` of those in `external_user_ids`.
    """

    code: str
    count: int = 1
    external_user_ids: list[str] | None = None
    message: str = "The attendee couldn't be created"


class Faults:
    """The pending faults."""

    def __init__(self) -> None:
        self._line: list[Fault] = []
        self._attendees: list[AttendeeFault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        """Add a fault to the end of the queue."""
        with self._lock:
            self._line.append(fault)

    def add_for_attendees(self, fault: AttendeeFault) -> None:
        """Refuse attendees in the next batches."""
        with self._lock:
            self._attendees.append(fault)

    def take(self, operation: str, meeting: Container[str] = ()) -> Fault | None:
        """Take the fault for a call of this operation, on a meeting with one of these names."""
        if not self._line:
            return None
        with self._lock:
            for fault in self._line:
                if fault.fits(operation, meeting):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.count -= 1
                    if fault.count <= 0:
                        self._line.remove(fault)
                    return fault
        return None

    def refusal_of(self, external_user_id: str) -> AttendeeFault | None:
        """Take the fault for an attendee of a batch."""
        if not self._attendees:
            return None
        with self._lock:
            for fault in self._attendees:
                wanted = fault.external_user_ids
                if wanted is None or external_user_id in wanted:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._attendees.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._line.clear()
            self._attendees.clear()

    def as_dict(self) -> dict[str, Any]:
        """The pending faults, in order."""
        with self._lock:
            return {
                "calls": [asdict(fault) for fault in self._line],
                "attendees": [asdict(fault) for fault in self._attendees],
            }


@dataclass
class Held:
    """A call that waits until it is released."""

    number: int
    operation: str
    when: str
    meeting_id: str | None
    released: bool = field(default=False, repr=False)
    dropped: bool = field(default=False, repr=False)


class Holds:
    """The calls that are held now."""

    def __init__(self) -> None:
        self._held: list[Held] = []
        self._numbers = count(1)
        self._condition = Condition()

    def block(self, operation: str, when: When, meeting_id: str | None) -> None:
        """Hold the calling thread until it is released.

        Raises ConnectionDropped if it is released with `drop`.
        """
        with self._condition:
            held = Held(next(self._numbers), operation, str(when), meeting_id)
            self._held.append(held)
            self._condition.notify_all()
            self._condition.wait_for(lambda: held.released)
        if held.dropped:
            raise ConnectionDropped

    def wait(self, timeout: float, number: int = 1) -> list[Held]:
        """The calls that are held, waiting up to `timeout` seconds for so many."""
        with self._condition:
            self._condition.wait_for(lambda: len(self._held) >= number, timeout)
            return list(self._held)

    def release(self, number: int | None = None, *, drop: bool = False) -> int:
        """Release one call, or all, and return how many. With `drop` they end without an answer."""
        with self._condition:
            going = [held for held in self._held if number in (None, held.number)]
            for held in going:
                held.released, held.dropped = True, drop
                self._held.remove(held)
            self._condition.notify_all()
        return len(going)
