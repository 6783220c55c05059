"""What is to be done: from what a program registers, and what the state knows, to steps.

The decisions are those of pkg/resource/deploy/step_generator.go.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.engine import paths
from sandbox.engine.errors import EngineError, Refused
from sandbox.engine.events import Diagnostic, Op
from sandbox.engine.plugins import Checked, Diff, Properties, Provider, Registry
from sandbox.engine.snapshot import PROVIDER_PREFIX, STACK_TYPE, Resource, provider_urn
from sandbox.engine.values import UNKNOWN, Secret, Unknown, contains

NO_DIFF: Final = Diff(changes=False)


@dataclass(frozen=True)
class Goal:
    """What a program registered."""

    type: str
    name: str
    custom: bool
    inputs: Properties
    parent: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    provider: str = ""
    ignore_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    additional_secret_outputs: tuple[str, ...] = ()


@dataclass(eq=False)
class Step:
    """One thing to do to one resource."""

    op: Op
    old: Resource | None = None
    new: Resource | None = None
    diff: Diff = NO_DIFF
    #: Whether it counts as what happens to a resource, not as a part of a replacement.
    counts: bool = True
    #: A replacement that is created first: the old resource is to be deleted later.
    delete_old_later: bool = False
    #: A replacement that is created last: the old resource stays in the state until then.
    replaced_later: bool = False
    #: Left as it is, for a target was given and this is none.
    untargeted: bool = False
    #: Not even created, for the same reason.
    skipped_create: bool = False

    @property
    def resource(self) -> Resource:
        """The resource that this is about, as it will be or else as it was."""
        resource = self.new or self.old
        assert resource is not None
        return resource


class CheckFailed(EngineError):
    """Inputs that a provider doesn't take. The diagnostics have said so."""


