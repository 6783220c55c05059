"""What the engine says while it works: the engine tells, the display shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol


class Op(StrEnum):
    """What a step does to one resource, in the words of Pulumi's checkpoints and displays."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    CREATE_REPLACEMENT = "create-replacement"
    DELETE_REPLACED = "delete-replaced"
    REFRESH = "refresh"
    READ = "read"


@dataclass(frozen=True)
class Step:
    """One step on one resource. The same step is told when it starts and when it is over.

    The property maps hold plain values with `Secret` and `UNKNOWN` (see values.py) where those
    stand; `diffs` names the top-level properties that differ according to the provider, where it
    names any.
    """

    op: Op
    urn: str
    id: str = ""
    old_inputs: Mapping[str, Any] | None = None
    new_inputs: Mapping[str, Any] | None = None
    old_outputs: Mapping[str, Any] | None = None
    new_outputs: Mapping[str, Any] | None = None
    diffs: tuple[str, ...] = ()
    #: A refresh alone: what it found. UPDATE where state and service differed, DELETE where the
    #: resource is gone, SAME where nothing differed.
    found: Op | None = None
    #: The parent's urn; empty for a resource that has none.
    parent: str = ""
    #: False for a component.
    custom: bool = True
    #: The provider's reference, urn::id; empty for the default provider of a dynamic resource.
    provider: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """A message for people.

    An empty urn belongs to no resource. Messages of the same `stream`, but for 0, are one text.
    """

    severity: Literal["debug", "info", "info#err", "warning", "error"]
    message: str
    urn: str = ""
    ephemeral: bool = False
    stream: int = 0


@dataclass(frozen=True)
class Started:
    """An operation on a stack begins."""

    kind: Literal["update", "preview", "refresh", "destroy"]
    project: str
    stack: str
    is_preview: bool


@dataclass(frozen=True)
class Finished:
    """An operation on a stack is over: what it counted, the stack's outputs before and after."""

    counts: Mapping[Op, int]
    old_outputs: Mapping[str, Any] = field(default_factory=dict)
    new_outputs: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    failed: bool = False


class Listener(Protocol):
    """Who is told. Calls may come from several threads at once."""

    def started(self, event: Started) -> None:
        """An operation begins."""

    def step_started(self, step: Step) -> None:
        """A step begins."""

    def step_done(self, step: Step, seconds: float) -> None:
        """A step is over, after so many seconds."""

    def step_failed(self, step: Step, seconds: float) -> None:
        """A step has failed, after so many seconds. A diagnostic says why."""

    def diagnostic(self, event: Diagnostic) -> None:
        """There is something to say."""

    def finished(self, event: Finished) -> None:
        """The operation is over."""
