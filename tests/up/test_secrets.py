"""No join token is ever in plain text but where somebody asks for it in so many words.

The emulated service's tokens are the canaries. They are looked for in all that a stack leaves on
the disk and says on the screen, while every process of it logs all that it can, and while calls
fail and processes are killed at the worst moments. No assertion here sees a token: they count.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.checkout import PATIENCE, Checkout, Run, attend

from chime_sandbox.admin import AFTER

#: Loaded by every Python process of a run: logs everything to a file, whatever else is set up. What
#: stands in for AWS and for Pulumi's own processes is left out: it is not what users run.
TALK = """
import logging, os, sys

if not any("chime_sandbox" in each for each in sys.orig_argv):
    name = os.path.join(os.environ["LOGGED"], f"{os.getpid()}.log")
    logging.basicConfig(level=logging.DEBUG, filename=name, format="%(name)s %(message)s")
    for each in ("boto3", "botocore", "botocore.parsers", "botocore.endpoint", "urllib3"):
        logging.getLogger(each).setLevel(logging.DEBUG)
    logging.debug("this is %s", sys.orig_argv)
"""

CROWD = "".join(f"      - {{external_user_id: guest-{i:02}}}\n" for i in range(22))
SMALL = """\
events:
  - name: keynote
    tags: {room: main}
    recording: true
    transcription: {engine_transcribe_settings: {language_code: en-US}}
    attendees:
      - {external_user_id: speaker-1}
      - {external_user_id: host-1}
  - name: panel
    attendees:
      - {external_user_id: speaker-1}
"""
CHANGED = SMALL.replace("host-1", "host-2").replace("main", "annex")
LARGER = f"{CHANGED}  - name: plenum\n    attendees:\n{CROWD}"


@dataclass
class Recorded:
    """All that a stack said and left behind, and the tokens that must not be in it."""

    checkout: Checkout
    logs: Path
    runs: list[Run] = field(default_factory=list)
    canaries: set[str] = field(default_factory=set, repr=False)
    killed_with: list[str] = field(default_factory=list)

    def run(self, *targets: str, fails: bool = False) -> Run:
        """Run make, and take note of the tokens that there are then."""
        run = self.checkout.make(*targets)
        assert (run.code != 0) is fails, run.text
        self.runs.append(run)
        self.learn()
        return run

    def learn(self) -> None:
        """Take note of every token that the service has, whether or not a state knows it."""
        client = self.client
        for meeting in self.checkout.cloud.live():
            answer = client.list_attendees(MeetingId=meeting.meeting_id)
            self.canaries |= {a["JoinToken"] for a in answer["Attendees"]}

    @property
    def client(self) -> Any:
        """The service, asked by somebody else."""
        return boto3.client(
            "chime-sdk-meetings",
            region_name="us-east-1",
            endpoint_url=self.checkout.cloud.endpoint,
            aws_access_key_id="canary",
            aws_secret_access_key="canary",
        )

    def kill_at(self, operation: str) -> None:
        """Kill all of a run once the service has acted, and before it has answered."""
        self.checkout.cloud.hold(operation, when=AFTER)
        process = subprocess.Popen(
            [sys.executable, "-m", "chime_sandbox", "pulumi", "up", "--yes", "--skip-preview",
             "--stack", "dev"],
            cwd=self.checkout.root,
            env=self.checkout.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )  # fmt: skip
        self.checkout.cloud.wait_held(PATIENCE)
        self.learn()
        os.killpg(process.pid, signal.SIGKILL)
        self.checkout.cloud.clear_faults()
        said, _ = process.communicate(timeout=PATIENCE)
        self.runs.append(Run(process.returncode, said, ""))
        state = self.checkout.state_file.read_text()
        self.killed_with += [
            each["type"] for each in json.loads(state)["checkpoint"]["latest"]["pending_operations"]
        ]
        self.runs.append(Run(0, state, ""))
        self.checkout.pulumi("cancel", "--yes", "--stack", "dev")

    def texts(self) -> Iterator[tuple[str, str]]:
        """All that was said and all that is on the disk, but for the service's own memory.

        Each with what it is from.
        """
        yield from ((f"run {number}", run.text) for number, run in enumerate(self.runs))
        for path in [*self.checkout.root.rglob("*"), *self.logs.iterdir()]:
            inside = str(path).removeprefix(f"{self.checkout.root}/")
            of_others = inside.startswith(
                (".venv", "meeting_provider", "sandbox/", ".sandbox/cloud")
            )
            if path.is_file() and not of_others:
                yield str(path), path.read_text(errors="replace")


def spellings(token: str) -> list[str]:
    """A token, and the secret half of it, as it is and as base64 may have it."""
    padded = token + "=" * (-len(token) % 4)
    secret = base64.b64decode(padded).decode().partition(":")[2]
    return [token, secret, base64.b64encode(token.encode()).decode()[:-4]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A stack that was brought up, changed, refused and killed, with every logger at DEBUG."""
    folder = tmp_path_factory.mktemp("secrets")
    hook, logs = folder / "hook", folder / "logs"
    hook.mkdir()
    logs.mkdir()
    (hook / "sitecustomize.py").write_text(TALK)
    with closing(Checkout.build(folder / "checkout")) as checkout:
        checkout.environment |= {"PYTHONPATH": str(hook), "LOGGED": str(logs)}
        recorded = Recorded(checkout, logs)
        checkout.schedule = SMALL
        recorded.run("up")
        checkout.schedule = CHANGED
        recorded.run("preview")
        fail_midway(recorded)
        kill_midway(recorded)
        recorded.run("up", "outputs", "preview")
        recorded.runs += [
            checkout.pulumi("up", "--diff", "--yes", "--skip-preview", "--stack", "dev"),
            checkout.pulumi("refresh", "--diff", "--yes", "--skip-preview", "--stack", "dev"),
            checkout.pulumi("stack", "export", "--stack", "dev"),
            checkout.pulumi("stack", "output", "--json", "--stack", "dev"),
        ]
        assert [r.code for r in recorded.runs[-4:]] == [0] * 4
        attend(checkout.cloud, checkout.cloud.live())
        yield recorded