class Planner:
    """Decides steps. Not for several threads at once."""

    def __init__(
        self,
        prefix: str,
        resources: Sequence[Resource],
        registry: Registry,
        tell: Callable[[Diagnostic], None],
        targets: tuple[str, ...],
        replacements: tuple[str, ...] = (),
    ) -> None:
        self._prefix = prefix
        self._registry = registry
        self._tell = tell
        self._targets = targets
        self._replacements = replacements
        self._seen: set[str] = set()
        self._goals: dict[str, Goal] = {}
        self._news: dict[str, Resource] = {}
        #: Decided already, so that no replacement of something else can sweep them along.
        self._settled: set[str] = set()
        self._recreating: set[str] = set()
        self._deleted: set[Resource] = set()
        self._skipped: set[str] = set()
        self.rebase(resources)

    def rebase(self, resources: Sequence[Resource]) -> None:
        """Starts from another state, which a refresh has found."""
        self.resources = list(resources)
        self.olds = {r.urn: r for r in self.resources if not r.delete}

    def to_reread(self, urn: str) -> Resource | None:
        """What a refresh is to read before a program's resource of this urn is planned."""
        old = self.olds.get(urn)
        if old is None or urn in self._seen or not old.custom or old.is_provider:
            return None
        if not self.is_target(urn):
            return None
        self.ensure_provider(old)
        return old

    def replace(self, old: Resource, found: Resource | None) -> None:
        """Goes on with what a refresh has found of one resource; None where it is gone."""
        place = self.resources.index(old)
        self.resources[place : place + 1] = [found] if found else []
        del self.olds[old.urn]
        if found:
            self.olds[old.urn] = found

    def urn(self, goal_type: str, name: str, parent: str) -> str:
        """The urn of a resource of this type and name under a parent."""
        above = parent.split("::", 3)[2] if parent else STACK_TYPE
        qualified = goal_type if above == STACK_TYPE else f"{above}${goal_type}"
        return f"{self._prefix}::{qualified}::{name}"

    def provider_of(self, goal_type: str, parent: str) -> str:
        """The provider that a resource takes over from its parent, if it is of the same package."""
        inherited = self._goals[parent].provider if parent in self._goals else ""
        wanted = f"{PROVIDER_PREFIX}{goal_type.split(':')[0]}"
        return inherited if inherited and inherited.split("::")[2].endswith(wanted) else ""

    def registered(self, goal: Goal) -> list[Step]:
        """The steps for what a program registered.

        Raises:
            CheckFailed: the provider doesn't take the inputs.
            EngineError: the resource can't be planned.
        """
        urn = self.urn(goal.type, goal.name, goal.parent)
        if urn in self._seen:
            raise EngineError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        self._seen.add(urn)
        self._goals[urn] = goal
        new = Resource(
            urn=urn,
            type=goal.type,
            custom=goal.custom,
            inputs=goal.inputs,
            parent=goal.parent,
            dependencies=list(goal.dependencies),
            provider=goal.provider,
            property_dependencies=goal.property_dependencies,
            additional_secret_outputs=list(goal.additional_secret_outputs),
            ignore_changes=list(goal.ignore_changes),
        )
        self._news[urn] = new
        old = self.olds.get(urn)
        if not self._is_target(new):
            return self._untargeted(old, new)
        if skipped := sorted(new.needs() & self._skipped):
            raise EngineError(
                f"Resource '{urn}' depends on '{skipped[0]}' which was not specified in "
                "--target list."
            )
        steps = self._decide(goal, old, new)
        self._settled.add(urn)
        return steps

    def _decide(self, goal: Goal, old: Resource | None, new: Resource) -> list[Step]:
        recreating = new.urn in self._recreating
        if goal.custom:
            fresh = old is None or recreating or old.external or self._is_to_be_replaced(new.urn)
            new.inputs = self._checked(goal, new, None if fresh else old)
        elif old is not None:
            new.inputs = self._ignoring(goal, old)
        if old is None:
            return [Step(Op.CREATE, new=new)]
        if recreating:
            self._recreating.discard(new.urn)
            return [
                Step(Op.REPLACE, old, new),
                Step(Op.CREATE_REPLACEMENT, old, new, counts=False),
            ]
        if old.external:
            return _created_first(old, new, NO_DIFF)
        diff = self._compared(goal, old, new)
        if old.pending_replacement or (diff.changes and diff.replaces):
            return self._replaced(goal, old, new, diff)
        if diff.changes:
            return [Step(Op.UPDATE, old, new, diff)]
        return [Step(Op.SAME, old, new)]

    def _checked(self, goal: Goal, new: Resource, old: Resource | None) -> Properties:
        olds = old.inputs if old else {}
        news = self._ignoring(goal, old) if old else goal.inputs
        if new.is_provider:
            checked = self._registry.check(new.urn, olds, news)
        else:
            checked = self.provider(new.provider).check(new.urn, olds, news)
        if checked.failures:
            self._report(new, checked)
            raise CheckFailed("")
        return checked.inputs

    def _report(self, new: Resource, checked: Checked) -> None:
        for name, reason in checked.failures:
            about = f"{new.type} resource '{new.name}'"
            if name:
                given = shown(new.inputs.get(name))
                message = f"{about}: property {name} value {given} has a problem: {reason}"
            else:
                message = f"{about} has a problem: {reason}"
            self._tell(Diagnostic("error", message, new.urn))

    def _ignoring(self, goal: Goal, old: Resource) -> Properties:
        inputs = goal.inputs
        invalid = []
        for path in goal.ignore_changes:
            found = paths.reset(path, old.inputs, inputs)
            if found is None:
                invalid.append(path)
            else:
                inputs = found
        if invalid:
            names = ", ".join(invalid)
            text = f'cannot ignore changes in added or removed elements of the path: "{names}"'
            self._tell(Diagnostic("info", text, old.urn))
        return inputs

    def _compared(self, goal: Goal, old: Resource, new: Resource) -> Diff:
        if self._is_to_be_replaced(new.urn):
            return Diff(changes=True, replaces=("id",))
        if not new.custom:
            return Diff(changes=old.inputs != new.inputs)
        if new.is_provider:
            return self._registry.diff(old, new.inputs)
        if self._provider_replaced(old, new):
            return Diff(changes=True, replaces=("provider",))
        provider = self.provider(new.provider)
        return difference(provider, old, new.inputs, list(goal.ignore_changes))

    def _provider_replaced(self, old: Resource, new: Resource) -> bool:
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return True
        was = self.olds.get(provider_urn(old.provider))
        now = self._news.get(provider_urn(new.provider))
        if was is None or now is None:
            return True
        diff = self.provider(new.provider).diff_config(
            now.urn, _visible(was.inputs), was.outputs, _visible(now.inputs)
        )
        return bool(diff.replaces)

    def _replaced(self, goal: Goal, old: Resource, new: Resource, diff: Diff) -> list[Step]:
        # What was asked to be replaced has been checked without its predecessor already.
        if new.custom and not self._is_to_be_replaced(new.urn):
            new.inputs = self._checked(goal, new, None)
        first = goal.delete_before_replace
        if not (diff.delete_before_replace if first is None else first):
            return _created_first(old, new, diff)
        steps = []
        for dependent in reversed(self._swept_along(old)):
            if dependent in self._deleted:
                continue
            self._recreating.add(dependent.urn)
            self._deleted.add(dependent)
            steps.append(Step(Op.DELETE_REPLACED, dependent, counts=False, replaced_later=True))
        self.ensure_provider(old)
        if not old.pending_replacement:
            self._deleted.add(old)
            steps.append(Step(Op.DELETE_REPLACED, old, counts=False, replaced_later=True))
        return [
            *steps,
            Step(Op.REPLACE, old, new, diff),
            Step(Op.CREATE_REPLACEMENT, old, new, diff, counts=False),
        ]

    def _swept_along(self, root: Resource) -> list[Resource]:
        """What must be replaced as well, since its inputs hang on what is deleted first."""
        replaced = {root.urn}
        found = []
        impossible = self._settled | self._skipped
        for dependent in depending_on(self.resources, root, impossible, children=False):
            if dependent.custom and not dependent.external and self._must_go(dependent, replaced):
                found.append(dependent)
                replaced.add(dependent.urn)
        return found

    def _must_go(self, dependent: Resource, replaced: set[str]) -> bool:
        if provider_urn(dependent.provider) in replaced:
            self.ensure_provider(dependent)
            return True
        inputs = {
            key: UNKNOWN if replaced & set(dependent.property_dependencies.get(key, ())) else value
            for key, value in dependent.inputs.items()
        }
        if inputs == dependent.inputs:
            return False
        if dependent.is_provider:
            self._registry.same(dependent)
            return bool(self._registry.diff(dependent, inputs).replaces)
        self.ensure_provider(dependent)
        provider = self.provider(dependent.provider)
        return bool(difference(provider, dependent, inputs, dependent.ignore_changes).replaces)

    def _untargeted(self, old: Resource | None, new: Resource) -> list[Step]:
        self._settled.add(new.urn)
        if old is None:
            self._skipped.add(new.urn)
            return [Step(Op.SAME, new=new, counts=False, skipped_create=True)]
        if old.provider and self._registry.get(old.provider) is None:
            raise EngineError(
                f"provider {old.provider} for resource {old.urn} has not been registered yet: its "
                "provider was changed together with --target. Go back to the original provider, or "
                "leave --target out"
            )
        return self._kept(old)

    def _kept(self, old: Resource) -> list[Step]:
        """Keeps a resource as it is, after all that it needs and the program has given up.

        No registration keeps that: it would come into the state behind what needs it.
        """
        if old.delete:
            return []
        self._seen.add(old.urn)
        self._settled.add(old.urn)
        steps = []
        for urn in old.needs_in_order():
            if urn not in self._settled and urn in self.olds:
                steps += self._kept(self.olds[urn])
        kept = old.copy()
        self._news[old.urn] = kept
        return [*steps, Step(Op.SAME, old, kept, untargeted=True)]

    def read(self, new: Resource) -> list[Step]:
        """The steps for a resource that a program only reads."""
        if new.urn in self._seen:
            raise EngineError(f"Duplicate resource URN '{new.urn}'; try giving it a unique name")
        old = self.olds.get(new.urn)
        if old is not None and not old.external and old.id != new.id:
            raise Refused(f"reading what was created before ({new.urn})")
        self._seen.add(new.urn)
        self._settled.add(new.urn)
        self._news[new.urn] = new
        return [Step(Op.READ, old, new)]

    def deletes(self) -> list[list[Step]]:
        """What is left over: layers of deletions, what depends on others before what they need."""
        doomed: dict[Resource, Step] = {}
        allowed = self._target_dependents() if self._targets else None
        for resource in self.resources:
            if allowed is not None and resource.urn not in allowed:
                continue
            if resource in self._deleted and resource.delete:
                continue
            if resource.delete:
                doomed[resource] = Step(Op.DELETE_REPLACED, resource, counts=False)
            elif resource.urn not in self._settled:
                # One that awaits its replacement was deleted already: it only leaves the state.
                doomed[resource] = Step(
                    Op.DELETE, resource, counts=not resource.pending_replacement
                )
        for resource in doomed:
            self.ensure_provider(resource)
        return _layers(self.resources, doomed)

    def untouched(self) -> list[Resource]:
        """What targets leave alone of what no program has registered."""
        if not self._targets:
            return []
        dependents = self._target_dependents()
        left = (r for r in self.resources if r.urn not in dependents)
        return [r for r in left if r.delete or r.urn not in self._settled]

    def needed_by(self, resources: Iterable[Resource]) -> set[Resource]:
        """All that these resources need, directly or not."""
        found: set[Resource] = set()
        for resource in resources:
            direct = _dependencies(self.resources, resource)
            found |= direct | self.needed_by(direct - found)
        return found

    def provider(self, reference: str) -> Provider:
        """The running provider that a reference names.

        Raises:
            EngineError: there is none.
        """
        provider = self._registry.get(reference)
        if provider is None:
            raise EngineError(f"unknown provider '{reference}'")
        return provider

    def ensure_provider(self, resource: Resource) -> None:
        """Starts the provider that the state names for a resource, unless it runs.

        Raises:
            EngineError: the state doesn't know it.
        """
        if not resource.provider or self._registry.get(resource.provider):
            return
        urn, _, id_ = resource.provider.rpartition("::")
        for candidate in self.resources:
            if candidate.urn == urn and candidate.id == id_:
                self._registry.same(candidate)
                return
        raise EngineError(f"could not find provider {resource.provider}")

    def unknown_targets(self) -> list[str]:
        """The targets that mean nothing; a pattern needn't match anything."""
        return self._unknown(self._targets)

    def unknown_replacements(self) -> list[str]:
        """The same of what was asked to be replaced."""
        return self._unknown(self._replacements)

    def _unknown(self, patterns: Sequence[str]) -> list[str]:
        known = {*self._seen, *(resource.urn for resource in self.resources)}
        return [pattern for pattern in patterns if "*" not in pattern and pattern not in known]

    def _is_to_be_replaced(self, urn: str) -> bool:
        return any(_glob(pattern, urn) for pattern in self._replacements)

    def is_target(self, urn: str) -> bool:
        """Whether this resource was asked for; everything is when nothing was."""
        return not self._targets or self._matches(urn)

    def _is_target(self, new: Resource) -> bool:
        return new.is_provider or new.type == STACK_TYPE or self.is_target(new.urn)

    def _matches(self, urn: str) -> bool:
        return any(_glob(target, urn) for target in self._targets)

    def _target_dependents(self) -> set[str]:
        found: set[str] = set()
        for resource in self.resources:
            if self._matches(resource.urn):
                found.add(resource.urn)
                below = depending_on(self.resources, resource, set(), children=True)
                found.update(dependent.urn for dependent in below)
        return found


