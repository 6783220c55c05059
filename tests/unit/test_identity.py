"""Who declares a meeting: never the same for two stacks, and always the same for one."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from pulumi.runtime.settings import reset_options

from meeting_provider import identity

TYPE = "dynamic/meeting:Meeting"
HERE = f"file://{socket.gethostname()}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where nobody has logged in, and a stack of a project on it."""
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CREDENTIALS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    stack(root=tmp_path / "project")
    return tmp_path


def stack(
    root: Path | None, *, project: str = "meetings", name: str = "dev", org: str = "acme"
) -> None:
    reset_options(
        project=project, stack=name, organization=org, root_directory=str(root) if root else None
    )


def log_in(home: Path, url: object) -> None:
    (home / "home" / "credentials.json").write_text(json.dumps({"current": url}))


class TestTheBackend:
    def test_is_the_one_that_the_environment_names(self, home, monkeypatch):
        log_in(home, "https://api.pulumi.com")
        (home / "project" / "Pulumi.yaml").write_text("backend: {url: s3://project}")
        monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket/")
        assert identity.backend() == "s3://bucket"

    @pytest.mark.parametrize("name", ["Pulumi.yaml", "Pulumi.yml"])
    def test_is_else_the_projects_own(self, home, name):
        log_in(home, "https://api.pulumi.com")
        (home / "project" / name).write_text("name: meetings\nbackend: {url: s3://project}")
        assert identity.backend() == "s3://project"

    @pytest.mark.parametrize("project", [None, "name: meetings", "- no project", ": no: yaml: ["])
    def test_is_else_the_one_logged_in_to(self, home, project):
        log_in(home, "https://api.pulumi.com")
        if project:
            (home / "project" / "Pulumi.yaml").write_text(project)
        assert identity.backend() == "https://api.pulumi.com"

    def test_is_known_inside_of_another_program_where_the_environment_names_it(
        self, home, monkeypatch
    ):
        """What Pulumi's Automation API runs inline has no root, nor the backend of its caller."""
        log_in(home, "https://api.pulumi.com")
        stack(None)
        assert identity.backend() is None
        monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
        assert identity.backend() == "s3://bucket"

    def test_is_found_where_the_environment_keeps_the_credentials(self, home, monkeypatch):
        (home / "credentials.json").write_text('{"current": "gs://bucket"}')
        monkeypatch.setenv("PULUMI_CREDENTIALS_PATH", str(home))
        assert identity.backend() == "gs://bucket"

    @pytest.mark.parametrize("text", [None, "", "no JSON", "[]", "{}", '{"current": ""}'])
    def test_is_unknown_where_nothing_names_it(self, home, text):
        if text is not None:
            (home / "home" / "credentials.json").write_text(text)
        assert identity.backend() is None

    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("file:///var/state", "/var/state"),
            ("file:///var/state/", "/var/state"),
            ("file:///var/x/../state", "/var/state"),
            ("file:///var/state?no_tmp_dir=true", "/var/state"),
            ("file://~", "{home}"),
            ("file://~/state", "{home}/state"),
            ("file://.", "{here}"),
            ("file://./state", "{here}/state"),
            ("file://state", "{here}/state"),
        ],
    )
    def test_on_this_machine_has_host_and_whole_path(self, home, monkeypatch, url, path):
        monkeypatch.chdir(home / "project")
        monkeypatch.setenv("PULUMI_BACKEND_URL", url)
        expected = path.format(home=home, here=home / "project")
        assert identity.backend() == f"{HERE}{expected}"


def of(name: str = "keynote", parent: str | None = None, type_name: str = TYPE) -> Any:
    async def resolved() -> Any:
        urn = pulumi.Output.from_input(parent)
        options = pulumi.ResourceOptions(parent=SimpleNamespace(urn=urn)) if parent else None  # type: ignore[arg-type]
        found = identity.of(name, type_name, options)
        return await found.future() if isinstance(found, pulumi.Output) else found

    return asyncio.run(resolved())


class TestTheIdentity:
    def test_is_none_where_the_backend_is_unknown(self):
        assert of() is None
        assert of(parent="urn:one") is None

    def test_is_a_digest_that_stays_the_same(self, home):
        log_in(home, "https://api.pulumi.com")
        assert of() == of()
        assert len(of()) == 32
        assert of(parent="urn:one") == of(parent="urn:one")

    def test_is_never_the_same_for_two_resources_of_any_two_stacks(self, home):
        seen = set()
        places = itertools.product(
            ("https://api.pulumi.com", "file:///state", "file:///other"),
            ("acme", "umbrella"),
            ("meetings", "clinic"),
            ("dev", "prod"),
            (None, "urn:one", "urn:two"),
            (TYPE, "dynamic/meeting:Other"),
            ("keynote", "closing"),
        )
        for count, (url, org, project, name, parent, type_name, resource) in enumerate(places, 1):
            log_in(home, url)
            stack(home / "project", project=project, name=name, org=org)
            seen.add(of(resource, parent, type_name))
            assert len(seen) == count

    def test_does_not_run_its_parts_together(self, home):
        log_in(home, "https://api.pulumi.com")
        stack(home / "project", project="a", name="bc")
        one = of()
        stack(home / "project", project="ab", name="c")
        assert of() != one
