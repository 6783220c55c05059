"""Measure, and write docs/performance.md from the figures.

    python -m benchmarks [CASE ...]

The figures are kept in docs/performance.json. A case that isn't named keeps its figures.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from subprocess import check_output
from typing import Any, Final

import click

from chime_sandbox.pulumi.cli import find

from . import page
from .cases import CASES

FIGURES: Final = page.DOCS / "performance.json"


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice(list(CASES)))
def main(names: tuple[str, ...]) -> None:
    """Run the benchmarks."""
    kept: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in names or CASES:
        measured = []
        for figure in CASES[name]():
            click.echo(f"{name}: {figure.what}: {figure.seconds:.1f} s, {figure.megabytes:.0f} MB")
            measured.append(asdict(figure))
        kept[name] = measured
        kept["machine"] = {
            "processors": os.cpu_count(),
            "load": round(os.getloadavg()[1], 1),
            "python": platform.python_version(),
            **{p: version(p) for p in ("pulumi", "boto3")},
            "cli": check_output([find().path, "version"], text=True).strip().removeprefix("v"),
        }
        FIGURES.write_text(json.dumps(kept, indent=1) + "\n")
    page.write(kept)


if __name__ == "__main__":
    main()
