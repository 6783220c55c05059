"""Houses to bring the programme up in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.house import House


@pytest.fixture()
def house(tmp_path: Path) -> Iterator[House]:
    """A checkout with a sandbox of its own, where nothing has run yet."""
    built = House.build(tmp_path / "house")
    yield built
    built.close()
