"""docs/performance.md: a template's text with the figures of docs/performance.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

DOCS = Path(__file__).parents[1] / "docs"
FIGURES = DOCS / "performance.json"
PAGE = DOCS / "performance.md"
TEMPLATE = Path(__file__).parent / "performance.md.j2"


def render() -> str:
    """The page. Raises jinja2.UndefinedError where it quotes a figure that is not there."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=False,
    )  # fmt: skip
    environment.globals |= {
        "n0": "{:,.0f}".format,
        "operations": _operations,
        "versions": lambda each: ", ".join(f"{name} {number}" for name, number in each.items()),
    }
    book = json.loads(FIGURES.read_text("utf-8"))
    page = environment.from_string(TEMPLATE.read_text("utf-8")).render(
        engines=sorted(book["engines"].items()), settings=book["settings"]
    )
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def _operations(figures: Mapping[str, Any]) -> list[str]:
    """Every operation that the scenarios called."""
    called = (each["details"].get("calls", {}) for each in figures.values())
    return sorted({name for calls in called if isinstance(calls, dict) for name in calls})


def write() -> None:
    """Make the page anew."""
    PAGE.write_text(render(), "utf-8")
