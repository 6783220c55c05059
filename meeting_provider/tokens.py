"""The ClientRequestToken by which a create finds the meeting that an earlier try of it made.

It is derived from who declares the meeting, from what only a new meeting can have, and from the
five-minute window of the clock: in the window a repeated create gets its own meeting back. One in
the next window makes another, and the service soon ends the first, whose tokens nobody has. No
longer window would do: each meeting that ended in it costs the create of its successor three calls.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

#: How long the service keeps a meeting with nobody connected, in seconds.
WINDOW: Final = 300


def derive(identity: str, create_only: Mapping[str, Any], now: float, attempt: int) -> str:
    """A token of 64 characters, the same for the same arguments in the same window.

    :param identity: who declares the meeting; see identity.py.
    :param create_only: what only a new meeting can have.
    :param now: seconds since the epoch.
    :param attempt: how many tokens of this window have brought back an ended meeting.
    """
    # The order of the one list among them, the tenants, means nothing.
    made_of = {n: sorted(v) if isinstance(v, list) else v for n, v in create_only.items()}
    parts = [identity, made_of, int(now // WINDOW), attempt]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
