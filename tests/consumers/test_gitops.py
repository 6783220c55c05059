"""A repository laid out as docs/gitops.md says deploys itself: preview, merge, schedule."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
import yaml
from support.checkout import ROOT, Checkout, attend
from support.pipeline import READY, Runner, StepFailed, load, pulumi_commands

from chime_sandbox.admin import Sandbox

DOCS = ROOT / "docs"
WORKFLOWS = sorted((DOCS / "gitops" / ".github" / "workflows").glob("*.yaml"))
MANIFESTS = sorted((DOCS / "gitops" / "kubernetes").glob("*.yaml"))
SCHEMAS = Path(__file__).parent / "schemas"

SCHEDULE = """\
events:
  - name: keynote
    attendees: [{external_user_id: speaker-1}]
  - name: morning-clinic
    start: 2030-01-01T09:00:00Z
    end: 2030-01-01T12:00:00Z
    attendees: [{external_user_id: doctor-1}]
  - name: evening-clinic
    start: 2030-01-01T18:00:00Z
    end: 2030-01-01T21:00:00Z
    attendees: [{external_user_id: doctor-2}]
"""
MORE = """\
  - name: panel
    attendees: [{external_user_id: speaker-3}]
"""


def block(heading: str) -> str:
    """The commands that stand first under a heading of the page."""
    page = (DOCS / "gitops.md").read_text()
    section = page.partition(f"## {heading}\n")[2]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@dataclass
class Team:
    """A team with a repository, a pipeline and an emulated account."""

    runner: Runner
    cloud: Sandbox

    @property
    def repository(self) -> Path:
        return self.runner.repository

    def sh(self, script: str, **env: str) -> str:
        done = subprocess.run(
            ("bash", "-eo", "pipefail", "-c", script),
            cwd=self.repository,
            env={**self.runner.environment, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def commit(self, schedule: str, why: str) -> None:
        (self.repository / "schedule.yaml").write_text(schedule)
        self.sh(f"git add schedule.yaml && git commit --quiet --message '{why}'")

    def clock(self, now: str) -> None:
        """Set the time that the schedule is looked at."""
        self.pulumi(f"config set meetings:now {now} --stack live")

    def links(self) -> dict[str, str]:
        """The MeetingId that each attendee's link leads to, by the parameter's name."""
        ssm = boto3.client(
            "ssm",
            region_name="us-east-1",
            endpoint_url=self.cloud.endpoint,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path="/meetings/live", Recursive=True, WithDecryption=True
        )
        return {
            p["Name"].removeprefix("/meetings/live/"): json.loads(p["Value"])[0]["Meeting"][
                "MeetingId"
            ]
            for page in pages
            for p in page["Parameters"]
            if not p["Name"].endswith(("/link-key", "/queue", "/.event"))
        }

    def join_tokens(self) -> list[str]:
        data = json.loads(self.pulumi("stack output join_data --show-secrets --json --stack live"))
        return [a["JoinToken"] for each in data.values() for a in each["Attendees"].values()]

    def pulumi(self, command: str) -> str:
        return self.sh(
            f"pulumi {command}",
            PULUMI_BACKEND_URL=self.runner.contexts["vars"]["PULUMI_BACKEND_URL"],
            PULUMI_CONFIG_PASSPHRASE=self.runner.contexts["secrets"]["PULUMI_CONFIG_PASSPHRASE"],
        )

    def live(self) -> dict[str, str]:
        return {m.external_meeting_id: m.meeting_id for m in self.cloud.live()}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A repository as the page lays it out, with its stack and its schedule on main."""
    base = tmp_path_factory.mktemp("gitops")
    machine = Checkout(base / "machine")
    machine.root.mkdir()
    path = [str(ROOT), sysconfig.get_path("purelib")]
    tell = "import json, os; print(json.dumps(dict(os.environ)))"
    shown = machine.run(
        *(sys.executable, "-m", "chime_sandbox", "run", "--", sys.executable, "-c", tell),
        env={"PYTHONPATH": ":".join(path)},
    )
    assert shown.code == 0, shown.text
    # What pip would fetch is there already.
    environment = {**json.loads(shown.out), "PIP_NO_INDEX": "1"}
    del environment["PULUMI_CONFIG_PASSPHRASE"]
    (base / "repository").mkdir()
    runner = Runner(
        base / "repository",
        environment,
        {
            "vars": {
                "AWS_DEPLOY_ROLE": "arn:aws:iam::123456789012:role/deploy",
                "AWS_PREVIEW_ROLE": "arn:aws:iam::123456789012:role/preview",
                "AWS_REGION": "us-east-1",
                # To GitHub, a variable that isn't set is an empty text.
                "PIP_INDEX_URL": "",
                "PULUMI_BACKEND_URL": environment["PULUMI_BACKEND_URL"],
            },
            "secrets": {"PULUMI_CONFIG_PASSPHRASE": "of the team"},
        },
    )
    found = Team(runner, machine.cloud)
    found.sh("git init --quiet --initial-branch main")
    found.sh("git config user.name team && git config user.email team@example.org")
    found.sh(block("The repository"), PROJECT=str(ROOT))
    found.sh(
        block("The stacks"),
        AWS_REGION="us-east-1",
        BASE_URL="https://desk.example",
        PULUMI_BACKEND_URL=environment["PULUMI_BACKEND_URL"],
        PULUMI_CONFIG_PASSPHRASE="of the team",
    )
    found.sh("git add --all")
    found.commit(SCHEDULE, "Begin")
    yield found
    machine.close()


