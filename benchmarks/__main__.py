"""Measure what has to be quick: all of it, or the benchmarks that are named.

    python -m benchmarks service growth

Prints a table and keeps the figures in docs/performance.json, which docs/performance.md is made
from. Exits with 1 where a figure is not what is promised.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from . import figures, report

ALL = ("calendars", "heal", "first", "overhead", "growth", "service")


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice(ALL))
@click.option(
    "--json",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=report.FIGURES,
    show_default=True,
    help="Where the figures are kept.",
)
def main(names: tuple[str, ...], path: Path) -> None:
    """Run the benchmarks."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(f"with {figures.engine()}")
    measured = []
    for name in names or ALL:
        for figure in import_module(f"benchmarks.{name}").figures():
            console.print(f"{name}: {figure.title}: {figure.value:.4g} {figure.unit}")
            measured.append(figure)
            figures.keep([figure], path)
    console.print(figures.table(measured))
    if path == report.FIGURES:
        report.write()
    sys.exit(0 if all(figure.is_within for figure in measured) else 1)


if __name__ == "__main__":
    main()
