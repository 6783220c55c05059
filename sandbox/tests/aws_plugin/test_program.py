"""A program on the unmodified pulumi_aws SDK, from its first preview to its end."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "program"
REPOSITORY = Path(__file__).parents[2]
PULUMI = [sys.executable, "-m", "chime_sandbox", "pulumi"]


@dataclass(frozen=True)
class Stack:
    """A stack of the program, in a sandbox of its own."""

    root: Path
    command: list[str]
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments, "--stack", "dev"],
            check=False,
            cwd=self.root / "program",
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def set(self, name: str, value: str, *options: str) -> None:
        self.run("config", "set", *options, name, value)

    def up(self, *options: str) -> str:
        return self.run("up", "--yes", "--skip-preview", *options)

    def outputs(self) -> dict[str, str]:
        shown = self.run("stack", "output", "--json", "--show-secrets")
        return dict(json.loads(shown))


@pytest.fixture
def stack(tmp_path: Path, cloud: str) -> Stack:
    shutil.copytree(PROGRAM, tmp_path / "program")
    (tmp_path / "program" / "venv").symlink_to(sys.prefix)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))},
        "PYTHONPATH": str(REPOSITORY),
        "AWS_ENDPOINT_URL": cloud,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "else",
    }
    made = Stack(tmp_path, PULUMI, environment)
    subprocess.run(
        [*made.command, "stack", "init", "dev"],
        cwd=made.root / "program",
        env=environment,
        check=True,
        capture_output=True,
    )
    made.set("aws:region", "eu-central-1")
    made.set("token", "sesame", "--secret")
    return made


def test_a_program_comes_up_changes_and_goes(stack, aws):
    assert "+ 16 to create" in stack.run("preview")
    assert "[secret]" in stack.up()
    outputs = stack.outputs()
    assert outputs["topic"].startswith("arn:aws:sns:eu-central-1:123456789012:news-")
    assert (outputs["account"], outputs["partition"]) == ("123456789012", "aws")
    assert re.fullmatch(r"arn:aws:sqs:us-west-2:\d{12}:far-[0-9a-f]{7}\.fifo", outputs["far"])
    assert (outputs["region"], outputs["token"]) == ("eu-central-1", "sesame")

    stack.up("--expect-no-changes")
    stack.run("refresh", "--yes")
    stack.run("preview", "--refresh", "--expect-no-changes")

    stack.set("retention", "7200")
    assert "~ 2 to update" in stack.run("preview")
    assert "~ 2 updated" in stack.up()
    queue = {"QueueUrl": outputs["queue"], "AttributeNames": ["All"]}
    attributes = aws("sqs").get_queue_attributes(**queue)["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "7200"
    assert {"Policy", "RedrivePolicy"} <= attributes.keys()
    kept = aws("s3").get_bucket_lifecycle_configuration(Bucket=outputs["bucket"])["Rules"]
    assert [rule["Expiration"] for rule in kept] == [{"Days": 2}]
    aws("s3").put_object(Bucket=outputs["bucket"], Key="day/audio/one.mp4", Body=b"")

    aws("sqs").delete_queue(QueueUrl=outputs["queue"])
    stack.up("--refresh")
    assert stack.outputs()["queue"] != outputs["queue"]
    stack.run("preview", "--refresh", "--expect-no-changes")

    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.outputs() == {}
    assert outputs["bucket"] not in [each["Name"] for each in aws("s3").list_buckets()["Buckets"]]
    topics = aws("sns").list_topics()["Topics"]
    assert outputs["topic"] not in [topic["TopicArn"] for topic in topics]
    assert "sesame" not in "".join(p.read_text() for p in stack.root.rglob("*.json*"))
