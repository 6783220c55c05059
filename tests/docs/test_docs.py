"""What README and docs say is true of the code, and their links lead somewhere."""

from __future__ import annotations

import ast
import inspect
import json
import re
import tomllib
from types import ModuleType
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
from botocore.session import Session
from packaging.requirements import Requirement
from pulumi.runtime import mocks
from pydantic import BaseModel
from support import mocked, pages
from support.constraints import service_model
from support.pages import PAGES, ROOT

from benchmarks import page as performance
from benchmarks.__main__ import FIGURES
from chime_sandbox.admin import Sandbox
from meeting_provider import (
    Meeting,
    Recording,
    calls,
    client,
    diff,
    models,
    notifications,
    recording_bucket,
)
from meeting_provider.models import MeetingInput
from meeting_provider.recordings import pipelines
from meeting_provider.recordings.models import RecordingInput
from meeting_provider.schedule import planning, times

#: `make bench` writes it.
GENERATED = "docs/performance.md"


def pyproject(folder: str = ".") -> dict[str, Any]:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page: str) -> None:
    for link in pages.links(page):
        if urlsplit(link).scheme:
            assert link.startswith("https://"), link
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        name = str(target.resolve().relative_to(ROOT))
        if name == GENERATED:
            continue
        assert target.exists(), link
        assert not anchor or anchor in pages.anchors(name), link


def test_every_page_is_linked_from_the_readme_or_a_page_of_it() -> None:
    found, new = {"README.md"}, {"README.md"}
    while new:
        targets = {(p, link.partition("#")[0]) for p in new for link in pages.links(p)}
        paths = {(ROOT / p).parent / link for p, link in targets if link}
        reached = {str(p.resolve().relative_to(ROOT)) for p in paths if p.is_file()}
        new = (reached & set(PAGES)) - found
        found |= new
    assert found == set(PAGES)


def test_the_readme_is_short() -> None:
    text = pages.text("README.md")
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 900


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    found = re.findall(r"(?:^|`)make ([a-z][a-z-]*)", pages.text(page), re.MULTILINE)
    assert set(found) <= set(phony[1].split())


@pytest.mark.parametrize("page", PAGES)
def test_what_pip_installs_has_the_extras(page: str) -> None:
    projects = [pyproject(), pyproject("sandbox")]
    extras = {p["project"]["name"]: p["project"]["optional-dependencies"] for p in projects}
    for what in re.findall(r"pip install '?([\w\[\],-]+)", pages.text(page)):
        requirement = Requirement(what)
        assert requirement.extras <= set(extras[requirement.name])


def first_column(page: str, heading: str) -> list[str]:
    """The names in the first column of a table."""
    return [name for row in pages.rows(page, heading) for name in pages.names(row[0])]


def nested(name: str, model: type[BaseModel]) -> set[str]:
    return {f"{name}.{field}" for field in model.model_fields}


def test_the_arguments_of_meeting_are_those_of_the_model() -> None:
    described = first_column("docs/meeting.md", "Arguments")
    attendees = nested("attendees[]", models.AttendeeInput)
    assert sorted(described) == sorted({*MeetingInput.model_fields, *attendees})


def test_the_arguments_say_what_a_change_does() -> None:
    changes = {pages.names(r[0])[0]: r[-1] for r in pages.rows("docs/meeting.md", "Arguments")}
    for name in MeetingInput.model_fields:
        assert changes[name] == ("new meeting" if diff.replacing([name]) else "in place"), name


def test_the_nested_arguments_are_those_of_the_models() -> None:
    values = {pages.names(r[0])[0]: r[2] for r in pages.rows("docs/meeting.md", "Arguments")}
    features = {
        f"{kind}.{field}"
        for kind, model in models.MeetingFeatures.model_fields.items()
        for shape in (models.AudioFeatures, models.VideoFeatures, models.ContentFeatures,
                      models.AttendeeFeatures)
        if shape.__name__ == f"{kind.capitalize()}Features" and model
        for field in shape.model_fields
    }  # fmt: skip
    assert set(pages.names(values["meeting_features"])) == features
    targets = set(models.NotificationsConfiguration.model_fields)
    assert set(pages.names(values["notifications_configuration"])) == targets
    capabilities = {*models.Capabilities.model_fields, *get_args(models.MediaCapability)}
    assert set(pages.names(values["attendees[].capabilities"])) == capabilities


