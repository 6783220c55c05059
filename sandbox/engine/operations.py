"""From a stack at rest to an operation on it and back: what all operations share."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sandbox.engine import monitor, snapshot
from sandbox.engine.backend import Backend, Reference
from sandbox.engine.deployment import Deployment, Options
from sandbox.engine.errors import EngineError
from sandbox.engine.events import Diagnostic, Listener
from sandbox.engine.grpclog import CallLog
from sandbox.engine.loopback import guarded
from sandbox.engine.plugins import Builtin, Host, Registry
from sandbox.engine.program import Program
from sandbox.engine.project import Project
from sandbox.engine.secrets import Crypter
from sandbox.engine.snapshot import Journal, Snapshot


@dataclass(frozen=True)
class Stack:
    """A stack in its project and backend."""

    project: Project
    backend: Backend
    reference: Reference

    def snapshot(self) -> Snapshot:
        """The state, decrypted.

        Raises:
            StackNotFound: there is no such stack.
            EngineError: a secret can't be decrypted, or the state contradicts itself.
        """
        loaded = snapshot.load(self.backend.read(self.reference))
        try:
            snapshot.check_integrity(loaded.resources)
        except EngineError as error:
            text = f"snapshot integrity failure; refusing to use it: {error}"
            raise EngineError(text) from error
        return loaded

    def crypter(self) -> Crypter:
        """What encrypts the state: what did so before, or else what the settings say."""
        stored = snapshot.crypter_of(self.backend.read(self.reference))
        return stored or self.project.settings(self.reference.stack).crypter()


class Tally:
    """A listener that passes everything on, and remembers whether anything would change."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.changes = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)

    def finished(self, event: Any) -> None:
        """Looks at what was counted."""
        self.changes = any(op not in ("same", "read") for op in event.counts)
        self._listener.finished(event)


def run(stack: Stack, options: Options, listener: Listener, *, clear_pending: bool = False) -> bool:
    """Carries out one operation.

    Args:
        stack: what it is done to.
        options: how.
        listener: is told everything.
        clear_pending: whether to forget creates that an earlier run left unfinished.

    Returns:
        Whether anything changed, or at a preview would.

    Raises:
        EngineError: it failed; the listener has been told why.
    """
    guarded(os.environ)
    base = stack.snapshot()
    if clear_pending:
        base = replace(base, pending=[])
    crypter = stack.crypter()
    # Once something is made, the state has to be written.
    crypter.check()
    tally = Tally(listener)

    writer = snapshot.Writer(crypter)

    def save(state: Snapshot) -> None:
        stack.backend.write(stack.reference, writer.text(state))

    every_step = os.environ.get("PULUMI_SKIP_CHECKPOINTS", "") not in ("true", "1")
    journal = Journal(base, None if options.preview else save, every_step=every_step)
    log = CallLog(os.environ.get("PULUMI_DEBUG_GRPC"))
    server, port = monitor.serve(options.parallel, log)
    address = f"127.0.0.1:{port}"
    urn = f"urn:pulumi:{options.stack}::{options.project}::{snapshot.STACK_TYPE}"
    stack_urn = f"{urn}::{options.project}-{options.stack}"

    def tell(event: Diagnostic) -> None:
        tally.diagnostic(event if event.urn else replace(event, urn=stack_urn))

    folder, _ = stack.project.entry()
    host = Host(stack.project.name, folder, stack.project.python, address, log, tell)
    registry = Registry(host, Builtin(_reader(stack, tell)), preview=options.preview)
    config = stack.project.settings(options.stack).values()
    deployment = Deployment(options, base, config, journal, registry, tally)
    program = Program(stack.project, options, config, address, tell, stack_urn)
    deployment.on_end = program.stop
    monitor.attach(server, deployment)
    server.start()
    with _interruptible(deployment, host, stack.backend):
        try:
            succeeded = deployment.run(program.run)
        finally:
            server.stop(grace=1).wait()
            host.kill()
    if not options.preview:
        stack.backend.back_up(stack.reference)
    if not succeeded:
        raise EngineError("")
    return tally.changes


def _reader(stack: Stack, tell: Callable[[Diagnostic], None]) -> Callable[[str], dict[str, Any]]:
    def read(name: str) -> dict[str, Any]:
        reference = Reference.parse(name, stack.project.name)
        outputs, elided = snapshot.readable_outputs(stack.backend.read(reference))
        if elided:
            text = f"eliding undecryptable secrets for stack reference '{name}'"
            tell(Diagnostic("info", text))
        return outputs

    return read


@contextlib.contextmanager
def _interruptible(deployment: Deployment, host: Host, backend: Backend) -> Iterator[None]:
    """A first ^C or SIGTERM lets what runs finish; a second one ends all where it stands."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(number: int, _: object) -> None:
        if deployment.interrupted:
            deployment.on_end()
            host.kill()
            backend.let_go()
            os._exit(1)
        deployment.interrupted = True
        name, act = ("SIGTERM", "send") if number == signal.SIGTERM else ("^C", "press")
        sys.stderr.write(
            f"{name} received; cancelling. To end at once, {act} {name} again: that may leave "
            "resources behind that no state knows.\n"
        )
        # Not from the signal handler itself: it may have interrupted whoever holds the locks.
        threading.Thread(target=deployment.end).start()

    previous = {
        number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
