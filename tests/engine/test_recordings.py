"""The 46 recorded steps of the real engine, replayed: the same exits, outputs, states and calls.

Ids, ARNs and the ids of providers are random: they are renamed after the resource that they were
made for, and how often one was made for it, so that the order of concurrent calls doesn't matter.
"""

import fnmatch
import functools
import json
import re
import shlex
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.engine import values
from sandbox.engine.secrets import Crypter
from tests.engine.conftest import PASSPHRASE, RECORDINGS, Bench, make_bench

STEPS = sorted(path.name for path in (RECORDINGS / "steps").iterdir())
STACK = "pulumi:pulumi:Stack"
OPERATIONS = ("up", "preview", "refresh", "destroy")

#: All that may differ: the call, the fields ("*" for the whole call), and why.
PERMITTED = [
    (
        "LanguageRuntime/*",
        ["*"],
        "The engine starts the program itself; it needs no language host to be asked to.",
    ),
    (
        "*/*",
        ["request.resourceStatusAddress", "request.resourceStatusToken"],
        "Only for providers of views, which the engine doesn't offer in its handshake.",
    ),
    (
        "ResourceProvider/Handshake",
        [
            "request.engineAddress",
            "request.mapperTarget",
            "request.loaderTarget",
            "request.resolverTarget",
            "request.supportsViews",
            "request.supportsRefreshBeforeUpdate",
            "request.acceptsByteString",
        ],
        "An address differs with every run; the rest are services and features that the engine "
        "lacks, and so doesn't offer.",
    ),
    (
        "ResourceMonitor/GetDeploymentInfo",
        ["response.supportedFeatures", "response.parallel"],
        "The engine names only the features that it has; the default of --parallel is four times "
        "the number of processors.",
    ),
    (
        "ResourceProvider/Check",
        ["request.randomSeed"],
        "Random.",
    ),
    (
        "ResourceMonitor/*",
        ["request.sourcePosition", "request.stackTrace"],
        "Left out of the recordings.",
    ),
]


@dataclass
class Outcome:
    """What one step came to, on either side."""

    exit: int
    screen: str
    state: dict[str, Any] | None
    calls: list[dict[str, Any]]


@dataclass
class Names:
    """Random texts, and what to call them instead."""

    known: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def learn(self, calls: list[dict[str, Any]]) -> None:
        for call in calls:
            request, response = call["request"], call.get("response") or {}
            urn = request.get("urn", "")
            if call["method"] == "ResourceProvider/Create":
                self._name("arn", urn, response.get("properties", {}).get("arn", ""))
                self._name("id", urn, response.get("id", ""))
            elif (
                call["method"] == "ResourceProvider/Configure"
                and request["id"] != values.UNKNOWN_SENTINEL
            ):
                self._name("provider", urn, request["id"])

    def learn_state(self, state: dict[str, Any] | None) -> None:
        # A provider that runs inside the engine is configured by no call.
        for resource in (state or {}).get("resources", []):
            if resource["type"].startswith("pulumi:providers:"):
                self._name("provider", resource["urn"], resource["id"])

    def _name(self, kind: str, urn: str, text: str) -> None:
        if text and text not in self.known:
            self.counts[f"{kind} {urn}"] += 1
            self.known[text] = f"<{kind} {urn} #{self.counts[f'{kind} {urn}']}>"

    def rename(self, text: str) -> str:
        for random, name in self.known.items():
            text = text.replace(random, name)
        return text


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    bench = make_bench(tmp_path_factory.mktemp("replay"))
    return {name: _replayed(bench, name) for name in STEPS}


def _replayed(bench: Bench, name: str) -> Outcome:
    step = RECORDINGS / "steps" / name
    folder, command = (step / "command").read_text().strip().split("\t")
    log = bench.root / f"{name}.grpc"
    # The recording wrote values that hold blanks without quotes: "Ann Owner" is one of them.
    arguments = shlex.split(command.replace("Ann Owner", "'Ann Owner'"))[1:]
    code, screen = bench.run(*arguments, folder=folder, PULUMI_DEBUG_GRPC=str(log))
    file = bench.file(project=folder)
    state = json.loads(file.read_text())["checkpoint"]["latest"] if file.exists() else None
    _happen(bench, step)
    return Outcome(code, _placed(bench, screen), state, list(_calls(bench, log)))


def _happen(bench: Bench, step: Path) -> None:
    then = step / "then"
    if not then.exists():
        return
    what = then.read_text().strip().replace("<root>", str(bench.root))
    if what.startswith("in stacks/Pulumi.dev.yaml"):
        file = bench.root / "producer" / "stacks" / "Pulumi.dev.yaml"
        settings = yaml.safe_load(file.read_text())
        settings["config"]["producer:guests"] = []
        file.write_text(yaml.safe_dump(settings, sort_keys=False))
    else:
        subprocess.run(["sh", "-c", what], check=True)


def _placed(bench: Bench, text: str) -> str:
    for place, name in (
        (bench.root / "plugins", "<plugins>"),
        (bench.root / "venv", "<venv>"),
        (bench.root, "<root>"),
    ):
        text = text.replace(str(place), name)
    return text


