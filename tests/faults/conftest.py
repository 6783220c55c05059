"""The calls to try, recorded once; and the matrices, which are printed at the end."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import closing
from dataclasses import asdict

import pytest
from faults.trial import Position, record
from support.emulator import Emulator
from support.host import Host

#: Whether to try everything instead of a selection.
EVERYTHING = os.environ.get("FAULTS") == "all"

#: For a file whose first test waits for all cases.
WAITS = pytest.mark.timeout(3 * 3600 if EVERYTHING else 600)

TABLES = pytest.StashKey[list[list[str]]]()


@pytest.fixture(scope="session")
def recorded(
    tmp_path_factory: pytest.TempPathFactory, testrun_uid: str
) -> dict[str, list[Position]]:
    """The calls that each scenario makes where nothing goes wrong."""
    # Several processes may run tests at once.
    shared = tmp_path_factory.getbasetemp().parent / f"recorded-{testrun_uid}.json"
    with shared.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if text := file.read():
            kept = json.loads(text)
            return {name: [Position(**each) for each in kept[name]] for name in kept}
        root = tmp_path_factory.mktemp("recording")
        with closing(Emulator(root)) as emulator, closing(Host(emulator.endpoint, root)) as host:
            found = record(host, emulator.admin)
        json.dump({name: [asdict(each) for each in found[name]] for name in found}, file)
        return found


@pytest.fixture(scope="session")
def tables(pytestconfig: pytest.Config) -> list[list[str]]:
    """What is printed at the end, where everything was tried."""
    return pytestconfig.stash.setdefault(TABLES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for table in terminalreporter.config.stash.get(TABLES, []):
        terminalreporter.section(table[0])
        for line in table[1:]:
            terminalreporter.write_line(line)