def difference(
    provider: Provider, old: Resource, news: Properties, ignore_changes: list[str]
) -> Diff:
    """What new inputs mean for a resource: the provider's word, or a comparison of inputs."""
    return provider.diff(old, news, ignore_changes).decided(old.inputs, news)


def depending_on(
    resources: Sequence[Resource], root: Resource, ignored: set[str], *, children: bool
) -> list[Resource]:
    """What depends on a resource, directly or not, in the order of the state."""
    found = {root.urn}
    dependents = []
    for candidate in resources[resources.index(root) + 1 :]:
        needs = candidate.needs()
        if not children:
            needs -= {candidate.parent} - set(candidate.dependencies)
        if candidate.urn not in ignored and needs & found:
            dependents.append(candidate)
            found.add(candidate.urn)
    return dependents


def _dependencies(resources: Sequence[Resource], resource: Resource) -> set[Resource]:
    """What a resource needs: what it names, and all below a component that it names."""
    before = resources[: resources.index(resource)]
    needs = resource.needs()
    found = {candidate for candidate in before if candidate.urn in needs}
    named = {r.urn for r in found if not r.custom and r.urn != resource.parent}
    for candidate in before:
        if candidate.parent in named:
            found.add(candidate)
            named.add(candidate.urn)
    return found


