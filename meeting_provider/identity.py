"""Who declares a meeting: state backend, organization, project, stack and place in the program.

Two stacks must never have the same identity, or they would share a meeting and one would delete the
other's. Where the backend can't be known there is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pulumi
import yaml


def of(name: str, type_name: str, opts: pulumi.ResourceOptions | None) -> pulumi.Input[str] | None:
    """The identity of a resource, as a digest; None where the state backend can't be known.

    The parent's URN is part of it, since a name is unique only beside its siblings.
    """
    where = backend()
    if where is None:
        return None
    place = [where, pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()]
    parent = opts.parent if opts else None
    if parent is None:
        return _digest(*place, "", type_name, name)
    # As the URN comes, it brings a dependency on all that the parent holds: the meeting as well.
    urn = pulumi.Output(set(), parent.urn.future(), parent.urn.is_known())
    return urn.apply(lambda urn: _digest(*place, urn or "", type_name, name))


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def backend() -> str | None:
    """The URL of the state backend in use; a local one with its host and its whole path.

    Found as the CLI finds it: PULUMI_BACKEND_URL, the project's own, the one logged in to.
    Source: https://www.pulumi.com/docs/iac/concepts/state-and-backends/
    """
    url = os.environ.get("PULUMI_BACKEND_URL")
    # A program without a root runs inside of another, whose own backend need not be the stack's.
    if not url and pulumi.get_root_directory():
        url = _project_backend() or _current_backend()
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "file":
        return url.rstrip("/")
    path = Path(f"{parts.netloc}{parts.path}" or "/").expanduser()
    return f"file://{socket.gethostname()}{_resolved(path, os.getcwd())}"


@cache
def _resolved(path: Path, folder: str) -> Path:
    """The same place in the file system is looked up for every meeting of a program."""
    return Path(folder, path).resolve()


def _project_backend() -> str | None:
    for name in ("Pulumi.yaml", "Pulumi.yml"):
        try:
            project = _parsed(Path(pulumi.get_root_directory(), name).read_text("utf-8"))
            return str(project["backend"]["url"])
        except (OSError, KeyError, TypeError, yaml.YAMLError):
            continue
    return None


@cache
def _parsed(text: str) -> Any:
    """The same project file is looked into for every meeting of a program."""
    return yaml.safe_load(text)


def _current_backend() -> str | None:
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folder = Path(os.environ.get("PULUMI_CREDENTIALS_PATH") or home)
    try:
        current = json.loads((folder / "credentials.json").read_text("utf-8"))["current"]
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return str(current) if current else None