def test_the_attributes_of_meeting_are_its_outputs() -> None:
    found = pages.rows("docs/meeting.md", "Attributes")
    described = {n: row for row in found if len(row) == 3 for n in pages.names(row[0])}
    computed = {n for n, value in vars(Meeting).items() if isinstance(value, property)}
    assert set(described) == {"id", *Meeting.__annotations__, *computed}
    secrets = {n for n, row in described.items() if row[1] == "yes"}
    assert secrets == {"join_tokens", "meeting_details", "join_data", "join_info"}
    urls = set(pages.names(described["media_placement"][2]))
    assert urls == set(models.MediaPlacement.model_fields)


def test_the_arguments_of_notifications_are_those_of_the_signature() -> None:
    signature = inspect.signature(notifications.MeetingNotifications.__init__).parameters
    described = first_column("docs/notifications.md", "Arguments")
    assert sorted(described) == sorted(signature.keys() - {"self", "name", "opts"})
    attributes = first_column("docs/notifications.md", "Attributes")
    assert sorted(attributes) == sorted(notifications.MeetingNotifications.__annotations__)


def test_the_policy_of_a_key_is_what_the_code_returns() -> None:
    [block] = pages.blocks("docs/notifications.md", "json")
    assert json.loads(block.text) == notifications.key_policy_statement()


def test_the_arguments_of_recording_are_those_of_the_model() -> None:
    assert sorted(first_column("docs/recording.md", "Arguments")) == sorted(
        RecordingInput.model_fields
    )
    described = set(first_column("docs/recording.md", "Attributes"))
    assert described == {"id", *Recording.__annotations__}


def test_the_policy_of_a_bucket_is_what_the_code_returns() -> None:
    [block] = pages.blocks("docs/recording.md", "json")
    statement = recording_bucket.policy_statement("arn:aws:s3:::my-recordings", "123456789012")
    assert json.loads(block.text) == statement


def test_the_arguments_of_an_event_are_those_of_the_schedule() -> None:
    found = [r[0] for r in pages.rows("docs/schedule.md", "Arguments of an event")]
    described = {name: "*" in cell for cell in found for name in pages.names(cell)}
    assert set(described) == {"name", "title", "description", "recording", *times.ARGUMENTS}
    assert {n for n, is_shared in described.items() if is_shared} == {"recording", *times.SHARED}
    sections = first_column("docs/schedule.md", "Sections")
    assert sorted(sections) == sorted([*planning._SECTIONS, "x-..."])


def test_the_settings_of_the_stack_are_those_that_the_program_reads() -> None:
    tree = ast.parse((ROOT / "__main__.py").read_text())
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and n.args]
    reads = [c for c in calls if getattr(c.func, "attr", "") in ("get", "get_bool")]
    keys = {a.value for c in reads for a in c.args if isinstance(a, ast.Constant)}
    assert set(first_column("docs/schedule.md", "Settings of the stack")) == keys


def called(module: ModuleType) -> set[str]:
    """The operations that a client names where it calls, directly or by a variable."""
    operations = set()
    functions = [
        n for n in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(n, ast.FunctionDef)
    ]
    for function in functions:
        nodes = list(ast.walk(function))
        assigned = [n for n in nodes if isinstance(n, ast.Assign)]
        known = {n.targets[0].id: n.value for n in assigned if isinstance(n.targets[0], ast.Name)}
        for call in (n for n in nodes if isinstance(n, ast.Call)):
            if getattr(call.func, "attr", "") == "call":
                named = call.args[0]
                value = known[named.id] if isinstance(named, ast.Name) else named
                operations.add(str(ast.literal_eval(value)))
    assert operations
    return operations


def statements() -> dict[str, set[str]]:
    """The actions of each statement of the policy for the role that deploys."""
    [block] = pages.blocks("docs/operating.md", "json")
    found = json.loads(block.text)["Statement"]
    assert {s["Effect"] for s in found} == {"Allow"}
    actions = {s["Sid"]: s["Action"] for s in found}
    listed = {sid: [each] if isinstance(each, str) else each for sid, each in actions.items()}
    assert all(each == sorted(set(each)) for each in listed.values())
    return {sid: set(each) for sid, each in listed.items()}


def test_the_policy_allows_what_the_clients_call_and_no_more() -> None:
    allowed = statements()
    meetings, recordings = (called(each) | called(calls) for each in (client, pipelines))
    assert allowed["Meetings"] == {f"chime:{operation}" for operation in meetings}
    assert meetings <= set(service_model().operation_names)
    recording = {f"chime:{operation}" for operation in recordings}
    assert {a for a in allowed["Recordings"] if a.startswith("chime:")} == recording


def test_the_policy_names_actions_that_exist() -> None:
    """Those of S3 have other names than its operations."""
    for action in (a for each in statements().values() for a in each):
        service, _, operation = action.partition(":")
        if service in ("sns", "sqs", "ssm"):
            assert operation in Session().get_service_model(service).operation_names


