"""The commands: names, flags, output and exit codes as in Pulumi's CLI."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from sandbox.engine import snapshot, values
from sandbox.engine.backend import Backend, Reference, open_backend, select, selected
from sandbox.engine.errors import (
    ChangesProposed,
    EngineError,
    NotConfirmed,
    Refused,
    StackNotFound,
)
from sandbox.engine.project import ConfigValue, Project, find_project, look_up

if TYPE_CHECKING:
    from sandbox.engine.deployment import Kind
    from sandbox.engine.operations import Stack

_SECRET: Final = "[secret]"  # noqa: S105 - it hides one


def main() -> NoReturn:
    """Runs a command, and exits as Pulumi's CLI would."""
    try:
        cli.main(prog_name="pulumi", standalone_mode=False)
    except EngineError as error:
        if str(error):
            click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except (click.NoSuchOption, click.UsageError) as error:
        _explain(error)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(1)
    sys.exit(0)


def _explain(error: click.UsageError) -> NoReturn:
    lacks_command = isinstance(error, click.exceptions.NoArgsIsHelpError)
    unknown = isinstance(error, click.NoSuchOption) or "No such command" in error.message
    message = error.message.rstrip(".")
    if lacks_command and error.ctx:
        message, unknown = f"`{error.ctx.command_path}` without a command", True
    refusal = Refused(f"this ({message[0].lower()}{message[1:]})") if unknown else error.message
    click.echo(f"error: {refusal}", err=True)
    sys.exit(1)


# What the commands share


def _stack_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("-s", "--stack", "name", help="The stack, if not the selected one.")(
        command
    )


def _stack(name: str | None, *, may_be_new: bool = False) -> "Stack":
    """The stack of this name, or the one that is selected.

    Args:
        name: as the command line says it.
        may_be_new: whether the command may be about a stack that is yet to be made.

    Raises:
        StackNotFound: there is none of this name.
        EngineError: none is selected, or the one that is selected is not there.
    """
    from sandbox.engine.operations import Stack

    project, backend = _project()
    reference = Reference.parse(name, project.name) if name else _selected(project, backend)
    if reference and backend.exists(reference):
        return Stack(project, backend, reference)
    if name:
        raise StackNotFound(f"no stack named '{name}' found")
    raise _none_selected(may_be_new=may_be_new)


def _selected(project: Project, backend: Backend) -> Reference | None:
    name = os.environ.get("PULUMI_STACK")
    if name is None:
        return selected(project, backend)
    return Reference.parse(name, project.name) if name else None


def _none_selected(*, may_be_new: bool) -> EngineError:
    way = "`pulumi stack select` or `pulumi stack init`" if may_be_new else "`pulumi stack select`"
    return EngineError(f"no stack selected; please use {way} to choose one")


def _project() -> tuple[Project, Backend]:
    project = find_project(Path.cwd())
    return project, open_backend(project)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]


@click.group()
@click.option("-C", "--cwd", type=click.Path(exists=True, file_okay=False), help="Where to run.")
@click.option("--non-interactive", is_flag=True, help="Ask nothing.")
@click.pass_context
def cli(context: click.Context, cwd: str | None, non_interactive: bool) -> None:
    """Runs Pulumi programs against this machine, where no Pulumi is installed."""
    context.obj = non_interactive
    if cwd:
        os.chdir(cwd)


@cli.command()
def version() -> None:
    """Prints the version whose behaviour this engine follows."""
    click.echo(snapshot.VERSION)


# Operations


def _default_parallel() -> int:
    chosen = os.environ.get("PULUMI_PARALLEL", "")
    return int(chosen) if chosen.isdigit() and int(chosen) else 4 * (os.cpu_count() or 1)


