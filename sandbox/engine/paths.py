"""Property paths: `a.b[0]["c"]`, the way to a value inside another (sdk/go/property/path.go)."""

import copy
import re
from typing import Any, Final

from sandbox.engine.errors import EngineError
from sandbox.engine.values import Secret, secret

_PART: Final = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["([^"]*)"\]|\[(\*)\]')
_MISSING: Final = object()

Path = list[str | int]


def parse_path(text: str) -> Path:
    """Reads a path.

    Raises:
        EngineError: it isn't one.
    """
    parts: Path = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise EngineError(f"invalid path {text!r}")
        name, index, quoted, every = match.groups()
        parts.append(int(index) if index is not None else name or every or quoted)
        position = match.end()
    return parts


def reset(path: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any] | None:
    """`new` with the value at a path as it was in `old`; None where there is no way to it.

    What was secret in `old`, or within what was, is a secret again.
    """
    changed = copy.deepcopy(new)
    return changed if _reset(parse_path(path), old, changed, (False, False)) else None


def _reset(path: Path, old: Any, new: Any, within_secrets: tuple[bool, bool]) -> bool:
    head, *rest = path
    was_secret, is_secret = (
        within or isinstance(value, Secret)
        for within, value in zip(within_secrets, (old, new), strict=True)
    )
    old, new = _open(old), _open(new)
    if head == "*":
        keys = {*_keys(old), *_keys(new)}
        done = [_reset([key, *rest], old, new, (was_secret, is_secret)) for key in keys]
        return all(done)
    was, now = _get(old, head), _get(new, head)
    if rest:
        if was is not _MISSING and now is _MISSING:
            return False
        return now is _MISSING or _reset(rest, was, now, (was_secret, is_secret))
    if was is _MISSING:
        if isinstance(new, dict):
            new.pop(head, None)
        return not isinstance(new, list)
    if now is _MISSING and not isinstance(new, dict):
        return False
    # `Any`, since a part of a path fits what it was found in.
    place: Any = head
    new[place] = secret(was) if was_secret and not is_secret else was
    return True


def _open(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value or [])))


def _get(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key, _MISSING)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return _MISSING
