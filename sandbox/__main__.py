"""Run commands in the sandbox: an emulated AWS on loopback, local state, Pulumi or its stand-in.

\b
    python -m sandbox pulumi up --stack dev     the CLI on PATH, or the sandbox engine
    python -m sandbox run -- COMMAND            anything else, in the same environment
    python -m sandbox stop                      stop the emulated AWS; its state is kept

All that it keeps is in `.sandbox/`. What the environment sets already is left as it is: with
AWS_ENDPOINT_URL nothing is started, and PULUMI names another CLI.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import click

from sandbox import ENDPOINT_FILE, HOME
from sandbox.aws_plugin import script

ENGINE: Final = (sys.executable, "-m", "sandbox.engine")
PLUGIN: Final = "pulumi-resource-aws"
PULUMI: Final = "pulumi"
START_SECONDS: Final = 20

_PID_FILE: Final = HOME / "cloud.pid"
_PORT_FILE: Final = HOME / "port"
_LOG_FILE: Final = HOME / "cloud.log"
_AS_IS: Final = {"ignore_unknown_options": True, "help_option_names": []}


@click.group(help=__doc__)
def main() -> None:
    """Run commands in the sandbox."""


@main.command(context_settings=_AS_IS)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def pulumi(arguments: tuple[str, ...]) -> None:
    """Run Pulumi, or its stand-in, with these arguments."""
    engine, which = _engine()
    click.echo(f"sandbox: with {which}", err=True)
    _run([*engine, *arguments])


@main.command(context_settings=_AS_IS)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run a command."""
    _run(command)


@main.command()
def stop() -> None:
    """Stop the emulated AWS."""
    if pid := _running():
        os.kill(pid, signal.SIGTERM)
        _wait(lambda: _running() is None)
        click.echo("sandbox: stopped", err=True)


def _engine() -> tuple[Sequence[str], str]:
    if chosen := os.environ.get("PULUMI"):
        name, *arguments = shlex.split(chosen)
        return (shutil.which(name) or name, *arguments), f"{chosen}, as PULUMI says"
    if found := shutil.which(PULUMI):
        return (found,), f"{found}, found on PATH"
    return ENGINE, "the sandbox engine, since there is no pulumi on PATH"


def _run(command: Sequence[str]) -> NoReturn:
    """Become the command, so that whatever signals it means it."""
    environment = _environment()
    try:
        os.execvpe(command[0], tuple(command), environment)
    except OSError as error:
        raise click.ClickException(f"{command[0]}: {error.strerror}") from error


def _environment() -> dict[str, str]:
    """What a command needs to stay in the sandbox, under what is set already."""
    state = HOME.resolve() / "state"
    state.mkdir(parents=True, exist_ok=True)
    environment = {
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "sandbox",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        **os.environ,
    }
    if "AWS_ENDPOINT_URL" not in environment:
        environment = _without_aws(environment) | {
            "AWS_ENDPOINT_URL": _endpoint(),
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    folders = [] if _has_real_plugin() else [_folder_of(PLUGIN, script(sys.executable))]
    engine, _ = _engine()
    if engine[0] != shutil.which(PULUMI):
        # For what looks for `pulumi` by itself, as the Automation API does.
        folders.append(_folder_of(PULUMI, f'#!/bin/sh\nexec {shlex.join(engine)} "$@"\n'))
    environment["PATH"] = os.pathsep.join([*folders, environment.get("PATH", "")])
    return environment


def _without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """No real account's credentials, profile or endpoint settings come into the sandbox."""
    return {k: v for k, v in environment.items() if not k.startswith("AWS_")}


def _has_real_plugin() -> bool:
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    return bool(shutil.which(PLUGIN)) or any(home.glob("plugins/resource-aws-v*"))


def _folder_of(name: str, text: str) -> str:
    """A folder to put on PATH, which has this executable and nothing else."""
    folder = HOME.resolve() / "path" / name
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / name
    # Whatever runs already may be looking.
    fresh = folder / f".{name}.{os.getpid()}"
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.replace(launcher)
    return str(folder)


def _endpoint() -> str:
    """The endpoint of the emulated AWS, started where it isn't running."""
    if _running() is None:
        _start()
    return ENDPOINT_FILE.read_text().strip()


def _start() -> None:
    HOME.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "sandbox.cloud", "--state-file", str(HOME / "cloud")]
    command += ["--port-file", str(ENDPOINT_FILE), "--pid-file", str(_PID_FILE)]
    command += ["--port", str(_usual_port())]
    with _LOG_FILE.open("w") as log:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    if not _wait(lambda: _running() is not None):
        said = _LOG_FILE.read_text().strip()
        raise click.ClickException(f"the emulated AWS did not start: {said or 'it says nothing'}")
    endpoint = ENDPOINT_FILE.read_text().strip()
    _PORT_FILE.write_text(endpoint.rpartition(":")[2])
    click.echo(f"sandbox: an emulated AWS at {endpoint}", err=True)


def _usual_port() -> int:
    """The port of last time where it is free: the URLs of queues in a state have it in them."""
    try:
        port = int(_PORT_FILE.read_text())
        with socket.create_server(("127.0.0.1", port)):
            return port
    except (OSError, ValueError):
        return 0


def _running() -> int | None:
    """The process id of the emulated AWS, where it is up."""
    try:
        pid = int(_PID_FILE.read_text())
        ENDPOINT_FILE.stat()
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def _wait(until: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while not until():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


if __name__ == "__main__":
    main()
