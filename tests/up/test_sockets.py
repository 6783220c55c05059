"""Nothing is sent anywhere but to this machine."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

from support.checkout import Checkout

#: Loaded by every Python process of a run: records which addresses it connects to or looks up.
WATCH = """
import json, os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        where = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        host = where[0] if isinstance(where, tuple) else where
        host = host.decode() if isinstance(host, bytes) else host
        with open(os.environ["WATCHED"], "a") as seen:
            seen.write(json.dumps([os.getpid(), event, str(host)]) + "\\n")

sys.addaudithook(watch)
"""


def test_all_that_python_connects_to_is_on_loopback(checkout: Checkout, tmp_path: Path) -> None:
    hook, seen = tmp_path / "hook", tmp_path / "seen"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(WATCH)
    checkout.environment |= {"PYTHONPATH": str(hook), "WATCHED": str(seen)}

    run = checkout.make("up", "outputs", "down")

    assert run.code == 0, run.text
    events = [json.loads(line) for line in seen.read_text().splitlines()]
    assert len({process for process, _, _ in events}) > 1
    abroad = {host for _, _, host in events if not is_here(host)}
    assert abroad == set()


def is_here(host: str) -> bool:
    """Whether a host is this machine; a socket with a path is."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
