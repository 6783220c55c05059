"""The watcher replaces what ends too soon, and only that, whatever happens to it meanwhile."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from consumers.conftest import SCHEDULE
from consumers.recovery import NAMES, recover
from support.checkout import Checkout
from support.watching import Watch

from meeting_provider.watch import requests
from meeting_provider.watch.errors import StackFailed
from meeting_provider.watch.stack import WatchedStack

ALL = os.environ.get("RECOVERIES") == "all"
ENDS, KILL_EVERY = (50, 7) if ALL else (6, 4)


def ended_message(meeting_id: str, name: str) -> str:
    """What the service writes of an end."""
    detail = {
        "eventType": "chime:MeetingEnded",
        "meetingId": meeting_id,
        "externalMeetingId": name,
    }
    envelope = {"source": "aws.chime", "detail-type": "Chime Meeting State Change"}
    return json.dumps({**envelope, "detail": detail})


def join_tokens(checkout: Checkout) -> list[str]:
    return [t for each in checkout.join_tokens().values() for t in each.values()]


def test_every_end_has_one_successor_through_faults_and_kills(
    checkout: Checkout, watch: Watch
) -> None:
    recovered = recover(checkout, watch, ENDS, KILL_EVERY)
    watch.until_quiet()
    assert len(recovered.seconds) == ENDS
    assert recovered.kills == ENDS // KILL_EVERY
    known = watch.known()
    assert sorted(m.external_meeting_id for m in known) == sorted(NAMES)
    assert len(checkout.cloud.live()) - len(known) <= recovered.kills
    assert watch.overlaps() == []
    leaks = sum(token in watch.log for token in join_tokens(checkout))
    assert leaks == 0
    print(
        f"\n{ENDS} ends, {recovered.kills} kills: recovered after {min(recovered.seconds):.1f} to "
        f"{max(recovered.seconds):.1f} seconds, "
        f"{statistics.median(recovered.seconds):.1f} at the median"
    )


def test_a_burst_of_ends_is_one_up(checkout: Checkout, watch: Watch) -> None:
    watch.until_quiet()
    before = watch.log.count("bringing up")
    endings = watch.known()
    # On a busy machine it would have brought up the first before the last has ended.
    watch.pause()
    for meeting in endings:
        checkout.cloud.end(meeting.meeting_id)
    watch.resume()
    for meeting in endings:
        watch.until_recovered(meeting)
    watch.until_quiet()
    assert len(endings) == len(NAMES)
    # The ends may come on both sides of one look at the queue.
    assert watch.log.count("bringing up") - before <= 2


TIMED = (
    SCHEDULE
    + """\
  - name: evening
    start: 2030-01-01T18:00:00Z
    end: 2030-01-01T19:00:00Z
    attendees: [{external_user_id: speaker-4}]
  - name: night
    start: 2030-01-01T20:00:00Z
    end: 2030-01-01T21:00:00Z
    attendees: [{external_user_id: speaker-5}]
