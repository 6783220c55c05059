"""Figures, each beside its limit and its peers; a table of them, and the file that keeps them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich import box
from rich.table import Table

from .settings import SETTINGS

_PACKAGES = ("pulumi", "boto3", "botocore", "pydantic", "moto")


@dataclass(frozen=True)
class Figure:
    """One thing that was measured.

    :param key: what it is called in the file, and by whoever quotes it.
    :param limit: what it can't be below, in the same unit, as measured or reckoned in the same run.
    :param allowed: how many times the limit it may be; None where nothing is promised.
    :param peers: what else does the same, in the same unit.
    :param details: whatever else was seen.
    """

    key: str
    title: str
    value: float
    unit: str = "s"
    limit: float | None = None
    limit_is: str = ""
    allowed: float | None = None
    peers: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times the limit it is."""
        return self.value / self.limit if self.limit else None

    @property
    def is_within(self) -> bool:
        """Whether it is what is promised."""
        return self.allowed is None or self.ratio is None or self.ratio <= self.allowed


def table(figures: Iterable[Figure]) -> Table:
    """The figures, for a terminal."""
    shown = Table(box=box.SIMPLE)
    shown.add_column("figure")
    for heading in ("measured", "limit", "times it", "allowed"):
        shown.add_column(heading, justify="right")
    shown.add_column("beside")
    for each in figures:
        ratio, limit = each.ratio, each.limit
        shown.add_row(
            f"{each.key}: {each.title}",
            f"{each.value:.4g} {each.unit}",
            f"{limit:.4g} {each.unit}" if limit else "",
            f"{ratio:.2f}{'' if each.is_within else ' !'}" if ratio else "",
            f"{each.allowed:g}" if each.allowed else "",
            ", ".join(f"{name} {value:.4g} {each.unit}" for name, value in each.peers.items()),
        )
    return shown


def engine() -> str:
    """The engine that runs: the CLI's version, or the sandbox engine."""
    chosen = os.environ.get("PULUMI") or shutil.which("pulumi")
    if not chosen:
        return "sandbox engine"
    said = subprocess.run((*chosen.split(), "version"), capture_output=True, text=True, check=True)
    return f"pulumi {said.stdout.strip()}"


def keep(figures: Iterable[Figure], path: Path) -> None:
    """Write the figures into the file, in place of older ones of the same engine and key."""
    book = json.loads(path.read_text()) if path.exists() else {"engines": {}}
    book["settings"] = dict(SETTINGS)
    run = book["engines"].setdefault(engine(), {"figures": {}})
    run["machine"] = machine()
    run["versions"] = {name: version(name) for name in _PACKAGES}
    for each in figures:
        entry = asdict(each) | {"ratio": each.ratio}
        run["figures"][each.key] = {name: _short(value) for name, value in entry.items()}
    path.write_text(json.dumps(book, indent=1, sort_keys=True) + "\n")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {name: _short(each) for name, each in value.items()}
    return value
