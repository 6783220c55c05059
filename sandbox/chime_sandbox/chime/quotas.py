"""The quotas of requests per second: a token bucket for each operation."""

from dataclasses import dataclass
from math import inf
from threading import Lock

from . import serialization
from .clock import Clock

ANY = "*"


@dataclass(frozen=True)
class Quota:
    """`rate` requests per second on average, and `burst` at once. Raises ValueError."""

    rate: float
    burst: float

    def __post_init__(self) -> None:
        if not (0 < self.rate < inf and 1 <= self.burst < inf):
            raise ValueError("a quota's rate is above 0, and its burst at least 1")


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Quotas:
    """The buckets of each account, control region and operation that has a quota."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quotas: dict[str, Quota] = {}
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}
        self._lock = Lock()

    def set(self, operation: str, quota: Quota | None) -> None:
        """Limit one operation, or with `*` each one without its own quota; None removes the quota.

        Raises ValueError for an unknown operation.
        """
        if operation != ANY:
            serialization.known(operation)
        with self._lock:
            self._buckets.clear()
            if quota is None:
                self._quotas.pop(operation, None)
            else:
                self._quotas[operation] = quota

    def as_dict(self) -> dict[str, dict[str, float]]:
        """The quotas by operation."""
        return {name: vars(quota) for name, quota in self._quotas.items()}

    def take(self, account: str, region: str, operation: str) -> bool:
        """Whether one more call is within its quota. If so, the call is counted."""
        if not self._quotas:
            return True
        with self._lock:
            quota = self._quotas.get(operation) or self._quotas.get(ANY)
            return quota is None or self._take((account, region, operation), quota)

    def clear(self) -> None:
        """Remove all quotas."""
        with self._lock:
            self._quotas.clear()
            self._buckets.clear()

    def _take(self, key: tuple[str, str, str], quota: Quota) -> bool:
        now = self._clock.now()
        bucket = self._buckets.setdefault(key, _Bucket(quota.burst, now))
        bucket.tokens = min(quota.burst, bucket.tokens + (now - bucket.filled_at) * quota.rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
