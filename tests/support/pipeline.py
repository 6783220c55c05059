"""Runs the jobs of GitHub workflows on this machine: the commands are those of the workflow files.

What a job runs in a shell is run as it stands. Of actions it knows those that the workflows use:
`pulumi/actions` becomes the CLI's commands that it runs, and what only makes a runner ready
(checking out, setting up Python, getting credentials) is done already.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from support.checkout import Run

READY: Final = ("actions/checkout", "actions/setup-python", "aws-actions/configure-aws-credentials")
PULUMI: Final = "pulumi/actions"

_EXPRESSION: Final = re.compile(r"\$\{\{\s*(?P<context>\w+)\.(?P<name>[\w.]+)\s*\}\}")

#: Inputs of pulumi/actions that are flags of the command, by its src/config.ts and the Automation
#: API's args.
_FLAGS: Final = (
    *("diff", "refresh", "expect-no-changes", "continue-on-error"),
    *("suppress-outputs", "suppress-progress"),
)

#: Inputs that are no flags: which stack and backend, and what becomes of what it says.
_OTHERS: Final = (
    *("command", "stack-name", "cloud-url", "work-dir", "upsert", "comment-on-pr"),
    "always-include-summary",
)

#: What pulumi/actions leaves of a longer output in a comment, by its src/libs/pr.ts.
_LONGEST_COMMENT: Final = 64_000

#: The condition of a step that runs also after another one failed.
_EVEN_SO: Final = "!cancelled()"


class StepFailed(Exception):
    """A step of a job failed."""


@dataclass
class Runner:
    """A machine of a pipeline, with a repository checked out.

    `contexts` has what expressions like `${{ vars.NAME }}` come to, by context and name.
    """

    repository: Path
    environment: Mapping[str, str]
    contexts: Mapping[str, Mapping[str, str]]
    #: What the comments on the pull request say.
    comments: list[str] = field(default_factory=list)

    def job(self, workflow: str, event: str) -> list[Run]:
        """Run the one job of a workflow, which has to be one for this event.

        :raises StepFailed: a step ended with another exit code than 0.
        """
        content = load(self.repository / ".github" / "workflows" / workflow)
        assert event in content["on"]
        (job,) = content["jobs"].values()
        environment = {**self.environment, **self._resolved(job.get("env") or {})}
        runs: list[Run] = []
        failure: StepFailed | None = None
        for step in job["steps"]:
            if failure and _EVEN_SO not in step.get("if", ""):
                continue
            try:
                runs += self._step(step, environment)
            except StepFailed as error:
                failure = failure or error
        if failure:
            raise failure
        return runs

    def _step(self, step: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[Run]:
        if "run" in step:
            yield self._shell(self._text(step["run"]), environment)
            return
        action = step["uses"].partition("@")[0]
        inputs = self._resolved(step.get("with") or {})
        if action == PULUMI:
            environment = {**environment, "PULUMI_BACKEND_URL": inputs["cloud-url"]}
            folder = self.repository / inputs.get("work-dir", ".")
            runs = [self._shell(c, environment, folder) for c in pulumi_commands(inputs)]
            if inputs.get("comment-on-pr") == "true":
                out = runs[-1].out
                is_end = inputs.get("always-include-summary") == "true"
                self.comments.append(out[-_LONGEST_COMMENT:] if is_end else out[:_LONGEST_COMMENT])
            yield from runs
        else:
            assert action in READY

    def _shell(
        self, script: str, environment: Mapping[str, str], folder: Path | None = None
    ) -> Run:
        done = subprocess.run(
            ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script),
            cwd=folder or self.repository,
            env=dict(environment),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        run = Run(done.returncode, done.stdout, done.stderr)
        if run.code:
            raise StepFailed(f"exit code {run.code} of:\n{script}\n{run.text}")
        return run

    def _resolved(self, entries: Mapping[str, Any]) -> dict[str, str]:
        return {k: self._text(v) for k, v in entries.items()}

    def _text(self, value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return _EXPRESSION.sub(
            lambda found: self.contexts[found["context"]][found["name"]], str(value)
        )


def load(workflow: Path) -> dict[str, Any]:
    """A workflow file. YAML 1.1 reads the key `on` as a truth, which GitHub doesn't."""
    content = yaml.safe_load(workflow.read_text())
    return {("on" if key is True else key): value for key, value in content.items()}


def pulumi_commands(inputs: Mapping[str, str]) -> list[str]:
    """The commands that pulumi/actions runs for these inputs, through the Automation API.

    It selects the stack, then runs the command on it. The login to `cloud-url` is left to
    PULUMI_BACKEND_URL, and `--color auto`, which it always gives, is what a pipe gets anyway.
    """
    unknown = set(inputs) - {*_FLAGS, *_OTHERS}
    assert not unknown, f"this doesn't know what pulumi/actions does with {unknown}"
    stack, command = inputs["stack-name"], inputs["command"]
    create = " --create" if inputs.get("upsert") == "true" else ""
    flags = [f"--{name}" for name in _FLAGS if inputs.get(name) == "true"]
    unasked = ["--yes", "--skip-preview"] if command in ("up", "update") else []
    words = [command, *unasked, *flags, "--exec-kind", "auto.local", "--stack", stack]
    return [
        f"pulumi --non-interactive stack select{create} --stack {stack}",
        " ".join(["pulumi", "--non-interactive", *words]),
    ]
