"""The file backend: stacks, locks, backups and the selected stack, laid out as Pulumi does it.

A `file://` backend is pkg/backend/diy; the selected stack is sdk/go/common/workspace/workspace.go.
"""

import contextlib
import getpass
import hashlib
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import yaml

from sandbox.engine.errors import EngineError, Refused, StackNotFound
from sandbox.engine.project import Project

_ORGANIZATION: Final = "organization"


@dataclass(frozen=True)
class Reference:
    """A stack's name in full."""

    project: str
    stack: str

    def __str__(self) -> str:
        return f"{_ORGANIZATION}/{self.project}/{self.stack}"

    @classmethod
    def parse(cls, text: str, project: str) -> "Reference":
        """Reads `stack`, `organization/stack` or `organization/project/stack`.

        Raises:
            EngineError: it is none of them.
        """
        match text.split("/"):
            case [stack] | ["organization", stack]:
                pass
            case ["organization", project, stack]:
                pass
            case _:
                raise EngineError(f"organization name must be 'organization' in {text!r}")
        if not stack or not stack.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise EngineError(
                "a stack name may only contain alphanumeric, hyphens, underscores, or periods: "
                f"{text!r}"
            )
        return cls(project, stack)


class Backend:
    """The stacks below one folder.

    Args:
        url: `file://` and a path; `~` is the home folder.

    Raises:
        Refused: it is any other kind of backend.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "file":
            raise Refused(f"the backend {url!r} (PULUMI_BACKEND_URL can name a file:// one)")
        self.url = url
        self._held: set[Path] = set()
        path = unquote(parts.netloc + parts.path)
        self._root = Path(path).expanduser().resolve() / ".pulumi"
        self._is_laid_out = False

    def stacks(self) -> list[Reference]:
        """Every stack, by name."""
        files = sorted((self._root / "stacks").glob("*/*.json"))
        return [Reference(file.parent.name, file.stem) for file in files]

    def exists(self, stack: Reference) -> bool:
        """Whether there is such a stack."""
        return self._file(stack).exists()

    def read(self, stack: Reference) -> dict[str, Any]:
        """A stack's deployment as it is stored; empty for one that has never been updated.

        Raises:
            StackNotFound: there is no such stack.
            Refused: it was stored in a form that this engine doesn't know.
        """
        try:
            stored = json.loads(self._file(stack).read_text())
        except FileNotFoundError:
            raise StackNotFound(f"no stack named '{stack.stack}' found") from None
        if stored.get("version") != 3:
            raise Refused(f"checkpoints of version {stored.get('version')}")
        return stored["checkpoint"].get("latest") or {}

    def write(self, stack: Reference, deployment: str) -> None:
        """Stores a deployment, given in JSON.

        The file is always the old one or the new one, never a part. Like Pulumi's, it isn't synced
        to the disk: a killed process loses nothing by that.
        """
        file = self._file(stack)
        self._ensure_layout()
        file.parent.mkdir(parents=True, exist_ok=True)
        name = json.dumps(str(stack))
        text = f'{{"version": 3, "checkpoint": {{"stack": {name}, "latest": {deployment}}}}}'
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fresh.write_text(text)
        if file.exists():
            kept = fresh.with_suffix(".bak")
            kept.unlink(missing_ok=True)
            os.link(file, kept)
            kept.replace(file.with_name(f"{file.name}.bak"))
        fresh.replace(file)

    def back_up(self, stack: Reference) -> None:
        """Keeps a copy of the state as a run left it."""
        folder = self._root / "backups" / stack.project / stack.stack
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._file(stack), folder / f"{stack.stack}.{time.time_ns()}.json")

    def remove(self, stack: Reference) -> None:
        """Removes a stack; its last state stays beside as a backup."""
        file = self._file(stack)
        file.replace(file.with_name(f"{file.name}.bak"))
        shutil.rmtree(self._root / "history" / stack.project / stack.stack, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, stack: Reference) -> Iterator[None]:
        """Holds the stack's lock.

        Raises:
            EngineError: somebody else holds it.
        """
        own = self._locks(stack) / f"{uuid.uuid4()}.json"
        self._check_lock(stack, own)
        own.parent.mkdir(parents=True, exist_ok=True)
        holder = {
            "pid": os.getpid(),
            "username": getpass.getuser(),
            "hostname": socket.gethostname(),
            "timestamp": datetime.now().astimezone().isoformat(timespec="seconds"),
        }
        own.write_text(json.dumps(holder))
        self._held.add(own)
        try:
            self._check_lock(stack, own)
            yield
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Removes the lock that this process holds, if any."""
        for own in self._held:
            own.unlink(missing_ok=True)
        self._held.clear()

    def unlock(self, stack: Reference) -> None:
        """Removes every lock of a stack."""
        for lock in self._locks(stack).glob("*.json"):
            lock.unlink(missing_ok=True)

    def _check_lock(self, stack: Reference, own: Path) -> None:
        locks = [lock for lock in self._locks(stack).glob("*.json") if lock != own]
        if not locks:
            return
        lines = [
            f"the stack is currently locked by {len(locks)} lock(s). Either wait for the other "
            "process(es) to end or delete the lock file with `pulumi cancel`."
        ]
        for lock in locks:
            held = json.loads(lock.read_text() or "{}")
            lines.append(
                f"  {lock.as_uri()}: created by {held.get('username')}@{held.get('hostname')} "
                f"(pid {held.get('pid')}) at {held.get('timestamp')}"
            )
        raise EngineError("\n".join(lines))

    def _ensure_layout(self) -> None:
        if self._is_laid_out:
            return
        meta = self._root / "meta.yaml"
        if not meta.exists():
            self._root.mkdir(parents=True, exist_ok=True)
            meta.write_text("version: 1\n")
        elif (yaml.safe_load(meta.read_text()) or {}).get("version") != 1:
            raise Refused("a backend of another layout than 1")
        self._is_laid_out = True

    def _file(self, stack: Reference) -> Path:
        return self._root / "stacks" / stack.project / f"{stack.stack}.json"

    def _locks(self, stack: Reference) -> Path:
        return self._root / "locks" / _ORGANIZATION / stack.project / stack.stack


