"""The sandbox's persistent state: one SQLite file.

A change of a meeting is written in one transaction before its call is answered, so that a killed
process loses none. The newest changes are in a second file, `-wal`, until SQLite moves them.
Nothing is synced to the disk, so a power failure may damage the file.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock

FORMAT = 1


class StateFileError(Exception):
    """The state file can't be used; the message says why."""


class Store:
    """Bodies by kind and id, in the file at `path`; with None, nothing is kept.

    The file is locked while it is open, and readable by its owner only, because it contains join
    tokens. Raises StateFileError if another process uses it, or another program created it.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = Lock()
        self._file = _open(path)
        #: Whether the state is kept after the end of this process.
        self.keeps = path is not None

    def load(self, kind: str) -> Iterator[tuple[str, bytes]]:
        """All ids and bodies of a kind."""
        with self._lock:
            rows = self._file.execute("SELECT id, body FROM kept WHERE kind = ?", (kind,))
            yield from rows.fetchall()

    def save(self, kind: str, changed: Mapping[str, bytes], gone: Iterable[str] = ()) -> None:
        """Write some bodies of a kind and remove others, all or nothing."""
        with self._lock, self._file:
            self._file.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)",
                [(kind, each, body) for each, body in changed.items()],
            )
            self._file.executemany(
                "DELETE FROM kept WHERE kind = ? AND id = ?", [(kind, each) for each in gone]
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        file = sqlite3.connect(path or ":memory:", timeout=0, check_same_thread=False)
        file.execute("PRAGMA locking_mode = EXCLUSIVE")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = OFF")
        _prepare(file, path)
    except sqlite3.OperationalError as error:
        raise StateFileError(f"{path} is in use by another process: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StateFileError(f"{path} is not a state file of the sandbox: {error}") from error
    return file


def _prepare(file: sqlite3.Connection, path: Path | None) -> None:
    (version,) = file.execute("PRAGMA user_version").fetchone()
    if version not in (0, FORMAT):
        raise StateFileError(f"{path} has format {version}, and this sandbox reads {FORMAT}")
    with file:
        file.execute(
            "CREATE TABLE IF NOT EXISTS kept "
            "(kind TEXT, id TEXT, body BLOB, PRIMARY KEY (kind, id)) WITHOUT ROWID"
        )
        file.execute(f"PRAGMA user_version = {FORMAT}")
