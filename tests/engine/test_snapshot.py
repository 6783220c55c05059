"""What a run writes of its state, over and over, is what is there."""

import json
from typing import Any

import pytest

from sandbox.engine import secrets, snapshot
from sandbox.engine.secrets import Crypter
from sandbox.engine.snapshot import Resource, Snapshot, Writer
from sandbox.engine.values import Secret

URN = "urn:pulumi:dev::conference::pulumi-python:dynamic:Meeting::"


@pytest.fixture(scope="module")
def crypter() -> Crypter:
    return Crypter(secrets.new_salt("open sesame"), "open sesame")


def meeting(name: str) -> Resource:
    outputs = {"name": f"{name} «é»", "token": Secret(f"token of {name}")}
    return Resource(f"{URN}{name}", "meeting", custom=True, outputs=outputs)


def resources(writer: Writer, *found: Resource) -> list[dict[str, Any]]:
    stored: list[dict[str, Any]] = json.loads(writer.text(Snapshot(list(found))))["resources"]
    return stored


def loaded(writer: Writer, state: Snapshot, crypter: Crypter) -> Snapshot:
    return snapshot.load(json.loads(writer.text(state)), crypter)


def test_what_is_written_is_loaded_again(crypter: Crypter) -> None:
    writer, standup = Writer(crypter), meeting("standup")
    state = Snapshot([meeting("keynote"), standup], [("updating", standup)])
    for _ in range(2):
        found = loaded(writer, state, crypter)
        assert [vars(r) for r in found.resources] == [vars(r) for r in state.resources]
        assert [(kind, vars(r)) for kind, r in found.pending] == [("updating", vars(standup))]
    assert json.loads(writer.text(Snapshot())).keys() == {
        *("manifest", "secrets_providers", "metadata")
    }


def test_a_step_writes_anew_what_it_changes_and_nothing_else(crypter: Crypter) -> None:
    writer, keynote, standup = Writer(crypter), meeting("keynote"), meeting("standup")
    before = resources(writer, keynote, standup)
    standup.outputs = {**standup.outputs, "name": "another"}
    after = resources(writer, keynote, standup)
    assert after[0] == before[0]
    assert after[1]["outputs"]["name"] == "another"
    standup.dependencies = [keynote.urn]
    standup.delete = True
    last = resources(writer, keynote, standup)
    assert last[0] == before[0]
    assert (last[1]["dependencies"], last[1]["delete"]) == ([keynote.urn], True)


def test_no_secret_is_written_in_plain_text(crypter: Crypter) -> None:
    writer, state = Writer(crypter), Snapshot([meeting("keynote")])
    assert "token of" not in writer.text(state)
    assert "token of" not in writer.text(state)