def open_backend(project: Project | None) -> Backend:
    """The backend that is in use: PULUMI_BACKEND_URL, the project's, or that of `pulumi login`.

    Raises:
        Refused: it isn't a file backend.
    """
    url = os.environ.get("PULUMI_BACKEND_URL") or (project.backend_url if project else "")
    credentials = _home() / "credentials.json"
    if not url and credentials.exists():
        url = json.loads(credentials.read_text()).get("current", "")
    return Backend(url)


def selected(project: Project, backend: Backend) -> Reference | None:
    """The stack that `stack select` chose for a project on this machine."""
    file = _workspace(project)
    if not file.exists():
        return None
    chosen = (json.loads(file.read_text()).get("stacks") or {}).get(backend.url)
    return Reference.parse(chosen, project.name) if chosen else None


def select(project: Project, backend: Backend, stack: Reference | None) -> None:
    """Chooses a project's stack on this machine, or none."""
    file = _workspace(project)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = json.loads(file.read_text()) if file.exists() else {}
    stacks = {key: value for key, value in content.get("stacks", {}).items() if key != backend.url}
    if stack is not None:
        stacks[backend.url] = str(stack)
    file.write_text(json.dumps({**content, "stacks": stacks}, indent=4))


def _workspace(project: Project) -> Path:
    # The name is part of the layout: Pulumi finds its own file again by the same digest.
    digest = hashlib.sha1(str(project.file).encode(), usedforsecurity=False).hexdigest()
    return _home() / "workspaces" / f"{project.name}-{digest}-workspace.json"


def _home() -> Path:
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
