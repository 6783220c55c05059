"""The Python language runtime of a Pulumi CLI that was built here.

The CLI starts a language runtime for each command that runs a program, and asks it over gRPC to run
the program. An installed Pulumi has its own; a CLI that is built from its Go module has none. This
one runs programs and plugins in Python, in the virtual environment that Pulumi.yaml names.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto
"""
# ruff: noqa: N802 - the methods' names are the protocol's

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import IO, Final, NoReturn

if __name__ == "__main__":
    # The CLI starts this process twice for an update, and waits for it. Importing the whole SDK
    # would take longer than everything else, so only the protocol's messages are imported.
    for _name in ("pulumi", "pulumi.runtime"):
        _found = importlib.util.find_spec(_name)
        if _found and _found.submodule_search_locations:
            sys.modules[_name] = ModuleType(_name)
            sys.modules[_name].__path__ = _found.submodule_search_locations

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2 as pb
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

#: The exit code of a program whose error has already been shown.
ALREADY_SHOWN: Final = 32

#: How long a program may take to stop, in seconds.
STOP_SECONDS: Final = 5.0

#: How often to check whether the CLI still runs, in seconds.
POLL_SECONDS: Final = 1.0

#: Enough threads for all parallel calls of an engine: a program, and its plugins in Python.
_WORKERS: Final = 64

_LIST_PACKAGES: Final = (
    "import importlib.metadata as m, json; "
    "print(json.dumps([[d.name, d.version] for d in m.distributions()]))"
)


