"""The documentation's pages: their blocks, commands, links and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Every page that people read.
PAGES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "sandbox/README.md"),
    "stacks/join_desk/README.md",
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md")),
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, and the line that it begins at."""

    page: str
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """The commands of a block of a console or a shell, without comments."""
        whole = self.text.replace("\\\n", " ")
        lines = (re.sub(r"(^|\s)#\s.*", "", line).strip() for line in whole.splitlines())
        return [line for line in lines if line]


def text(page: str) -> str:
    """A page's text."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of a page in these languages, in order."""
    whole = text(page)
    return [
        Block(page, found[1], found[2], whole.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(whole)
        if found[1] in languages
    ]


def prose(page: str) -> str:
    """A page's text without its blocks."""
    return _FENCE.sub("", text(page))


def links(page: str) -> list[str]:
    """Where the links of a page lead."""
    return _LINK.findall(prose(page))


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, without their headers."""
    section = re.split(rf"^#+ {re.escape(heading)}$", text(page), flags=re.MULTILINE)[1]
    section = re.split(r"^#", section, flags=re.MULTILINE)[0]
    return list(_rows(section))


def _rows(section: str) -> Iterator[list[str]]:
    lines = section.splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        is_header = not before.startswith("|") or re.fullmatch(r"[|\s:-]+", line)
        if line.startswith("|") and not is_header:
            yield [cell.strip() for cell in line.strip("|").split("|")]


def names(cell: str) -> list[str]:
    """The names in a cell: what stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)
