"""Houses to bring the programme up in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.house import House

# Node is no requirement of the project: where it isn't there, its tests aren't either.
collect_ignore = [] if shutil.which("node") and shutil.which("npm") else ["test_join.py"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A checkout with a sandbox of its own, where nothing has run yet."""
    built = House.build(tmp_path / "house")
    yield built
    built.close()
