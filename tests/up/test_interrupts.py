"""`make up` that is interrupted finishes what runs, saves it, and is completed by the next."""

from __future__ import annotations

import os
import signal
import subprocess

import psutil
import pytest
from support.checkout import PATIENCE, Checkout, until


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
    # The interrupt is in time on a slow machine, since all but the first three wait, and on one
    # with many processors, since Pulumi begins four at once.
    checkout.cloud.fault("hold", "CreateMeetingWithAttendees", skip=3, count=1000)
    running = subprocess.Popen(
        ["make", "up"], cwd=checkout.root, env=checkout.env({"PULUMI_PARALLEL": "4"}),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
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
    for line in running.stdout:
        shown += line
        if "cancel" in line.lower():
            break
    checkout.cloud.clear_faults()
    shown += running.communicate(timeout=PATIENCE)[0]

    assert running.returncode != 0, shown
    assert "Traceback" not in shown
    until(lambda: at_work(checkout) == [], "nothing is at work")
    names = [m.external_meeting_id for m in checkout.cloud.live()]
    assert 3 <= len(names) < 15

    completed = checkout.make("up")

    assert completed.code == 0, completed.text
    after = [m.external_meeting_id for m in checkout.cloud.live()]
    assert len(after) == len(set(after)) >= 15
    assert set(names) <= set(after)
