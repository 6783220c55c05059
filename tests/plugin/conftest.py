"""A Pulumi YAML program that uses the plugin, in a sandbox of its own."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.checkout import Checkout, Run

from chime_sandbox.pulumi import cli

PLUGIN = Path(__file__).parents[2] / "plugin"
REGION = "eu-central-1"


@dataclass
class Project(Checkout):
    """A stack of a YAML program. Its settings and resources are written before each run."""

    def write(self, resources: dict[str, Any], **program: Any) -> None:
        """Write the program, in the JSON that is YAML: resources, and parts such as outputs."""
        settings = {"chime-meetings:region": program.pop("region", REGION)}
        declared = {
            "name": "clinic",
            "runtime": "yaml",
            "packages": {"chime-meetings": "./plugin"},
            "config": settings,
            "resources": resources,
            **program,
        }
        (self.root / "Pulumi.yaml").write_text(json.dumps(declared, indent=2))

    def up(self, *arguments: str) -> Run:
        """Run `pulumi up`."""
        return self.done("up", "--yes", "--skip-preview", *arguments)

    def preview(self, *arguments: str) -> Run:
        """Run `pulumi preview --diff`."""
        return self.done("preview", "--diff", *arguments)

    def done(self, *arguments: str) -> Run:
        """Run a command of Pulumi on the stack, which succeeds."""
        return self.done_without_stack(*arguments, "--stack", "dev")

    def done_without_stack(self, *arguments: str) -> Run:
        """Run a command of Pulumi, which succeeds."""
        run = self.pulumi(*arguments)
        assert run.code == 0, run.text
        return run

    def state(self) -> dict[str, dict[str, Any]]:
        """The resources in the state, by name."""
        file = self.root / ".sandbox/state/.pulumi/stacks/clinic/dev.json"
        resources = json.loads(file.read_text())["checkpoint"]["latest"]["resources"]
        return {each["urn"].rpartition("::")[2]: each for each in resources}

    def calls(self, after: int = 0) -> list[str]:
        """The calls that changed anything, in their order."""
        return [call.operation for call in self.cloud.writes(after=after)]

    def last_call(self) -> int:
        """The number of the last call so far."""
        return max((call.number for call in self.cloud.requests()), default=0)

    def boto3(self, service: str, region: str = REGION) -> Any:
        """A client of the sandbox's AWS."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=region,
            endpoint_url=self.cloud.endpoint,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )


def meeting(*attendees: str, options: dict[str, Any] | None = None, **changed: Any) -> Any:
    """A meeting as the program declares it; keywords add to its properties."""
    properties = {"attendees": {i: {} for i in attendees}, **changed}
    declared = {"type": "chime-meetings:Meeting", "properties": properties}
    return {**declared, "options": options} if options else declared


def shown(run: Run) -> str:
    """What a command printed of the changes, on one line for each, without the warnings."""
    lines = (line.strip() for line in run.out.splitlines())
    return "\n".join(re.sub(r"\s+:", ":", x) for x in lines if x and "warning" not in x)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with a stack, and the plugin's folder as `pulumi package add` takes it."""
    cli.yaml_runtime(cli.find())
    root = tmp_path / "clinic"
    shutil.copytree(PLUGIN, root / "plugin", ignore=shutil.ignore_patterns("venv", "__pycache__"))
    (root / "plugin" / "venv").symlink_to(sys.prefix)
    made = Project(root)
    made.write({})
    try:
        run = made.pulumi("stack", "init", "dev")
        assert run.code == 0, run.text
        yield made
    finally:
        made.close()
