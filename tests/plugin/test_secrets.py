"""No join token is in plain text in the state, on the screen or in any log, however verbose."""

from __future__ import annotations

from pathlib import Path

from plugin.conftest import Project, meeting

#: Loaded by every Python process: logs all that it can to a file. Not the emulated AWS's.
TALK = """
import logging, os, sys

if any(os.path.basename(each) == "plugin" for each in sys.orig_argv):
    name = os.path.join(os.environ["LOGGED"], f"{os.getpid()}.log")
    logging.basicConfig(level=logging.DEBUG, filename=name, format="%(name)s %(message)s")
    for each in ("boto3", "botocore", "botocore.parsers", "botocore.endpoint", "urllib3", "grpc"):
        logging.getLogger(each).setLevel(logging.DEBUG)
    logging.debug("this is %s", sys.orig_argv)
"""


def test_tokens_are_nowhere_in_plain_text(project: Project, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (tmp_path / "sitecustomize.py").write_text(TALK)
    project.environment |= {"PYTHONPATH": str(tmp_path), "LOGGED": str(logs)}
    # With --logflow, Pulumi's own YAML runtime prints all the properties that it gets.
    verbose = ("--verbose=11", "--logtostderr", "--diff", "--debug")
    said, tokens = [], set()
    guests = [f"guest-{i:02}" for i in range(22)]
    for attendees in (guests[:20], guests[2:]):
        project.write({"keynote": meeting(*attendees)}, outputs={"join": "${keynote.joinTokens}"})
        said.append(project.up(*verbose).text)
        (alive,) = project.cloud.live()
        chime = project.boto3("chime-sdk-meetings")
        tokens |= {
            a["JoinToken"] for a in chime.list_attendees(MeetingId=alive.meeting_id)["Attendees"]
        }
    project.cloud.fault("forbidden", "BatchCreateAttendee")
    project.write({"keynote": meeting("someone", *guests[2:])})
    refused = project.pulumi("up", "--yes", "--skip-preview", *verbose, "--stack", "dev")
    assert refused.code
    assert "allow the action chime:BatchCreateAttendee" in refused.text
    said += [refused.text, project.done("refresh", "--yes", *verbose).text]

    written = {
        str(file): file.read_bytes().decode(errors="replace")
        for folder in (logs, project.root / ".sandbox/state")
        for file in folder.rglob("*")
        if file.is_file()
    }
    assert any("botocore" in text for text in written.values() if "this is" in text)
    assert len(tokens) == 22
    # No assertion shows a token: they count.
    found = {name: sum(token in text for token in tokens) for name, text in written.items()}
    found |= {f"run {n}": sum(token in text for token in tokens) for n, text in enumerate(said)}
    assert {name: count for name, count in found.items() if count} == {}
