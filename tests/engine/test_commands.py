"""The commands' flags, exit codes and variables: on the sandbox engine, or on the PULUMI named."""

import json

import pytest

from tests.engine.conftest import Bench, Things


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("up",), 2),
        (("destroy",), 2),
        (("refresh",), 1),
        (("stack", "rm", "dev"), 1),
        (("stack", "select"), 6),
        (("cancel",), 0),
    ],
    ids=str,
)
def test_where_nobody_can_be_asked(things: Things, command: tuple[str, ...], code: int) -> None:
    assert things.run(*command)[0] == code
    assert things.run("stack", "output", "--stack", "dev")[0] == 0


@pytest.mark.parametrize(
    "command",
    [
        ("preview", "--yes"),
        ("preview", "--skip-preview"),
        ("destroy", "--yes", "--expect-no-changes"),
        ("destroy", "--yes", "--show-secrets"),
        ("refresh", "--yes", "--show-secrets"),
    ],
    ids=" ".join,
)
def test_a_flag_of_other_commands_is_none_of_this(things: Things, command: tuple[str, ...]) -> None:
    things.declare(a={})
    assert things.run(*command)[0] != 0
    assert things.log() == []


def test_confirmations_can_be_skipped_by_a_variable(things: Things) -> None:
    things.declare(a={})
    things.ok("up", PULUMI_SKIP_CONFIRMATIONS="true")
    assert list(things.resources()) == ["a"]


def test_an_update_may_say_what_it_is_for(things: Things) -> None:
    things.declare(a={})
    things.up("--message", "for the conference", "--suppress-progress")
    assert list(things.resources()) == ["a"]


def test_a_stack_of_outputs_alone_is_removed(bench: Bench) -> None:
    (bench.root / "consumer" / "__main__.py").write_text("import pulumi\npulumi.export('a', 1)\n")
    bench.ok("stack", "init", "dev", folder="consumer")
    bench.ok("up", "--yes", "--skip-preview", folder="consumer")
    bench.ok("stack", "rm", "dev", "--yes", folder="consumer")
    assert json.loads(bench.ok("stack", "ls", "--json", folder="consumer")) == []


def test_the_programs_folder_is_where_main_is(things: Things) -> None:
    inner = things.folder / "inner"
    inner.mkdir()
    for name in ("__main__.py", "thing.py"):
        (things.folder / name).rename(inner / name)
    program = inner / "__main__.py"
    program.write_text(
        f"{program.read_text()}\npulumi.export('root', pulumi.get_root_directory())\n"
    )
    project = things.folder / "Pulumi.yaml"
    text = project.read_text().replace("../venv", str(things.bench.root / "venv")).rstrip()
    project.write_text(f"{text}\nmain: inner/\n")
    (inner / "things.json").write_text(json.dumps({"a": {}}))
    things.up()
    # The program has read a file, and the provider has written one, each in its own folder.
    assert (inner / "log").read_text() == "create a\n"
    assert things.ok("stack", "output", "root").strip() == str(things.folder)


def test_a_setting_is_shown_with_what_it_is(bench: Bench) -> None:
    bench.ok("stack", "init", "dev")
    bench.ok("config", "set", "plain", "7200")
    bench.ok("config", "set", "--path", "deep.list[0]", "one")
    bench.ok("config", "set", "--secret", "word", "hush")

    def shown(*key: str) -> object:
        return json.loads(bench.ok("config", "get", "--json", *key))

    assert shown("plain") == {"value": "7200", "secret": False}
    assert shown("word") == {"value": "hush", "secret": True}
    deep = {"value": '{"list":["one"]}', "objectValue": {"list": ["one"]}, "secret": False}
    assert shown("deep") == deep


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ({}, {"size": {"owner": "ann", "room": 1}}, {"room": 1}),
        (
            {"size": {"owner": "ann"}},
            {"size": {"owner": "ben", "room": 1}},
            {"owner": "ann", "room": 1},
        ),
    ],
    ids=["not there", "there"],
)
def test_what_is_ignored_inside_a_property(
    things: Things, before: dict[str, object], after: dict[str, object], kept: object
) -> None:
    for props in (before, after):
        things.declare(a={"props": props, "options": {"ignore_changes": ["size.owner"]}})
        things.up()
    assert things.resources()["a"]["inputs"]["size"] == kept


def test_what_is_read_by_an_id_that_is_not_known_yet(bench: Bench) -> None:
    program = bench.root / "producer" / "__main__.py"
    program.write_text(
        "import pulumi\n"
        "import pulumi_aws as aws\n"
        "queue = aws.sqs.Queue('first')\n"
        "same = aws.sqs.Queue.get('same', queue.id)\n"
        "pulumi.export('ids', [queue.id, same.id])\n"
    )
    bench.ok("stack", "init", "dev")
    bench.ok("preview")
    bench.ok("up", "--yes")
    first, same = json.loads(bench.ok("stack", "output", "ids", "--json"))
    assert first == same
