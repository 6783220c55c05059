"""What the figures are measured with: kept beside them, since their text quotes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The rate and the burst of each operation are those that the service is known for.
SETTINGS: Mapping[str, Any] = {
    "rate": 10.0,
    "burst": 20.0,
    "latency_ms": 150.0,
    "script_threads": 16,
    "repetitions": 5,
    "numbers": [100, 300, 1000, 3000],
    "of_a_stack": 200,
}
