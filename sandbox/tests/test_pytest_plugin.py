"""The pytest plugin, as the README shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from chime_sandbox.admin import Sandbox

README = Path(__file__).parents[1] / "README.md"


def test_the_test_in_the_readme_passes(chime_sandbox: Sandbox) -> None:
    [shown] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(shown, names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    test(chime_sandbox)