_COMMON: Final = [
    click.option("-p", "--parallel", type=int, default=_default_parallel),
    click.option("-t", "--target", "targets", multiple=True, help="A urn, which may hold a *."),
    click.option("--diff", is_flag=True, help="Show every change in full."),
    click.option("--suppress-outputs", is_flag=True, help="Show no outputs."),
    click.option("-C", "--cwd", type=click.Path(exists=True, file_okay=False)),
    click.option("--non-interactive", is_flag=True, help="Ask nothing."),
    # Words for the update's history, which is not kept here; the second by the Automation API.
    click.option("-m", "--message", expose_value=False, help="What the update is for."),
    click.option("--exec-kind", hidden=True, expose_value=False),
    # There is neither a tree to leave out of a pipe nor a link to a page about the update.
    click.option("--suppress-progress", is_flag=True, hidden=True, expose_value=False),
    click.option(
        "--suppress-permalink", is_flag=False, flag_value="true", hidden=True, expose_value=False
    ),
]
_CONFIRMED: Final = [
    click.option("-y", "--yes", is_flag=True, help="Don't ask."),
    click.option("-f", "--skip-preview", is_flag=True, help="Don't preview first."),
]
_EXPECT_NO_CHANGES: Final = click.option(
    "--expect-no-changes", is_flag=True, help="Fail if anything changes."
)
_SHOW_SECRETS: Final = click.option(
    "--show-secrets", is_flag=True, help="Show secrets in the outputs."
)
_REFRESH: Final = click.option(
    "-r", "--refresh", is_flag=False, flag_value="true", help="Look first at what is there."
)
_RUN_PROGRAM: Final = click.option(
    "--run-program",
    is_flag=True,
    envvar="PULUMI_RUN_PROGRAM",
    help="Let a look at what is there come with what the program declares, not before it.",
)
_REPLACE: Final = [
    click.option("--replace", multiple=True, help="A urn to replace. It may hold a *."),
    click.option("--target-replace", multiple=True, help="Both --target and --replace."),
]
_CONTINUE: Final = click.option(
    "--continue-on-error",
    is_flag=True,
    envvar="PULUMI_CONTINUE_ON_ERROR",
    help="Go on with what doesn't need what failed.",
)


