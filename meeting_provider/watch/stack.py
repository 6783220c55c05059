"""The watched stack: the meetings in its state, and `up` for some of them.

It runs commands by the Automation API's workspace, but not by `Stack.up`, which reads all outputs
in plain text at its end. A watcher that never reads join tokens can't leak them.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Final

from pulumi.automation import LocalWorkspace, PulumiCommand
from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from meeting_provider.watch.errors import StackBusy, StackFailed

#: The type of a Meeting in a state.
TYPE: Final = "pulumi-python:dynamic/meeting:Meeting"

#: The type of a Recording, which ends with its meeting.
RECORDING_TYPE: Final = "pulumi-python:dynamic/recording:Recording"

#: A target that matches every meeting of any stack, also children of other resources.
EVERY_MEETING: Final = f"urn:pulumi:**{TYPE}::**"
_EVERY_RECORDING: Final = f"urn:pulumi:**{RECORDING_TYPE}::**"

#: The value in a state of an output that depends on a resource which `--target` left out.
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

_UP: Final = (
    *("up", "--yes", "--skip-preview", "--continue-on-error", "--suppress-outputs"),
    *("--exec-kind", "auto.local"),
)

#: The suffix that the name of an occurrence adds to the name of its event.
_OCCURRENCE: Final = re.compile(r"-\d{8}(T\d{4}(\d\d)?Z)?\Z")

_STACK_TYPE: Final = "pulumi:pulumi:Stack"
_MOST_SAID: Final = 3
_LONGEST_SAID: Final = 400

#: An error in Pulumi's output. A dynamic provider's error is the last line of a traceback.
_ERROR: Final = re.compile(
    r"(?:error|meeting_provider\.errors\.\w+): (?!Traceback)(?!update failed)(?P<said>.*\S)"
)

#: How a self-managed backend names the holder of a lock: pkg/backend/diy/lock.go.
_HOLDER: Final = re.compile(r"created by .*@(?P<host>\S+) \(pid (?P<pid>\d+)\) at ")


@dataclass(frozen=True)
class Known:
    """A meeting in the state: the resource's URN, the MeetingId and the ExternalMeetingId.

    Notification messages name the meeting by its ExternalMeetingId.
    """

    urn: str
    meeting_id: str
    name: str

    @property
    def resource(self) -> str:
        """The name of the resource."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class State:
    """The meetings in a state that have not been replaced, by URN.

    `has_gaps` says that some outputs of the stack are unknown: the program declares a new meeting,
    such as one that has opened, and `--target` left it out.
    """

    meetings: dict[str, Known]
    has_gaps: bool


