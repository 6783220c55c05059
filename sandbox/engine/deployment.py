"""One operation on a stack: carries out the steps, in parallel where nothing forbids it.

The rules are those of pkg/resource/deploy/step_executor.go and deployment_executor.go: a failed
step stops the program and every step that hasn't started; what runs is finished and saved.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.engine import events
from sandbox.engine.errors import EngineError, Refused
from sandbox.engine.events import Diagnostic, Finished, Listener, Op, Started
from sandbox.engine.plugins import Checked, Properties, ProviderError, Registry
from sandbox.engine.project import ConfigValue
from sandbox.engine.snapshot import (
    PROVIDER_PREFIX,
    STACK_TYPE,
    Journal,
    Resource,
    Snapshot,
    now,
    undangled,
)
from sandbox.engine.steps import CheckFailed, Goal, Planner, Step, difference
from sandbox.engine.values import UNKNOWN_SENTINEL, Secret, secret

Kind = Literal["update", "preview", "refresh", "destroy"]


@dataclass(frozen=True)
class Options:
    """How to carry an operation out."""

    kind: Kind
    project: str
    stack: str
    preview: bool = False
    parallel: int = 8
    refresh: bool = False
    #: Whether the refresh comes with what the program registers, not before.
    run_program: bool = False
    targets: tuple[str, ...] = ()
    #: What to replace although nothing of it has changed.
    replacements: tuple[str, ...] = ()
    continue_on_error: bool = False


class Aborted(EngineError):
    """The operation has ended early, and the diagnostics have said why."""


class NotBroughtAbout(Aborted):
    """A resource failed, or was skipped since it needs one that did. The operation goes on."""

    def __init__(self, urn: str) -> None:
        super().__init__("")
        self.urn = urn


class Deployment:
    """The work on one stack, from the first refresh to the last deletion.

    Args:
        options: how to go about it.
        base: the state at the start.
        config: the stack's settings, decrypted.
        journal: keeps the state.
        registry: runs the providers.
        listener: is told everything.
    """

    def __init__(
        self,
        options: Options,
        base: Snapshot,
        config: dict[str, ConfigValue],
        journal: Journal,
        registry: Registry,
        listener: Listener,
    ) -> None:
        self.options = options
        self.config = config
        self.counts: Counter[Op] = Counter()
        self.failed = False
        #: Whether a person has asked for the end.
        self.interrupted = False
        self.ended = threading.Event()
        #: Called once when the operation ends early, so that the program ends as well.
        self.on_end: Callable[[], None] = lambda: None
        self._pending = base.pending
        self._old_outputs = base.outputs()
        self._journal = journal
        self._registry = registry
        self._listener = listener
        self._planning = threading.Lock()
        self._slots = threading.Semaphore(options.parallel)
        self._quiet = threading.Condition()
        self._running = 0
        self._defaults: dict[tuple[str, str], str] = {}
        self._defaulting = threading.Lock()
        self._registered: dict[str, Resource] = {}
        self._stack_outputs: Properties | None = None
        self._goes_on = options.continue_on_error
        #: Whether a step has failed, or what isn't to be deleted would have been.
        self._errored = False
        self._not_brought_about: set[str] = set()
        #: What is in the state still of resources whose steps failed.
        self._remains: set[Resource] = set()
        self._planner = Planner(
            f"urn:pulumi:{options.stack}::{options.project}",
            base.resources,
            registry,
            self.tell,
            options.targets,
            options.replacements,
        )

    @property
    def stack_urn(self) -> str:
        """The urn of the stack itself."""
        name = f"{self.options.project}-{self.options.stack}"
        return self._planner.urn(STACK_TYPE, name, "")

    def tell(self, event: Diagnostic) -> None:
        """Passes a message on."""
        self._listener.diagnostic(event)

    def run(self, program: Callable[[], None]) -> bool:
        """Carries the operation out.

        Args:
            program: runs the program to its end; only an update or its preview calls it.

        Returns:
            Whether it succeeded.
        """
        options = self.options
        started = time.monotonic()
        self._listener.started(
            Started(options.kind, options.project, options.stack, options.preview)
        )
        try:
            self._prepare()
            if options.kind == "destroy":
                self.delete_leftovers()
            elif options.kind != "refresh":
                program()
        except EngineError as error:
            self.fail(error)
        with self._quiet:
            self._quiet.wait_for(lambda: not self._running)
        self._tell_how_it_ended()
        self._finalize_outputs()
        self._journal.close()
        self._registry.close()
        before, after = self._outputs_to_show()
        self._listener.finished(
            Finished(
                counts=dict(self.counts),
                old_outputs=before,
                new_outputs=after,
                seconds=time.monotonic() - started,
                failed=self.failed or self.interrupted,
            )
        )
        return not (self.failed or self.interrupted)

    def _prepare(self) -> None:
        refresh_only = self.options.kind == "refresh"
        if self.options.kind in ("refresh", "destroy"):
            for target in self._planner.unknown_targets():
                raise EngineError(f"no resource named '{target}' found")
        if refresh_only or (self.options.refresh and not self.options.run_program):
            if self._planner.resources:
                self._check_found(self._planner.unknown_targets())
                self._refresh(counting=refresh_only)
        elif self._pending and not self.options.preview:
            self.tell(Diagnostic("warning", _pending_warning(self._pending)))
        self._check_found(self._planner.unknown_replacements())

    def _check_found(self, unknown: Sequence[str]) -> None:
        for target in unknown:
            hint = "" if "$" in target else " Did you forget to escape $ in your shell?"
            message = f"Target '{target}' could not be found in the stack.{hint}"
            self.tell(Diagnostic("error", message))
        if unknown:
            self.failed = True
            raise Aborted("")

    # What a program asks for

    def register(self, goal: Goal, version: str = "") -> tuple[Resource, bool]:
        """Brings about a resource as a program registered it.

        Returns:
            The resource, and whether it is unknown since no target named it.

        Raises:
            Aborted: the operation has ended.
        """
        with self._step_taken(self._planner.urn(goal.type, goal.name, goal.parent)):
            if goal.custom and not goal.type.startswith(PROVIDER_PREFIX) and not goal.provider:
                inherited = self._planner.provider_of(goal.type, goal.parent)
                reference = inherited or self.default_provider(goal.type.split(":")[0], version)
                goal = Goal(**{**vars(goal), "provider": reference})
            return self._brought_about(goal)

    def _brought_about(self, goal: Goal) -> tuple[Resource, bool]:
        if self.options.refresh and self.options.run_program:
            self._refresh_one(self._planner.urn(goal.type, goal.name, goal.parent))
        with self._planning:
            self._check_going()
            steps = self._planner.registered(goal)
        last = steps[-1].resource
        if last.needs() & self._not_brought_about:
            self._not_brought_about.add(last.urn)
            raise NotBroughtAbout(last.urn)
        self._run_chain(steps)
        self._registered[last.urn] = last
        return last, steps[-1].skipped_create

    def read(self, resource: Resource, version: str = "") -> Resource:
        """Reads a resource that a program doesn't manage.

        Raises:
            Aborted: the operation has ended.
        """
        with self._step_taken(resource.urn):
            package = resource.type.split(":")[0]
            resource.provider = resource.provider or self.default_provider(package, version)
            with self._planning:
                self._check_going()
                steps = self._planner.read(resource)
            self._run_chain(steps)
            return resource

    def invoke(self, token: str, args: Properties, provider: str, version: str) -> Checked:
        """Calls a function of a provider.

        Raises:
            ProviderError: the function failed; that is the program's to deal with.
            Aborted: the operation has ended.
        """
        with self._step_taken(fatal=False):
            reference = provider or self.default_provider(token.split(":")[0], version)
            running = self._planner.provider(reference)
            try:
                return running.invoke(token, args, self.options.preview)
            except ProviderError as error:
                raise ProviderError(f"invocation of {token} returned an error: {error}") from error

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Takes a component's outputs; the stack's are kept until everything else is done."""
        if urn == self.stack_urn:
            self._stack_outputs = outputs
            return
        resource = self._registered.get(urn)
        if resource is None:
            raise EngineError(
                f"cannot complete a resource '{urn}' whose registration isn't pending"
            )
        changed = resource.outputs != outputs
        resource.outputs = outputs
        if changed:
            self._journal.outputs_changed()

    def default_provider(self, package: str, version: str) -> str:
        """The reference of a package's default provider, which is registered on first use."""
        with self._defaulting:
            key = (package, version)
            if key not in self._defaults:
                name = f"default_{version.replace('.', '_')}" if version else "default"
                inputs = self._package_config(package)
                if version:
                    inputs |= {"version": version, "__internal": {}}
                goal = Goal(f"{PROVIDER_PREFIX}{package}", name, custom=True, inputs=inputs)
                resource, _ = self._brought_about(goal)
                self._defaults[key] = f"{resource.urn}::{resource.id}"
            return self._defaults[key]

    def _package_config(self, package: str) -> Properties:
        config: Properties = {}
        for key, value in self.config.items():
            namespace, _, name = key.rpartition(":")
            if package == "pulumi-python":
                name = key  # A dynamic provider sees the whole of it.
            elif namespace != package:
                continue
            config[name] = Secret(value.text) if value.secret else value.text
        return config

    # How an operation ends

    def delete_leftovers(self) -> None:
        """Deletes what the program no longer registers, once it has registered everything."""
        with self._step_taken():
            with self._planning:
                self._check_going()
                unknown = self._planner.unknown_targets()
                layers = self._planner.deletes()
                untouched = self._planner.untouched()
            self.counts[Op.SAME] += sum(not resource.is_internal for resource in untouched)
            self._check_asked_for(layers)
            for layer in layers:
                self._check_going()
                needed = self._planner.needed_by(self._remains)
                self._run_all(step for step in layer if step.resource not in needed)
            self._check_going()
            self._check_found(unknown)

    def _check_asked_for(self, layers: Sequence[Sequence[Step]]) -> None:
        """What would be deleted and no target names stops an update; a preview says all of it."""
        doomed = (step.resource.urn for layer in layers for step in layer)
        unasked = [urn for urn in doomed if not self._planner.is_target(urn)]
        for urn in unasked:
            message = (
                f"Resource '{urn}' will be destroyed but was not specified in --target list.\n"
                "Either include resource in --target list or pass --target-dependents to proceed."
            )
            self.tell(Diagnostic("error", message, urn))
        if unasked:
            self._errored = self.failed = True
            if not self.options.preview:
                raise Aborted("")

    def fail(self, error: EngineError, urn: str = "") -> None:
        """Ends the operation early: nothing more is started."""
        if str(error) and not isinstance(error, Aborted | CheckFailed):
            self.tell(Diagnostic("error", str(error), urn))
        self.failed = True
        self.end()

    def end(self) -> None:
        """Starts nothing more, and ends the program."""
        if not self.ended.is_set():
            self.ended.set()
            self.on_end()

    def urn(self, goal_type: str, name: str, parent: str) -> str:
        """The urn of a resource of this type and name under a parent."""
        return self._planner.urn(goal_type, name, parent)

    def _step_taken(self, urn: str = "", *, fatal: bool = True) -> "_StepTaken":
        return _StepTaken(self, urn, fatal)

    def enter(self) -> None:
        """Counts something that has to be over before the operation is."""
        with self._quiet:
            self._running += 1

    def leave(self) -> None:
        """Says that it is over."""
        with self._quiet:
            self._running -= 1
            self._quiet.notify_all()

    def _check_going(self) -> None:
        if self.ended.is_set():
            raise Aborted("")

    def _finalize_outputs(self) -> None:
        stack = self._registered.get(self.stack_urn)
        if stack is None or self._stack_outputs is None:
            return
        kept = self._old_outputs if self.failed else {}
        outputs = {**kept, **self._stack_outputs}
        if stack.outputs != outputs:
            stack.outputs = outputs
            self._journal.outputs_changed()

    def _outputs_to_show(self) -> tuple[Properties, Properties]:
        """The outputs before and after: what the CLI shows of them, not what the state holds."""
        match self.options.kind:
            case "refresh":
                return self._old_outputs, self._journal.snapshot().outputs()
            case "destroy":
                return self._old_outputs, {}
            case _ if self._stack_outputs is None:
                return self._old_outputs, {} if self.options.refresh else self._old_outputs
            case _:
                return self._old_outputs, self._stack_outputs

    # Steps

    def _run_chain(self, steps: Sequence[Step]) -> None:
        with self._slots:
            for step in steps:
                self._check_going()
                self._run(step)

    def _run_all(self, steps: Iterable[Step]) -> None:
        def run(step: Step) -> None:
            if not self.ended.is_set():
                try:
                    self._run(step)
                except NotBroughtAbout:
                    pass
                except EngineError as error:
                    self.fail(error, step.resource.urn)

        with ThreadPoolExecutor(self.options.parallel) as pool:
            list(pool.map(run, steps))

    def _run(self, step: Step) -> None:
        forgotten = step.op is Op.DELETE and step.resource.external
        visible = not (step.resource.is_internal or step.skipped_create or forgotten)
        started = time.monotonic()
        if visible:
            self._listener.step_started(_told(step))
        begun = self._begin(step)
        try:
            found = self._apply(step)
        except EngineError as error:
            if begun is not None:
                self._journal.end(begun)
            urn = "" if step.resource.is_internal else step.resource.urn
            self._errored = True
            if self.options.preview:
                error = EngineError(f"Preview failed: {error}")
            if self._goes_on:
                self._note_failure(step, error, urn)
            else:
                self.fail(error, urn)
            if visible:
                self._listener.step_failed(_told(step), time.monotonic() - started)
            if self._goes_on:
                raise NotBroughtAbout(step.resource.urn) from error
            raise Aborted("") from error
        self._record(step, begun)
        if visible:
            if step.counts:
                self.counts[found or step.op] += 1
            self._listener.step_done(_told(step, found), time.monotonic() - started)

    def _note_failure(self, step: Step, error: EngineError, urn: str) -> None:
        self.failed = True
        self._not_brought_about.add(step.resource.urn)
        if step.old is not None:
            self._remains.add(step.old)
        self.tell(Diagnostic("error", str(error), urn))

    def _tell_how_it_ended(self) -> None:
        kind = "preview" if self.options.preview else "update"
        if self._errored:
            self.tell(Diagnostic("error", f"{kind} failed"))
        elif self.interrupted and not self.failed:
            self.tell(Diagnostic("error", f"{kind} canceled"))

    def _begin(self, step: Step) -> Resource | None:
        match step.op:
            case Op.CREATE | Op.CREATE_REPLACEMENT:
                kind = "creating"
            case Op.UPDATE:
                kind = "updating"
            case Op.READ:
                kind = "reading"
            case Op.DELETE | Op.DELETE_REPLACED:
                kind = "deleting"
            case _:
                return None
        resource = step.old if kind == "deleting" else step.new
        assert resource is not None
        self._journal.begin(kind, resource)
        return resource

    def _apply(self, step: Step) -> Op | None:
        match step.op, step.old, step.new:
            case Op.SAME, old, Resource() as new:
                self._same(step, old, new)
            case ((Op.CREATE | Op.CREATE_REPLACEMENT), old, Resource() as new):
                self._create(new)
                if step.delete_old_later and old is not None:
                    old.delete = True
            case Op.UPDATE, Resource() as old, Resource() as new:
                self._update(step, old, new)
            case Op.READ, old, Resource() as new:
                self._read(old, new)
            case ((Op.DELETE | Op.DELETE_REPLACED), Resource() as old, _):
                self._delete(old)
                old.pending_replacement = step.replaced_later
            case Op.REFRESH, Resource() as old, _:
                return self._reread(step, old)
        if step.new is not None and step.op is not Op.REPLACE:
            _mark_secret_outputs(step.new)
        return None

    def _same(self, step: Step, old: Resource | None, new: Resource) -> None:
        if old is None:
            return  # Not a target, and never created.
        new.id, new.outputs = old.id, old.outputs
        new.created, new.modified = old.created, old.modified
        if new.is_provider and not step.untargeted:
            configured = new.copy()
            configured.inputs = old.inputs
            self._registry.same(configured)

    def _create(self, new: Resource) -> None:
        if new.is_provider:
            new.id, new.outputs = self._registry.create(new.urn, new.inputs)
        elif new.custom:
            provider = self._planner.provider(new.provider)
            new.id, new.outputs = provider.create(new.urn, new.inputs, self.options.preview)
        new.created = new.modified = now()

    def _update(self, step: Step, old: Resource, new: Resource) -> None:
        new.id, new.created, new.modified = old.id, old.created, now()
        if new.is_provider:
            new.outputs = self._registry.update(old, new.inputs)
        elif new.custom:
            new.outputs = self._planner.provider(new.provider).update(
                old, new.inputs, new.ignore_changes, self.options.preview
            )

    def _read(self, old: Resource | None, new: Resource) -> None:
        if new.id != UNKNOWN_SENTINEL:
            provider = self._planner.provider(new.provider)
            found = provider.read(new.urn, new.id, new.inputs, new.inputs)
            if not found.id:
                raise EngineError(f"resource '{new.id}' does not exist")
            new.id, new.outputs = found.id, found.outputs
        if old is not None:
            new.created, new.modified = old.created, old.modified
            if new.inputs != old.inputs or new.outputs != old.outputs:
                new.modified = now()

    def _delete(self, old: Resource) -> None:
        if self.options.preview or old.external or not old.custom or old.pending_replacement:
            return
        if old.is_provider:
            self._registry.delete(old)
        else:
            self._planner.provider(old.provider).delete(old)

    def _record(self, step: Step, begun: Resource | None) -> None:
        old, new = step.old, step.new
        match step.op:
            case Op.SAME if not step.skipped_create:
                assert old is not None
                assert new is not None
                self._journal.end(None, new=new, gone=old, changed=_differs(old, new))
            case Op.CREATE | Op.CREATE_REPLACEMENT:
                awaited = old if old is not None and old.pending_replacement else None
                self._journal.end(begun, new=new, gone=awaited)
            case Op.UPDATE | Op.READ:
                self._journal.end(begun, new=new, gone=old)
            case Op.DELETE | Op.DELETE_REPLACED:
                self._journal.end(begun, gone=None if step.replaced_later else old)

    # Refresh

    def _refresh(self, *, counting: bool) -> None:
        steps = {}
        for resource in self._planner.resources:
            if self._planner.is_target(resource.urn):
                self._planner.ensure_provider(resource)
                steps[resource] = Step(Op.REFRESH, resource, resource, counts=counting)
        self._goes_on = True
        self._run_all(steps.values())
        self._goes_on = self.options.continue_on_error
        found = [
            steps[resource].new if resource in steps else resource
            for resource in self._planner.resources
        ]
        resources = undangled(resource for resource in found if resource is not None)
        self._planner.rebase(resources)
        self._journal.refreshed(resources)
        self._check_going()
        if self._not_brought_about:
            raise Aborted("")

    def _refresh_one(self, urn: str) -> None:
        with self._planning:
            self._check_going()
            old = self._planner.to_reread(urn)
        if old is None:
            return
        step = Step(Op.REFRESH, old, old, counts=False)
        self._run_chain([step])
        if step.new is old:
            return
        with self._planning:
            self._planner.replace(old, step.new)
        self._journal.found(old, step.new)

    def _reread(self, step: Step, old: Resource) -> Op:
        if not old.custom or old.is_provider or old.pending_replacement:
            return Op.SAME
        provider = self._planner.provider(old.provider)
        read = provider.read(old.urn, old.id, old.inputs, old.outputs)
        if not read.id:
            step.new = None
            return Op.DELETE
        new = old.copy()
        new.id, new.outputs, new.init_errors = read.id, read.outputs, []
        new.inputs = old.inputs if read.inputs is None else read.inputs
        _mark_secret_outputs(new)
        if new.inputs != old.inputs or new.outputs != old.outputs:
            new.modified = now()
        step.new = new
        if old.external:
            return Op.SAME if new.outputs == old.outputs else Op.UPDATE
        step.diff = difference(provider, new, old.inputs, old.ignore_changes)
        return Op.UPDATE if step.diff.changes else Op.SAME


