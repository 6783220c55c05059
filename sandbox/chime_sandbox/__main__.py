"""The command `chime-sandbox`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final, NoReturn

import click

from chime_sandbox import emulator
from chime_sandbox.admin import SandboxError
from chime_sandbox.admin_commands import admin
from chime_sandbox.environment import environment
from chime_sandbox.pulumi.cli import NoCli, find

_AS_IS: Final = {"ignore_unknown_options": True, "help_option_names": []}


@click.group()
def main() -> None:
    """Run commands against an emulated AWS on this machine.

    \b
    The emulator has Amazon Chime SDK Meetings and Media Pipelines, S3, SNS, SQS,
    STS and SSM. It listens on the loopback interface, and keeps all files in
    .sandbox/ of the current folder.

    With AWS_ENDPOINT_URL, no emulator is started, and AWS's variables are not
    changed. Without it, only the region of AWS's variables is kept, us-east-1 by
    default. PULUMI names the Pulumi CLI to use.
    """


@main.command()
def up() -> None:
    """Start the emulator, and print the variables that a command needs to use it."""
    try:
        endpoint = emulator.start()
    except emulator.NotStarted as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"export AWS_ENDPOINT_URL={endpoint}")
    click.echo("export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox")
    click.echo("export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1")


@main.command()
def down() -> None:
    """Stop the emulator. Its state is kept."""
    click.echo("stopped" if emulator.stop() else "not running")


@main.command(context_settings=_AS_IS)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run a command in the sandbox: chime-sandbox run -- COMMAND."""
    _become(command)


@main.command(context_settings=_AS_IS)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def pulumi(arguments: tuple[str, ...]) -> None:
    """Run Pulumi in the sandbox: chime-sandbox pulumi up."""
    _become(arguments, is_pulumi=True)


main.add_command(admin)


def _become(command: Sequence[str], *, is_pulumi: bool = False) -> NoReturn:
    """Replace this process by the command, so that all signals reach it."""
    try:
        # A build takes minutes, which is for nothing if no program here can use Pulumi.
        cli = find() if is_pulumi or find_spec("pulumi") else None
        variables = environment(cli)
    except (NoCli, emulator.NotStarted) as error:
        raise click.ClickException(str(error)) from error
    program = [str(cli.path), *command] if cli and is_pulumi else list(command)
    try:
        os.execvpe(program[0], program, variables)
    except OSError as error:
        raise click.ClickException(f"{program[0]}: {error.strerror}") from error


def main_with_one_line_errors() -> None:
    """Run the command line, and report an error of the emulator in one line."""
    try:
        main(prog_name="chime-sandbox")
    except SandboxError as error:
        raise SystemExit(f"Error: {error}") from None


if __name__ == "__main__":
    main_with_one_line_errors()