def _layers(resources: Sequence[Resource], doomed: dict[Resource, Step]) -> list[list[Step]]:
    waiting = {resource: _dependencies(resources, resource) & doomed.keys() for resource in doomed}
    layers: list[list[Step]] = []
    while waiting:
        layer = [resource for resource, needs in waiting.items() if not needs & waiting.keys()]
        layers.append([doomed[resource] for resource in layer])
        for resource in layer:
            del waiting[resource]
    return layers[::-1]


def _created_first(old: Resource, new: Resource, diff: Diff) -> list[Step]:
    return [
        Step(Op.CREATE_REPLACEMENT, old, new, diff, counts=False, delete_old_later=True),
        Step(Op.REPLACE, old, new, diff),
    ]


def _visible(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if key != "__internal"}


def _glob(pattern: str, urn: str) -> bool:
    """Whether a URN is what a target names: `*` is any part between colons, `**` anything."""
    whole = (
        "[^:]*".join(re.escape(part) for part in piece.split("*")) for piece in pattern.split("**")
    )
    return re.fullmatch(".*".join(whole), urn) is not None


def shown(value: Any) -> str:
    """A value as a check failure names it. What is secret anywhere inside stays out of it."""
    if contains(value, Secret):
        return "[secret]"
    if contains(value, Unknown):
        return "[unknown]"
    return f"{{{_shown(value)}}}"


def _shown(value: Any) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{_joined(f'{{{_shown(item)}}}' for item in value)}]"
    if isinstance(value, dict):
        return f"map[{_joined(f'{k}:{{{_shown(v)}}}' for k, v in sorted(value.items()))}]"
    return str(value)


def _joined(parts: Iterable[str]) -> str:
    return " ".join(parts)