def _with(*options: Callable[..., Any]) -> Callable[..., Any]:
    """An operation's flags: those of all, and these."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([*options, *_COMMON]):
            command = option(command)
        return _stack_option(command)

    return add


@cli.command("up")
@_with(
    *_CONFIRMED,
    *_REPLACE,
    _REFRESH,
    _RUN_PROGRAM,
    _CONTINUE,
    _EXPECT_NO_CHANGES,
    _SHOW_SECRETS,
)
@click.pass_obj
def up(obj: bool, /, **flags: Any) -> None:
    """Brings the stack to what the program declares."""
    _operate("update", obj, **flags)


cli.add_command(up, "update")


@cli.command()
@_with(*_REPLACE, _REFRESH, _RUN_PROGRAM, _EXPECT_NO_CHANGES, _SHOW_SECRETS)
@click.pass_obj
def preview(obj: bool, /, **flags: Any) -> None:
    """Shows what `up` would do."""
    _operate("preview", obj, **flags)


cli.add_command(preview, "pre")


@cli.command()
@_with(
    *_CONFIRMED,
    _RUN_PROGRAM,
    _EXPECT_NO_CHANGES,
    click.option("--clear-pending-creates", is_flag=True, help="Forget creates left unfinished."),
)
@click.pass_obj
def refresh(obj: bool, /, **flags: Any) -> None:
    """Brings the state to what is there."""
    _operate("refresh", obj, **flags)


@cli.command()
@_with(*_CONFIRMED, _REFRESH, _RUN_PROGRAM, _CONTINUE)
@click.pass_obj
def destroy(obj: bool, /, **flags: Any) -> None:
    """Deletes everything that the stack holds."""
    _operate("destroy", obj, **flags)


cli.add_command(destroy, "down")


def _operate(
    kind: "Kind",
    silent: bool,
    *,
    name: str | None,
    parallel: int,
    targets: tuple[str, ...],
    diff: bool,
    suppress_outputs: bool,
    cwd: str | None,
    non_interactive: bool,
    yes: bool = False,
    skip_preview: bool = False,
    expect_no_changes: bool = False,
    show_secrets: bool = False,
    refresh: str | None = None,
    run_program: bool = False,
    replace: tuple[str, ...] = (),
    target_replace: tuple[str, ...] = (),
    continue_on_error: bool = False,
    clear_pending_creates: bool = False,
) -> None:
    from sandbox.engine import operations
    from sandbox.engine.deployment import Options
    from sandbox.engine.display import listener

    if cwd:
        os.chdir(cwd)
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not (silent or non_interactive)
    yes = yes or _is_on("PULUMI_SKIP_CONFIRMATIONS")
    if kind != "preview" and not (yes or skip_preview or interactive):
        problem = EngineError if kind == "refresh" else NotConfirmed
        raise problem(
            "--yes or --skip-preview must be passed in to proceed when running in "
            "non-interactive mode"
        )
    if run_program and kind in ("refresh", "destroy"):
        raise Refused(f"{kind} --run-program")
    targets = (*targets, *target_replace)
    stack = _stack(name, may_be_new=kind != "destroy")
    options = Options(
        kind=kind,
        project=stack.project.name,
        stack=stack.reference.stack,
        preview=kind == "preview",
        parallel=max(parallel, 1),
        refresh=stack.project.refresh_always if refresh is None else _flag("refresh", refresh),
        run_program=run_program,
        targets=targets,
        replacements=(*replace, *target_replace),
        continue_on_error=continue_on_error,
    )

    def run(as_preview: bool) -> bool:
        shown = listener(
            diff=diff,
            show_secrets=show_secrets,
            suppress_outputs=suppress_outputs,
            interactive=False if silent or non_interactive else None,
        )
        how = Options(**{**vars(options), "preview": as_preview})
        return operations.run(stack, how, shown, clear_pending=clear_pending_creates)

    if kind == "preview":
        changes = run(True)
    else:
        with stack.backend.locked(stack.reference):
            if not skip_preview:
                run(True)
                if not yes and not click.confirm(f"Do you want to perform this {kind}?"):
                    raise EngineError(f"confirmation declined, not proceeding with the {kind}")
            changes = run(False)
    if kind == "destroy" and not targets:
        _say_what_is_left(stack)
    if expect_no_changes and changes:
        raise ChangesProposed(f"no changes were expected for {kind} but changes were proposed")


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("true", "1")


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0", "t", "f"):
        raise EngineError(f"unable to determine value for --{name}")
    return value.lower() in ("true", "1", "t")


def _say_what_is_left(stack: "Stack") -> None:
    click.echo(
        "The resources in the stack have been deleted, but the history and configuration "
        "associated with the stack are still maintained. \n"
        f"If you want to remove the stack completely, run `pulumi stack rm "
        f"{stack.reference.stack}`."
    )


@cli.command()
@click.argument("argument", required=False)
@_stack_option
@click.option("-y", "--yes", is_flag=True)
def cancel(argument: str | None, name: str | None, yes: bool) -> None:
    """Frees a stack whose run has ended without doing so."""
    stack = _stack(argument or name)
    if not yes and sys.stdin.isatty() and not click.confirm("Cancel the running update?"):
        raise EngineError("confirmation declined")
    stack.backend.unlock(stack.reference)
    label = stack.reference.stack
    click.echo(f"The currently running update for '{label}' has been canceled!")


# Stacks


@cli.group("stack")
def stack_group() -> None:
    """Stacks: make, choose, list and remove them, look at their outputs, move their states."""


@stack_group.command("init")
@click.argument("argument", required=False)
@_stack_option
@click.option("--no-select", is_flag=True)
@click.option("--secrets-provider", default="passphrase")
def stack_init(
    argument: str | None, name: str | None, no_select: bool, secrets_provider: str
) -> None:
    """Makes a stack and selects it."""
    if secrets_provider not in ("default", "passphrase"):
        raise Refused(f"the secrets provider {secrets_provider}")
    project, backend = _project()
    if not (argument or name):
        raise EngineError("missing stack name")
    reference = Reference.parse(argument or name or "", project.name)
    if backend.exists(reference):
        raise EngineError(f"stack '{reference}' already exists")
    crypter = project.settings(reference.stack).crypter()
    backend.write(reference, snapshot.Writer(crypter).text(snapshot.Snapshot()))
    if not no_select:
        select(project, backend, reference)
    click.echo(f"Created stack '{reference.stack}'")


@stack_group.command("select")
@click.argument("argument", required=False)
@_stack_option
@click.option("-c", "--create", is_flag=True)
def stack_select(argument: str | None, name: str | None, create: bool) -> None:
    """Chooses the stack that commands are about."""
    project, backend = _project()
    chosen = argument or name
    if not chosen:
        raise StackNotFound("no stack selected: `pulumi stack select` takes its name")
    reference = Reference.parse(chosen, project.name)
    if not backend.exists(reference):
        if not create:
            raise StackNotFound(f"no stack named '{chosen}' found")
        crypter = project.settings(reference.stack).crypter()
        backend.write(reference, snapshot.Writer(crypter).text(snapshot.Snapshot()))
        click.echo(f"Created stack '{reference.stack}'")
    select(project, backend, reference)


@stack_group.command("ls")
@click.option("-j", "--json", "as_json", is_flag=True)
def stack_ls(as_json: bool) -> None:
    """Lists the project's stacks."""
    project, backend = _project()
    current = selected(project, backend)
    listed = []
    for reference in backend.stacks():
        if reference.project == project.name:
            stored = backend.read(reference)
            updated = stored.get("manifest", {}).get("time", "")
            listed.append((reference, updated, len(stored.get("resources") or [])))
    if as_json:
        entries = [
            {
                "name": reference.stack,
                "current": reference == current,
                "lastUpdate": f"{updated[:23]}Z",
                "resourceCount": count,
            }
            for reference, updated, count in listed
        ]
        click.echo(json.dumps(entries, indent=2))
        return
    rows = [
        (reference.stack + ("*" if reference == current else ""), _ago(updated), str(count))
        for reference, updated, count in listed
    ]
    click.echo("\n".join(_table([("NAME", "LAST UPDATE", "RESOURCE COUNT"), *rows])))


