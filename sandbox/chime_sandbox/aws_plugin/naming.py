"""Physical names: generated from the engine's seed, or from a prefix and the clock."""

import hashlib
import itertools
import re
from datetime import UTC, datetime

_UNIQUE = re.compile(r"\d{18}[0-9a-f]{8}$")
_counter = itertools.count(1)


def generated(logical_name: str, seed: bytes) -> str:
    """`<logical name>-<7 hex digits>`, the same for the same seed (tfbridge's AutoName)."""
    return f"{logical_name}-{hashlib.sha256(seed).hexdigest()[:7]}"


def from_prefix(prefix: str) -> str:
    """The prefix, the time in 18 digits, and a counter in eight hex digits (Terraform's form)."""
    now = datetime.now(UTC)
    return f"{prefix}{now:%Y%m%d%H%M%S}{now.microsecond // 100:04d}{next(_counter):08x}"


def prefix_of(name: str) -> str:
    """The prefix of a name from `from_prefix`; empty for other names."""
    stem = name.removesuffix(".fifo")
    return _UNIQUE.sub("", stem) if _UNIQUE.search(stem) else ""
