"""Property values and their differences as text; nothing secret gets past `masked`.

The layout follows the CLI's object_diff.go: four spaces a level, the last two taken by the mark of
a changed line, keys padded to one width.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sandbox.engine.display.pen import MARKS, STYLES, Line
from sandbox.engine.events import Op
from sandbox.engine.values import Secret, Unknown

MOST_LINES: Final = 3
LONGEST_LINE: Final = 150


class _Masked:
    """Stands where a secret stood. All are equal: a change of a secret is not shown either."""

    def __repr__(self) -> str:
        return "[secret]"


_MASKED: Final = _Masked()


def masked(value: Any, *, reveal: bool = False) -> Any:
    """`value` with its secrets, at any depth, replaced by a mark or, to `reveal`, laid bare."""
    if isinstance(value, Secret):
        return masked(value.value, reveal=True) if reveal else _MASKED
    if isinstance(value, Mapping):
        return {key: masked(item, reveal=reveal) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, reveal=reveal) for item in value]
    return value


@dataclass(frozen=True)
class Change:
    """What became of a value: SAME, CREATE, UPDATE or DELETE; containers' parts by key or index."""

    op: Op
    old: Any = None
    new: Any = None
    parts: Mapping[str | int, "Change"] = field(default_factory=dict)
    is_json: bool = False


def compare(old: Any, new: Any) -> Change:
    """Compare two masked values. None counts as absent; names that start with `__` are internal."""
    if old is None or new is None:
        ops = {(True, True): Op.SAME, (True, False): Op.CREATE, (False, True): Op.DELETE}
        return Change(ops[old is None, new is None], old, new)
    keys = _common_keys(old, new)
    if keys is not None:
        parts = {key: compare(_item(old, key), _item(new, key)) for key in keys}
        changed = any(part.op is not Op.SAME for part in parts.values())
        return Change(Op.UPDATE if changed else Op.SAME, old, new, parts)
    if isinstance(old, bool) == isinstance(new, bool) and old == new:
        return Change(Op.SAME, old, new)
    decoded = _decoded(old), _decoded(new)
    if None not in decoded and _common_keys(*decoded) is not None and decoded[0] != decoded[1]:
        return Change(Op.UPDATE, old, new, compare(*decoded).parts, is_json=True)
    return Change(Op.UPDATE, old, new)


def _common_keys(old: Any, new: Any) -> list[str] | list[int] | None:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return sorted(key for key in {*old, *new} if not key.startswith("__"))
    if isinstance(old, list) and isinstance(new, list):
        return list(range(max(len(old), len(new))))
    return None


def _item(container: Any, key: str | int) -> Any:
    if isinstance(key, str):
        return container.get(key)
    return container[key] if key < len(container) else None


