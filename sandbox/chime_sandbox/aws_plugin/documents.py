"""Compares JSON texts and IAM policies by their meaning."""

import json
from typing import Any


def same_json(one: str, other: str) -> bool:
    """Whether two texts are the same JSON in any format. An empty text is an absent document."""
    return one == other or _parsed(one) == _parsed(other)


def same_policy(one: str, other: str) -> bool:
    """Whether two policies are equivalent.

    A list with one element equals the element, the order of lists doesn't matter, and numbers and
    booleans equal their texts (hashicorp/awspolicyequivalence).
    """
    return one == other or _canonical(_parsed(one)) == _canonical(_parsed(other))


def is_json(text: str) -> bool:
    """Whether the text is JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _parsed(text: str) -> Any:
    return json.loads(text) if text and is_json(text) else text


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        items = sorted((_canonical(item) for item in value), key=json.dumps)
        return items[0] if len(items) == 1 else items
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value