def _calls(bench: Bench, log: Path) -> Iterator[dict[str, Any]]:
    """The calls in the order in which they started, as the recordings have them."""
    if not log.exists():
        return
    waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
    calls = []
    for number, line in enumerate(_placed(bench, log.read_text()).splitlines()):
        entry = json.loads(line)
        method = entry["method"].removeprefix("/pulumirpc.")
        key = method + json.dumps(entry["request"], sort_keys=True)
        if entry["progress"] == "request_started":
            call = {"method": method, "request": entry["request"], "started": number}
            waiting[key].append(call)
            calls.append(call)
        else:
            call = waiting[key].pop(0)
            call["ended"] = number
            if entry.get("errors"):
                call["errors"] = entry["errors"]
            else:
                call["response"] = entry.get("response")
    yield from calls


@functools.cache
def recorded() -> dict[str, Outcome]:
    return {name: _recorded(RECORDINGS / "steps" / name) for name in STEPS}


def _recorded(step: Path) -> Outcome:
    state, calls = step / "state.json", step / "grpc.jsonl"
    return Outcome(
        exit=int((step / "exit").read_text()),
        screen=(step / "screen.txt").read_text(),
        state=json.loads(state.read_text())["deployment"] if state.exists() else None,
        calls=[json.loads(line) for line in calls.read_text().splitlines()]
        if calls.exists()
        else [],
    )


@functools.cache
def _crypter(salt: str) -> Crypter:
    return Crypter(salt, PASSPHRASE)


def _names(outcomes: dict[str, Outcome], until: str) -> Names:
    names = Names()
    for name in STEPS[: STEPS.index(until) + 1]:
        names.learn(outcomes[name].calls)
        names.learn_state(outcomes[name].state)
    return names


def _is_operation(step: str) -> bool:
    command = (RECORDINGS / "steps" / step / "command").read_text()
    return command.split("pulumi ")[1].split()[0] in OPERATIONS


@pytest.mark.parametrize("step", STEPS)
def test_a_step_exits_as_it_did(step: str, replay: dict[str, Outcome]) -> None:
    outcome = replay[step]
    assert outcome.exit == recorded()[step].exit, outcome.screen


@pytest.mark.parametrize("step", [step for step in STEPS if not _is_operation(step)])
def test_a_command_shows_what_it_showed(step: str, replay: dict[str, Outcome]) -> None:
    ours = _names(replay, step).rename(_aligned(replay[step].screen))
    assert ours == _names(recorded(), step).rename(_aligned(recorded()[step].screen))


def _aligned(screen: str) -> str:
    return "\n".join(line.rstrip() for line in screen.rstrip().splitlines())


@pytest.mark.parametrize("step", [step for step in STEPS if _is_operation(step)])
def test_an_operation_shows_the_same_outputs_and_counts(
    step: str, replay: dict[str, Outcome]
) -> None:
    failed = recorded()[step].exit == 1
    ours = _names(replay, step).rename(_summary(replay[step].screen, failed))
    assert ours == _names(recorded(), step).rename(_summary(recorded()[step].screen, failed))


def _summary(screen: str, failed: bool) -> str:
    """From the outputs (else the counts) to the end, but for the time that it took.

    When something fails, how many others have been found unchanged by then is chance. So is whether
    the real engine shows the outputs that a destroy removes: it did and did not for the same step.
    """
    lines = [line.rstrip() for line in screen.splitlines()]
    heads = ("Resources:",) if "Destroying" in lines[0] else ("Outputs:", "Resources:")
    starts = [i for i, line in enumerate(lines) if line in heads]
    chance = r"Duration: |    \d+ unchanged" if failed else "Duration: "
    return "\n".join(
        line for line in lines[min(starts, default=0) :] if not re.match(chance, line)
    ).rstrip()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_leaves_the_state_that_it_left(step: str, replay: dict[str, Outcome]) -> None:
    ours = _state(replay[step].state, _names(replay, step))
    assert ours == _state(recorded()[step].state, _names(recorded(), step))


def _state(state: dict[str, Any] | None, names: Names) -> Any:
    if state is None:
        return None
    crypter = _crypter(state["secrets_providers"]["state"]["salt"])
    resources = [_resource(resource, crypter) for resource in state.get("resources", [])]
    plain = {
        "resources": sorted(resources, key=lambda r: (r["urn"], r.get("delete", False))),
        "pending": state.get("pending_operations"),
        "metadata": state.get("metadata"),
        "provider": state["secrets_providers"]["type"],
    }
    return json.loads(names.rename(json.dumps(plain, sort_keys=True)))


def _resource(resource: dict[str, Any], crypter: Crypter) -> dict[str, Any]:
    untimed = {
        key: value
        for key, value in resource.items()
        if key not in ("created", "modified", "sourcePosition", "stackTrace")
    }
    if "dependencies" in untimed:
        untimed["dependencies"] = sorted(untimed["dependencies"])
    if "propertyDependencies" in untimed:
        found = untimed["propertyDependencies"]
        untimed["propertyDependencies"] = {key: sorted(found[key]) for key in found}
    return dict(_unsealed(values.from_stored(untimed, crypter.decrypt)))


