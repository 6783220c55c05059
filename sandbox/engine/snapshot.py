"""A stack's state: its resources in order of dependence, and the operations that are under way.

The stored form is a checkpoint of version 3 (sdk/go/common/apitype/core.go).
"""

import copy
import hashlib
import json
import operator
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from sandbox.engine import values
from sandbox.engine.errors import EngineError, Refused
from sandbox.engine.secrets import Crypter, passphrase

#: The version whose behaviour this engine follows, marked as not being it.
VERSION: Final = "v3.260.0+sandbox"
STACK_TYPE: Final = "pulumi:pulumi:Stack"
PROVIDER_PREFIX: Final = "pulumi:providers:"
_UNSUPPORTED: Final = (
    *("protect", "taint", "retainOnDelete", "deletedWith", "replaceWith", "importID"),
    *("customTimeouts", "replaceOnChanges", "replacementTrigger", "refreshBeforeUpdate"),
    *("viewOf", "resourceHooks", "extensionRef", "hideDiff"),
)


@dataclass(eq=False)
class Resource:
    """One resource as the state knows it. Two are the same only if they are one object."""

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    parent: str = ""
    delete: bool = False
    external: bool = False
    dependencies: list[str] = field(default_factory=list)
    init_errors: list[str] = field(default_factory=list)
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    pending_replacement: bool = False
    additional_secret_outputs: list[str] = field(default_factory=list)
    ignore_changes: list[str] = field(default_factory=list)
    created: str = ""
    modified: str = ""

    @property
    def name(self) -> str:
        """The name that the program gave."""
        return urn_name(self.urn)

    @property
    def is_provider(self) -> bool:
        """Whether this configures a provider, and nothing else."""
        return self.type.startswith(PROVIDER_PREFIX)

    @property
    def is_internal(self) -> bool:
        """Whether this is a provider that nobody asked for, and nobody wants to see."""
        return self.is_provider and (self.name == "default" or self.name.startswith("default_"))

    def needs(self) -> set[str]:
        """The urns of what this depends on, its parent and its provider included."""
        return set(self.needs_in_order())

    def needs_in_order(self) -> list[str]:
        """The same, the provider first and then the parent."""
        by_property = (urn for urns in self.property_dependencies.values() for urn in urns)
        urns = [provider_urn(self.provider), self.parent, *self.dependencies, *by_property]
        return [urn for urn in dict.fromkeys(urns) if urn]

    def copy(self) -> "Resource":
        """Another object with the same content."""
        return copy.copy(self)


def urn_name(urn: str) -> str:
    """The name that ends a urn."""
    return urn.split("::", 3)[3]


def urn_type(urn: str) -> str:
    """The type that a urn names, without those of its parents."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def provider_urn(reference: str) -> str:
    """The urn in a reference to a provider, `<urn>::<id>`."""
    return reference.rpartition("::")[0]


def now() -> str:
    """The time, as checkpoints write it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


_STORED: Final = {
    "urn": "urn",
    "custom": "custom",
    "delete": "delete",
    "id": "id",
    "type": "type",
    "inputs": "inputs",
    "outputs": "outputs",
    "parent": "parent",
    "external": "external",
    "dependencies": "dependencies",
    "init_errors": "initErrors",
    "provider": "provider",
    "property_dependencies": "propertyDependencies",
    "pending_replacement": "pendingReplacement",
    "additional_secret_outputs": "additionalSecretOutputs",
    "created": "created",
    "modified": "modified",
    "ignore_changes": "ignoreChanges",
}


@dataclass
class Snapshot:
    """A state at rest."""

    resources: list[Resource] = field(default_factory=list)
    #: Operations that a run left unfinished: (type, resource).
    pending: list[tuple[str, Resource]] = field(default_factory=list)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return next((r.outputs for r in self.resources if r.type == STACK_TYPE), {})


def load(deployment: dict[str, Any], crypter: Crypter | None = None) -> Snapshot:
    """Reads a stored deployment.

    Raises:
        EngineError: a secret can't be decrypted.
        Refused: a resource carries what only the real Pulumi honours.
    """
    crypter = crypter or crypter_of(deployment)
    decrypt = crypter.decrypt if crypter else _undecryptable
    if deployment.get("snippets") or deployment.get("extensions"):
        raise Refused("snippets and extensions in a state")
    try:
        return Snapshot(
            [_read(stored, decrypt) for stored in deployment.get("resources") or []],
            [
                (operation["type"], _read(operation["resource"], decrypt))
                for operation in deployment.get("pending_operations") or []
            ],
        )
    except values.AssetsNotSupported:
        raise Refused("assets and archives") from None