class WatchedStack:
    """A stack of the program in a folder.

    :param name: the stack's name, as `pulumi --stack` takes it.
    :param folder: where its Pulumi.yaml is.
    :raises StackFailed: the folder doesn't exist, or there is no usable `pulumi` on PATH.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder.resolve()
        #: By a meeting's URN, the URNs of its recordings, also of those that couldn't be replaced.
        self._recordings = defaultdict(set, {EVERY_MEETING: {_EVERY_RECORDING}})
        if not folder.is_dir():
            raise StackFailed(f"{folder} is not a folder")
        try:
            # A development build has a version that the Automation API refuses.
            command = PulumiCommand(skip_version_check=True)
            self._workspace = LocalWorkspace(work_dir=str(self._folder), pulumi_command=command)
        except (OSError, CalledProcessError) as error:
            raise StackFailed(f"there is no usable pulumi on PATH: {error}") from error

    def __str__(self) -> str:
        return f"{self._name} of {self._folder.name}"

    def output(self, name: str) -> str | None:
        """An output of the stack that is a string and not secret; None if there is none.

        :raises StackFailed: there is no such stack, or it can't be read.
        """
        value = self._json("stack", "output", "--json").get(name)
        return value if isinstance(value, str) else None

    def setting(self, key: str) -> str | None:
        """A setting of the stack, or None.

        :raises StackFailed: the settings can't be read.
        """
        entry = self._json("config", "--json").get(key) or {}
        value: str | None = entry.get("value")
        return value

    def state(self) -> State:
        """The meetings in the stack's state.

        :raises StackFailed: there is no such stack, or it can't be read.
        """
        deployment = self._json("stack", "export").get("deployment") or {}
        resources = deployment.get("resources") or ()
        known = [
            Known(r["urn"], r["id"], (r.get("outputs") or {}).get("external_meeting_id") or "")
            for r in resources
            if r["type"] == TYPE and r.get("id") and not r.get("delete")
        ]
        for recording in (r for r in resources if r["type"] == RECORDING_TYPE):
            for urn in recording.get("dependencies") or ():
                self._recordings[urn].add(recording["urn"])
        outputs = [r.get("outputs") for r in resources if r["type"] == _STACK_TYPE]
        return State({k.urn: k for k in known}, _UNKNOWN in json.dumps(outputs))

    def up(self, urns: Iterable[str] = ()) -> None:
        """Run `pulumi up` for the whole stack, or for the resources that URNs or globs name.

        It always refreshes them, whatever the project's settings are. It also updates the
        recordings of the named meetings, if a `state` has contained them.

        :raises StackBusy: another process has locked the stack. If that was a process of this
            machine that has ended, the lock is released.
        :raises StackFailed: the update failed, at least in part.
        """
        # A meeting whose time is over is neither in the program nor in the state. For Pulumi, such
        # a target is an error if it is a literal, but not if it is a pattern.
        named = [each for urn in urns for each in (urn, *sorted(self._recordings[urn]))]
        patterns = [urn if "*" in urn else f"**{urn}" for urn in dict.fromkeys(named)]
        # With --run-program, Pulumi refreshes each resource when the program declares it, and not
        # all before the program starts.
        self._run(*_UP, "--refresh", "--run-program", *_targets(patterns))

    def up_named(self, names: Iterable[str]) -> None:
        """Update the resources that have a meeting's name or its event's, and their dependents.

        It doesn't refresh them first: Pulumi can't refresh dependents of a target.

        :param names: the names of Meeting resources.
        :raises StackBusy: as `up`.
        :raises StackFailed: as `up`.
        """
        names = {each for name in names for each in (name, _OCCURRENCE.sub("", name))}
        patterns = [f"**::{name}" for name in sorted(names)]
        self._run(*_UP, "--refresh=false", "--target-dependents", *_targets(patterns))

    def _json(self, *command: str) -> Mapping[str, Any]:
        answer = json.loads(self._run(*command) or "{}")
        return answer if isinstance(answer, Mapping) else {}

    def _run(self, *command: str) -> str:
        """The output of a command.

        :raises StackBusy: another process has locked the stack.
        :raises StackFailed: the command failed.
        """
        try:
            return self._workspace.pulumi_command.run(
                [*command, "--stack", self._name],
                str(self._folder),
                self._workspace.env_vars,
            ).stdout
        except ConcurrentUpdateError as error:
            if _is_orphaned(str(error)):
                self._run("cancel", "--yes")
            raise StackBusy(f"another deploy has the stack {self}") from None
        except CommandError as error:
            raise StackFailed(f"pulumi {command[0]} of {self} failed: {_said(error)}") from None
        except OSError as error:
            raise StackFailed(f"pulumi {command[0]} of {self} failed: {error}") from error


def _targets(patterns: Iterable[str]) -> list[str]:
    return [part for pattern in patterns for part in ("--target", pattern)]


def _said(error: CommandError) -> str:
    """The errors in a command's output, in one line. The rest may contain secrets."""
    found = (_ERROR.search(line) for line in str(error).splitlines())
    said = list(dict.fromkeys(f["said"][:_LONGEST_SAID] for f in found if f))[:_MOST_SAID]
    return "; ".join(said) or "it doesn't say why"


def _is_orphaned(said: str) -> bool:
    """Whether all locks of the stack belong to processes of this machine that have ended."""
    holders = list(_HOLDER.finditer(said))
    return bool(holders) and all(
        h["host"] == socket.gethostname() and not _is_running(int(h["pid"])) for h in holders
    )


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