def _ago(moment: str) -> str:
    if not moment:
        return "n/a"
    at = datetime.fromisoformat(f"{moment[:19]}+00:00")
    seconds = max(0, int(time.time() - at.replace(tzinfo=UTC).timestamp()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length and (unit != "second" or seconds > 4):
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "now"


@stack_group.command("rm")
@click.argument("argument", required=False)
@_stack_option
@click.option("-y", "--yes", is_flag=True)
@click.option("-f", "--force", is_flag=True)
@click.option("--preserve-config", is_flag=True)
def stack_rm(
    argument: str | None, name: str | None, yes: bool, force: bool, preserve_config: bool
) -> None:
    """Removes a stack and its settings file."""
    stack = _stack(argument or name)
    label = stack.reference.stack
    yes = yes or _is_on("PULUMI_SKIP_CONFIRMATIONS")
    if not yes and not (sys.stdin.isatty() and click.confirm(f"Remove the stack '{label}'?")):
        raise EngineError("--yes must be passed in to proceed when running in non-interactive mode")
    with stack.backend.locked(stack.reference):
        resources = stack.backend.read(stack.reference).get("resources") or []
        # The stack itself may be left, of a program that has only outputs.
        if (len(resources) > 1 or not all(map(_is_stack, resources))) and not force:
            raise EngineError(
                f"'{label}' still has resources; removal rejected. Run `pulumi destroy` to delete "
                "them first, or use --force"
            )
        stack.backend.remove(stack.reference)
    if not preserve_config:
        stack.project.settings(label).file.unlink(missing_ok=True)
    select(stack.project, stack.backend, None)
    click.echo(f"Stack '{label}' has been removed!")


@stack_group.command("output")
@click.argument("output", required=False)
@_stack_option
@click.option("-j", "--json", "as_json", is_flag=True)
@click.option("--show-secrets", is_flag=True)
def stack_output(output: str | None, name: str | None, as_json: bool, show_secrets: bool) -> None:
    """Shows the stack's outputs, or one of them."""
    stack = _stack(name)
    stored = stack.backend.read(stack.reference)
    outputs = next(
        (r.get("outputs") or {} for r in stored.get("resources") or [] if _is_stack(r)), {}
    )
    if show_secrets:
        crypter = snapshot.crypter_of(stored)
        decrypt = crypter.decrypt if crypter else str
        outputs = values.reveal(values.from_stored(outputs, decrypt), values.UNKNOWN_SENTINEL)
    else:
        outputs = _masked(outputs)
    if output:
        if output not in outputs:
            raise EngineError(f"current stack does not have output property '{output}'")
        _print_output(outputs[output], as_json)
    elif as_json:
        _print_output(outputs, as_json)
    elif not outputs:
        click.echo("Current stack outputs (0):\n    No output values currently in this stack")
    else:
        rows = [(key, _as_text(value)) for key, value in sorted(outputs.items())]
        lines = [f"    {line}" for line in _table([("OUTPUT", "VALUE"), *rows])]
        click.echo("\n".join([f"Current stack outputs ({len(outputs)}):", *lines]))


def _is_stack(resource: dict[str, Any]) -> bool:
    return bool(resource["type"] == snapshot.STACK_TYPE)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(values.SIGNATURE) == values.SECRET_SIGNATURE:
            return _SECRET
        return {key: _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def _print_output(value: Any, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True))
    else:
        click.echo(_as_text(value))


@stack_group.command("export")
@_stack_option
@click.option("--file", type=click.Path(dir_okay=False))
@click.option("--show-secrets", is_flag=True)
def stack_export(name: str | None, file: str | None, show_secrets: bool) -> None:
    """Writes the stack's state."""
    stack = _stack(name)
    deployment = stack.backend.read(stack.reference)
    if show_secrets:
        crypter = snapshot.crypter_of(deployment)
        decrypt = crypter.decrypt if crypter else str
        deployment = {
            **deployment,
            "resources": values.to_plaintext(
                values.from_stored(deployment.get("resources") or [], decrypt)
            ),
        }
    text = json.dumps({"version": 3, "deployment": deployment}, indent=4, ensure_ascii=False)
    if file:
        Path(file).write_text(text + "\n")
    else:
        click.echo(text)


@stack_group.command("import")
@_stack_option
@click.option("--file", type=click.Path(exists=True, dir_okay=False))
@click.option("-f", "--force", is_flag=True)
def stack_import(name: str | None, file: str | None, force: bool) -> None:
    """Replaces the stack's state by an exported one."""
    stack = _stack(name)
    exported = json.loads(Path(file).read_text() if file else sys.stdin.read())
    if exported.get("version") != 3:
        raise Refused(f"deployments of version {exported.get('version')}")
    deployment = exported["deployment"]
    state = snapshot.load(deployment)
    for fault in _import_faults(state, stack.reference.stack):
        if not force:
            raise EngineError(
                f"{fault}: importing this file could be dangerous; rerun with --force to proceed "
                "anyway"
            )
        click.echo(f"warning: {fault}", err=True)
    for kind, resource in state.pending:
        text = f"removing pending operation '{kind}' on '{resource.urn}' from snapshot"
        click.echo(f"warning: {text}", err=True)
    state.pending = []
    crypter = snapshot.crypter_of(deployment) or stack.crypter()
    with stack.backend.locked(stack.reference):
        stack.backend.write(stack.reference, snapshot.Writer(crypter).text(state))
    click.echo("Import complete.")


def _import_faults(state: snapshot.Snapshot, stack: str) -> Iterator[str]:
    for resource in state.resources:
        if not resource.urn.startswith(f"urn:pulumi:{stack}::"):
            yield f"resource '{resource.urn}' is from a different stack"
    try:
        snapshot.check_integrity(state.resources)
    except EngineError as error:
        yield f"state file contains errors: {error}"


# Configuration


@cli.group("config", invoke_without_command=True)
@_stack_option
@click.option("-j", "--json", "as_json", is_flag=True)
@click.option("--show-secrets", is_flag=True)
@click.pass_context
def config(context: click.Context, name: str | None, as_json: bool, show_secrets: bool) -> None:
    """The stack's settings: all of them, or one at a time."""
    context.obj = name
    if context.invoked_subcommand is not None:
        return
    stack = _stack(name)
    found = stack.project.settings(stack.reference.stack).values()
    if as_json:
        entries = {
            key: {"secret": True} if value.secret and not show_secrets else _config_entry(value)
            for key, value in found.items()
        }
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    own = f"{stack.project.name}:"
    rows = [
        (key.removeprefix(own), value.text if show_secrets else value.shown)
        for key, value in found.items()
    ]
    click.echo("\n".join(_table([("KEY", "VALUE"), *rows])))


@config.command("set")
@click.argument("key")
@click.argument("value", required=False)
@_stack_option
@click.option("--secret", is_flag=True)
@click.option("--plaintext", is_flag=True)
@click.option("--path", is_flag=True)
@click.pass_obj
def config_set(
    obj: str | None,
    key: str,
    value: str | None,
    name: str | None,
    secret: bool,
    plaintext: bool,
    path: bool,
) -> None:
    """Sets a setting; its value may come on standard input."""
    if secret and plaintext:
        raise EngineError("cannot specify both --plaintext and --secret")
    stack = _stack(name or obj, may_be_new=True)
    settings = stack.project.settings(stack.reference.stack)
    text = sys.stdin.read().removesuffix("\n") if value is None else value
    settings.set(key, settings.secure(text) if secret else text, path=path)
    settings.save()


@config.command("get")
@click.argument("key")
@_stack_option
@click.option("--path", is_flag=True)
@click.option("-j", "--json", "as_json", is_flag=True)
@click.pass_obj
def config_get(obj: str | None, key: str, name: str | None, path: bool, as_json: bool) -> None:
    """Shows a setting, decrypted."""
    stack = _stack(name or obj, may_be_new=True)
    settings = stack.project.settings(stack.reference.stack)
    found = look_up(settings.values(), settings.key(key), path=path)
    if found is None:
        label = stack.reference.stack
        raise EngineError(f"configuration key '{key}' not found for stack '{label}'")
    click.echo(json.dumps(_config_entry(found), indent=2) if as_json else found.text)


def _config_entry(value: ConfigValue) -> dict[str, Any]:
    entry: dict[str, Any] = {"value": value.text}
    if value.structured is not None:
        entry["objectValue"] = value.structured
    return {**entry, "secret": value.secret}


@config.command("rm")
@click.argument("key")
@_stack_option
@click.option("--path", is_flag=True)
@click.pass_obj
def config_rm(obj: str | None, key: str, name: str | None, path: bool) -> None:
    """Removes a setting."""
    stack = _stack(name or obj, may_be_new=True)
    settings = stack.project.settings(stack.reference.stack)
    settings.remove(key, path=path)
    settings.save()