def _unsealed(value: Any) -> Any:
    if isinstance(value, values.Secret):
        return {"secret": _unsealed(value.value)}
    if isinstance(value, dict):
        return {key: _unsealed(item) for key, item in value.items()}
    return [_unsealed(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("step", [step for step in STEPS if _is_operation(step)])
def test_a_step_makes_the_same_calls_and_gives_the_same_answers(
    step: str, replay: dict[str, Outcome]
) -> None:
    ours = _told(replay[step].calls, _names(replay, step))
    theirs = _told(recorded()[step].calls, _names(recorded(), step))
    if recorded()[step].exit == 1:
        # When something fails, how far the others have come by then is chance.
        for about in {about for about in ours.keys() | theirs.keys() if "room:Room" not in about}:
            shorter, longer = sorted((ours.pop(about, []), theirs.pop(about, [])), key=len)
            assert not Counter(map(_asked, shorter)) - Counter(map(_asked, longer))
    assert ours == theirs


def _asked(call: str) -> tuple[str, str]:
    told = json.loads(call)
    return told["method"], json.dumps(told["request"], sort_keys=True)


def _told(calls: list[dict[str, Any]], names: Names) -> dict[str, list[str]]:
    """For each resource and kind of service, its calls in order; for none, all of them sorted."""
    told: dict[str, list[str]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: call["started"]):
        kept = _kept(call)
        if kept is None:
            continue
        service = call["method"].split("/")[0]
        about = call["request"].get("urn", "")
        renamed = json.loads(names.rename(json.dumps(kept)))
        told[f"{service} {about}"].append(json.dumps(renamed, sort_keys=True))
    return {about: texts if about[-1] != " " else sorted(texts) for about, texts in told.items()}


def _kept(call: dict[str, Any]) -> dict[str, Any] | None:
    method = call["method"]
    dropped = {
        name
        for pattern, fields, _ in PERMITTED
        if fnmatch.fnmatchcase(method, pattern)
        for name in fields
    }
    if "*" in dropped:
        return None
    kept: dict[str, Any] = {"method": method}
    for side in ("request", "response"):
        if call.get(side) is not None:
            kept[side] = _canonical(
                {k: v for k, v in call[side].items() if f"{side}.{k}" not in dropped}
            )
    if call.get("errors"):
        kept["errors"] = [_last_line(error) for error in call["errors"]]
    return kept


def _canonical(value: Any) -> Any:
    """Numbers as numbers; what is a set in the protocol, sorted; empty answers as none at all."""
    if isinstance(value, dict):
        return {key: _canonical_entry(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _canonical_entry(key: str, item: Any) -> Any:
    if key in ("dependencies", "urns", "configSecretKeys"):
        return sorted(item)
    if key in ("rootDirectory", "programDirectory") and item != "<plugins>":
        return "<host>"  # The dynamic host's: with the CLI there, in the environment here.
    return _canonical(item)


def _last_line(error: str) -> str:
    # How Python draws a traceback is its own affair.
    head, _, rest = error.partition("Traceback (most recent call last):")
    return head + rest.strip().rpartition("\n")[2] if rest else error


@pytest.mark.parametrize("step", ["05-up-create", "42-destroy"])
def test_what_depends_on_another_comes_after_it_and_goes_before_it(
    step: str, replay: dict[str, Outcome]
) -> None:
    before = replay["40-preview-no-changes" if step.startswith("42") else step].state
    assert before is not None
    calls = {
        (call["method"].split("/")[1], call["request"].get("urn")): call
        for call in replay[step].calls
    }
    for resource in before["resources"]:
        for dependency in resource.get("dependencies", []):
            created = calls.get(("Create", resource["urn"])), calls.get(("Create", dependency))
            deleted = calls.get(("Delete", dependency)), calls.get(("Delete", resource["urn"]))
            for later, sooner in (created, deleted):
                assert not later or not sooner or sooner["ended"] < later["started"]


def test_secrets_of_recorded_states_and_settings_decrypt() -> None:
    settings = yaml.safe_load((RECORDINGS / "Pulumi.dev.yaml").read_text())
    secret = settings["config"]["producer:owner"]["secure"]
    assert Crypter(settings["encryptionsalt"], PASSPHRASE).decrypt(secret) == "x"
    state = recorded()["05-up-create"].state
    assert state is not None
    outputs = _state(state, Names())["resources"]
    keys = next(resource["outputs"]["keys"] for resource in outputs if resource["type"] == STACK)
    assert keys == {"secret": {"ann": "key-of-ann", "bob": "key-of-bob"}}


def test_every_permitted_difference_has_its_reason() -> None:
    assert all(reason.endswith(".") and fields for _, fields, reason in PERMITTED)
    assert re.match(r"\w+/\*", PERMITTED[0][0])