"""
)


@pytest.fixture
def at(checkout: Checkout) -> Iterator[Callable[[str], None]]:
    """Sets the time that the schedule is looked at."""

    def set_now(time: str) -> None:
        run = checkout.pulumi("config", "set", "meetings:now", time, "--stack", "dev")
        assert run.code == 0, run.text

    yield set_now
    checkout.pulumi("config", "rm", "meetings:now", "--stack", "dev")


def test_nothing_is_made_outside_of_its_window(
    checkout: Checkout, watch: Watch, at: Callable[[str], None]
) -> None:
    watch.until_quiet()
    checkout.schedule = TIMED
    at("2030-01-01T18:30:00Z")
    bring_up(checkout)
    (evening,) = watch.live("evening")
    checkout.cloud.end(evening.meeting_id)
    watch.until_recovered(evening)
    watch.until_quiet()

    (evening,) = watch.live("evening")
    at("2030-01-01T20:30:00Z")
    checkout.cloud.end(evening.meeting_id)
    watch.until(lambda: "evening" in settled(watch), "the evening's end is settled")
    watch.until_quiet()
    # What has opened meanwhile is made as well, or the outputs would have a gap in its place.
    assert watch.live("evening") == []
    assert len(watch.live("night")) == 1
    lives = {m.external_meeting_id: m.meeting_id for m in watch.known()}
    ids = checkout.outputs()["meeting_ids"]
    assert {**ids, "room-7": ids["clinic"]} == {**lives, "clinic": lives["room-7"]}


def settled(watch: Watch) -> str:
    return "\n".join(x for x in watch.log.splitlines() if "needs no replacement" in x)


def bring_up(checkout: Checkout) -> None:
    run = checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert run.code == 0, run.text


def test_what_a_deploy_ends_is_left_alone(checkout: Checkout, watch: Watch) -> None:
    watch.until_quiet()
    checkout.schedule = SCHEDULE.replace("eu-central-1", "eu-west-1").split("  - name: clinic")[0]
    bring_up(checkout)
    after = checkout.cloud.writes()[-1].number
    watch.until(lambda: "needs no replacement" in watch.log, "the clinic's end is settled")
    watch.until_quiet()
    assert checkout.cloud.writes(after=after) == []
    assert sorted(m.external_meeting_id for m in watch.known()) == sorted(NAMES[:3])


def test_repeated_late_and_unknown_ends_create_nothing(checkout: Checkout, watch: Watch) -> None:
    (ending,) = watch.live("keynote")
    checkout.cloud.end(ending.meeting_id)
    watch.until_recovered(ending)
    watch.until_quiet()
    after = checkout.cloud.writes()[-1].number
    for _ in range(2):
        ended = ended_message(ending.meeting_id, "keynote")
        watch.sqs.send_message(QueueUrl=watch.queue_url, MessageBody=ended)
    stranger = ended_message("11111111-2222-3333-4444-555555555555", "of-another-stack")
    watch.sqs.send_message(QueueUrl=watch.queue_url, MessageBody=stranger)
    watch.until_quiet()
    assert checkout.cloud.writes(after=after) == []


def request(watch: Watch, meeting_id: str, name: str) -> None:
    """Send what the join desk's server sends."""
    body = requests.message(meeting_id, name, "join-desk")
    watch.sqs.send_message(QueueUrl=watch.queue_url, MessageBody=body)


def test_a_request_for_a_meeting_that_lives_or_was_replaced_changes_nothing(
    checkout: Checkout, watch: Watch
) -> None:
    """And it doesn't stay in the queue."""
    (ended,) = watch.live("keynote")
    checkout.cloud.end(ended.meeting_id)
    watch.until_recovered(ended)
    watch.until_quiet()
    after = checkout.cloud.writes()[-1].number
    (alive,) = watch.live("keynote")
    for meeting in (ended, alive):
        request(watch, meeting.meeting_id, "keynote")
    watch.until(lambda: f"({alive.meeting_id}) is requested" in watch.log, "it is noticed")
    watch.until_quiet()
    assert checkout.cloud.writes(after=after) == []
    assert watch.live("keynote") == [alive]
    assert "still exists, but" not in watch.log


def test_a_request_brings_up_a_meeting_whose_end_nobody_notified(
    checkout: Checkout, watch: Watch
) -> None:
    """The service drops a notification that the queue's policy doesn't admit."""
    watch.until_quiet()
    policy = watch.sqs.get_queue_attributes(QueueUrl=watch.queue_url, AttributeNames=["Policy"])
    watch.sqs.set_queue_attributes(QueueUrl=watch.queue_url, Attributes={"Policy": ""})
    (ended,) = watch.live("panel")
    checkout.cloud.end(ended.meeting_id)
    for _ in range(2):
        request(watch, ended.meeting_id, "panel")
    watch.until_recovered(ended)
    watch.until_quiet()
    watch.sqs.set_queue_attributes(QueueUrl=watch.queue_url, Attributes=policy["Attributes"])
    assert watch.log.count("bringing up panel") == 1
    assert len(watch.live("panel")) == 1


def test_an_end_that_the_service_denies_creates_nothing_and_its_message_stays(watch: Watch) -> None:
    watch.until_quiet()
    (alive,) = watch.live("keynote")
    ended = ended_message(alive.meeting_id, "keynote")
    watch.sqs.send_message(QueueUrl=watch.queue_url, MessageBody=ended)
    warning = "still exists, but a notification says that it ended"
    watch.until(lambda: warning in watch.log, "it is noticed")
    assert watch.queued() == 1
    assert watch.live("keynote") == [alive]
    watch.sqs.purge_queue(QueueUrl=watch.queue_url)