def test_each_statement_of_the_policy_is_explained() -> None:
    described = [n for row in pages.rows("docs/operating.md", "Permissions") for n in row[:1]]
    named = [name for cell in described for name in pages.names(cell)]
    assert set(statements()) <= set(named)


def test_the_permissions_of_recordings_are_those_of_the_policy() -> None:
    rows = {r[0]: set(pages.names(r[1])) for r in pages.rows("docs/recording.md", "Permissions")}
    allowed = statements()
    assert rows["`Recording`"] == allowed["Recordings"]
    assert rows["`RecordingBucket`, by pulumi-aws"] == allowed["RecordingBucket"]


def test_the_common_errors_are_those_of_the_code() -> None:
    sources = "".join(p.read_text() for p in (ROOT / "meeting_provider").rglob("*.py"))
    for row in pages.rows("docs/operating.md", "Common errors"):
        for message in pages.names(row[0]):
            assert message in sources or message == "the stack is currently locked", message


def test_the_table_of_the_join_page_shows_what_it_says() -> None:
    view = (ROOT / "stacks/join_desk/page/view.js").read_text()
    rows = pages.rows("docs/join-links.md", "What an attendee sees")
    shown = [text for row in rows for text in re.findall(r'"([^"]+)"', row[1])]
    assert len(shown) >= len(rows)
    for text in shown:
        assert text in view


def test_the_methods_of_the_fixture_are_those_of_the_sandbox() -> None:
    methods = {n: m for n, m in vars(Sandbox).items() if callable(m) and not n.startswith("_")}
    rows = pages.rows("sandbox/README.md", "Methods of the fixture")
    described = [name for row in rows for name in pages.names(row[0])]
    assert sorted(name.partition("(")[0] for name in described) == sorted(methods)
    for name in described:
        method, _, arguments = name.rstrip(")").partition("(")
        given = [a for a in arguments.split(", ") if a]
        parameters = inspect.signature(methods[method]).parameters
        assert set(given) <= parameters.keys() - {"self"}, name


def contract(name: str) -> list[list[str]]:
    """The layers of one of import-linter's contracts, from top to bottom."""
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    [found] = [c for c in contracts if c["name"] == name]
    assert found["exhaustive"]
    return [layer.split(" | ") for layer in found["layers"]]


def picture(layers: list[list[str]]) -> str:
    """Layers as a picture in text, one box for each."""
    inside = [" │ ".join(layer) for layer in layers]
    width = max(map(len, inside)) + 2
    line = "─" * width
    between = f"├{line}┤\n"
    boxes = between.join(f"│{each:^{width}}│\n" for each in inside)
    return f"┌{line}┐\n{boxes}└{line}┘\n"


def test_the_pictures_of_the_layers_are_the_contracts() -> None:
    drawn = [b.text for b in pages.blocks("docs/architecture.md", "")]
    wanted = [picture(contract("Layers point downwards")), picture(contract("In schedule/ too"))]
    assert drawn == wanted


def test_the_page_on_architecture_describes_each_module() -> None:
    page = pages.text("docs/architecture.md").partition("Inside `schedule/`")[0]
    described = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert described == [m for layer in contract("Layers point downwards") for m in layer]


def test_the_page_on_performance_is_made_of_its_figures() -> None:
    assert pages.text(GENERATED) == performance.text(json.loads(FIGURES.read_text()))


#: The Python blocks of all pages. Elsewhere are tested a test (tests/docs/test_commands.py) and the
#: program on a generated SDK (tests/plugin).
PYTHON = [b for page in PAGES for b in pages.blocks(page, "python")]
PROGRAMS = [b for b in PYTHON if not re.search(r"^def test_|pulumi_chime_meetings", b.text, re.M)]


class Cloud(mocks.Mocks):
    """Outputs for whatever a program declares."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        outputs = {
            "meeting_ids": {"standup": "1"},
            "join_data": {
                "standup": {"Meeting": {"MeetingId": "1"}, "Attendees": {"ann": {"JoinToken": "t"}}}
            },
        }
        given = {
            "arn": f"arn:aws:x:us-east-1:1:{args.name}",
            "url": "https://x",
            "outputs": outputs,
        }
        return args.name, {**given, **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        # A provider of a program is named after its region.
        region = args.provider.rpartition("::")[2] or "us-east-1"
        return {"region": region, "partition": "aws", "accountId": "1", "id": "1"}, []


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_compiles(block: pages.Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_programs_declare_what_they_show(
    block: pages.Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each program of the docs runs to its end as it stands."""
    monkeypatch.chdir(ROOT)

    def program() -> None:
        exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})

    mocked.run(program, Cloud(), {"aws:region": "us-east-1"})
