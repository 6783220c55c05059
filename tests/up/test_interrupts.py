"""`make up` that is interrupted finishes what runs, saves it, and is completed by the next."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import psutil
import pytest
from support.checkout import Checkout


def at_work(checkout: Checkout) -> list[str]:
    """The processes at work in a checkout, but for the emulator."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        folder, command = process.info["cwd"] or "", " ".join(process.info["cmdline"] or ())
        if folder.startswith(str(checkout.root)) and "chime_sandbox.server" not in command:
            found.append(command)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_after_the_third_meeting_is_completed_by_the_next_up(
    checkout: Checkout, number: signal.Signals
) -> None:
    checkout.leave_desk()
    started = checkout.run(".venv/bin/chime-sandbox", "up")
    assert started.code == 0, started.text
    checkout.cloud.latency(0.5)
    running = subprocess.Popen(
        ["make", "up"], cwd=checkout.root, env=checkout.env(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stdout
    shown, created = "", 0
    for line in running.stdout:
        shown += line
        created += "meeting:Meeting" in line and "created" in line
        created += "dynamic:Meeting" in line and "created" in line
        if created == 3:
            break
    if number == signal.SIGINT:
        # A terminal sends it to all. Make doesn't pass it on.
        os.killpg(running.pid, number)
    else:
        # Make passes it on, and Pulumi ends at once at a second one.
        running.send_signal(number)
    rest, _ = running.communicate(timeout=120)
    shown += rest

    assert running.returncode != 0, shown
    assert "Traceback" not in shown
    for _ in range(200):
        if not (left := at_work(checkout)):
            break
        time.sleep(0.05)
    assert left == []
    names = [m.external_meeting_id for m in checkout.cloud.live()]
    assert 3 <= len(names) < 15
    checkout.cloud.latency(0)

    completed = checkout.make("up")

    assert completed.code == 0, completed.text
    after = [m.external_meeting_id for m in checkout.cloud.live()]
    assert len(after) == len(set(after)) >= 15
    assert set(names) <= set(after)