def test_what_nobody_can_read_is_left_to_the_dead_letters_and_kept_out_of_the_log(
    checkout: Checkout, watch: Watch
) -> None:
    watch.until_quiet()
    sent = watch.sqs.send_message(QueueUrl=watch.queue_url, MessageBody="not for anybody's eyes")
    watch.until(lambda: sent["MessageId"] in watch.log, "it is noticed")
    (ending,) = watch.live("panel")
    checkout.cloud.end(ending.meeting_id)
    watch.until_recovered(ending)
    watch.until(lambda: watch.dead_letters() == ["not for anybody's eyes"], "it is put aside")
    watch.until_quiet()
    assert "anybody's eyes" not in watch.log
    assert watch.log.count(sent["MessageId"]) == 1


def lock(checkout: Checkout, pid: int, project: str = "meetings") -> Path:
    """Have a deploy hold a project's stack, or seem to."""
    folder = checkout.root / ".sandbox/state/.pulumi/locks/organization" / project / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    held = folder / "11111111-2222-3333-4444-555555555555.json"
    held.write_text(
        json.dumps(
            {
                "pid": pid,
                "username": "somebody",
                "hostname": socket.gethostname(),
                "timestamp": "2026-01-01T00:00:00Z",
            }
        )
    )
    return held


def test_a_deploy_that_runs_is_waited_for(checkout: Checkout, watch: Watch) -> None:
    watch.until_quiet()
    held = lock(checkout, os.getpid())
    (ending,) = watch.live("workshop")
    checkout.cloud.end(ending.meeting_id)
    watch.until(lambda: watch.log.count("another deploy has the stack") >= 2, "it tries twice")
    assert watch.live("workshop") == []
    assert watch.queued() > 0
    held.unlink()
    watch.until_recovered(ending)
    watch.until_quiet()


def test_a_deploy_that_died_on_this_machine_is_not_waited_for(
    checkout: Checkout, watch: Watch
) -> None:
    watch.until_quiet()
    with subprocess.Popen(("true",)) as gone:
        gone.wait()
    held = lock(checkout, gone.pid)
    (ending,) = watch.live("workshop")
    checkout.cloud.end(ending.meeting_id)
    watch.until_recovered(ending)
    watch.until_quiet()
    assert not held.exists()


def test_a_meeting_that_can_not_come_back_does_not_stop_the_others(
    checkout: Checkout, watch: Watch
) -> None:
    watch.until_quiet()
    checkout.cloud.fault("forbidden", "CreateMeetingWithAttendees", count=1000, meeting="keynote")
    (broken,) = watch.live("keynote")
    checkout.cloud.end(broken.meeting_id)
    watch.until(lambda: watch.log.count("trying again in") >= 2, "its replacement fails")
    (ending,) = watch.live("panel")
    checkout.cloud.end(ending.meeting_id)
    watch.until_recovered(ending)
    assert watch.live("keynote") == []
    checkout.cloud.clear_faults()
    watch.until_recovered(broken)
    watch.until_quiet()


def test_sigterm_lets_the_running_up_finish(checkout: Checkout, watch: Watch) -> None:
    watch.until_quiet()
    (ending,) = watch.live("keynote")
    checkout.cloud.hold("CreateMeetingWithAttendees")
    checkout.cloud.end(ending.meeting_id)
    checkout.cloud.wait_held(120)
    watch.ask_to_stop()
    time.sleep(0.5)
    assert watch.runs
    checkout.cloud.release()
    assert watch.wait() == 0
    successor = watch.successor(ending)
    assert successor is not None, watch.log
    assert checkout.outputs()["meeting_ids"]["keynote"] == successor.meeting_id
    assert "Traceback" not in watch.log


def test_sigterm_begins_no_other_up(checkout: Checkout) -> None:
    """Neither of the meetings, whatever is left to be done, nor of who consumes the outputs."""
    checkout.cloud.hold("ListAttendees")
    (checkout.root / "no-program").mkdir()
    watch = Watch(checkout, "--then", "no-program")
    watch.start()
    checkout.cloud.wait_held(120)
    watch.ask_to_stop()
    time.sleep(0.5)
    checkout.cloud.release()
    assert watch.wait() == 0
    assert watch.log.count("bringing up") == 1
    assert watch.log.rstrip().endswith("ended by a signal")


