"""The schema is that of the models, and Pulumi takes it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from pydantic.alias_generators import to_camel

from chime_sandbox.pulumi import cli
from meeting_provider.diff import CREATE_ONLY
from meeting_provider.models import MEDIA_REGIONS, MeetingInput
from meeting_provider.plugin import schema, server

SCHEMA = json.loads(schema.FILE.read_text())
MEETING = SCHEMA["resources"]["chime-meetings:index:Meeting"]


def test_the_committed_schema_is_that_of_the_models() -> None:
    """`python -m meeting_provider.plugin.schema` writes it."""
    assert schema.build() == SCHEMA


def test_pulumi_takes_the_schema() -> None:
    command: list[str | Path] = [cli.find().path, "schema", "check", schema.FILE]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_each_argument_is_an_input_and_says_what_its_change_does() -> None:
    inputs = MEETING["inputProperties"]
    assert inputs.keys() == {to_camel(n) for n in MeetingInput.model_fields}
    replacing = {n for n, p in inputs.items() if p.get("replaceOnChanges")}
    assert replacing == {to_camel(n) for n in CREATE_ONLY}
    assert MEETING["requiredInputs"] == ["attendees"]


def test_what_may_be_confidential_is_secret() -> None:
    secret = {n for n, p in MEETING["properties"].items() if p.get("secret")}
    assert secret == {"joinTokens", "apiMeeting", "meetingDetails"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1 to 250 entries", MEETING["inputProperties"]["attendees"]),
        ("2 to 64 characters", MEETING["inputProperties"]["externalMeetingId"]),
        ("At most 50 entries", MEETING["inputProperties"]["tags"]),
        (
            "1 to 250",
            SCHEMA["types"]["chime-meetings:index:AttendeeFeatures"]["properties"]["maxCount"],
        ),
    ],
)
def test_limits_are_in_the_descriptions(text: str, place: dict[str, str]) -> None:
    assert text in place["description"]


def test_enumerations_have_the_values_of_the_models() -> None:
    regions = SCHEMA["types"]["chime-meetings:index:MediaRegion"]["enum"]
    assert [each["value"] for each in regions] == list(MEDIA_REGIONS)


def test_the_adapter_is_small() -> None:
    """Whatever else grows belongs below it."""
    files = Path(server.__file__).parent.glob("*.py")
    assert sum(len(file.read_text().splitlines()) for file in files) < 500
