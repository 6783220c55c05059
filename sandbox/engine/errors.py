"""What goes wrong, and the exit code that each has in common with Pulumi's CLI.

EngineError            1  a resource, a check or the program failed
├── Refused            1  what only the real Pulumi does
├── NotConfirmed       2  nobody to ask, and no flag that makes asking needless
├── StackNotFound      6  no such stack
└── ChangesProposed    7  --expect-no-changes, and there are some

The codes are those of pkg/cmd/pulumi/cmd/exit_codes.go.
"""

from typing import ClassVar


class EngineError(Exception):
    """Ends a command with a message. An empty message has been shown already."""

    exit_code: ClassVar[int] = 1


class Refused(EngineError):
    """Something that the sandbox engine doesn't do; the message names who does."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the sandbox engine does not support {what}; "
            "install the Pulumi CLI (https://www.pulumi.com/docs/install/) for that"
        )


class NotConfirmed(EngineError):
    """A command that somebody would have to confirm, where nobody can."""

    exit_code: ClassVar[int] = 2


class StackNotFound(EngineError):
    """No stack of that name."""

    exit_code: ClassVar[int] = 6


class ChangesProposed(EngineError):
    """Changes where none were expected."""

    exit_code: ClassVar[int] = 7