def test_an_interrupt_while_it_begins_is_no_failure(watch: Watch, tmp_path: Path) -> None:
    """A terminal sends it to Pulumi too, which then fails."""
    watch.stop()
    cli = tmp_path / "pulumi"
    cli.write_text('#!/bin/sh\n[ "$1" = version ] && exit\nkill -INT $PPID\nkill -INT $$\n')
    cli.chmod(0o755)
    watch.environment["PATH"] = f"{tmp_path}:{watch.environment['PATH']}"
    run = subprocess.run(
        (sys.executable, "-m", "meeting_provider.watch", "--stack", "dev"),
        env=watch.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stderr.rstrip().endswith("ended by a signal")
    assert run.stderr.count("\n") == 1


def test_sigterm_ends_a_watcher_that_waits(watch: Watch) -> None:
    watch.until_quiet()
    assert watch.stop() == 0
    assert watch.log.rstrip().endswith("ended by a signal")


def test_an_end_while_no_watcher_runs_is_handled_by_the_next_one(
    checkout: Checkout, watch: Watch
) -> None:
    watch.until_quiet()
    watch.kill()
    (ending,) = watch.live("room-7")
    checkout.cloud.end(ending.meeting_id)
    watch.until(watch.lose, "the message is lost")
    watch.start()
    watch.until_recovered(ending)


def test_who_consumes_the_outputs_is_updated_after_each_recovery(checkout: Checkout) -> None:
    """Stack outputs of a consumer follow, also where none of its resources has a meeting's name."""
    reader = checkout.root / "reader"
    shutil.copytree(Path(__file__).parent / "reader", reader)
    made = checkout.pulumi("-C", "reader", "stack", "init", "dev")
    assert made.code == 0, made.text
    watch = Watch(checkout, "--then", "reader")
    watch.start()
    watch.until_updated("reader", 1)
    watch.until_attended()
    (ending,) = watch.live("keynote")
    checkout.cloud.end(ending.meeting_id)
    watch.until_recovered(ending)
    watch.until_updated("reader", 2)
    run = checkout.pulumi("-C", "reader", "stack", "output", "running", "--json", "--stack", "dev")
    assert run.code == 0, run.text
    assert json.loads(run.out) == checkout.outputs()["meeting_ids"]
    assert watch.stop() == 0


@pytest.fixture
def desk_watch(checkout: Checkout) -> Iterator[Watch]:
    """A watcher that keeps the join desk up to date, once it is."""
    made = checkout.pulumi("-C", "stacks/join_desk", "stack", "select", "--create", "dev")
    assert made.code == 0, made.text
    watch = Watch(checkout, "--then", "stacks/join_desk")
    watch.start()
    watch.until_updated("join_desk", 1)
    watch.until_attended()
    yield watch
    if watch.runs:
        watch.kill()


def links(checkout: Checkout, aws: Any) -> dict[str, tuple[int, str]]:
    """The version and the MeetingId of each attendee's parameter."""
    ssm = aws("ssm", checkout.cloud.endpoint)
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path="/meetings/dev", Recursive=True, WithDecryption=True
    )
    found = [p for page in pages for p in page["Parameters"]]
    return {
        p["Name"]: (p["Version"], json.loads(p["Value"])[0]["Meeting"]["MeetingId"])
        for p in found
        if not p["Name"].endswith(("link-key", "/queue", ".event"))
    }


def test_a_recovery_updates_the_links_of_its_meeting_only(
    checkout: Checkout, desk_watch: Watch, aws: Any
) -> None:
    """The desk's update targets them, and reads none of the others."""
    before = links(checkout, aws)
    (ending,) = desk_watch.live("keynote")
    checkout.cloud.end(ending.meeting_id)
    desk_watch.until_recovered(ending)
    desk_watch.until_updated("join_desk", 2)
    after = links(checkout, aws)
    (successor,) = desk_watch.live("keynote")
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"/meetings/dev/keynote/speaker-1", "/meetings/dev/keynote/viewer-1"}
    assert {after[n] for n in changed} == {
        (before[n][0] + 1, successor.meeting_id) for n in changed
    }


def test_an_end_does_not_wait_for_the_desks_update(
    checkout: Checkout, desk_watch: Watch, aws: Any
) -> None:
    """While the desk's stack can't be updated, meetings are recovered. The links follow later."""
    held = lock(checkout, os.getpid(), "join_desk")
    endings = [desk_watch.live(name)[0] for name in ("keynote", "workshop")]
    for ending in endings:
        checkout.cloud.end(ending.meeting_id)
        desk_watch.until_recovered(ending)
    desk_watch.until(lambda: "another deploy has the stack dev of join_desk" in desk_watch.log, "")
    held.unlink()
    desk_watch.until(
        lambda: (
            {meeting_id for _, meeting_id in links(checkout, aws).values()}
            == {m.meeting_id for m in desk_watch.known()}
        ),
        "the links lead to what lives",
    )


