"""What may be known of the people in a calendar outside of secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_IDS: Final = ("digest", "address")


@dataclass(frozen=True)
class Disclosure:
    """What may be known of people outside of secrets: by default nothing.

    `key` keys the digests that stand for them. `addresses` takes mail addresses as ids, and names
    into tags.
    """

    key: str = field(default="", repr=False)
    addresses: bool = False

    @classmethod
    def of(cls, ids: str | None, key: str | None) -> Disclosure:
        """Read the settings `calendar_ids`, `digest` or `address`, and `calendar_key`.

        :raises ValueError: where they say something else.
        """
        if ids and ids not in _IDS:
            raise ValueError(f"calendar_ids is '{ids}'; it is one of {', '.join(_IDS)}")
        return cls(key or "", ids == "address")
