"""What other resources, and policy packs, see of a meeting in previews: all that can be known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.checkout import Checkout

PROGRAMS = Path(__file__).parent / "programs"

#: What a preview has for a value that the engine does not know yet.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

ARGUMENTS = {"attendees": [{"external_user_id": "ann"}, {"external_user_id": "bob"}]}
ANSWERED = ("attendee_ids", "join_data", "join_tokens", "media_placement")


def environment(**arguments: Any) -> dict[str, str]:
    return {"ARGUMENTS": json.dumps(ARGUMENTS | arguments)}


def previewed(checkout: Checkout, **arguments: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """What a preview is to do with each resource, and with which inputs."""
    run = checkout.pulumi("preview", "--json", "--stack", "dev", env=environment(**arguments))
    assert run.code == 0, run.text
    steps = json.loads(run.out[run.out.index("{") :])["steps"]
    return {
        step["urn"].rpartition("::")[2]: (step["op"], step.get("newState", {}).get("inputs", {}))
        for step in steps
        if not step["op"].startswith(("refresh", "delete"))
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with closing(Checkout.build(tmp_path_factory.mktemp("previews") / "checkout")) as built:
        (built.root / "__main__.py").write_text((PROGRAMS / "previewed.py").read_text())
        (built.root / "taker.py").write_text((PROGRAMS / "taker.py").read_text())
        assert built.pulumi("stack", "init", "dev").code == 0
        yield built


@pytest.fixture(scope="module")
def created(checkout: Checkout) -> dict[str, tuple[str, dict[str, Any]]]:
    """The preview of a create, which is then carried out."""
    shown = previewed(checkout)
    run = checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "dev", env=environment())
    assert run.code == 0, run.text
    return shown


def test_a_create_knows_what_is_declared(created: dict[str, tuple[str, dict[str, Any]]]) -> None:
    operation, inputs = created["taker"]
    assert operation == "create"
    assert inputs["attendees"] == {"ann": {}, "bob": {}}
    assert inputs["media_region"] == "us-east-1"
    assert {name: inputs[name] for name in ANSWERED} == dict.fromkeys(ANSWERED, UNKNOWN)


@pytest.mark.usefixtures("created")
def test_nothing_is_unknown_where_nothing_changes(checkout: Checkout) -> None:
    """Else the resource that takes the outputs would seem to change."""
    command = ("preview", "--expect-no-changes", "--stack", "dev")
    run = checkout.pulumi(*command, env=environment())
    assert run.code == 0, run.text
    assert "3 unchanged" in run.text


@pytest.mark.usefixtures("created")
def test_an_update_knows_the_id_and_what_is_declared(checkout: Checkout) -> None:
    [meeting] = checkout.cloud.live()
    shown = previewed(checkout, attendees={"ann": {}, "cat": {}}, tags={"day": "one"})
    assert shown["keynote"][0] == "update"
    operation, inputs = shown["taker"]
    assert operation == "update"
    assert inputs["attendees"] == {"ann": {}, "cat": {}}
    assert inputs["tags"] == {"day": "one"}
    assert inputs["meeting_id"] == meeting.meeting_id
    assert {name: inputs[name] for name in ANSWERED} == dict.fromkeys(ANSWERED, UNKNOWN)


@pytest.mark.usefixtures("created")
def test_a_replacement_knows_what_is_declared(checkout: Checkout) -> None:
    shown = previewed(checkout, media_region="eu-central-1")
    assert shown["keynote"][0] in ("replace", "create-replacement")
    _, inputs = shown["taker"]
    assert inputs["attendees"] == {"ann": {}, "bob": {}}
    assert inputs["media_region"] == "eu-central-1"
    assert {name: inputs[name] for name in ANSWERED} == dict.fromkeys(ANSWERED, UNKNOWN)
