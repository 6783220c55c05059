"""Every command of README and docs does what its page says, on the real Pulumi CLI."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support import pages
from support.checkout import Checkout, Run
from support.pages import PAGES, Block

#: Commands that are not run here, and why not.
NOT_RUN = {
    r"pip install .*": "the wheels are built, installed and used in a test of their own",
    r"make (lint|test|test-unit|format|bench|soak|faults)": "it runs this test, or takes too long",
    r"make (desk|watch)|python -m (meeting_provider\.watch|desk\.server) .*": "runs until stopped",
    r"chime-sandbox run -- pytest": "a test below runs it, with the files that its page shows",
    r"pulumi (package|import) .*": "tests/plugin runs it, in a Pulumi YAML program",
    r"kubectl .*": "needs a cluster; the manifests are checked against their schemas",
}

#: With a meeting and an attendee of the real schedule, which commands name.
SMALL = """\
events:
  - name: opening-keynote
    attendees: [{external_user_id: speaker-01}]
  - name: standup
    attendees: [{external_user_id: ann}, {external_user_id: bob}]
"""

CONSOLES = [b for page in PAGES for b in pages.blocks(page, "console")]


def why_not_run(command: str) -> list[str]:
    return [why for pattern, why in NOT_RUN.items() if re.fullmatch(pattern, command)]


def with_commands() -> list[str]:
    """The pages with a command to run."""
    return [
        page
        for page in PAGES
        if any(not why_not_run(c) for b in CONSOLES if b.page == page for c in b.commands())
    ]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout with a stack `dev`, where nothing is up."""
    with closing(Checkout.build(tmp_path / "checkout")) as built:
        built.environment["PATH"] = f"{built.root / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        selected = built.pulumi("stack", "select", "--create", "dev")
        assert selected.code == 0, selected.text
        yield built


def run(checkout: Checkout, block: Block) -> Run:
    """Run the commands of a block, as somebody types them at the root."""
    commands = [c for c in block.commands() if not why_not_run(c)]
    # A page's word for a command of the reader's own.
    script = "\n".join(commands).replace("COMMAND", "env")
    return checkout.run(
        *(sys.executable, "-m", "chime_sandbox", "run", "--"),
        *("bash", "-eux", "-o", "pipefail", "-c", script),
        timeout=600,
    )


@pytest.mark.parametrize("page", with_commands())
def test_the_commands_of_a_page_succeed(checkout: Checkout, page: str) -> None:
    """From its first to its last, in a checkout with a small schedule; README's with the real one.

    `pulumi` and the AWS services are those of the sandbox, also where a page is about an account.
    """
    if page != "README.md":
        checkout.schedule = SMALL
    for block in (b for b in CONSOLES if b.page == page):
        done = run(checkout, block)
        assert done.code == 0, f"{block}\n{done.text}"


def test_the_programs_test_runs(checkout: Checkout) -> None:
    """The page about projects of one's own shows a program and its test, as whole files."""
    page = "docs/your-project.md"
    folder = checkout.root / "own"
    folder.mkdir()
    (folder / ".venv").symlink_to(checkout.root / ".venv")
    python = [b.text for b in pages.blocks(page, "python")]
    (folder / "Pulumi.yaml").write_text(pages.blocks(page, "yaml")[0].text)
    (folder / "__main__.py").write_text(python[0])
    (folder / "test_standup.py").write_text(next(t for t in python if "def test_" in t))
    (folder / "Pulumi.test.yaml").write_text("config: {aws:region: eu-central-1}\n")
    [command] = [c for b in CONSOLES if b.page == page for c in b.commands() if "pytest" in c]
    done = checkout.run("bash", "-ec", f"cd own\n{command}")
    assert done.code == 0, done.text
    assert "1 passed" in done.out


def test_a_reason_stands_for_a_command() -> None:
    """No exception is left over from a command that is gone."""
    every = [c for b in CONSOLES for c in b.commands()]
    assert [p for p in NOT_RUN if not any(re.fullmatch(p, c) for c in every)] == []


@pytest.mark.parametrize(
    "command", sorted({c for b in CONSOLES for c in b.commands() if c.startswith("python -m ")})
)
def test_what_runs_until_stopped_knows_its_options(checkout: Checkout, command: str) -> None:
    done = checkout.run(*shlex.split(f"{command} --help"), env={"PYTHONPATH": "stacks/join_desk"})
    assert done.code == 0, done.text
