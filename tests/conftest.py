"""What tests of several folders use."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings
from support.checkout import locked

# A property is tested by its truth, never by the time that it takes; and on the same examples each
# time, so that a change that breaks nothing breaks no test.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")

#: What takes longest, in this order. It comes first, so that no worker is left alone with it.
LONGEST = (
    *("test_watch", "test_commands", "test_faults", "test_make_up", "test_yaml", "test_week"),
    *("test_notifications", "test_secrets", "test_join_desk", "test_gitops", "test_distributions"),
    *("test_sockets", "test_page", "test_page_states", "test_program", "test_soak", "test_kills"),
)

JAVASCRIPT = Path(__file__).parent / "js"


@pytest.fixture(scope="session")
def javascript() -> Path:
    """The folder of the JavaScript clients, with their packages installed."""
    declared = JAVASCRIPT / "package.json"
    installed = JAVASCRIPT / "node_modules" / ".package-lock.json"
    with locked(declared):
        if not installed.exists() or installed.stat().st_mtime < declared.stat().st_mtime:
            command = "npm install --no-audit --no-fund --no-package-lock --ignore-scripts"
            subprocess.run(command.split(), cwd=JAVASCRIPT, check=True, capture_output=True)
            installed.touch()
    return JAVASCRIPT


def pytest_xdist_auto_num_workers() -> int:
    """More workers than processors, since many a test waits: for a watcher, a clock, a window."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    turns = {name: turn for turn, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turns.get(item.path.stem, len(turns)))
