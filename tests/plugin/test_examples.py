"""The examples in each language are what the documentation shows, and fit the schema."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from plugin.conftest import REGION, Project

from meeting_provider.plugin import schema

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "languages"
FILES = {
    "yaml": "yaml/Pulumi.yaml",
    "typescript": "typescript/index.ts",
    "python": "python/__main__.py",
    "go": "go/main.go",
    "csharp": "csharp/Program.cs",
    "java": "java/App.java",
}
SCHEMA = json.loads(schema.FILE.read_text())


@pytest.mark.parametrize("language", FILES)
def test_the_documentation_shows_the_example(language: str) -> None:
    shown = (ROOT / "docs" / "languages.md").read_text()
    example = (EXAMPLES / FILES[language]).read_text()
    assert f"```{language}\n{example}```" in shown


@pytest.mark.parametrize("language", FILES)
def test_the_example_declares_the_meeting_in_names_of_the_schema(language: str) -> None:
    text = (EXAMPLES / FILES[language]).read_text().replace("_", "").lower()
    meeting = SCHEMA["resources"]["chime-meetings:index:Meeting"]["properties"]
    for name in ("attendees", "meetingFeatures", "tags", "apiMeeting", "joinTokens"):
        assert name in meeting
        assert name.lower() in text
    for value in ("ann", "bob", "sendreceive", "maxresolution", "hd", "blue"):
        assert re.search(rf"\b\w*{value}\b", text)


@pytest.mark.parametrize("language", FILES)
def test_the_project_uses_the_plugin_of_this_repository(language: str) -> None:
    file = (EXAMPLES / FILES[language]).with_name("Pulumi.yaml")
    package = yaml.safe_load(file.read_text())["packages"]["chime-meetings"]
    assert (file.parent / package / "PulumiPlugin.yaml").exists()


def test_the_yaml_example_comes_up(project: Project) -> None:
    example = yaml.safe_load((EXAMPLES / FILES["yaml"]).read_text())
    project.write(example["resources"], outputs=example["outputs"])
    project.up()
    outputs = json.loads(project.done("stack", "output", "--json", "--show-secrets").out)
    [meeting] = project.cloud.live()
    chime = project.boto3("chime-sdk-meetings")
    assert outputs["id"] == meeting.meeting_id
    assert outputs["meeting"] == chime.get_meeting(MeetingId=meeting.meeting_id)["Meeting"]
    ids = {a.external_user_id: a.attendee_id for a in meeting.attendees}
    assert outputs["ann"].keys() == {"ExternalUserId", "AttendeeId", "JoinToken"}
    assert outputs["ann"]["AttendeeId"] == ids["ann"]


def test_the_operators_program_declares_a_meeting(project: Project) -> None:
    """Its resources come up as they are; the package's address is the reader's own."""
    text = (ROOT / "docs" / "gitops" / "kubernetes" / "standup.yaml").read_text()
    program, stack = yaml.safe_load_all(text)
    assert stack["spec"]["programRef"]["name"] == program["metadata"]["name"]
    declared = program["program"]
    assert list(declared["packages"]) == ["chime-meetings"]
    project.write(declared["resources"], outputs=declared["outputs"])
    project.done("config", "set", "aws:region", REGION)
    project.up()
    [meeting] = project.cloud.live()
    assert meeting.external_user_ids == ["ann", "bob"]
    ssm = project.boto3("ssm")
    value = ssm.get_parameter(Name="/meetings/standup", WithDecryption=True)["Parameter"]["Value"]
    assert json.loads(value)["meeting"]["MeetingId"] == meeting.meeting_id


def test_pulumi_package_takes_the_path_of_the_plugins_folder(project: Project) -> None:
    found = project.done_without_stack("package", "get-schema", "./plugin")
    assert json.loads(found.out)["resources"] == SCHEMA["resources"]
    # A YAML runtime of an older release than the CLI can't link what was generated.
    project.write({}, packages={})
    added = project.pulumi("package", "add", "./plugin")
    assert "Successfully generated an SDK for the chime-meetings package" in added.out
