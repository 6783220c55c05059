"""The environment in which `chime-sandbox run` runs a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"

Run = Callable[..., dict[str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Returns the environment of a command in the sandbox, with these variables set outside it."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))}

    def sandbox(*words: str, **given: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "chime_sandbox", *words], cwd=tmp_path, env=own | given,
            stdout=subprocess.PIPE, text=True, timeout=120, check=True,
        ).stdout  # fmt: skip

    def environment(**given: str) -> dict[str, str]:
        shown = sandbox("run", "--", sys.executable, "-c", SHOW, **given)
        found: dict[str, str] = json.loads(shown)
        return found

    yield environment
    sandbox("down")


def of_aws(variables: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in variables.items() if k.startswith("AWS_")}


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({}, {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}),
        (
            {"AWS_REGION": "eu-west-2"},
            {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-2"},
        ),
        (
            {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"},
            {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-2"},
        ),
    ],
)
def test_of_an_accounts_variables_only_the_region_reaches_the_sandbox(
    run: Run, given: dict[str, str], region: dict[str, str]
) -> None:
    found = of_aws(run(AWS_ACCESS_KEY_ID="AKIA", AWS_SESSION_TOKEN="x", **given))
    assert found.pop("AWS_ENDPOINT_URL").startswith("http://127.0.0.1:")
    assert found == {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        **region,
    }


def test_with_an_endpoint_awss_variables_are_left_as_they_are(run: Run) -> None:
    given = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_PROFILE": "work"}
    assert of_aws(run(**given)) == given