def fail_midway(recorded: Recorded) -> None:
    """Have an update, and then a create, fail when there are tokens already."""
    recorded.checkout.cloud.fault("forbidden", "TagResource")
    recorded.run("up", fails=True)
    recorded.checkout.schedule = LARGER
    recorded.checkout.cloud.refuse_attendees("Forbidden", external_user_ids=["guest-07"])
    recorded.run("up", fails=True)


def kill_midway(recorded: Recorded) -> None:
    """Kill a create, and then an update, when there are tokens already."""
    recorded.kill_at("CreateMeetingWithAttendees")
    recorded.run("up")
    recorded.checkout.schedule = LARGER.replace("host-2", "host-3")
    recorded.kill_at("BatchCreateAttendee")


def test_no_token_is_in_plain_text_anywhere(recorded: Recorded) -> None:
    assert len(recorded.canaries) >= 25
    needles = [each for token in recorded.canaries for each in spellings(token)]
    leaks = [where for where, text in recorded.texts() if any(each in text for each in needles)]
    assert leaks == []


def test_the_canaries_are_the_tokens_that_the_stack_gives_to_who_asks(recorded: Recorded) -> None:
    """Else the search above would look for the wrong thing."""
    given = {t for tokens in recorded.checkout.join_tokens().values() for t in tokens.values()}
    assert len(given) == 25
    strangers = len(given - recorded.canaries)
    assert strangers == 0


def test_the_state_was_looked_at_with_operations_pending(recorded: Recorded) -> None:
    assert set(recorded.killed_with) == {"creating", "updating"}


def test_the_hosts_logged_all_that_they_could(recorded: Recorded) -> None:
    hosts = [t for t in map(Path.read_text, recorded.logs.iterdir()) if "pulumi.dynamic" in t]
    assert len(hosts) >= 6


def test_a_client_that_nobody_quietens_logs_tokens(recorded: Recorded, tmp_path: Path) -> None:
    """Else the search above would find nothing in the logs whatever the provider did."""
    meeting = recorded.checkout.cloud.live()[0].meeting_id
    code = (
        "import boto3; boto3.client('chime-sdk-meetings', region_name='us-east-1')"
        f".list_attendees(MeetingId='{meeting}')"
    )
    run = recorded.checkout.run(
        sys.executable, "-m", "chime_sandbox", "run", "--", sys.executable, "-c", code,
        env={"LOGGED": str(tmp_path)},
    )  # fmt: skip
    assert run.code == 0, run.err
    logged = "".join(path.read_text() for path in tmp_path.iterdir())
    found = sum(token in logged for token in recorded.canaries)
    assert found > 0
