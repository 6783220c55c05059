"""Declares the meetings of declared.json, in the order of their names."""

import json
from pathlib import Path
from typing import Any

import pulumi

from meeting_provider import Meeting

declared: dict[str, dict[str, Any]] = json.loads(
    Path(pulumi.get_root_directory(), "declared.json").read_text("utf-8")
)
for name, arguments in declared.items():
    Meeting(name, **arguments)