def test_a_change_is_previewed_merged_and_kept_true_by_the_schedule(team: Team) -> None:
    team.clock("2030-01-01T10:00:00Z")
    logs = team.runner.job("deploy.yaml", "push")
    attend(team.cloud, team.cloud.live())
    before = team.live()
    assert before.keys() == {"keynote", "morning-clinic"}
    assert team.links() == {
        "keynote/speaker-1": before["keynote"],
        "morning-clinic/doctor-1": before["morning-clinic"],
    }

    team.sh("git switch --quiet --create more")
    team.commit(SCHEDULE + MORE, "Add a panel")
    logs += team.runner.job("preview.yaml", "pull_request")
    (comment,) = team.runner.comments
    assert re.search(r"^\s*\+ .*Meeting: \(create\)", comment, re.MULTILINE)
    assert "::panel" in comment
    assert team.live() == before

    team.sh("git switch --quiet main && git merge --quiet --no-edit more")
    logs += team.runner.job("deploy.yaml", "push")
    assert team.live().keys() == before.keys() | {"panel"}
    assert before.items() <= team.live().items()

    ended = before["keynote"]
    team.cloud.end(ended)
    team.clock("2030-01-01T18:00:00Z")
    logs += team.runner.job("deploy.yaml", "schedule")
    assert team.live().keys() == {"keynote", "panel", "evening-clinic"}
    assert team.live()["keynote"] != ended
    live = team.live()
    assert team.links() == {
        "keynote/speaker-1": live["keynote"],
        "panel/speaker-3": live["panel"],
        "evening-clinic/doctor-2": live["evening-clinic"],
    }
    tokens = team.join_tokens()
    assert len(tokens) == 3
    leaks = sum(token in run.text for token in tokens for run in logs)
    assert leaks == 0


def test_a_schedule_at_fault_fails_the_preview_and_changes_nothing(team: Team) -> None:
    attend(team.cloud, team.cloud.live())
    before = team.live()
    team.sh("git switch --quiet --create typo")
    team.commit(SCHEDULE.replace("attendees", "atendees", 1), "Mistype")
    with pytest.raises(StepFailed, match="did you mean 'attendees'"):
        team.runner.job("preview.yaml", "pull_request")
    team.sh("git switch --quiet main")
    assert team.live() == before