class LanguageRuntime(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs and plugins for one CLI process.

    :param executor: the path of Pulumi's `pulumi-language-python-exec`.
    :param engine: the address of the engine, unless a handshake names it.
    """

    def __init__(self, executor: Path, engine: str = "") -> None:
        self._executor = executor
        self._engine = engine
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(
        self, request: pb.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> pb.LanguageHandshakeResponse:
        """Note the engine's address."""
        self._engine = request.engine_address
        return pb.LanguageHandshakeResponse()

    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        """Describe this runtime."""
        return plugin_pb2.PluginInfo(version="")

    def GetRequiredPackages(
        self, request: pb.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> pb.GetRequiredPackagesResponse:
        """Return none: the engine looks for each plugin when a program first uses it."""
        return pb.GetRequiredPackagesResponse()

    def RuntimeOptionsPrompts(
        self, request: pb.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> pb.RuntimeOptionsResponse:
        """Return no prompts."""
        return pb.RuntimeOptionsResponse()

    def About(self, request: pb.AboutRequest, context: grpc.ServicerContext) -> pb.AboutResponse:
        """Return the interpreter that programs run with."""
        python = _python(request.info, context)
        version = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
        return pb.AboutResponse(executable=python, version=version.stdout.split(" ")[-1].strip())

    def GetProgramDependencies(
        self, request: pb.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> pb.GetProgramDependenciesResponse:
        """List the packages in the program's environment."""
        command = [_python(request.info, context), "-c", _LIST_PACKAGES]
        listed = subprocess.run(command, capture_output=True, check=False)
        packages = json.loads(listed.stdout) if listed.returncode == 0 else []
        return pb.GetProgramDependenciesResponse(
            dependencies=[pb.DependencyInfo(name=n, version=v) for n, v in packages]
        )

    def InstallDependencies(
        self, request: pb.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.InstallDependenciesResponse]:
        """Create the virtual environment of a program or plugin, and install its requirements."""
        folder = request.info.program_directory
        environment = _virtualenv(request.info, context, "venv" if request.is_plugin else "")
        if environment is None or (environment / "bin" / "python").exists():
            # An existing environment is left to its owner.
            return
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install"]
        commands = [["python3", "-m", "venv", str(environment)]]
        if request.is_plugin and Path(folder, "pyproject.toml").exists():
            commands.append([*pip, folder])
        if Path(folder, "requirements.txt").exists():
            commands.append([*pip, "-r", str(Path(folder, "requirements.txt"))])
        for command in commands:
            done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
            yield pb.InstallDependenciesResponse(stdout=done.stdout, stderr=done.stderr)
            if done.returncode:
                _refuse(context, f"`{' '.join(command)}` failed")

    def Run(self, request: pb.RunRequest, context: grpc.ServicerContext) -> pb.RunResponse:
        """Run a program to its end. Its output goes to the engine line by line."""
        flags = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": str(request.dryRun).lower(),
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        command = [_python(request.info, context), str(self._executor)]
        for name, value in flags.items():
            command += [f"--{name}", value] if value else []
        environment = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
            "PYTHONUNBUFFERED": "1",
        }
        try:
            program = self._start([*command, request.info.entry_point, *request.args], environment)
        except OSError as error:
            return pb.RunResponse(error=f"can't run {command[0]}: {error.strerror}")
        code = self._wait(program)
        if code == ALREADY_SHOWN:
            return pb.RunResponse(bail=True)
        if code < 0:
            return pb.RunResponse(error=f"the program was ended by signal {-code}")
        return pb.RunResponse(
            error=f"program exited with non-zero exit code: {code}" if code else ""
        )

    def RunPlugin(
        self, request: pb.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.RunPluginResponse]:
        """Run a plugin or a policy pack to its end, and pass its output on."""
        folder = request.info.program_directory
        is_policy_pack = request.kind == "analyzer"
        command = [_python(request.info, context, default="" if is_policy_pack else "venv")]
        if is_policy_pack:
            command += ["-u", "-m", "pulumi.policy", *request.args, folder]
        elif (Path(folder) / "__main__.py").exists():
            command += ["-u", folder, *request.args]
        else:
            command += ["-u", "-m", "pulumi.run.plugin", _project_name(folder), *request.args]
        environment = dict(e.split("=", 1) for e in request.env if "=" in e)
        try:
            plugin = self._start(
                command,
                {**os.environ, **environment},
                folder=folder if is_policy_pack else request.pwd,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            _refuse(context, f"can't run {command[0]}: {error.strerror}")
        context.add_callback(lambda: _stop(plugin))
        yield from _outputs(plugin)
        yield pb.RunPluginResponse(exitcode=self._wait(plugin))

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Stop all programs and plugins."""
        self.stop()
        return empty_pb2.Empty()

    def stop(self) -> None:
        """Stop all running programs and plugins, and wait for their end."""
        with self._lock:
            running = list(self._running)
        for process in running:
            _stop(process)

    def _start(
        self,
        command: list[str],
        environment: Mapping[str, str],
        folder: str | None = None,
        **pipes: int,
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            # In its own process group, it can be ended with all processes that it started.
            process = subprocess.Popen(
                command,
                cwd=folder or None,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **pipes,  # type: ignore[call-overload]
            )
            self._running.add(process)
        return process  # type: ignore[no-any-return]

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code


def _python(info: pb.ProgramInfo, context: grpc.ServicerContext, default: str = "") -> str:
    """The interpreter of the virtual environment, or else the one on PATH."""
    virtualenv = _virtualenv(info, context, default)
    if virtualenv is None:
        return os.environ.get("PULUMI_PYTHON_CMD") or "python3"
    python = virtualenv / "bin" / "python"
    if not python.exists():
        _refuse(
            context,
            f"the virtual environment {virtualenv} isn't there: create it, and install what the "
            "program needs into it",
        )
    return str(python)


def _virtualenv(info: pb.ProgramInfo, context: grpc.ServicerContext, default: str) -> Path | None:
    """The virtual environment in `runtime.options`."""
    options = json_format.MessageToDict(info.options)
    toolchain = options.get("toolchain", "pip")
    if toolchain not in ("pip", "uv") or options.get("typechecker"):
        _refuse(
            context,
            "runtime.options in Pulumi.yaml: this CLI was built without Pulumi's own language "
            "runtime, and takes a virtualenv, or the toolchain uv; install Pulumi for all else",
        )
    named = options.get("virtualenv") or (".venv" if toolchain == "uv" else default)
    return Path(info.root_directory, named) if named else None


def _refuse(context: grpc.ServicerContext, reason: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)


def _project_name(folder: str) -> str:
    return str(tomllib.loads(Path(folder, "pyproject.toml").read_text())["project"]["name"])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process with all processes that it started, by SIGKILL after STOP_SECONDS."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _outputs(plugin: subprocess.Popen[bytes]) -> Iterator[pb.RunPluginResponse]:
    """The output of a process as it comes, until both streams end."""
    chunks: SimpleQueue[pb.RunPluginResponse | None] = SimpleQueue()

    def read(stream: IO[bytes], answer: Callable[[bytes], pb.RunPluginResponse]) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            chunks.put(answer(chunk))
        chunks.put(None)

    assert plugin.stdout
    assert plugin.stderr
    streams = (
        (plugin.stdout, lambda chunk: pb.RunPluginResponse(stdout=chunk)),
        (plugin.stderr, lambda chunk: pb.RunPluginResponse(stderr=chunk)),
    )
    for each in streams:
        threading.Thread(target=read, args=each, daemon=True).start()
    for _ in range(2):
        yield from iter(chunks.get, None)


def main() -> None:
    """Serve until the CLI ends or crashes. The CLI reads the port from standard output."""
    arguments = [a for a in sys.argv[1:] if not a.startswith("-")]
    ended = threading.Event()
    # This is its own process group, so an interrupt comes from the CLI when it has finished.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    cli = os.getppid()
    runtime = LanguageRuntime(
        Path(os.environ["PULUMI_LANGUAGE_PYTHON_EXEC"]), arguments[0] if arguments else ""
    )
    server = grpc.server(
        ThreadPoolExecutor(_WORKERS),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(runtime, server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    while os.getppid() == cli and not ended.wait(POLL_SECONDS):
        pass
    runtime.stop()
    server.stop(None)
    # A thread may still wait for a process that doesn't end.
    os._exit(0)


if __name__ == "__main__":
    main()
