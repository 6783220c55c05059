"""Decides whether the policy of a resource allows a service an action, and if not, why.

This is a small part of IAM, for the policies of queues, topics and buckets: effects (an explicit
Deny wins), Principal, Action and Resource with their Not... forms and wildcards, and the condition
operators for strings, ARNs, booleans and Null, with ...IfExists. A statement with anything else
(other operators, ForAnyValue:, policy variables) never allows anything.

Sources: IAM's user guide, reference_policies_elements_principal, ..._condition_operators and
..._evaluation-logic (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html).
No package for Python evaluates conditions: moto's own code reads only StringEquals, linters none.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

Statement = Mapping[str, Any]

ARN_PARTS: Final = 6
IF_EXISTS: Final = "IfExists"

#: For AWS, a condition on either aws:SourceArn or aws:SourceAccount is enough. The sandbox requires
#: aws:SourceAccount, so that a test fails if a policy loses it.
GUARDS: Final = ("aws:SourceAccount",)


@dataclass(frozen=True)
class Access:
    """An action of a service, such as `meetings.chime.amazonaws.com`, on a resource.

    :param context: the condition keys of the request.
    :param guards: the keys on which an Allow must have conditions, because the service acts for
        many accounts.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    guards: tuple[str, ...] = ()


def service_context(principal: str, account: str, source_arn: str) -> dict[str, str]:
    """The condition keys of a request that a service makes for a resource of an account."""
    return {
        "aws:SourceAccount": account,
        "aws:SourceArn": source_arn,
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": principal,
        "aws:SecureTransport": "true",
    }


def refusal(policy: str | None, access: Access) -> str | None:
    """Why a policy, JSON as text, doesn't allow the access; None if it does."""
    statements = _statements(policy)
    if not statements:
        return "it has no policy"
    denied = (why for each in statements if (why := _denial(each, access)))
    if why := next(denied, None):
        return why
    allowing = [each for each in statements if each.get("Effect") == "Allow"]
    mismatches = [next(_mismatches(each, access), None) for each in allowing]
    if None in mismatches:
        return None
    named = (
        f"{_name(each)} {mismatch}" for each, mismatch in zip(allowing, mismatches, strict=True)
    )
    return "; ".join(named) or f"no statement allows {access.action}"


def _statements(policy: str | None) -> list[Statement]:
    """A policy's statements, of which a single one need not be in a list."""
    try:
        document = json.loads(policy or "{}")
    except ValueError:
        return []
    statements = document.get("Statement", []) if isinstance(document, Mapping) else []
    return [each for each in _listed(statements) if isinstance(each, Mapping)]


def _name(statement: Statement) -> str:
    return f"the statement {statement['Sid']}" if statement.get("Sid") else "a statement"


def _denial(statement: Statement, access: Access) -> str | None:
    """Why a statement denies the access. A Deny with an unsupported condition denies it too."""
    if statement.get("Effect") != "Deny" or next(_scope_mismatches(statement, access), None):
        return None
    unmet = [each for each in _conditions(statement) if not each.holds(access.context)]
    strange = [each for each in unmet if not each.is_understood]
    if len(unmet) > len(strange):
        return None
    doubt = f", as far as the sandbox knows: {strange[0].mismatch(access)}" if strange else ""
    return f"{_name(statement)} denies {access.action}{doubt}"


def _mismatches(statement: Statement, access: Access) -> Iterator[str]:
    """Why an Allow doesn't allow the access."""
    yield from _scope_mismatches(statement, access)
    conditions = list(_conditions(statement))
    yield from (each.mismatch(access) for each in conditions if not each.holds(access.context))
    keys = {each.key for each in conditions}
    for guard in access.guards:
        if guard.lower() not in keys:
            yield f"has no condition on {guard}, which guards against confused deputies"


def _scope_mismatches(statement: Statement, access: Access) -> Iterator[str]:
    """Why a statement doesn't apply to this principal, action and resource."""
    if not _fits(statement, "Principal", lambda said: _is_principal(said, access.principal)):
        yield f"is not for the principal {access.principal}"
    if not _fits(statement, "Action", lambda said: _is_action(said, access.action)):
        yield f"is not for the action {access.action}"
    if not _fits(statement, "Resource", lambda said: _any_like(said, access.resource)):
        yield f"is not for the resource {access.resource}"


def _fits(statement: Statement, element: str, matches: Callable[[Any], bool]) -> bool:
    if f"Not{element}" in statement:
        return not matches(statement[f"Not{element}"])
    return element in statement and matches(statement[element])


def _is_principal(said: Any, service: str) -> bool:
    """`"*"` and `{"AWS": "*"}` mean the same: everybody, including services."""
    if not isinstance(said, Mapping):
        return bool(said == "*")
    return "*" in _listed(said.get("AWS", ())) or service in _listed(said.get("Service", ()))


def _is_action(said: Any, action: str) -> bool:
    return _any_like([str(each).lower() for each in _listed(said)], action.lower())


def _any_like(patterns: Any, value: str) -> bool:
    return any(_like(str(each), value) for each in _listed(patterns))


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


@cache
def _wildcards(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(each) for each in re.split(r"([*?])", pattern))
    return re.compile("".join({r"\*": ".*", r"\?": "."}.get(p, p) for p in parts), re.DOTALL)


def _like(pattern: str, value: str) -> bool:
    return _wildcards(pattern).fullmatch(value) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """Part by part: a wildcard never matches across the six parts of an ARN."""
    patterns, parts = (each.split(":", ARN_PARTS - 1) for each in (pattern, value))
    return len(patterns) == len(parts) == ARN_PARTS and all(map(_like, patterns, parts))


_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": str.__eq__,
    "StringEqualsIgnoreCase": lambda said, value: said.lower() == value.lower(),
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda said, value: said.lower() == value.lower(),
}
_OPPOSITES: Final = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


@dataclass(frozen=True)
class _Condition:
    """One operator on one key, whose name is case-insensitive. One matching value is enough."""

    operator: str
    key: str
    shown: str
    values: tuple[str, ...]

    @property
    def _operator(self) -> str:
        return self.operator.removesuffix(IF_EXISTS)

    @property
    def is_understood(self) -> bool:
        known = {*_TESTS, *_OPPOSITES, "Null"}
        return self._operator in known and not any("${" in each for each in self.values)

    def holds(self, context: Mapping[str, str]) -> bool:
        if not self.is_understood:
            return False
        value = {key.lower(): each for key, each in context.items()}.get(self.key)
        if self._operator == "Null":
            return str(value is None).lower() in self.values
        positive = _OPPOSITES.get(self._operator)
        if value is None:
            return positive is not None or self.operator.endswith(IF_EXISTS)
        test = _TESTS[positive or self._operator]
        met = any(test(each, value) for each in self.values)
        return met is not bool(positive)

    def mismatch(self, access: Access) -> str:
        if not self.is_understood:
            return f"has the condition {self.operator} {self.shown}, which the sandbox doesn't know"
        value = {key.lower(): each for key, each in access.context.items()}.get(self.key)
        is_what = f"is {value}" if value is not None else "is not there"
        wanted = ", ".join(self.values)
        return f"asks {self.operator} {self.shown} {wanted}, and it {is_what}"


def _conditions(statement: Statement) -> Iterable[_Condition]:
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, values in keys.items():
            texts = (str(v).lower() if isinstance(v, bool) else str(v) for v in _listed(values))
            yield _Condition(operator, key.lower(), key, tuple(texts))
