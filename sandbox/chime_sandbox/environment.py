"""The environment variables with which a command runs in the sandbox."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from chime_sandbox import HOME, emulator
from chime_sandbox.pulumi.cli import Cli, built_yaml_folder

_LANGUAGE_RUNTIME: Final = Path(__file__).parent / "pulumi" / "language_runtime.py"

PLUGIN: Final = "pulumi-resource-aws"

_REGION: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")


def environment(cli: Cli | None, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The inherited environment, completed by variables that it doesn't have.

    Starts the emulated AWS if no endpoint is set. Of AWS's variables, only the region is then kept.

    :param cli: the Pulumi CLI, whose folder becomes the first one on PATH; None without Pulumi.
    :raises chime_sandbox.emulator.NotStarted: the emulated AWS did not start.
    """
    home = HOME.resolve()
    state = home / "state"
    state.mkdir(parents=True, exist_ok=True)
    variables = {
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "sandbox",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "CHIME_SANDBOX_PYTHON": sys.executable,
        "CHIME_SANDBOX_LANGUAGE_RUNTIME": str(_LANGUAGE_RUNTIME),
        **inherited,
    }
    if "AWS_ENDPOINT_URL" not in inherited:
        # Credentials, profiles and endpoints of a real account must not reach the sandbox.
        region = {name: inherited[name] for name in _REGION if inherited.get(name)}
        variables = {k: v for k, v in variables.items() if not k.startswith("AWS_")} | {
            "AWS_ENDPOINT_URL": emulator.start(),
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            # Some SDKs read only one of the two.
            **dict.fromkeys(_REGION, next(iter(region.values()), "us-east-1")),
            **region,
        }
    folders = [str(cli.path.parent)] if cli else []
    if (yaml := built_yaml_folder()).exists():
        folders.append(str(yaml))
    if (wanted := _plugin_version()) and not _has_real_plugin(inherited):
        if "PULUMI_HOME" in inherited:
            folders.append(str(_install(home / "plugin")))
        else:
            # Pulumi warns about a plugin on PATH, but not about one in its own folder.
            variables["PULUMI_HOME"] = str(home / "pulumi")
            _install(home / "pulumi" / "plugins" / f"resource-aws-v{wanted}")
    variables["PATH"] = os.pathsep.join([*folders, variables.get("PATH", "")])
    return variables


def _has_real_plugin(inherited: Mapping[str, str]) -> bool:
    pulumi_home = Path(inherited.get("PULUMI_HOME") or Path.home() / ".pulumi")
    on_path = shutil.which(PLUGIN, path=inherited.get("PATH"))
    return bool(on_path) or any(pulumi_home.glob("plugins/resource-aws-v*"))


def _plugin_version() -> str:
    """The version of the plugin that pulumi-aws requires; empty if it isn't installed."""
    try:
        return version("pulumi-aws")
    except PackageNotFoundError:
        return ""


def _install(folder: Path) -> Path:
    """Write a launcher of the stand-in for pulumi-aws into a folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / PLUGIN
    # Another command may be starting the launcher now.
    new = folder / f".{PLUGIN}.{os.getpid()}"
    command = f"{shlex.quote(sys.executable)} -u -m chime_sandbox.aws_plugin"
    new.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    new.chmod(0o755)
    new.replace(launcher)
    return folder
