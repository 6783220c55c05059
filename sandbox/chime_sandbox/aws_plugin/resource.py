"""The base class of all resources: their rules, and the service's calls."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from chime_sandbox.aws_plugin import documents
from chime_sandbox.aws_plugin.schema import CheckFailure, Schema
from chime_sandbox.aws_plugin.values import UNKNOWN, is_unknown

#: The error codes of S3, SNS, SQS and SSM for a resource that doesn't exist.
_GONE: Final = frozenset(
    {
        "NotFound",
        "NotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ParameterNotFound",
        "404",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "OwnershipControlsNotFoundError",
    }
)


@dataclass(frozen=True)
class Naming:
    """The rules for a physical name.

    `pattern` matches valid names; `fifo` names the boolean input that requires the suffix `.fifo`;
    `input` is the property with the name; `lower` makes a generated name lower-case.
    """

    pattern: str
    fifo: str | None = None
    input: str = "name"
    lower: bool = False

    @property
    def prefix(self) -> str:
        """The input with a prefix for the name."""
        return f"{self.input}Prefix"


@dataclass(frozen=True)
class Rules:
    """The rules for a resource's properties that are not in pulumi_aws's classes."""

    #: A change of these creates a new resource.
    replaces: frozenset[str] = frozenset()
    #: Inputs that the service fills in if the program doesn't set them.
    computed: frozenset[str] = frozenset()
    #: Defaults of inputs, other than "", 0, False or no tags.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    #: Properties that the service never reports: the state keeps the declared values.
    unreported: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    ranges: Mapping[str, range] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: tuple[tuple[str, str], ...] = ()
    secrets: frozenset[str] = frozenset()
    #: Outputs that change with each update.
    renewed: frozenset[str] = frozenset()
    #: Inputs of the real plugin that the stand-in refuses.
    unsupported: frozenset[str] = frozenset()
    #: Inputs that are never kept in a state.
    write_only: frozenset[str] = frozenset()
    naming: Naming | None = None


class Resource(ABC):
    """A resource type. The `client` of each method is boto3's client of `service`."""

    service: ClassVar[str]
    schema: ClassVar[Schema]
    rules: ClassVar[Rules]

    @abstractmethod
    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """Creates the resource and returns its id."""

    @abstractmethod
    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """The properties in the service. Raises the service's error if the resource is gone."""

    @abstractmethod
    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, "Change"]
    ) -> None:
        """Carries out changes in place, other than of tags."""

    @abstractmethod
    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """Deletes the resource. Raises the service's error if it is already gone."""

    def retag(
        self, client: Any, identity: str, tags: Mapping[str, str], removed: Iterable[str]
    ) -> None:
        """Sets tags and removes others."""
        raise TypeError(f"{self.schema.token} has no tags")

    def failures(self, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
        """Failures other than those of types, limits, choices, documents and names."""
        return iter(())

    def is_same(self, name: str, old: Any, new: Any, news: Mapping[str, Any]) -> bool:
        """Whether a property's old and new value mean the same."""
        if is_unknown(new):
            return False
        if name in self.rules.policies:
            return documents.same_policy(old or "", new or "")
        if name in self.rules.documents:
            return documents.same_json(old or "", new or "")
        return (old or None) == (new or None)

    def is_replacement(self, name: str, change: "Change") -> bool:
        """Whether this change can't be made in place."""
        return name == "region" or name in self.rules.replaces


@dataclass(frozen=True)
class Change:
    """A property's old and new value. An absent value is None."""

    old: Any
    new: Any
    replaces: bool = False


def changes_of(
    resource: Resource, state: Mapping[str, Any], news: Mapping[str, Any]
) -> dict[str, Change]:
    """What differs between a state and the checked inputs.

    An input that the program doesn't set and the service fills in is not a difference. One with a
    default returns to the default.
    """
    rules, found = resource.rules, {}
    for name in (*resource.schema.inputs, "tagsAll"):
        if name in rules.write_only or (name not in news and name in rules.computed):
            continue
        old, new = state.get(name), news.get(name, rules.defaults.get(name))
        if name in resource.schema.outputs and not resource.is_same(name, old, new, news):
            change = Change(old or None, new)
            found[name] = Change(change.old, new, resource.is_replacement(name, change))
    return found


def outputs_of(
    resource: Resource, found: Mapping[str, Any], state: Mapping[str, Any]
) -> dict[str, Any]:
    """All outputs, from the service and, if it doesn't report them, from the state.

    A document keeps the state's text as long as it means the same.
    """
    rules, outputs = resource.rules, {}
    for name, kind in resource.schema.outputs.items():
        value = (state if name in rules.unreported else found).get(name)
        documented = name in rules.policies | rules.documents
        if documented and state.get(name) and resource.is_same(name, value, state[name], state):
            value = state[name]
        outputs[name] = value if value is not None else rules.defaults.get(name, kind())
    if "tagsAll" in outputs:
        outputs["tagsAll"] = outputs["tags"]
    return outputs | dict.fromkeys(rules.write_only)


def planned(
    resource: Resource, state: Mapping[str, Any], news: Mapping[str, Any]
) -> dict[str, Any]:
    """The outputs of a create (without a state) or an update, for a preview."""
    rules, schema = resource.rules, resource.schema
    outputs: dict[str, Any] = {}
    for name, kind in schema.outputs.items():
        if name in news:
            outputs[name] = news[name]
        elif name in rules.renewed:
            outputs[name] = UNKNOWN
        elif name in rules.computed or name not in schema.inputs:
            outputs[name] = state.get(name, UNKNOWN)
        else:
            outputs[name] = rules.defaults.get(name, kind())
    return outputs | dict.fromkeys(rules.write_only)


def values_of(changes: Mapping[str, Change], schema: Schema) -> dict[str, Any]:
    """The new values of inputs. An input that the program removed is "", 0, False or empty."""
    return {
        name: schema.inputs[name]() if change.new is None else change.new
        for name, change in changes.items()
        if name in schema.inputs
    }


@contextmanager
def unless_gone() -> Iterator[None]:
    """Ignores an error of the service that the resource doesn't exist."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise


def to_attributes(names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """Properties as attributes of SNS and SQS, which are texts. `names` maps the names."""
    return {names[key]: _text(value) for key, value in values.items() if key in names}


def from_attributes(
    names: Mapping[str, str], attributes: Mapping[str, str], types: Mapping[str, type]
) -> dict[str, Any]:
    """Attributes as properties of their declared types."""
    return {
        key: _value(attributes[name], types[key])
        for key, name in names.items()
        if key in types and name in attributes
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(text: str, kind: type) -> Any:
    if kind is bool:
        return text.lower() == "true"
    return int(text or 0) if kind is int else text
