"""Ends in a row, each under another fault and some with the watcher killed, and what must hold."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from itertools import cycle

from support.checkout import Checkout
from support.watching import Watch

from chime_sandbox.admin import AFTER, BEFORE

NAMES = ("keynote", "workshop", "panel", "room-7")

#: What the service does to the recovery from every other end: kind, operation, when.
FAULTS = (
    ("throttle", "CreateMeetingWithAttendees", BEFORE),
    ("failure", "CreateMeetingWithAttendees", AFTER),
    ("unavailable", "ListAttendees", BEFORE),
    ("drop", "CreateMeetingWithAttendees", AFTER),
    ("forbidden", "CreateMeetingWithAttendees", BEFORE),
    ("limit", "CreateMeetingWithAttendees", BEFORE),
    ("drop", "ListTagsForResource", BEFORE),
    ("end", "CreateMeetingWithAttendees", AFTER),
)


@dataclass(frozen=True)
class Recovered:
    """What became of the ends: how many, in how many seconds each, with how many kills."""

    seconds: list[float]
    kills: int


def recover(
    checkout: Checkout, watch: Watch, ends: int, kill_every: int, seed: int = 6
) -> Recovered:
    """End so many meetings one after the other, and wait for the successor of each.

    Before every other end a fault is put up. At every `kill_every`th the watcher is killed at a
    moment drawn by chance, and started again.
    """
    moments = random.Random(seed)
    faults = cycle(FAULTS)
    seconds, kills = [], 0
    for number, name in zip(range(1, ends + 1), cycle(NAMES), strict=False):
        kills_now = number % kill_every == 0
        (ending,) = watch.live(name)
        if number % 2 == 0:
            kind, operation, when = next(faults)
            checkout.cloud.fault(kind, operation, when=when)
        checkout.cloud.end(ending.meeting_id)
        if kills_now:
            kills += 1
            time.sleep(moments.uniform(0, 4))
            watch.kill()
            watch.start()
        seconds.append(watch.until_recovered(ending))
    checkout.cloud.clear_faults()
    watch.until(lambda: _agrees(checkout), "the state knows what lives")
    return Recovered(seconds, kills)


def _agrees(checkout: Checkout) -> bool:
    lives = {m.meeting_id: m.external_meeting_id for m in checkout.cloud.live()}
    ids = checkout.outputs()["meeting_ids"]
    known = {each: ("room-7" if name == "clinic" else name) for name, each in ids.items()}
    return known.items() <= lives.items()