def readable_outputs(deployment: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The stack's outputs, and whether secrets among them are of another passphrase.

    Those are there, but empty. Nothing else of the state is looked at.
    """
    crypter = crypter_of(deployment)
    elided = False

    def decrypt(ciphertext: str) -> str:
        nonlocal elided
        try:
            return crypter.decrypt(ciphertext) if crypter else _undecryptable(ciphertext)
        except EngineError:
            elided = True
            return "{}"

    stacks = (r for r in deployment.get("resources") or [] if r["type"] == STACK_TYPE)
    outputs = next((stack.get("outputs") for stack in stacks), None)
    return values.from_stored(outputs or {}, decrypt), elided


def check_integrity(resources: Iterable[Resource]) -> None:
    """Makes sure that everything stands once, and behind what it needs.

    Raises:
        EngineError: something doesn't, or needs what isn't there.
    """
    before: set[str] = set()
    alive: set[str] = set()
    providers: set[str] = set()
    for resource in resources:
        missing = [urn for urn in resource.needs_in_order() if urn not in before]
        if missing and not resource.pending_replacement:
            raise EngineError(
                f"resource {resource.urn} needs {missing[0]}, which is not there or comes after it"
            )
        unknown = resource.provider and resource.provider not in providers
        if unknown and not resource.pending_replacement:
            raise EngineError(
                f"resource {resource.urn} refers to unknown provider {resource.provider}"
            )
        if resource.urn in alive and not resource.delete:
            raise EngineError(f"duplicate resource {resource.urn} (not marked for deletion)")
        before.add(resource.urn)
        if not resource.delete:
            alive.add(resource.urn)
        if resource.is_provider:
            providers.add(f"{resource.urn}::{resource.id}")


def undangled(resources: Iterable[Resource]) -> list[Resource]:
    """The resources without any mention of those that are gone."""
    there: set[str] = set()
    parents: dict[str, str] = {}
    kept = []
    for resource in resources:
        resource.dependencies = [urn for urn in resource.dependencies if urn in there]
        resource.property_dependencies = {
            key: present
            for key, urns in resource.property_dependencies.items()
            if (present := [urn for urn in urns if urn in there])
        }
        if resource.parent not in there:
            resource.parent = parents.get(resource.parent, "")
        parents[resource.urn] = resource.parent
        there.add(resource.urn)
        kept.append(resource)
    return kept


def crypter_of(deployment: dict[str, Any]) -> Crypter | None:
    """What decrypts a stored deployment's secrets.

    Raises:
        Refused: it was encrypted by another secrets provider.
    """
    provider = deployment.get("secrets_providers") or {}
    kind = provider.get("type", "")
    if kind not in ("", "passphrase"):
        raise Refused(f"the secrets provider {kind}")
    salt = (provider.get("state") or {}).get("salt")
    return Crypter(salt, passphrase()) if salt else None


def _undecryptable(_: str) -> str:
    raise EngineError("the state holds a secret but no word of how it was encrypted")


def _read(stored: dict[str, Any], decrypt: Callable[[str], str]) -> Resource:
    if unsupported := [key for key in _UNSUPPORTED if stored.get(key)]:
        raise Refused(f"{', '.join(unsupported)} (on {stored['urn']})")
    found = {ours: stored[theirs] for ours, theirs in _STORED.items() if theirs in stored}
    for key in ("inputs", "outputs"):
        found[key] = values.from_stored(found.get(key) or {}, decrypt)
    return Resource(**found)


class Writer:
    """Writes deployments as they are stored, in JSON.

    A state is written around every step, and a step changes one resource. So each resource's text
    is kept, its secrets encrypted, until one of the resource's values is replaced by another.
    """

    def __init__(self, crypter: Crypter) -> None:
        self._crypter = crypter
        self._kept: WeakKeyDictionary[Resource, tuple[list[Any], str]] = WeakKeyDictionary()

    def text(self, snapshot: Snapshot) -> str:
        """A deployment with that state."""
        secrets_provider = {"type": "passphrase", "state": {"salt": self._crypter.salt}}
        members = {
            "manifest": json.dumps(manifest()),
            "secrets_providers": json.dumps(secrets_provider),
        }
        if snapshot.resources:
            members["resources"] = _array(self._resource(r) for r in snapshot.resources)
        if snapshot.pending:
            members["pending_operations"] = _array(
                _object({"resource": self._resource(resource), "type": json.dumps(kind)})
                for kind, resource in snapshot.pending
            )
        return _object({**members, "metadata": "{}"})

    def _resource(self, resource: Resource) -> str:
        found = [getattr(resource, name) for name in _STORED]
        kept = self._kept.get(resource)
        if kept and all(map(operator.is_, kept[0], found)):
            return kept[1]
        text = json.dumps(_written(resource, self._store), ensure_ascii=False)
        self._kept[resource] = found, text
        return text

    def _store(self, value: Any) -> Any:
        return values.to_stored(value, self._crypter.encrypt)


def _object(members: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, text in members.items())}}}"


def _array(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def manifest() -> dict[str, str]:
    """Who wrote a state, and when."""
    magic = hashlib.sha256(VERSION.encode()).hexdigest()
    return {"time": now(), "magic": magic, "version": VERSION}


def _written(resource: Resource, store: Callable[[Any], Any]) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for ours, theirs in _STORED.items():
        value = getattr(resource, ours)
        if value or theirs in ("urn", "custom", "type"):
            written[theirs] = store(value) if ours in ("inputs", "outputs") else value
    return written


class Journal:
    """Keeps the state in step with what happens, and saves it around every operation.

    The rules are those of pkg/backend/snapshot.go: what is new stands before what is left of the
    old; an operation is pending from before it starts until it is over; pending creates of an
    earlier run stay until somebody clears them, for nobody knows whether they took place.

    Args:
        base: the state at the start.
        save: stores a state. None at a preview, which leaves nothing behind.
        every_step: whether to save around each step, or at the end alone.
    """

    def __init__(
        self, base: Snapshot, save: Callable[[Snapshot], None] | None, *, every_step: bool = True
    ) -> None:
        self._base = base
        self._save = save
        self._every_step = every_step
        self._lock = threading.Lock()
        self._new: list[Resource] = []
        self._done: set[Resource] = set()
        self._pending: list[tuple[str, Resource]] = []
        self._undangles = False
        self._unsaved = True

    def begin(self, kind: str, resource: Resource) -> None:
        """An operation (creating, updating, deleting, reading) starts on a resource."""
        with self._lock:
            self._pending.append((kind, resource))
            self._written()

    def end(
        self,
        resource: Resource | None,
        *,
        new: Resource | None = None,
        gone: Resource | None = None,
        changed: bool = True,
    ) -> None:
        """An operation is over: `new` is in the state from now on, `gone` no longer."""
        with self._lock:
            self._pending = [entry for entry in self._pending if entry[1] is not resource]
            if gone is not None:
                self._done.add(gone)
            if new is not None:
                self._new.append(new)
            if changed:
                self._written()
            else:
                self._unsaved = True

    def refreshed(self, resources: Iterable[Resource]) -> None:
        """A refresh is over: the state starts from what it found."""
        with self._lock:
            self._base = Snapshot(list(resources), self._base.pending)
            self._written()

    def found(self, old: Resource, new: Resource | None) -> None:
        """A refresh amid the steps has found a resource as it is now, or gone.

        What needed it, or stands behind it from now on, may not have been registered yet.
        """
        with self._lock:
            self._undangles = True
        self.end(None, new=new, gone=old)

    def outputs_changed(self) -> None:
        """A component's outputs have changed."""
        with self._lock:
            self._written()

    def close(self) -> None:
        """Saves what hasn't been saved yet."""
        with self._lock:
            if self._unsaved and self._save is not None:
                self._save(self.snapshot())

    def _written(self) -> None:
        self._unsaved = True
        if self._save is not None and self._every_step:
            self._save(self.snapshot())
            self._unsaved = False

    def snapshot(self) -> Snapshot:
        """The state as of now."""
        resources = [r for r in (*self._new, *self._base.resources) if r not in self._done]
        if self._undangles:
            resources = undangled(resource.copy() for resource in resources)
        left_over = [entry for entry in self._base.pending if entry[0] == "creating"]
        return Snapshot(resources, [*self._pending, *left_over])
