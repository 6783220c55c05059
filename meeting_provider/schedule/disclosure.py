"""Which personal data of the people in a calendar may be outside of secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_IDS: Final = ("digest", "address")


@dataclass(frozen=True)
class Disclosure:
    """Which personal data may be outside of secrets: by default none.

    :param key: the key of the digests that are the ids of attendees.
    :param addresses: whether to use mail addresses as ids, and names as tags.
    """

    key: str = field(default="", repr=False)
    addresses: bool = False

    @classmethod
    def of(cls, ids: str | None, key: str | None) -> Disclosure:
        """Read the settings `calendar_ids`, `digest` or `address`, and `calendar_key`.

        :raises ValueError: a setting has another value.
        """
        if ids and ids not in _IDS:
            raise ValueError(f"calendar_ids is '{ids}'; it is one of {', '.join(_IDS)}")
        return cls(key or "", ids == "address")
