"""A headless Chromium, driven by tests/js/join_page.mjs."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from support.checkout import ROOT, until

_VIEW: Final = ROOT / "stacks/join_desk/page/view.js"


class Browser:
    """A browser with one page open at a time.

    :param javascript: the folder of the JavaScript clients, installed.
    """

    def __init__(self, javascript: Path) -> None:
        self._process = subprocess.Popen(
            ("node", "join_page.mjs", str(shutil.which("chromium")), str(_VIEW)),
            cwd=javascript,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, command: str, **options: Any) -> Any:
        """Have a command carried out; what it returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": command, **options}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer
        return answer["result"]

    def close(self) -> None:
        """End the browser."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def follow(browser: Browser, condition: Callable[[], object]) -> None:
    """Let the page's clock run until something is so."""

    def is_so() -> bool:
        if condition():
            return True
        browser.do("pass", seconds=5)
        # What it asks the desk then is answered in real time.
        time.sleep(0.3)
        return False

    until(is_so, "the page follows")
