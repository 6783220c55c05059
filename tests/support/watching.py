"""A watcher of a checkout's stack, as a process of its own, and what is to be seen of its work."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import boto3

from chime_sandbox.admin import Meeting
from support.checkout import PATIENCE, Checkout, attend
from support.queues import queued

_TELL: Final = "import json, os; print(json.dumps(dict(os.environ)))"


class Watch:
    """The watcher of the stack dev. It can be started again and again; its log goes on."""

    def __init__(self, checkout: Checkout, *options: str) -> None:
        self._checkout = checkout
        self._options = options
        shown = checkout.run(
            sys.executable, "-m", "chime_sandbox", "run", "--", sys.executable, "-c", _TELL
        )
        assert shown.code == 0, shown.text
        #: What a command has to have in its environment to stay in the checkout's sandbox.
        self.environment: dict[str, str] = json.loads(shown.out)
        self._log = checkout.root / "watch.log"
        self._said_before = len(self._log.read_text()) if self._log.exists() else 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """All that it has said, and no other watcher before it."""
        return self._log.read_text()[self._said_before :] if self._log.exists() else ""

    def start(self) -> None:
        """Have it watch; returns once it does."""
        said = self.log.count(" watching ")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "meeting_provider.watch", "--stack", "dev", *self._options),
                cwd=self._checkout.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.until(lambda: self.log.count(" watching ") > said, "it begins to watch")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        return self._end(signal.SIGTERM)

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting for what it does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def pause(self) -> None:
        """Stop it where it is, until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.poll() is None

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self.wait()

    # What comes of it

    def until(self, true: Callable[[], object], what: str) -> float:
        """Wait until something is so; how many seconds it took."""
        began = time.monotonic()
        while not true():
            assert time.monotonic() - began < PATIENCE, f"not in time: {what}\n{self.log}"
            time.sleep(0.1)
        return time.monotonic() - began

    def known(self) -> list[Meeting]:
        """The living meetings that the state has.

        A watcher that is killed during a create may leave another one, which nobody can join.
        """
        state = json.loads(self._checkout.state_file.read_text())
        resources = state["checkpoint"]["latest"].get("resources") or ()
        ids = {each.get("id") for each in resources}
        return [m for m in self._checkout.cloud.live() if m.meeting_id in ids]

    def live(self, name: str) -> list[Meeting]:
        """Those of a name."""
        return [m for m in self.known() if m.external_meeting_id == name]

    def successor(self, ended: Meeting) -> Meeting | None:
        """What lives in place of a meeting that ended."""
        found = self.live(ended.external_meeting_id)
        return found[0] if found and found[0].meeting_id != ended.meeting_id else None

    def until_recovered(self, ended: Meeting) -> float:
        """Wait for a successor; how many seconds it took."""
        return self.until(
            lambda: self.successor(ended), f"{ended.external_meeting_id} has a successor"
        )

    def until_quiet(self) -> None:
        """Wait until it has done all that there is to do, and the queue holds nothing."""
        self.until(lambda: self.waits and self.queued() == 0, "it waits, and the queue is empty")

    def until_attended(self) -> None:
        """Have somebody be in each meeting, once all are up."""
        self.until_quiet()
        attend(self._checkout.cloud, self.known())

    def until_updated(self, folder: str, times: int) -> None:
        """Wait until a consumer has been updated so many times."""
        said = f"dev of {folder} is up to date"
        self.until(lambda: self.log.count(said) >= times, f"{folder} is updated")

    @property
    def waits(self) -> bool:
        """Whether the last that it began is done."""
        log = self.log
        begun = max(log.rfind(" watching "), log.rfind("bringing up"), log.rfind("has ended"))
        return log.rfind("waiting for ends") > begun

    def overlaps(self) -> list[str]:
        """The names that had two living meetings at once.

        What a killed create left behind doesn't count: it is alive, or ended because it was idle,
        and the state doesn't have it.
        """
        known = {m.meeting_id for m in self.known()}
        lives: dict[str, list[Meeting]] = {}
        for meeting in self._checkout.cloud.meetings():
            if meeting.meeting_id in known or meeting.end_reason not in (None, "idle"):
                lives.setdefault(meeting.external_meeting_id, []).append(meeting)
        return [
            name
            for name, line in lives.items()
            if any(a.ended_at is None or a.ended_at > b.created_at for a, b in pairwise(line))
        ]

    # Its queue

    @cached_property
    def queue_url(self) -> str:
        """The queue that the stack exports."""
        run = self._checkout.pulumi("stack", "output", "queue_url", "--stack", "dev")
        assert run.code == 0, run.text
        return run.out.strip()

    @cached_property
    def sqs(self) -> Any:
        """A client of the sandbox's queues."""
        return boto3.client(
            "sqs",
            region_name="us-east-1",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def queued(self) -> int:
        """How many messages the queue has, received or not."""
        return queued(self.sqs, self.queue_url)

    def lose(self) -> bool:
        """Delete a message that nobody has received; whether there was one."""
        found = self.sqs.receive_message(QueueUrl=self.queue_url).get("Messages", [])
        for message in found:
            receipt = message["ReceiptHandle"]
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=receipt)
        return bool(found)

    def dead_letters(self) -> list[str]:
        """What the dead-letter queue has, each body."""
        (url,) = [u for u in self.sqs.list_queues()["QueueUrls"] if "-dead-letters" in u]
        answer = self.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]