class _StepTaken:
    """Holds the end of the operation back; an error inside, if fatal, is what ends it."""

    def __init__(self, deployment: Deployment, urn: str, fatal: bool) -> None:
        self._deployment = deployment
        self._urn = urn
        self._fatal = fatal

    def __enter__(self) -> None:
        self._deployment.enter()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if isinstance(error, Aborted):
                raise error
            if isinstance(error, EngineError) and (self._fatal or isinstance(error, Refused)):
                self._deployment.fail(error, self._urn)
                raise Aborted("") from error
        finally:
            self._deployment.leave()


def _mark_secret_outputs(resource: Resource) -> None:
    outputs = resource.outputs
    asked = set(resource.additional_secret_outputs) - {"id"}
    resource.outputs = {
        key: secret(value)
        if key in asked or isinstance(resource.inputs.get(key), Secret)
        else value
        for key, value in outputs.items()
    }


def _differs(old: Resource, new: Resource) -> bool:
    def essence(resource: Resource) -> tuple[Any, ...]:
        return (
            *(resource.type, resource.custom, resource.provider, resource.parent),
            *(resource.inputs, resource.outputs, sorted(resource.dependencies)),
        )

    return essence(old) != essence(new)


def _told(step: Step, found: Op | None = None) -> events.Step:
    old, new = step.old, step.new
    resource = step.resource
    return events.Step(
        op=step.op,
        urn=resource.urn,
        id=(old.id if old else "") or resource.id,
        old_inputs=old.inputs if old else None,
        new_inputs=new.inputs if new else None,
        old_outputs=old.outputs if old else None,
        new_outputs=new.outputs if new else None,
        diffs=step.diff.changed,
        found=found,
        parent=resource.parent,
        custom=resource.custom,
        provider=resource.provider,
    )


def _pending_warning(pending: Sequence[tuple[str, Resource]]) -> str:
    lines = "".join(f"  * {resource.urn}, interrupted while {kind}\n" for kind, resource in pending)
    return (
        f"Attempting to deploy or update resources with {len(pending)} pending operations "
        f"from previous deployment.\n{lines}"
        "Nobody knows whether these operations took place: the engine was interrupted while it "
        "waited for them. Look whether the resources are there; `pulumi refresh "
        "--clear-pending-creates` then clears the pending operations."
    )
