"""Checkouts to bring the schedule up in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.checkout import Checkout

# Node is no requirement of the project: where it isn't there, its tests aren't either.
collect_ignore = [] if shutil.which("node") and shutil.which("npm") else ["test_join.py"]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout with a sandbox of its own, where nothing has run yet."""
    built = Checkout.build(tmp_path / "checkout")
    yield built
    built.close()
