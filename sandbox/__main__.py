"""Run commands in the sandbox: an emulated AWS on loopback, and a Pulumi backend in a folder.

\b
    python -m sandbox pulumi up --stack dev     Pulumi
    python -m sandbox run -- COMMAND            any other command, in the same environment
    python -m sandbox stop                      stop the emulated AWS; its state is kept

All of the sandbox's files are in `.sandbox/`, in the current folder. What the environment sets
already is left as it is: with AWS_ENDPOINT_URL nothing is started, and PULUMI names the CLI to use.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from sandbox import emulator
from sandbox.environment import environment
from sandbox.pulumi.cli import NoCli, find

_AS_IS: Final = {"ignore_unknown_options": True, "help_option_names": []}


@click.group(help=__doc__)
def main() -> None:
    """Run commands in the sandbox."""


@main.command(context_settings=_AS_IS)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def pulumi(arguments: tuple[str, ...]) -> None:
    """Run Pulumi with these arguments."""
    _become(arguments, is_pulumi=True)


@main.command(context_settings=_AS_IS)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run a command."""
    _become(command)


@main.command()
def stop() -> None:
    """Stop the emulated AWS."""
    if emulator.stop():
        click.echo("sandbox: stopped", err=True)


def _become(command: Sequence[str], *, is_pulumi: bool = False) -> NoReturn:
    """Become the command, so that all signals reach it."""
    try:
        cli = find()
        variables = environment(cli)
    except (NoCli, emulator.NotStarted) as error:
        raise click.ClickException(str(error)) from error
    program = [str(cli.path), *command] if is_pulumi else list(command)
    try:
        os.execvpe(program[0], program, variables)
    except OSError as error:
        raise click.ClickException(f"{program[0]}: {error.strerror}") from error


if __name__ == "__main__":
    main()
