"""The tests' checkouts, which benchmarks of the whole project use too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.house import House
from support.watching import Watch

__all__ = ["House", "Watch"]