def test_the_comment_on_300_meetings_fits_and_has_the_totals(team: Team) -> None:
    """GitHub takes 65,536 characters. What doesn't change isn't in it."""
    entries = [
        f"  - name: session-{n:03}\n    attendees: [{{external_user_id: viewer-{n:03}}}]\n"
        for n in range(300)
    ]
    team.sh("git switch --quiet --create many")
    team.commit(SCHEDULE + MORE + "".join(entries), "Add 300 sessions")
    team.runner.job("preview.yaml", "pull_request")
    comment = team.runner.comments[-1]
    assert len(comment) < 65_536
    assert re.search(r"\+ 300 to create", comment)
    team.sh("git switch --quiet main")
    team.sh("git switch --quiet --create one")
    team.commit((SCHEDULE + MORE).replace("speaker-3", "speaker-4"), "Change one meeting")
    team.runner.job("preview.yaml", "pull_request")
    comment = team.runner.comments[-1]
    assert "speaker-4" in comment
    assert "keynote" not in comment
    team.sh("git switch --quiet main")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_what_github_takes(workflow: Path) -> None:
    checked = subprocess.run(
        (
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.github-workflows", str(workflow)),
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_short_lived_credentials_and_no_more_rights_than_they_use(
    workflow: Path,
) -> None:
    content = load(workflow)
    (job,) = content["jobs"].values()
    used = {step["uses"].partition("@")[0]: step.get("with", {}) for step in uses(job)}
    assert used.keys() == {*READY, "pulumi/actions"}
    assert used["aws-actions/configure-aws-credentials"].keys() == {"role-to-assume", "aws-region"}
    comments = used["pulumi/actions"].get("comment-on-pr", False)
    rights = {"contents": "read", "id-token": "write"}
    assert content["permissions"] == rights | ({"pull-requests": "write"} if comments else {})


def uses(job: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in job["steps"] if "uses" in step]


def test_what_changes_meetings_runs_one_at_a_time_and_to_its_end() -> None:
    groups = {
        load(path)["concurrency"]["group"]: load(path)["concurrency"]["cancel-in-progress"]
        for path in WORKFLOWS
        if path.name != "preview.yaml"
    }
    assert groups == {"live": False}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_what_the_operator_takes(manifest: Path) -> None:
    documents = [
        each
        for each in yaml.safe_load_all(manifest.read_text())
        if each["apiVersion"] == "pulumi.com/v1"
    ]
    assert documents
    for document in documents:
        schema = json.loads((SCHEMAS / f"{document['kind'].lower()}.json").read_text())
        jsonschema.validate(document, schema)


VERSIONS = {
    # Each action's newest major version in July 2026, by its releases; inputs by its action.yml.
    "actions/checkout": "v7",
    "actions/setup-python": "v7",
    "aws-actions/configure-aws-credentials": "v6",
    "pulumi/actions": "v7",
}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_of_the_versions_that_their_inputs_were_checked_with(workflow: Path) -> None:
    """For a newer version, check its inputs, and change both places."""
    (job,) = load(workflow)["jobs"].values()
    for step in uses(job):
        action, _, version = step["uses"].partition("@")
        assert version == VERSIONS[action]


def test_a_deploy_runs_after_a_merge_and_by_schedule_and_never_twice_at_once() -> None:
    """One workflow with two triggers; the desk's step comes after the meetings'."""
    content = load(WORKFLOWS[0])
    assert content["on"].keys() == {"push", "schedule", "workflow_dispatch"}
    (job,) = content["jobs"].values()
    ups = [s["with"] for s in uses(job) if s["uses"].startswith("pulumi/actions")]
    assert [up.get("work-dir", ".") for up in ups] == [".", "stacks/join_desk"]


def test_the_operator_installs_the_package_for_each_program_of_the_repository(team: Team) -> None:
    """Pulumi's toolchain for pip reads requirements.txt in the program's own folder only."""
    specs = [
        each["spec"]
        for manifest in MANIFESTS
        for each in yaml.safe_load_all(manifest.read_text())
        if each["kind"] == "Stack" and "projectRepo" in each["spec"]
    ]
    folders = sorted(spec.get("repoDir", ".") for spec in specs)
    assert folders == [".", "stacks/join_desk"]
    for folder in folders:
        pip = f"{sys.executable} -m pip install --dry-run --requirement requirements.txt"
        assert "meeting-provider[notifications,schedule]==0.1.0" in team.sh(f"cd {folder}\n{pip}")


def test_the_operator_looks_again_without_a_commit() -> None:
    stacks = [
        each["spec"]
        for manifest in MANIFESTS
        for each in yaml.safe_load_all(manifest.read_text())
        if each["kind"] == "Stack"
    ]
    assert len(stacks) == len(MANIFESTS)
    for stack in stacks:
        assert stack["continueResyncOnCommitMatch"]
        assert stack["refresh"]
        assert stack["resyncFrequencySeconds"] == 60


def test_the_actions_inputs_become_the_commands_that_it_runs() -> None:
    inputs = {"command": "up", "stack-name": "live", "refresh": "true", "upsert": "true"}
    assert pulumi_commands(inputs) == [
        "pulumi --non-interactive stack select --create --stack live",
        "pulumi --non-interactive up --yes --skip-preview --refresh --exec-kind auto.local "
        "--stack live",
    ]
