"""What the sandbox engine doesn't do, it refuses in one sentence that names who does."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from sandbox.engine import loopback
from sandbox.engine.errors import Refused
from tests.engine.conftest import SANDBOX_ENGINE, Bench, make_bench

PROGRAM = """
import pulumi
from pulumi import ResourceOptions as Options
from demo_provider.room import Room
def room(**options):
    return Room("a", {"region": "us-east-1", "guests": ["ann"]}, Options(**options))
"""

OPTIONS = {
    "protect": "room(protect=True)",
    "import_": "room(import_='x')",
    "aliases": "room(aliases=[pulumi.Alias(name='b')])",
    "custom_timeouts": "room(custom_timeouts=pulumi.CustomTimeouts(create='5m'))",
    "replace_on_changes": "room(replace_on_changes=['region'])",
    "retain_on_delete": "room(retain_on_delete=True)",
    "deleted_with": "room(deleted_with=pulumi.ComponentResource('t:i:C', 'c'))",
    "replace_with": "room(replace_with=[pulumi.ComponentResource('t:i:C', 'c')])",
    "plugin_download_url": "room(plugin_download_url='https://example.org')",
    "assets and archives": "Room('a', {'region': pulumi.StringAsset('x'), 'guests': ['ann']})",
    "remote components": "pulumi.ComponentResource('t:i:C', 'c', {}, remote=True)",
    "calls of component methods": "pulumi.runtime.call('t:i:C/m', {}).apply(print)",
    "the function": "pulumi.runtime.invoke('pulumi:pulumi:getResource', {})",
    "installing plugins": "pulumi.CustomResource('random:index/id:Id', 'r', {})",
}

COMMANDS = [
    ("up", "--yes", "--policy-pack", "packs"),
    ("up", "--yes", "--exclude", "urn"),
    ("up", "--yes", "--no-such-flag"),
    ("preview", "--json"),
    ("destroy", "--yes", "--exclude-protected"),
    ("destroy", "--yes", "--run-program"),
    ("refresh", "--yes", "--run-program"),
    ("watch",),
    ("import", "a:b:C", "c", "id"),
    ("state", "delete", "urn"),
    ("stack",),
    ("stack", "rename", "other"),
    ("stack", "init", "other", "--secrets-provider", "awskms://alias/key"),
    ("config", "refresh"),
    ("login",),
]

SETTINGS = [
    ("Pulumi.yaml", {"runtime": "nodejs"}),
    ("Pulumi.yaml", {"plugins": {"providers": []}}),
    ("Pulumi.yaml", {"config": {"a": 1}}),
    ("stacks/Pulumi.dev.yaml", {"secretsprovider": "awskms://alias/key"}),
    ("stacks/Pulumi.dev.yaml", {"environment": ["shared"]}),
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = Bench(make_bench(tmp_path_factory.mktemp("refusals")).root, SANDBOX_ENGINE)
    bench.ok("stack", "init", "dev")
    return bench


def _refusal(screen: str) -> str:
    """The one sentence in which a screen names the CLI."""
    sentences = {line.strip() for line in screen.splitlines() if "Pulumi CLI" in line}
    texts = {re.sub(r"^.*error: ", "", sentence) for sentence in sentences}
    [text] = texts
    assert text.startswith("the sandbox engine does not support ")
    assert text.count(". ") == 0
    return text


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_is_not_honoured_is_refused(sandbox: Bench, option: str) -> None:
    (sandbox.root / "producer" / "__main__.py").write_text(f"{PROGRAM}{OPTIONS[option]}\n")
    code, screen = sandbox.run("up", "--yes", "--skip-preview")
    assert code == 1, screen
    assert option in _refusal(screen)
    assert not (sandbox.root / "rooms").exists()
    resources = json.loads(sandbox.file().read_text())["checkpoint"]["latest"].get("resources", [])
    assert not [r for r in resources if "Room" in r["type"]]


@pytest.mark.parametrize("call", ["register_stack_transform", "register_resource_transform"])
def test_transforms_end_with_the_sdks_own_word_for_it(sandbox: Bench, call: str) -> None:
    program = f"import pulumi\npulumi.runtime.{call}(lambda args: None)\n"
    (sandbox.root / "producer" / "__main__.py").write_text(program)
    code, screen = sandbox.run("up", "--yes", "--skip-preview")
    assert code == 1
    assert "The Pulumi CLI does not support transforms" in screen


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_or_flag_that_is_not_here_is_refused(
    sandbox: Bench, command: tuple[str, ...]
) -> None:
    code, screen = sandbox.run(*command)
    assert code != 0
    _refusal(screen)


@pytest.mark.parametrize(("file", "content"), SETTINGS, ids=str)
def test_a_setting_that_is_not_honoured_is_refused(
    bench: Bench, file: str, content: dict[str, object]
) -> None:
    engine = Bench(bench.root, SANDBOX_ENGINE)
    engine.ok("stack", "init", "dev")
    path = engine.root / "producer" / file
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **content}))
    code, screen = engine.run("up", "--yes", "--skip-preview")
    assert code != 0
    _refusal(screen)


def test_another_backend_than_a_folder_is_refused(sandbox: Bench) -> None:
    code, screen = sandbox.run("stack", "ls", PULUMI_BACKEND_URL="s3://bucket")
    assert code != 0
    assert "s3://bucket" in _refusal(screen)


def test_a_state_with_what_is_not_honoured_is_refused(bench: Bench, tmp_path: Path) -> None:
    engine = Bench(bench.root, SANDBOX_ENGINE)
    engine.ok("stack", "init", "dev", folder="consumer")
    engine.ok("stack", "export", "--file", str(tmp_path / "state.json"), folder="consumer")
    state = json.loads((tmp_path / "state.json").read_text())
    urn = "urn:pulumi:dev::consumer::a:b:C::c"
    state["deployment"]["resources"] = [
        {"urn": urn, "custom": False, "type": "a:b:C", "protect": True}
    ]
    (tmp_path / "state.json").write_text(json.dumps(state))
    file = str(tmp_path / "state.json")
    code, screen = engine.run("stack", "import", "--file", file, folder="consumer")
    assert code != 0
    assert "protect" in _refusal(screen)


# Loopback


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:4566", "http://localhost:1", "http://[::1]:8080/x", "http://127.8.9.10"],
)
def test_loopback_is_loopback(url: str) -> None:
    assert loopback.is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-central-1.amazonaws.com",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://10.0.0.1",
        "http://0.0.0.0:80",
        "http://127.0.0.1@example.org",
        "http://2130706433.example",
        "",
    ],
)
def test_anything_else_is_not(url: str) -> None:
    assert not loopback.is_loopback(url)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SNS"])
def test_an_endpoint_elsewhere_is_refused_before_anything_starts(sandbox: Bench, name: str) -> None:
    environment = {name: "https://sns.us-east-1.amazonaws.com"}
    code, screen = sandbox.run("up", "--yes", "--skip-preview", **environment)
    assert code != 0
    assert name in _refusal(screen)
    assert "using pulumi-resource-aws" not in screen


def test_configured_endpoints_elsewhere_are_refused() -> None:
    good = {"endpoints": [{"sns": "http://127.0.0.1:1", "sqs": "http://localhost:2"}]}
    loopback.check_configuration(good)
    loopback.check_configuration({"endpoints": json.dumps(good["endpoints"])})
    loopback.check_configuration({"region": "eu-central-1"})
    bad = [{"sns": "http://127.0.0.1:1", "sqs": "https://example.org"}]
    for endpoints in (bad, json.dumps(bad)):
        with pytest.raises(Refused, match="sqs"):
            loopback.check_configuration({"endpoints": endpoints})


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that only notes who wanted to be led through it."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            asked.append(self.rfile.readline().decode())
            self.close_connection = True

    server = HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_program_without_an_endpoint_reaches_nothing(
    bench: Bench, proxy: tuple[str, list[str]]
) -> None:
    address, asked = proxy
    program = (
        "import boto3\n"
        "boto3.client('sts', 'us-east-1', aws_access_key_id='x', aws_secret_access_key='x')"
        ".get_caller_identity()\n"
    )
    (bench.root / "consumer" / "__main__.py").write_text(program)
    engine = Bench(bench.root, SANDBOX_ENGINE)
    engine.ok("stack", "init", "dev", folder="consumer")
    code, screen = engine.run(
        "up",
        "--yes",
        "--skip-preview",
        folder="consumer",
        HTTPS_PROXY=address,
        HTTP_PROXY=address,
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
        AWS_MAX_ATTEMPTS="1",
    )
    assert code == 1
    assert f'Could not connect to the endpoint URL: "{loopback.NOWHERE}/"' in screen
    assert asked == []
