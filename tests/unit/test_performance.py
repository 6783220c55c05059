"""docs/performance.md says what was measured, and no number besides."""

from __future__ import annotations

import re

from benchmarks import report


def test_the_page_is_made_of_the_figures():
    assert report.PAGE.read_text("utf-8") == report.render()


def test_its_text_has_no_number_of_its_own():
    template = report.TEMPLATE.read_text("utf-8")
    own = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|`[^`]*`", "", template, flags=re.DOTALL)
    assert re.findall(r"(?<![\w-])\d[\d.,]*", own) == []
