"""What tests of several floors stand on."""

import subprocess
from pathlib import Path

import pytest

JAVASCRIPT = Path(__file__).parent / "js"


@pytest.fixture(scope="session")
def javascript() -> Path:
    """The folder of the JavaScript clients, with their packages installed."""
    if not (JAVASCRIPT / "node_modules" / ".package-lock.json").exists():
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"],
            cwd=JAVASCRIPT,
            check=True,
            capture_output=True,
        )
    return JAVASCRIPT