def test_a_backlog_of_old_ends_is_one_line_and_holds_up_no_live_one(
    checkout: Checkout, watch: Watch
) -> None:
    """Ends whose meetings were replaced long ago are read, counted and deleted."""
    watch.until_quiet()
    said = watch.log
    seconds = []
    for backlog in (0, 500):
        (ending,) = watch.live("panel")
        old = [ended_message(str(uuid.uuid4()), NAMES[n % 4]) for n in range(backlog)]
        watch.pause()
        for start in range(0, len(old), 10):
            entries = [
                {"Id": str(n), "MessageBody": body}
                for n, body in enumerate(old[start : start + 10])
            ]
            watch.sqs.send_message_batch(QueueUrl=watch.queue_url, Entries=entries)
        checkout.cloud.end(ending.meeting_id)
        watch.resume()
        seconds.append(watch.until_recovered(ending))
        watch.until_quiet()
    lines = watch.log[len(said) :].splitlines()
    assert sum("has ended" in line for line in lines) == 2
    counts = [int(m[1]) for line in lines if (m := re.search(r"(\d+) earlier ends", line))]
    assert counts == [500]
    print("\nrecovered after {:.1f} seconds, and behind 500 old ends after {:.1f}".format(*seconds))


def test_what_messages_say_adds_no_lines_to_the_log(watch: Watch) -> None:
    """Newlines and escape sequences are escaped, and long ids are cut."""
    watch.until_quiet()
    lines = watch.log.count("\n")
    name = "evil\n2026-01-01T00:00:00.000Z forged\x1b[2J\u202e" + "x" * 100_000
    ended = ended_message("y" * 50_000, name)
    watch.sqs.send_message(QueueUrl=watch.queue_url, MessageBody=ended)
    watch.until(lambda: "needs no replacement" in watch.log, "it is settled")
    watch.until_quiet()
    assert "evil\\n2026" in watch.log
    assert "\x1b" not in watch.log
    assert "\u202e" not in watch.log
    assert max(map(len, watch.log.splitlines())) < 500
    assert not any(
        line.startswith("2026-01-01T00:00:00.000Z forged") for line in watch.log.splitlines()
    )
    assert watch.log.count("\n") - lines < 10


def test_a_development_build_of_the_cli_is_as_good_as_a_release(checkout: Checkout) -> None:
    """Its version, such as 3.275.0-dev or 1.0.0, is not checked."""
    watch = Watch(checkout)
    folder = checkout.root / "dev-build"
    folder.mkdir()
    real = shutil.which("pulumi", path=watch.environment["PATH"])
    cli = folder / "pulumi"
    cli.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && {{ echo v1.0.0-dev+dirty; exit; }}\nexec "{real}" "$@"\n'
    )
    cli.chmod(0o755)
    watch.environment["PATH"] = f"{folder}:{watch.environment['PATH']}"
    watch.start()
    watch.until_quiet()
    assert watch.stop() == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--stack", "nowhere"), "no stack named 'nowhere' found"),
        (("--stack", "dev", "--cwd", ".."), "no Pulumi.yaml"),
        (("--stack", "dev", "--cwd", "nowhere"), "nowhere is not a folder"),
        (("--stack", "dev", "--then", "nowhere"), "nowhere is not a folder"),
    ],
)
def test_what_can_not_be_watched_is_said_in_one_line(
    checkout: Checkout, watch: Watch, options: tuple[str, ...], said: str
) -> None:
    run = checkout.run(
        sys.executable, "-m", "meeting_provider.watch", *options, env=watch.environment
    )
    assert run.code == 1
    assert said in run.err
    assert run.err.count("\n") == 1


def test_a_program_that_is_gone_for_a_while_is_a_failure_that_is_retried(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Such as one whose checkout is replaced."""
    monkeypatch.setenv("PATH", watch.environment["PATH"])
    folder = tmp_path / "desk"
    folder.mkdir()
    stack = WatchedStack("dev", folder)
    folder.rmdir()
    with pytest.raises(StackFailed, match=r"pulumi up of dev of desk failed: .*No such file"):
        stack.up()
