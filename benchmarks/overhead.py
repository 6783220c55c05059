"""Without latency and quotas: what a meeting adds to a resource whose provider does nothing."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping

from . import script
from .figures import Figure
from .settings import SETTINGS
from .stage import UP, Stage, Timed

RESOURCES, ATTENDEES = 1000, 10
REPETITIONS = SETTINGS["repetitions"]
ALLOWED = 1.5

COMMANDS = {
    "f-a": (f"{RESOURCES} meetings of {ATTENDEES} from nothing", UP),
    "f-same": ("the same unchanged", UP),
    "f-refresh": ("the same unchanged, by `refresh`", ("refresh", *UP[1:])),
    "f-b": ("the same unchanged, by `up --refresh`", (*UP, "--refresh")),
    "f-d": ("destroy", ("destroy", *UP[1:])),
}

#: The parts of the script that make the calls of a command, and no more.
SAME_CALLS = {
    "f-a": ("create", "see"),
    "f-same": (),
    "f-refresh": ("read",),
    "f-b": ("read",),
    "f-d": ("delete",),
}

#: What is run beside each other: the program, the stack, and the settings for the program.
PROGRAMS: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "empty": ("empty", "dev", {}),
    "storing": ("empty", "storing", {"storing": 1}),
    "meetings": ("meetings", "dev", {}),
}


def figures() -> Iterator[Figure]:
    """Scenarios f and h."""
    runs: dict[tuple[str, str], list[Timed]] = defaultdict(list)
    calls = {}
    parts: dict[str, list[float]] = defaultdict(list)
    with Stage.unlimited() as stage:
        for program, stack, settings in PROGRAMS.values():
            stage.pulumi(program, *UP, stack=stack, count=0, **settings)
        for _ in range(REPETITIONS):
            stage.forget()
            for key, (_title, command) in COMMANDS.items():
                for name, (program, stack, settings) in PROGRAMS.items():
                    stage.cloud.clear_journal()
                    run = stage.pulumi(
                        program, *command,
                        stack=stack, count=RESOURCES, attendees=ATTENDEES, **settings,
                    )  # fmt: skip
                    runs[name, key].append(run)
                    calls[name, key] = len(stage.cloud.journal())
            for part in ("create", "see", "read", "delete"):
                alone = script.run(stage, part, "standard", RESOURCES, ATTENDEES)
                assert not alone.failed
                parts[part].append(alone.seconds)
    for key, (title, _command) in COMMANDS.items():
        ours, empty, storing = (
            statistics.median(run.seconds for run in runs[name, key])
            for name in ("meetings", "empty", "storing")
        )
        same_calls = sum(statistics.median(parts[part]) for part in SAME_CALLS[key])
        yield Figure(
            key, title, ours, "s", empty, "the same with an empty provider", ALLOWED,
            peers={
                "an empty provider with a meeting's state": storing,
                "the same calls by the script alone": same_calls,
            },
            details={"calls": calls["meetings", key]},
        )  # fmt: skip
    for role in ("host", "engine"):
        ours, empty = (
            max(run.peaks.get(role, 0.0) for key in COMMANDS for run in runs[name, key])
            for name in ("meetings", "empty")
        )
        title = f"largest resident memory of the {role}, {RESOURCES} meetings"
        yield Figure(f"h-{role}", title, ours, "MiB", empty, "the same with an empty provider")
