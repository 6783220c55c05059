"""What an `up` costs where there is nothing to do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.checkout import Checkout, Run, attend

#: Loaded by every Python process of a run: writes down that the process imports boto3.
WATCH = """
import json, os, sys

def watch(event, arguments):
    if event == "import" and arguments[0] in ("boto3", "meeting_provider"):
        with open(os.environ["WATCHED"], "a") as seen:
            seen.write(json.dumps([sys.orig_argv, arguments[0]]) + "\\n")

sys.addaudithook(watch)
"""

MEETINGS = 8
SCHEDULE = "events:\n" + "".join(
    f"  - name: talk-{n}\n    attendees:\n"
    f"      - external_user_id: speaker-{n}\n      - external_user_id: host-{n}\n"
    for n in range(MEETINGS)
)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose schedule is up as it is declared."""
    checkout = Checkout.build(tmp_path_factory.mktemp("quiet") / "checkout")
    checkout.schedule = SCHEDULE
    try:
        succeed(checkout.pulumi("stack", "select", "--create", "dev"))
        up(checkout)
        attend(checkout.cloud, checkout.cloud.live())
        yield checkout
    finally:
        checkout.close()


def test_a_look_makes_no_write_and_the_fewest_reads(quiet: Checkout) -> None:
    """Attendees and tags of each meeting: what can drift and can be read, each in one call."""
    quiet.cloud.clear_requests()
    up(quiet, "--refresh")
    calls = Counter(call.operation for call in quiet.cloud.requests())
    assert calls == {"ListAttendees": MEETINGS, "ListTagsForResource": MEETINGS}


def test_without_a_look_there_is_no_call_and_no_boto3(quiet: Checkout, tmp_path: Path) -> None:
    hook, seen = tmp_path / "hook", tmp_path / "seen"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(WATCH)
    quiet.cloud.clear_requests()
    environment = {"PYTHONPATH": str(hook), "WATCHED": str(seen)}

    up(quiet, "--refresh=false", env=environment)

    assert quiet.cloud.requests() == []
    imports = [json.loads(line) for line in seen.read_text().splitlines()]
    hosts = {name for command, name in imports if "pulumi.dynamic" in command}
    assert hosts == {"meeting_provider"}
    programs = {name for command, name in imports if "chime_sandbox.aws_plugin" not in str(command)}
    assert programs == {"meeting_provider"}


def up(checkout: Checkout, *options: str, env: dict[str, str] | None = None) -> None:
    command = ("up", "--yes", "--skip-preview", "--stack", "dev", *options)
    succeed(checkout.pulumi(*command, env=env))


def succeed(run: Run) -> None:
    assert run.code == 0, run.text
