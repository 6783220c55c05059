"""Converts changes to the engine's form: properties, kinds, and whether they need a replacement."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi.runtime.proto import provider_pb2 as pb

from chime_sandbox.aws_plugin.checking import DEFAULTS
from chime_sandbox.aws_plugin.resource import Change, Resource

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][\w-]*")
_Kind = pb.PropertyDiff.Kind
_REPLACING: Final = {
    _Kind.ADD: _Kind.ADD_REPLACE,
    _Kind.DELETE: _Kind.DELETE_REPLACE,
    _Kind.UPDATE: _Kind.UPDATE_REPLACE,
}


def response(
    resource: Resource, changes: Mapping[str, Change], news: Mapping[str, Any]
) -> pb.DiffResponse:
    """The engine's form of a diff.

    A resource whose name the program sets is deleted before its replacement is created, because
    names are unique (tfbridge's nameRequiresDeleteBeforeReplace).
    """
    replaces = sorted(name for name, change in changes.items() if change.replaces)
    naming = resource.rules.naming
    chosen = naming and naming.input in news and naming.input not in news.get(DEFAULTS, ())
    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if changes else pb.DiffResponse.DIFF_NONE,
        diffs=sorted(changes),
        replaces=replaces,
        stables=sorted((resource.rules.replaces | {"region"}) - set(replaces)),
        deleteBeforeReplace=bool(replaces and chosen),
        detailedDiff={
            path: pb.PropertyDiff(kind=kind)
            for name, change in changes.items()
            for path, kind in _details(name, change)
        },
        hasDetailedDiff=True,
    )


def _details(name: str, change: Change) -> Iterator[tuple[str, _Kind.ValueType]]:
    old, new = change.old, change.new
    if isinstance(old or {}, dict) and isinstance(new or {}, dict) and (old or new):
        old, new = old or {}, new or {}
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                step = f".{key}" if _PLAIN_KEY.fullmatch(key) else f'["{key}"]'
                yield name + step, _kind(Change(old.get(key), new.get(key), change.replaces))
    else:
        yield name, _kind(change)


def _kind(change: Change) -> _Kind.ValueType:
    kind = _Kind.UPDATE
    if change.old is None:
        kind = _Kind.ADD
    elif change.new is None:
        kind = _Kind.DELETE
    return _REPLACING[kind] if change.replaces else kind
