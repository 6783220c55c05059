"""The policy that README.md gives allows what the provider calls, and no more."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path

from support.constraints import service_model

from meeting_provider import client

README = Path(__file__).parents[2] / "README.md"


def allowed() -> list[str]:
    """The actions of the first policy in README.md."""
    blocks = re.findall(r"```json\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    policy = next(json.loads(b) for b in blocks if "chime:" in b)
    assert [s["Effect"] for s in policy["Statement"]] == ["Allow"]
    actions: list[str] = policy["Statement"][0]["Action"]
    return actions


def called() -> set[str]:
    """The operations that the client names where it calls."""
    tree = ast.parse(inspect.getsource(client))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    names = [c.args[0] for c in calls if getattr(c.func, "attr", "") == "_call"]
    assert names
    assert all(isinstance(n, ast.Constant) for n in names)
    return {str(ast.literal_eval(n)) for n in names}


def test_it_allows_what_is_called_and_no_more():
    assert allowed() == sorted(f"chime:{operation}" for operation in called())


def test_it_names_operations_of_the_service():
    assert called() <= set(service_model().operation_names)