def _decoded(value: Any) -> Any:
    """The object or array that a string holds as JSON, or None."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def object_lines(props: Mapping[str, Any], indent: int, op: Op = Op.SAME) -> Iterator[Line]:
    """Every property of an object, unmarked."""
    yield from (Line(text, STYLES[op]) for text in _entries(props, indent, ""))


def diff_lines(old: Mapping[str, Any], new: Mapping[str, Any], indent: int) -> Iterator[Line]:
    """What differs between two objects, among what stayed."""
    change = compare(old, new)
    if change.op is Op.SAME:
        yield from object_lines(new, indent)
    else:
        yield from _parts_lines(change.parts, indent)


def output_lines(
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    indent: int,
    *,
    inputs: Mapping[str, Any] | None = None,
    sames: bool,
) -> Iterator[Line]:
    """Outputs as they changed. Those that merely repeat an input are left out.

    Without `sames`, unchanged ones are left out, and so are those that only an update will know.
    """
    change = compare(old, new)
    repeated = {key for key, value in (inputs or {}).items() if new.get(key) == value}
    if old is None or (sames and change.op is Op.SAME):
        worth = {key for key in new if _worth_showing(new[key]) and key not in repeated}
        for line in _entries(new, indent, "", worth):
            yield Line(line, STYLES[Op.CREATE] if old is None else "")
        return
    shown = change if sames else _without_unknown(change)
    parts = {
        key: part
        for key, part in shown.parts.items()
        if key not in repeated and (sames or part.op is not Op.SAME)
    }
    yield from _parts_lines(parts, indent, width=_width(shown.parts))


def _without_unknown(change: Change) -> Change:
    """The same without the properties that only an update will know; lists keep all items."""
    parts = {
        key: _without_unknown(part)
        for key, part in change.parts.items()
        if isinstance(key, int) or part.op is not Op.UPDATE or not isinstance(part.new, Unknown)
    }
    return replace(change, parts=parts)


def _parts_lines(
    parts: Mapping[str | int, Change], indent: int, width: int | None = None
) -> Iterator[Line]:
    width = _width(parts) if width is None else width
    for key, part in parts.items():
        if isinstance(key, int):
            yield from _change_lines(f"[{key}]: ", part, indent, indent + 1)
        elif part.op is not Op.SAME or _worth_showing(part.old):
            yield from _change_lines(f"{key:<{width}}: ", part, indent, indent)


def _change_lines(title: str, change: Change, indent: int, body: int) -> Iterator[Line]:
    """The title stands at `indent`; what belongs to the value hangs at `body`."""
    if change.op is Op.SAME:
        yield from _value_lines(title, change.old, Op.SAME, indent, body)
    elif change.parts or (isinstance(change.old, Mapping) and isinstance(change.new, Mapping)):
        opening, closing = "[]" if 0 in change.parts else "{}"
        style = STYLES[Op.UPDATE]
        note = "(json) " if change.is_json else ""
        yield Line(f"{_margin(indent, MARKS[Op.UPDATE])}{title}{note}{opening}", style)
        yield from _parts_lines(change.parts, body + 1)
        yield Line(_margin(body) + closing, style)
    elif change.op is Op.UPDATE and all(_is_shown_inline(v) for v in (change.old, change.new)):
        text = f"{title}{_word(change.old)} => {_word(change.new)}"
        yield Line(_margin(indent, MARKS[Op.UPDATE]) + text, STYLES[Op.UPDATE])
    else:
        for op, value in ((Op.DELETE, change.old), (Op.CREATE, change.new)):
            if change.op in (op, Op.UPDATE) and _worth_showing(value, also_empty=change.op is op):
                yield from _value_lines(title, value, op, indent, body)


def _value_lines(title: str, value: Any, op: Op, indent: int, body: int) -> Iterator[Line]:
    mark = "" if op is Op.SAME else MARKS[op]
    first, *rest = _block(value, body, mark)
    yield Line(_margin(indent, mark) + title + first, STYLES[op])
    yield from (Line(text, STYLES[op]) for text in rest)


def _block(value: Any, indent: int, mark: str) -> list[str]:
    """A value as lines: the first to stand behind its title, the others indented already."""
    decoded = _decoded(value)
    if decoded is not None:
        first, *rest = _block(decoded, indent, mark)
        return [f"(json) {first}", *rest, ""]
    if isinstance(value, Mapping) and value:
        return ["{", *_entries(value, indent + 1, mark), _margin(indent) + "}"]
    if isinstance(value, list) and value:
        lines = ["["]
        for index, item in enumerate(value):
            first, *rest = _block(item, indent + 1, mark)
            lines += [f"{_margin(indent, mark)}    [{index}]: {first}", *rest]
        return [*lines, _margin(indent) + "]"]
    return [_word(_shortened(value))]


def _entries(
    props: Mapping[str, Any], indent: int, mark: str, only: set[str] | None = None
) -> Iterator[str]:
    width = _width(props)
    for key in sorted(props):
        if not key.startswith("__") and (only is None or key in only):
            first, *rest = _block(props[key], indent, mark)
            yield f"{_margin(indent, mark)}{key:<{width}}: {first}"
            yield from rest


def _margin(indent: int, mark: str = "") -> str:
    return (" " * (4 * indent - len(mark))) + mark


def _width(keys: Mapping[Any, Any]) -> int:
    return max((len(key) for key in keys if isinstance(key, str)), default=0)


def _worth_showing(value: Any, *, also_empty: bool = False) -> bool:
    return also_empty or not (value is None or value in ("", [], {}))


def _is_shown_inline(value: Any) -> bool:
    return _worth_showing(value) and not isinstance(value, Mapping | list)


def _shortened(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    lines = value.split("\n")
    kept = [
        line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "..."
        for line in lines[:MOST_LINES]
    ]
    return "\n".join(kept if len(lines) <= MOST_LINES else [*kept, "..."])


def _word(value: Any) -> str:
    if value is None:
        return "<null>"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    if isinstance(value, str | bool | int | float | list | Mapping):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
