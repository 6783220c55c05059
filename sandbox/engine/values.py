"""Property values as the engine holds them: plain JSON values, with secrets and unknowns marked."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Secret:
    """A value that is shown as [secret] and stored encrypted."""

    value: Any

    def __repr__(self) -> str:
        return "Secret([secret])"


class Unknown:
    """A value that only an update will know."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()
